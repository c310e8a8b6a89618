//! What is a verdict, and what is none.

use super::*;
use crate::process::Stop;

fn ran(status: i32, stdout: &str, report: Option<&str>) -> Ran {
    Ran {
        end: End::Exited(status),
        ended: format!("exited with status {status}"),
        duration_ms: 1,
        stdout: stdout.to_owned(),
        stderr: String::new(),
        report: report.map(str::to_owned),
    }
}

/// `passed: 2 tests passed`
fn judged(check: &Check, ran: &Ran) -> String {
    match judge(check, ran) {
        CheckOutcome::Ran(report) => {
            let verdict = match report.verdict {
                Verdict::Passed => "passed",
                Verdict::Failed => "failed",
                Verdict::NotApplicable => "nothing",
            };
            format!("{verdict}: {}", report.summary)
        }
        CheckOutcome::CouldNotRun { reason } => format!("could not run: {reason}"),
    }
}

#[test]
fn without_a_report_the_status_decides() {
    let mut check = Check::new("x");
    assert_eq!(judged(&check, &ran(0, "", None)), "passed: passed");
    assert_eq!(judged(&check, &ran(1, "wrong", None)), "failed: the command exited with status 1");
    check.nothing_statuses = vec![5];
    check.broken_statuses = vec![4];
    assert_eq!(judged(&check, &ran(5, "", None)), "nothing: there was nothing to look at");
    assert_eq!(judged(&check, &ran(4, "usage", None)), "could not run: the command exited with status 4: usage");
}

#[test]
fn the_environments_faults_are_no_verdict() {
    let check = Check::new("x");
    for (status, words) in [
        (127, "sh: 1: ruff: not found"),
        (1, "/usr/bin/python3: No module named pytest"),
        (101, "error: no such command: `clippy`"),
        (1, "OSError: [Errno 28] No space left on device"),
        (101, "Could not resolve host: index.crates.io"),
    ] {
        assert!(judged(&check, &ran(status, words, None)).starts_with("could not run"), "{words}");
    }
    // A tree that lacks a module of its own is at fault.
    let own = "ModuleNotFoundError: No module named 'mymodule'";
    assert!(judged(&check, &ran(1, own, None)).starts_with("failed"));
}

#[test]
fn tests_are_believed_by_their_report() {
    let check = Check::new("x").reporting(Format::Junit);
    let report = |cases: &str| format!("<testsuite>{cases}</testsuite>");
    let (good, bad) = ("<testcase name='a'/>", "<testcase name='b'><failure message='m'/></testcase>");
    assert_eq!(judged(&check, &ran(0, "", Some(&report(good)))), "passed: 1 tests passed");
    assert_eq!(judged(&check, &ran(1, "", Some(&report(bad)))), "failed: 1 test failure");
    assert_eq!(judged(&check, &ran(0, "", Some(&report(&bad.repeat(5))))), "failed: 5 test failures");
    assert_eq!(judged(&check, &ran(2, "", Some(&report(good)))), "failed: the command exited with status 2");
    assert_eq!(judged(&check, &ran(0, "", Some(&report("")))), "nothing: there was nothing to look at");
    // A test that failed by lack of space is a test that failed.
    let words = "No space left on device";
    assert_eq!(judged(&check, &ran(1, words, Some(&report(bad)))), "failed: 1 test failure");
}

#[test]
fn a_report_that_was_promised_must_be_there() {
    let check = Check::new("x").reporting(Format::Junit);
    for status in [0, 1] {
        let none = judged(&check, &ran(status, "words", None));
        assert!(none.starts_with("could not run") && none.ends_with("the command wrote none: words"), "{none}");
        assert!(judged(&check, &ran(status, "", Some("<half"))).starts_with("could not run"));
    }
}

#[test]
fn printed_tests_are_read() {
    let check = Check::new("x").reporting(Format::RustTests);
    let passed = "test result: ok. 3 passed; 0 failed; 0 ignored";
    assert_eq!(judged(&check, &ran(0, passed, None)), "passed: 3 tests passed");
    let broken = "error[E0308]: mismatched types\n --> src/lib.rs:2:5\n";
    assert_eq!(judged(&check, &ran(101, broken, None)), "failed: Error: error[E0308]: mismatched types");
}

#[test]
fn findings_decide_by_their_severity() {
    let check = Check::new("x").reporting(Format::Sarif);
    let report = |level: &str| {
        let result = format!(r#"{{"ruleId": "R", "level": "{level}", "message": {{"text": "SQL injection"}}}}"#);
        format!(r#"{{"runs": [{{"results": [{result}, {result}]}}]}}"#)
    };
    assert_eq!(judged(&check, &ran(0, "", Some(&report("warning")))), "passed: passed with 2 remarks");
    assert_eq!(judged(&check, &ran(0, "", Some(&report("error")))), "failed: Error: SQL injection, and 1 more");
    assert_eq!(judged(&check, &ran(1, "", Some(&report("warning")))), "failed: Warning: SQL injection, and 1 more");
}

#[test]
fn coverage_is_told_and_judged_elsewhere() {
    let check = Check::new("x").reporting(Format::Cobertura);
    for status in [0, 1] {
        let report = Some("<coverage line-rate='0.72'/>");
        assert_eq!(judged(&check, &ran(status, "", report)), "passed: Coverage 72.0%");
    }
}

#[test]
fn a_command_that_hangs_is_the_trees_fault() {
    let mut hung = ran(0, "", None);
    hung.end = End::Stopped(Stop::Wall);
    hung.ended = "was stopped after 3.0 s: its time was up".to_owned();
    let check = Check::new("x").reporting(Format::Junit);
    assert_eq!(judged(&check, &hung), "failed: the command was stopped after 3.0 s: its time was up");
}
