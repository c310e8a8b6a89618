//! What was broken and what came of it, for people.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    check::Checked,
    faults::{Fault, Kind},
    load::Work,
};

pub(crate) struct Report {
    seed: u64,
    counts: BTreeMap<Kind, u64>,
    /// What this machine does not allow, and why.
    left_out: BTreeMap<Kind, &'static str>,
    /// Of every probe of every timed kill.
    answered: Vec<Duration>,
    /// The last probe of each of them.
    last: Vec<Duration>,
    work: Option<Work>,
    /// Of tasks that workers had, and how many of them were not the first of their task.
    attempts: (usize, usize),
}

impl Report {
    pub(crate) fn new(seed: u64, left_out: BTreeMap<Kind, &'static str>) -> Self {
        Self {
            seed,
            counts: BTreeMap::new(),
            left_out,
            answered: Vec::new(),
            last: Vec::new(),
            work: None,
            attempts: (0, 0),
        }
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        println!("{fault}");
        *self.counts.entry(fault.kind).or_default() += 1;
        self.last.extend(fault.answered.iter().max());
        self.answered.extend(fault.answered);
    }

    pub(crate) fn work(&mut self, work: Work, attempts: (usize, usize)) {
        (self.work, self.attempts) = (Some(work), attempts);
    }

    pub(crate) fn print(&mut self, checked: &Checked) {
        println!("\nseed {}: {} faults", self.seed, self.counts.values().sum::<u64>());
        for (kind, count) in &self.counts {
            println!("  {count:4} {}", kind.name());
        }
        for (kind, why) in &self.left_out {
            println!("  LEFT OUT {}: {why}", kind.name());
        }
        if !self.last.is_empty() {
            let (any, all) = (spread(&mut self.answered), spread(&mut self.last));
            println!("after kill -9, from the kill to the answer of a start: {any}");
            println!("  of the last shard of each kill: {all}");
        }
        if let Some(Work { answered, given_up, finished, slowest }) = &self.work {
            println!(
                "{answered} calls answered, {given_up} given up, {finished} workflows finished; the slowest answer took \
                 {slowest:.2?}"
            );
        }
        let (attempts, again) = self.attempts;
        println!("{attempts} attempts at tasks handed out, {again} of them not the first");
        let counts = checked.done.counts().map(|(what, count)| format!("{count} {what}"));
        println!("{}", counts.join(", "));
        checked.complaints.iter().for_each(|complaint| println!("WRONG: {complaint}"));
        println!("workflows, each read through every node:");
        println!("{} passed, {} failed", checked.right, checked.wrong);
    }
}

fn spread(spans: &mut [Duration]) -> String {
    spans.sort_unstable();
    let at =
        |percent: usize| spans.get((spans.len() * percent / 100).min(spans.len() - 1)).copied().unwrap_or_default();
    format!("p50 {:.2?}, p99 {:.2?}, longest {:.2?} ({} of them)", at(50), at(99), at(100), spans.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_read_off_in_order() {
        let mut spans: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(spread(&mut spans), "p50 51.00ms, p99 100.00ms, longest 100.00ms (100 of them)");
        assert_eq!(spread(&mut [Duration::from_millis(5)]), "p50 5.00ms, p99 5.00ms, longest 5.00ms (1 of them)");
    }
}
