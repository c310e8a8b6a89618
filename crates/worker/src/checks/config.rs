//! `.weft/checks.yaml`.
//!
//! ```yaml
//! detect: true            # also the checks that are found in the tree; the default is false
//! checks:
//!   lint:
//!     command: ruff check --output-format sarif --output-file "$WEFT_REPORT"
//!     report: sarif       # or { format: sarif, path: build/lint.sarif }
//!     fix: ruff check --fix
//!     timeout_seconds: 60
//!     environment: { RUFF_NO_CACHE: "1" }
//!     nothing_statuses: [5]   # there was nothing to look at
//!     broken_statuses: [2]    # it could not look: no verdict
//!   performance: none     # not even if one is found
//! ```

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::{Check, Checks, Error, Format, Report};
use crate::model::CheckKind;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    detect: bool,
    #[serde(default)]
    checks: BTreeMap<CheckKind, Entry>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Word(String),
    Written(Written),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    command: String,
    report: Option<WrittenReport>,
    fix: Option<String>,
    timeout_seconds: Option<u64>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    nothing_statuses: Vec<i32>,
    #[serde(default)]
    broken_statuses: Vec<i32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenReport {
    Format(Format),
    At { format: Format, path: PathBuf },
}

pub(super) fn parse(text: &str, found: Checks) -> Result<Checks, Error> {
    let file: File = serde_saphyr::from_str(text).map_err(|e| Error::Config(e.to_string()))?;
    let mut checks = if file.detect { found } else { Checks::default() };
    for (kind, entry) in file.checks {
        match entry {
            Entry::Word(word) if word == "none" => drop(checks.by_kind.remove(&kind)),
            Entry::Word(command) => drop(checks.by_kind.insert(kind, Check::new(command))),
            Entry::Written(written) => drop(checks.by_kind.insert(kind, check(kind, written)?)),
        }
    }
    Ok(checks)
}

fn check(kind: CheckKind, written: Written) -> Result<Check, Error> {
    let fault = |what: &str| Error::Config(format!("checks.{}.{what}", kind.name()));
    if written.command.trim().is_empty() {
        return Err(fault("command: it is empty; write none instead of the whole check if there is to be none"));
    }
    if written.timeout_seconds == Some(0) {
        return Err(fault("timeout_seconds: a check needs at least one"));
    }
    let report = match written.report {
        None => None,
        Some(WrittenReport::Format(format)) => Some(Report { format, path: None }),
        Some(WrittenReport::At { format, path }) if is_within(&path) => Some(Report { format, path: Some(path) }),
        Some(WrittenReport::At { .. }) => return Err(fault("report.path: it must lie within the repository")),
    };
    let check = Check::new(written.command);
    Ok(Check {
        report,
        fix: written.fix,
        timeout: written.timeout_seconds.map_or(check.timeout, Duration::from_secs),
        environment: written.environment,
        nothing_statuses: written.nothing_statuses,
        broken_statuses: written.broken_statuses,
        ..check
    })
}

fn is_within(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Checks, String> {
        let found = BTreeMap::from([(CheckKind::Performance, Check::new("found"))]);
        parse(text, Checks { by_kind: found }).map_err(|e| e.to_string())
    }

    #[test]
    fn a_file_says_all_that_there_is() {
        let text = "checks:\n  unit_tests: make test\n  lint:\n    command: ruff check\n    report: sarif\n    \
                    fix: ruff check --fix\n    timeout_seconds: 5\n    environment: { A: b }\n    broken_statuses: [2]\n  \
                    coverage:\n    command: cov\n    report: { format: lcov, path: out/lcov.info }\n";
        let checks = parsed(text).expect("it is right").by_kind;
        let mut lint = Check::new("ruff check").reporting(Format::Sarif).fixed_by("ruff check --fix");
        lint.timeout = Duration::from_secs(5);
        lint.environment = BTreeMap::from([("A".to_owned(), "b".to_owned())]);
        lint.broken_statuses = vec![2];
        let mut coverage = Check::new("cov");
        coverage.report = Some(Report { format: Format::Lcov, path: Some("out/lcov.info".into()) });
        let expected =
            [(CheckKind::UnitTests, Check::new("make test")), (CheckKind::Lint, lint), (CheckKind::Coverage, coverage)];
        assert_eq!(checks, BTreeMap::from(expected));
    }

    #[test]
    fn what_is_found_is_taken_if_the_file_says_so() {
        let kinds = |text: &str| parsed(text).expect("it is right").by_kind.into_keys().collect::<Vec<_>>();
        assert_eq!(kinds("detect: true"), [CheckKind::Performance]);
        assert_eq!(kinds("detect: true\nchecks: { performance: none }"), []);
        assert_eq!(kinds("checks: {}"), []);
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        for (text, part) in [
            ("checks:\n  tests: x\n", "tests"),
            ("checks:\n  lint: { command: '' }", "checks.lint.command: it is empty"),
            ("checks:\n  lint: { command: x, timeout_seconds: 0 }", "checks.lint.timeout_seconds"),
            ("checks:\n  lint: { command: x, report: { format: sarif, path: ../x } }", "checks.lint.report.path"),
            ("checks:\n  lint: { command: x, report: { format: sarif, path: /x } }", "checks.lint.report.path"),
            ("check: {}", "check"),
            ("checks: [", ".weft/checks.yaml"),
        ] {
            let error = parsed(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
