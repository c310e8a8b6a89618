//! Steps of the driver that do not come about, for people: what is tried again and again would be seen nowhere else.
//!
//! Invariant: a step that has been made, or is not wanted any more, is not spoken of.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::plan::Step;

/// A step may fail while a leader changes; one that has failed for so long is waited for.
const SAID_AFTER: Duration = Duration::from_secs(5);

/// What has failed since when, and why the last time.
#[derive(Debug, Default)]
pub(super) struct Failing(BTreeMap<(u32, Step), Failure>);

#[derive(Debug)]
struct Failure {
    /// Monotonic.
    since: Duration,
    why: String,
}

impl Failing {
    /// A step in changing a group was tried.
    pub(super) fn note(&mut self, group: u32, step: &Step, made: Result<(), &str>, now: Duration) {
        let key = (group, step.clone());
        match made {
            Ok(()) => drop(self.0.remove(&key)),
            Err(why) => {
                let failure = self.0.entry(key).or_insert_with(|| Failure { since: now, why: String::new() });
                why.clone_into(&mut failure.why);
            }
        }
    }

    /// Only these steps are wanted.
    pub(super) fn keep(&mut self, wanted: &[(u32, Step)]) {
        let wanted: BTreeSet<&(u32, Step)> = wanted.iter().collect();
        self.0.retain(|step, _| wanted.contains(step));
    }

    /// What is waited for.
    pub(super) fn said(&self, now: Duration) -> Vec<String> {
        let long = self.0.iter().filter(|(_, failure)| now.saturating_sub(failure.since) >= SAID_AFTER);
        long.map(|((group, step), failure)| format!("group {group}: {}: {}", said(step), failure.why)).collect()
    }
}

fn said(step: &Step) -> String {
    match step {
        Step::Add(node) => format!("node {node} does not get its log yet"),
        Step::Forget(node) => format!("node {node} gets its log still"),
        Step::GiveUp(node) => format!("node {node} has not given up its copy yet"),
        Step::Lead(node) => format!("node {node} does not lead it yet"),
        Step::Voters { to, .. } => format!("the votes are not those of nodes {to:?} yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_step_that_fails_for_long_is_waited_for_with_the_last_reason() {
        let (mut failing, step) = (Failing::default(), Step::GiveUp(4));
        failing.note(3, &step, Err("its disk is full"), at(10));
        failing.note(5, &Step::Add(2), Err("nobody leads"), at(14));
        assert!(failing.said(at(14)).is_empty(), "it may be made the next time");
        failing.note(3, &step, Err("its disk is gone"), at(15));
        assert_eq!(failing.said(at(15)), ["group 3: node 4 has not given up its copy yet: its disk is gone"]);
        failing.note(3, &step, Ok(()), at(16));
        assert!(failing.said(at(16)).is_empty());
    }

    #[test]
    fn what_is_not_wanted_any_more_is_not_waited_for() {
        let mut failing = Failing::default();
        let steps = [(3, Step::Forget(4)), (3, Step::Lead(2))];
        steps.iter().for_each(|(group, step)| failing.note(*group, step, Err("nobody leads"), at(1)));
        failing.keep(&steps[1..]);
        assert_eq!(failing.said(at(9)), ["group 3: node 2 does not lead it yet: nobody leads"]);
    }
}
