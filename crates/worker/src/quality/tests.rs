//! What may be merged, and what is said against it.

use super::*;
use crate::model::{Counts, Finding};

fn ran(verdict: Verdict, summary: &str) -> CheckReport {
    let (summary, command) = (summary.to_owned(), "true".to_owned());
    CheckReport { verdict, summary, command, tests: None, coverage: None, findings: Vec::new(), duration_ms: 1 }
}

fn tests(passed: u64, failed: u64) -> CheckOutcome {
    let verdict = if failed == 0 { Verdict::Passed } else { Verdict::Failed };
    let tests = Some(Counts { passed, failed, skipped: 0 });
    CheckOutcome::Ran(CheckReport { tests, ..ran(verdict, &format!("{failed} test failures")) })
}

fn coverage(percent: f64) -> CheckOutcome {
    CheckOutcome::Ran(CheckReport { coverage: Percent::new(percent), ..ran(Verdict::Passed, "") })
}

fn found(verdict: Verdict, severity: Severity, message: &str) -> CheckOutcome {
    let finding = Finding { severity, message: message.to_owned(), file: None, line: None, rule: None };
    CheckOutcome::Ran(CheckReport { findings: vec![finding], ..ran(verdict, message) })
}

fn judged(checks: &[(CheckKind, CheckOutcome)]) -> QualityGateResult {
    let (commit, diff) = ("c0ffee".to_owned(), ContentHash::of(b""));
    let looked = Looked { pr_number: Some(7), commit, diff, auto_fixes_applied: false, spent: Spend::default() };
    judge(checks.iter().cloned().collect(), &Bar::default(), looked)
}

#[test]
fn what_passes_everywhere_can_be_merged() {
    let passed = || CheckOutcome::Ran(ran(Verdict::Passed, "fine"));
    let mut checks: Vec<_> = CheckKind::ALL.into_iter().map(|kind| (kind, passed())).collect();
    checks.push((CheckKind::UnitTests, tests(50, 0)));
    checks.push((CheckKind::Coverage, coverage(88.5)));
    let result = judged(&checks);
    assert!(result.all_checks_passed && result.required_checks_passed && result.can_merge);
    assert_eq!((result.overall_score.get(), result.blocking_issues), (98.9, Vec::<String>::new()));
}

#[test]
fn what_blocks_is_said_check_by_check() {
    let result = judged(&[
        (CheckKind::UnitTests, tests(45, 5)),
        (CheckKind::Coverage, coverage(72.0)),
        (CheckKind::Security, found(Verdict::Failed, Severity::Critical, "SQL injection vulnerability")),
        (CheckKind::Performance, found(Verdict::Failed, Severity::Error, "slower by half")),
    ]);
    assert!(!result.all_checks_passed && !result.required_checks_passed && !result.can_merge);
    let blocking = [
        "[Unit Tests] 5 test failures",
        "[Security Scan] Critical: SQL injection vulnerability",
        "[Code Coverage] Coverage 72% < required 80%",
    ];
    assert_eq!(result.blocking_issues, blocking);
}

#[test]
fn a_check_that_could_not_run_is_no_verdict_and_blocks_where_it_is_required() {
    let could_not = || CheckOutcome::CouldNotRun { reason: "there is no pytest".to_owned() };
    let result =
        judged(&[(CheckKind::UnitTests, could_not()), (CheckKind::Lint, CheckOutcome::Ran(ran(Verdict::Passed, "")))]);
    assert_eq!(result.blocking_issues, ["[Unit Tests] could not run: there is no pytest"]);
    assert_eq!(result.overall_score, Percent::FULL, "it counts neither for nor against");
    let result = judged(&[(CheckKind::Performance, could_not()), (CheckKind::UnitTests, tests(1, 0))]);
    assert!(result.can_merge && !result.all_checks_passed);
}

#[test]
fn a_score_under_the_bar_blocks_although_nothing_required_failed() {
    let result = judged(&[
        (CheckKind::UnitTests, tests(1, 0)),
        (CheckKind::StaticAnalysis, CheckOutcome::Ran(ran(Verdict::Failed, "much"))),
        (CheckKind::Performance, CheckOutcome::Ran(ran(Verdict::Failed, "slow"))),
    ]);
    assert!(result.required_checks_passed && !result.can_merge);
    assert_eq!(result.blocking_issues, ["[Quality Score] Score 79.1% < required 85%"]);
}

#[test]
fn nothing_seen_is_nothing_passed() {
    let nothing = CheckOutcome::Ran(ran(Verdict::NotApplicable, "there are no tests"));
    let result = judged(&[(CheckKind::UnitTests, nothing)]);
    assert_eq!(result.blocking_issues, ["[Quality Gate] no check had anything to look at"]);
}

#[test]
fn fixes_are_tried_on_what_failed_and_not_on_what_could_not_run() {
    let bar = Bar::default();
    assert!(has_failed(CheckKind::Coverage, &coverage(79.9), &bar));
    assert!(!has_failed(CheckKind::Coverage, &coverage(80.0), &bar));
    assert!(!has_failed(CheckKind::Lint, &CheckOutcome::CouldNotRun { reason: String::new() }, &bar));
}
