//! What a migration decides: whether a step may stand, and how the line goes on when one does not. Pure.
//!
//! Invariant: a step is held against the commit that it was made on. What passed before must pass after it, and no fewer
//! tests may pass; what failed before may go on failing, since a repository in the middle of a migration often cannot be
//! tested whole. What is published passes everything.

use std::collections::BTreeMap;

use crate::model::{CheckKind, CheckOutcome, CheckReport, MigrationPlan, Percent, StepResult, Verdict};

/// What checks said of a commit.
pub type Outcomes = BTreeMap<CheckKind, CheckOutcome>;

/// How much must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nothing is worse than it was.
    NoWorse,
    /// Everything passes.
    All,
}

/// What a failed step means for those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It alone is left out.
    GoOn,
    /// All that was done is undone.
    Rollback,
    /// Too many have failed: nothing more is tried, and what was done stays where it is.
    Stop,
}

/// How failures are dealt with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    pub auto_rollback: bool,
    /// Of all steps of the plan.
    pub failure_rate_max: Percent,
}

impl Rules {
    /// After a step has failed: how many have by now, of so many in the plan.
    #[must_use]
    pub fn after_failure(&self, failed: u32, planned: u32) -> Next {
        if self.auto_rollback {
            Next::Rollback
        } else if Percent::of(failed.into(), planned.into()) > self.failure_rate_max {
            Next::Stop
        } else {
            Next::GoOn
        }
    }
}

/// What speaks against a change, by what checks said before it and after it.
#[must_use]
pub fn objections(before: &Outcomes, after: &Outcomes, demand: Demand) -> Vec<String> {
    let object = |(kind, outcome): (&CheckKind, &CheckOutcome)| {
        let was = before.get(kind).and_then(report);
        objection(was, outcome, demand).map(|why| format!("[{}] {why}", kind.title()))
    };
    after.iter().filter_map(object).collect()
}

fn objection(before: Option<&CheckReport>, after: &CheckOutcome, demand: Demand) -> Option<String> {
    let after = match after {
        CheckOutcome::CouldNotRun { reason } => return Some(format!("could not run: {reason}")),
        CheckOutcome::Ran(report) => report,
    };
    let was = before.map_or(Verdict::NotApplicable, |report| report.verdict);
    if after.verdict == Verdict::NotApplicable {
        let is_lost = was != Verdict::NotApplicable;
        return is_lost.then(|| "it has nothing to look at any more".to_owned());
    }
    let passed_before = before.and_then(|report| report.tests).map_or(0, |tests| tests.passed);
    if let Some(fewer) = after.tests.map(|tests| tests.passed).filter(|passed| *passed < passed_before) {
        return Some(format!("{fewer} tests pass, and {passed_before} did before ({})", after.summary));
    }
    let may_fail = demand == Demand::NoWorse && was == Verdict::Failed;
    (after.verdict == Verdict::Failed && !may_fail).then(|| after.summary.clone())
}

/// Checks that could not run; without them nobody can say what a step did.
#[must_use]
pub fn unseen(outcomes: &Outcomes) -> Vec<String> {
    let reason = |(kind, outcome): (&CheckKind, &CheckOutcome)| match outcome {
        CheckOutcome::CouldNotRun { reason } => Some(format!("[{}] {reason}", kind.title())),
        CheckOutcome::Ran(_) => None,
    };
    outcomes.iter().filter_map(reason).collect()
}

/// Whether any check has something to look at.
#[must_use]
pub fn sees_anything(outcomes: &Outcomes) -> bool {
    outcomes.values().filter_map(report).any(|report| report.verdict != Verdict::NotApplicable)
}

fn report(outcome: &CheckOutcome) -> Option<&CheckReport> {
    match outcome {
        CheckOutcome::Ran(report) => Some(report),
        CheckOutcome::CouldNotRun { .. } => None,
    }
}

/// How many steps are done, and how many have failed.
#[must_use]
pub fn tally(results: &[StepResult]) -> (u32, u32) {
    let (done, failed): (Vec<&StepResult>, Vec<&StepResult>) = results.iter().partition(|result| result.success);
    let count = |steps: Vec<&StepResult>| u32::try_from(steps.len()).unwrap_or(u32::MAX);
    (count(done), count(failed))
}

/// Why an edited plan cannot take the place of another: people may leave steps out and change their order, but what a
/// step does is what the pack says, and the rest is what was found.
#[must_use]
pub fn fault_of_edit(plan: &MigrationPlan, edited: &MigrationPlan) -> Option<String> {
    if edited.steps.is_empty() {
        return Some("it has no steps: reject the plan instead".to_owned());
    }
    let found = |it: &MigrationPlan| MigrationPlan { steps: Vec::new(), ..it.clone() };
    if found(plan) != found(edited) {
        return Some("only its steps may be edited: the rest says what was found".to_owned());
    }
    for (index, step) in edited.steps.iter().enumerate() {
        if edited.steps.iter().take(index).any(|other| other.title == step.title && other.id != step.id) {
            return Some(format!("two of its steps are called {:?}: leave one out", step.title));
        }
        if edited.steps.iter().take(index).any(|other| other.id == step.id) {
            return Some(format!("{} is in it twice", step.id));
        }
        if !plan.steps.contains(step) {
            return Some(format!("{} is no step of this migration, or not as it was planned", step.id));
        }
    }
    None
}

#[cfg(test)]
mod tests;
