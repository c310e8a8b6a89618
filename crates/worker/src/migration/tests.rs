//! Steps that stand and steps that do not, lines that go on and lines that stop.

use std::collections::BTreeSet;

use super::*;
use crate::model::{Counts, MigrationStep};

/// Unit tests that passed and failed.
fn tests(passed: u64, failed: u64) -> Outcomes {
    let verdict = if failed == 0 { Verdict::Passed } else { Verdict::Failed };
    outcomes(verdict, Some(Counts { passed, failed, skipped: 0 }))
}

fn outcomes(verdict: Verdict, tests: Option<Counts>) -> Outcomes {
    let summary = format!("{verdict:?}").to_lowercase();
    let (command, findings) = ("true".to_owned(), Vec::new());
    let report = CheckReport { verdict, summary, command, tests, coverage: None, findings, duration_ms: 1 };
    [(CheckKind::UnitTests, CheckOutcome::Ran(report))].into()
}

fn nothing() -> Outcomes {
    outcomes(Verdict::NotApplicable, None)
}

fn could_not_run() -> Outcomes {
    [(CheckKind::UnitTests, CheckOutcome::CouldNotRun { reason: "no python3".to_owned() })].into()
}

fn check(before: &Outcomes, after: &Outcomes, demand: Demand, objection: &str) {
    let said = objections(before, after, demand).join("; ");
    assert_eq!(said.trim_start_matches("[Unit Tests] "), objection, "{before:?} → {after:?}, {demand:?}");
}

#[test]
fn what_passed_before_must_pass_after() {
    check(&tests(5, 0), &tests(5, 0), Demand::NoWorse, "");
    check(&tests(5, 0), &tests(6, 0), Demand::All, "");
    check(&tests(5, 0), &tests(5, 1), Demand::NoWorse, "failed");
    check(&nothing(), &nothing(), Demand::All, "");
    check(&nothing(), &outcomes(Verdict::Failed, None), Demand::NoWorse, "failed");
}

#[test]
fn tests_that_are_gone_have_not_passed() {
    check(&tests(5, 0), &tests(3, 0), Demand::NoWorse, "3 tests pass, and 5 did before (passed)");
    check(&tests(5, 0), &nothing(), Demand::NoWorse, "it has nothing to look at any more");
}

#[test]
fn what_failed_before_may_fail_until_the_end() {
    check(&tests(0, 1), &tests(2, 3), Demand::NoWorse, "");
    check(&tests(0, 1), &tests(2, 3), Demand::All, "failed");
    check(&tests(2, 3), &tests(1, 1), Demand::NoWorse, "1 tests pass, and 2 did before (failed)");
    let failed = outcomes(Verdict::Failed, None);
    check(&failed, &failed, Demand::NoWorse, "");
    check(&failed, &failed, Demand::All, "failed");
}

#[test]
fn what_could_not_run_has_not_passed() {
    check(&tests(5, 0), &could_not_run(), Demand::NoWorse, "could not run: no python3");
    assert_eq!(unseen(&could_not_run()), ["[Unit Tests] no python3"]);
    assert!(!sees_anything(&could_not_run()) && !sees_anything(&nothing()) && sees_anything(&tests(0, 1)));
}

#[test]
fn a_line_goes_on_until_too_many_steps_have_failed() {
    let rules = |auto_rollback| Rules { auto_rollback, failure_rate_max: Percent::of(1, 4) };
    let after = |failed, planned| rules(false).after_failure(failed, planned);
    assert_eq!([after(1, 8), after(2, 8), after(3, 8)], [Next::GoOn, Next::GoOn, Next::Stop]);
    assert_eq!([after(1, 4), after(1, 3)], [Next::GoOn, Next::Stop]);
    assert_eq!(rules(true).after_failure(1, 8), Next::Rollback);
}

fn plan(ids: &[&str]) -> MigrationPlan {
    let step = |id: &&str| MigrationStep {
        id: (*id).to_owned(),
        title: format!("do {id}"),
        rules: vec!["xrange".to_owned()],
        files: BTreeSet::new(),
    };
    let steps = ids.iter().map(step).collect();
    let name = "Migration to 3.11".to_owned();
    MigrationPlan { name, steps, files_scanned: 9, files_affected: 1, deprecated: BTreeSet::new() }
}

#[test]
fn people_may_leave_steps_out_and_change_their_order_and_nothing_else() {
    let whole = plan(&["step-1", "step-2", "step-3"]);
    assert_eq!(fault_of_edit(&whole, &plan(&["step-3", "step-1"])), None);
    let faults = [(vec!["step-4"], "step-4 is no step"), (vec!["step-1", "step-1"], "twice"), (vec![], "no steps")];
    for (ids, says) in faults {
        let fault = fault_of_edit(&whole, &plan(&ids)).expect("it is one");
        assert!(fault.contains(says), "{fault}");
    }
    let mut other = whole.clone();
    other.steps[0].rules = vec!["rm".to_owned()];
    assert!(fault_of_edit(&whole, &other).is_some());
    let found = [
        MigrationPlan { name: "Tidying".to_owned(), ..whole.clone() },
        MigrationPlan { files_scanned: 1, ..whole.clone() },
        MigrationPlan { files_affected: 0, ..whole.clone() },
        MigrationPlan { deprecated: ["xrange".to_owned()].into(), ..whole.clone() },
    ];
    for edited in found {
        let fault = fault_of_edit(&whole, &edited).expect("it is one");
        assert!(fault.contains("only its steps may be edited"), "{fault}");
    }
    let mut twins = whole;
    twins.steps[2].title = "do step-1".to_owned();
    let fault = fault_of_edit(&twins, &twins).expect("one of them would not be done");
    assert!(fault.contains("two of its steps are called \"do step-1\""), "{fault}");
}

#[test]
fn steps_are_counted_whatever_became_of_them_later() {
    let result = |success, undone| StepResult {
        step_id: "step".to_owned(),
        success,
        summary: String::new(),
        files_changed: BTreeSet::new(),
        commit: None,
        undone,
    };
    assert_eq!(tally(&[result(true, true), result(true, false), result(false, false)]), (2, 1));
}
