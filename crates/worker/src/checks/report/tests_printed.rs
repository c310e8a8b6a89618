//! What test harnesses print that write no report.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Found, finding, place};
use crate::model::{Counts, Finding, Severity};

fn error(rule: Option<&str>, message: &str, at: Option<(String, u32)>) -> Finding {
    let (file, line) = at.map_or((None, None), |(file, line)| (Some(file), Some(line)));
    Finding { rule: rule.map(str::to_owned), file, line, ..finding(Severity::Error, message) }
}

/// Several harnesses in one output are added up. What did not compile has findings and no counts.
pub(super) fn rust(text: &str) -> Found {
    let (mut tests, mut failed, mut findings) = (None::<Counts>, Vec::new(), Vec::new());
    let mut panics: BTreeMap<&str, ((String, u32), &str)> = BTreeMap::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("test result: ") {
            let counts = tests.get_or_insert_default();
            counts.passed += number_before(rest, " passed");
            counts.failed += number_before(rest, " failed");
            counts.skipped += number_before(rest, " ignored");
        } else if let Some(name) = line.strip_prefix("test ").and_then(|it| it.strip_suffix(" ... FAILED")) {
            failed.push(name);
        } else if let Some((thread, at)) = line.strip_prefix("thread '").and_then(panic) {
            panics.insert(thread, (at, lines.peek().copied().unwrap_or_default()));
        } else if line.starts_with("error: ") || line.starts_with("error[") {
            let at = lines.peek().and_then(|next| next.trim_start().strip_prefix("--> ")).and_then(place);
            // Those without a place repeat what was said.
            findings.extend(at.map(|at| error(None, line, Some(at))));
        }
    }
    findings.extend(failed.into_iter().map(|name| match panics.get(name) {
        Some((at, message)) => error(Some(name), message, Some(at.clone())),
        None => error(Some(name), "the test failed", None),
    }));
    Found { tests, findings, coverage: None }
}

/// `name' (17) panicked at src/lib.rs:3:5:`
fn panic(rest: &str) -> Option<(&str, (String, u32))> {
    let (thread, rest) = rest.split_once('\'')?;
    let (_, at) = rest.split_once("panicked at ")?;
    Some((thread, place(at)?))
}

fn number_before(text: &str, word: &str) -> u64 {
    let Some((before, _)) = text.split_once(word) else { return 0 };
    before.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn number_after(text: &str, word: &str) -> u64 {
    let Some((_, after)) = text.split_once(word) else { return 0 };
    after.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
}

pub(super) fn python(text: &str) -> Found {
    let mut tests = None;
    let mut findings: Vec<Finding> = Vec::new();
    let (mut ran, mut is_failure) = (0, false);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("FAIL: ").or_else(|| line.strip_prefix("ERROR: ")) {
            findings.push(error(Some(name), line, None));
            is_failure = true;
        } else if let Some(rest) = line.strip_prefix("Ran ") {
            ran = number_before(rest, " test");
            is_failure = false;
        } else if line.starts_with("OK") || line.starts_with("FAILED (") || line.starts_with("NO TESTS RAN") {
            let failed = number_after(line, "failures=") + number_after(line, "errors=");
            let skipped = number_after(line, "skipped=");
            let passed = ran.saturating_sub(failed + skipped);
            tests = Some(Counts { passed, failed, skipped });
        } else if let Some(last) = findings.last_mut().filter(|_| is_failure) {
            traceback(last, line);
        }
    }
    Found { tests, findings, coverage: None }
}

/// The innermost place, and the words of the exception.
fn traceback(finding: &mut Finding, line: &str) {
    if let Some((file, rest)) = line.trim_start().strip_prefix("File \"").and_then(|rest| rest.split_once('"')) {
        finding.file = Some(file.to_owned());
        finding.line = Some(number_after(rest, "line ")).and_then(|line| u32::try_from(line).ok());
    } else if line.starts_with(|c: char| c.is_ascii_alphabetic()) && !line.starts_with("Traceback") {
        finding.message = super::finding(Severity::Error, line).message;
    }
}

pub(super) fn go(text: &str) -> Found {
    let (mut counts, mut findings) = (Counts::default(), Vec::new());
    let mut said: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut is_go = false;
    for line in text.lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        let word = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let (action, key) = (word("Action"), (word("Package"), word("Test")));
        is_go |= !action.is_empty();
        match (action.as_str(), key.1.is_empty()) {
            ("pass", false) => counts.passed += 1,
            ("skip", false) => counts.skipped += 1,
            ("fail", false) => {
                counts.failed += 1;
                findings.push(go_failure(&key.1, said.get(&key).map(String::as_str)));
            }
            // A package that fails without a test that fails was not built, or broke.
            ("fail", true) if event["FailedBuild"].is_string() => {
                findings.push(error(Some(&key.0), "the package does not build", None));
            }
            ("output", _) => said.entry(key).or_default().push_str(&word("Output")),
            ("build-output", _) => findings.extend(build_error(&word("Output"))),
            _ => {}
        }
    }
    Found { tests: is_go.then_some(counts), findings, coverage: None }
}

fn go_failure(test: &str, said: Option<&str>) -> Finding {
    let lines = said.unwrap_or_default().lines().map(str::trim);
    let told = lines.filter(|line| line.contains(".go:")).find_map(|line| Some((place(line)?, line)));
    match told {
        Some((at, line)) => error(Some(test), line, Some(at)),
        None => error(Some(test), "the test failed", None),
    }
}

fn build_error(line: &str) -> Option<Finding> {
    line.contains(".go:").then(|| error(None, line, place(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told<'a> = (Option<&'a str>, &'a str, Option<&'a str>, Option<u32>);

    fn told(found: &Found) -> Vec<Told<'_>> {
        let told = |it| -> Told<'_> {
            let it: &Finding = it;
            (it.rule.as_deref(), it.message.as_str(), it.file.as_deref(), it.line)
        };
        found.findings.iter().map(told).collect()
    }

    #[test]
    fn rust_is_added_up_over_its_harnesses() {
        let text = "running 2 tests\ntest a ... ok\ntest m::b ... FAILED\n\n---- m::b stdout ----\n\nthread 'm::b' (7) panicked \
                    at src/lib.rs:9:5:\nassertion failed\n\ntest result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured\n\
                    test result: ok. 3 passed; 0 failed; 0 ignored\n";
        let found = rust(text);
        assert_eq!(found.tests, Some(Counts { passed: 4, failed: 1, skipped: 2 }));
        assert_eq!(told(&found), [(Some("m::b"), "assertion failed", Some("src/lib.rs"), Some(9))]);
    }

    #[test]
    fn rust_that_does_not_compile_has_no_counts() {
        let found = rust("error[E0308]: mismatched types\n --> src/lib.rs:2:5\nerror: could not compile `x`\n");
        assert_eq!(found.tests, None);
        assert_eq!(told(&found), [(None, "error[E0308]: mismatched types", Some("src/lib.rs"), Some(2))]);
    }

    #[test]
    fn python_tells_the_innermost_place() {
        let text = "test_a (t.A) ... ok\n======\nFAIL: test_b (t.A)\n------\nTraceback (most recent call last):\n  File \
                    \"/w/test_a.py\", line 5, in test_b\n    self.assertEqual(1, 2)\nAssertionError: 1 != 2\n\n------\nRan 4 \
                    tests in 0.001s\n\nFAILED (failures=1, skipped=1)\n";
        let found = python(text);
        assert_eq!(found.tests, Some(Counts { passed: 2, failed: 1, skipped: 1 }));
        assert_eq!(told(&found), [(Some("test_b (t.A)"), "AssertionError: 1 != 2", Some("/w/test_a.py"), Some(5))]);
        assert_eq!(python("Ran 0 tests in 0.0s\n\nOK\n").tests, Some(Counts::default()));
        assert_eq!(python("Segmentation fault").tests, None);
    }

    #[test]
    fn go_is_counted_by_its_events() {
        let text = r#"{"Action":"output","Package":"p","Test":"TestB","Output":"    a_test.go:9: want 2\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
"#;
        let found = go(text);
        assert_eq!(found.tests, Some(Counts { passed: 1, failed: 1, skipped: 0 }));
        assert_eq!(told(&found), [(Some("TestB"), "a_test.go:9: want 2", Some("a_test.go"), Some(9))]);
        assert_eq!(go("go: no such tool").tests, None);
    }
}
