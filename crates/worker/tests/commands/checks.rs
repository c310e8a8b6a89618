//! Checks of real trees by the tools of this machine.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use weft_worker::{
    checks::{self, Cancelled, Checks, Fix},
    model::{CheckKind, CheckOutcome, CheckReport, Counts, Verdict},
};

use crate::support::{Place, supervisor, write};

/// A tree with these files, and its checks.
fn tree(files: &[(&str, &str)]) -> anyhow::Result<(Place, Checks)> {
    let place = Place::new()?;
    write(&place.path("work"), files)?;
    let checks = Checks::of(&place.path("work"))?;
    Ok((place, checks))
}

async fn run_within(
    place: &Place,
    checks: &Checks,
    kind: CheckKind,
    cancel: &CancellationToken,
) -> Result<CheckOutcome, Cancelled> {
    let (supervisor, tree, sandbox) = (supervisor(), place.path("work"), place.sandbox());
    let place = checks::Place { supervisor: &supervisor, tree: &tree, sandbox: &sandbox, cancel, output: None };
    checks::run(checks, kind, &place).await
}

async fn report(place: &Place, checks: &Checks, kind: CheckKind) -> anyhow::Result<CheckReport> {
    match run_within(place, checks, kind, &CancellationToken::new()).await? {
        CheckOutcome::Ran(report) => Ok(report),
        CheckOutcome::CouldNotRun { reason } => anyhow::bail!("{kind:?} could not run: {reason}"),
    }
}

async fn reason(place: &Place, checks: &Checks, kind: CheckKind) -> anyhow::Result<String> {
    match run_within(place, checks, kind, &CancellationToken::new()).await? {
        CheckOutcome::Ran(report) => anyhow::bail!("{kind:?} ran: {report:?}"),
        CheckOutcome::CouldNotRun { reason } => Ok(reason),
    }
}

const ADD: &str = "def add(a, b):\n    return a - b\n";
const UNITTEST: &str = "import unittest\nfrom calc import add\n\nclass Adds(unittest.TestCase):\n    def test_zero(self):\n        \
                        self.assertEqual(add(1, 0), 1)\n    def test_one(self):\n        self.assertEqual(add(1, 1), 2)\n";

#[tokio::test]
async fn a_python_tree_is_tested_by_unittest_and_parsed() -> anyhow::Result<()> {
    let (place, checks) = tree(&[("calc.py", ADD), ("test_calc.py", UNITTEST)])?;
    let tests = report(&place, &checks, CheckKind::UnitTests).await?;
    assert_eq!((tests.verdict, tests.summary.as_str()), (Verdict::Failed, "1 test failure"));
    assert_eq!(tests.tests, Some(Counts { passed: 1, failed: 1, skipped: 0 }));
    let finding = &tests.findings[0];
    assert!(finding.message.contains("AssertionError: 0 != 2") && finding.line == Some(8), "{finding:?}");

    write(&place.path("work"), &[("calc.py", &ADD.replace('-', "+"))])?;
    assert_eq!(report(&place, &checks, CheckKind::UnitTests).await?.summary, "2 tests passed");
    assert_eq!(report(&place, &checks, CheckKind::StaticAnalysis).await?.verdict, Verdict::Passed);
    write(&place.path("work"), &[("broken.py", "def (:\n")])?;
    let broken = report(&place, &checks, CheckKind::StaticAnalysis).await?;
    assert!(broken.verdict == Verdict::Failed && broken.findings[0].message.contains("broken.py"), "{broken:?}");
    assert!(!place.path("work/__pycache__").exists());
    Ok(())
}

#[tokio::test]
async fn a_python_tree_is_tested_by_pytest() -> anyhow::Result<()> {
    let test = "from calc import add\n\ndef test_add():\n    assert add(1, 1) == 2\n";
    let (place, checks) = tree(&[("calc.py", ADD), ("conftest.py", ""), ("tests/test_calc.py", test)])?;
    let tests = report(&place, &checks, CheckKind::UnitTests).await?;
    assert_eq!((tests.summary.as_str(), tests.findings.len()), ("1 test failure", 1));
    assert_eq!(tests.findings[0].rule.as_deref(), Some("tests.test_calc.test_add"));
    Ok(())
}

#[tokio::test]
async fn a_node_tree_is_tested_by_node() -> anyhow::Result<()> {
    let test = "import test from 'node:test'; import assert from 'node:assert';\n\
                test('adds', () => assert.equal(1 + 1, 2)); test('fails', () => assert.equal(1, 2));\n";
    let (place, checks) = tree(&[("package.json", "{}"), ("a.test.mjs", test)])?;
    let tests = report(&place, &checks, CheckKind::UnitTests).await?;
    assert_eq!(tests.tests, Some(Counts { passed: 1, failed: 1, skipped: 0 }));
    Ok(())
}

#[tokio::test]
async fn a_fixer_mends_what_its_check_finds() -> anyhow::Result<()> {
    let source = "package a\nfunc  A() {  }\n";
    let (place, checks) = tree(&[("go.mod", "module a\n"), ("a.go", source)])?;
    let lint = report(&place, &checks, CheckKind::Lint).await?;
    assert!(lint.verdict == Verdict::Failed && lint.findings[0].message.contains("a.go"), "{lint:?}");
    let (supervisor, tree, sandbox, cancel) =
        (supervisor(), place.path("work"), place.sandbox(), CancellationToken::new());
    let at = checks::Place { supervisor: &supervisor, tree: &tree, sandbox: &sandbox, cancel: &cancel, output: None };
    let fixed = checks::fix(&checks, CheckKind::Lint, &at).await?;
    assert!(matches!(fixed, Fix::Ran { succeeded: true, .. }), "{fixed:?}");
    assert_eq!(report(&place, &checks, CheckKind::Lint).await?.verdict, Verdict::Passed);
    assert_eq!(checks::fix(&checks, CheckKind::StaticAnalysis, &at).await?, Fix::None);
    Ok(())
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_no_verdict() -> anyhow::Result<()> {
    let yaml = "checks:\n  lint: no-such-linter .\n  security: { command: 'exit 0', report: sarif }\n  \
                performance: python3 -m no_such_module\n";
    let (place, checks) = tree(&[(".weft/checks.yaml", yaml)])?;
    assert!(reason(&place, &checks, CheckKind::Lint).await?.contains("not found"));
    assert!(reason(&place, &checks, CheckKind::Security).await?.contains("the command wrote none"));
    assert!(reason(&place, &checks, CheckKind::Performance).await?.contains("No module named no_such_module"));
    assert_eq!(report(&place, &checks, CheckKind::Coverage).await?.verdict, Verdict::NotApplicable);
    Ok(())
}

#[tokio::test]
async fn a_check_that_hangs_fails_and_one_that_is_cancelled_says_nothing() -> anyhow::Result<()> {
    let yaml = "checks:\n  lint: { command: sleep 61020, timeout_seconds: 1 }\n  security: sleep 61020\n";
    let (place, checks) = tree(&[(".weft/checks.yaml", yaml)])?;
    let lint = report(&place, &checks, CheckKind::Lint).await?;
    assert!(lint.verdict == Verdict::Failed && lint.summary.contains("its time was up"), "{lint:?}");
    assert!(lint.duration_ms >= Duration::from_secs(1).as_millis().try_into()?);
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert_eq!(run_within(&place, &checks, CheckKind::Security, &cancel).await, Err(Cancelled));
    Ok(())
}

#[tokio::test]
async fn an_old_report_and_a_link_are_not_taken_for_a_report() -> anyhow::Result<()> {
    let yaml = "checks:\n  coverage: { command: 'true', report: { format: cobertura, path: cov.xml } }\n  \
                unit_tests: { command: 'ln -s ../outside/report.xml junit.xml', report: { format: junit, path: junit.xml } }\n";
    let (place, checks) = tree(&[(".weft/checks.yaml", yaml), ("cov.xml", "<coverage line-rate='1'/>")])?;
    write(&place.path("outside"), &[("report.xml", "<testsuite><testcase name='a'/></testsuite>")])?;
    for kind in [CheckKind::Coverage, CheckKind::UnitTests] {
        assert!(reason(&place, &checks, kind).await?.contains("the command wrote none"));
    }
    Ok(())
}

#[tokio::test]
async fn a_folder_that_is_a_link_leads_nowhere() -> anyhow::Result<()> {
    let yaml = "checks:\n  lint: { command: 'true', report: { format: sarif, path: keys/secret } }\n";
    let (place, checks) = tree(&[(".weft/checks.yaml", yaml)])?;
    write(&place.path("outside"), &[("secret", "a key")])?;
    std::os::unix::fs::symlink("../outside", place.path("work/keys"))?;
    assert!(reason(&place, &checks, CheckKind::Lint).await?.contains("the command wrote none"));
    assert_eq!(std::fs::read_to_string(place.path("outside/secret"))?, "a key", "it is still there");
    Ok(())
}

#[test]
fn a_file_that_leads_out_of_the_tree_says_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::create_dir_all(folder.path().join(".weft"))?;
    std::os::unix::fs::symlink("/dev/zero", folder.path().join(".weft/checks.yaml"))?;
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("package.json"))?;
    let error = Checks::of(folder.path()).expect_err("it never ends");
    assert!(error.to_string().contains("no file of the tree"), "{error}");
    Ok(())
}

/// The eight of a gate, each of which waits: together they take hardly longer than one.
#[tokio::test]
async fn eight_checks_run_at_the_same_time() -> anyhow::Result<()> {
    // Each waits until all of them have begun.
    let line = |kind: CheckKind| {
        let name = kind.name();
        format!("  {name}: touch begun-{name}; until [ $(ls begun-* | wc -l) = 8 ]; do sleep 0.05; done\n")
    };
    let yaml = format!("checks:\n{}", CheckKind::ALL.map(line).concat());
    let yaml = yaml.replace(": touch", ": \"touch").replace("done\n", "done\"\n");
    let (place, checks) = tree(&[(".weft/checks.yaml", &yaml)])?;
    let (supervisor, tree, sandbox, cancel) =
        (supervisor(), place.path("work"), place.sandbox(), CancellationToken::new());
    let at = checks::Place { supervisor: &supervisor, tree: &tree, sandbox: &sandbox, cancel: &cancel, output: None };
    let outcomes = checks::run_all(&checks, CheckKind::ALL, &at).await?;
    let passed = |outcome: &CheckOutcome| matches!(outcome, CheckOutcome::Ran(it) if it.verdict == Verdict::Passed);
    assert!(outcomes.len() == 8 && outcomes.values().all(passed), "{outcomes:?}");
    Ok(())
}
