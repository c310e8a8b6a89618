//! Python: pytest where it is used or needed, unittest otherwise.

use super::Tree;
use crate::{
    checks::{Check, Format},
    model::CheckKind,
};

const SETUPS: [&str; 7] =
    ["pyproject.toml", "setup.cfg", "setup.py", "tox.ini", "requirements.txt", "requirements-dev.txt", "pytest.ini"];
/// By these pytest says that it found no tests, and that it was called wrongly or broke.
const PYTEST_NO_TESTS: i32 = 5;
const PYTEST_BROKEN: [i32; 2] = [3, 4];
/// By this unittest says that it found no tests, from Python 3.12 on.
const UNITTEST_NO_TESTS: i32 = 5;

pub(super) fn checks(tree: &Tree) -> Vec<(CheckKind, Check)> {
    let is_python = |file: &str| file.ends_with(".py");
    if !tree.any(is_python) {
        return Vec::new();
    }
    let setup: String = SETUPS.iter().map(|file| tree.text(file)).collect();
    let mut checks = tests(tree, &setup);
    if setup.contains("[tool.ruff") || tree.has("ruff.toml") || tree.has(".ruff.toml") {
        let check = Check::new("ruff check --output-format sarif --output-file \"$WEFT_REPORT\" .");
        checks.push((CheckKind::Lint, check.reporting(Format::Sarif).fixed_by("ruff check --fix .")));
    } else if setup.contains("[flake8]") || tree.has(".flake8") {
        checks.push((CheckKind::Lint, Check::new("python3 -m flake8 .")));
    }
    // Files that do not parse are faults whatever the repository has set up.
    let analysis = if setup.contains("[tool.mypy") || setup.contains("[mypy") || tree.has("mypy.ini") {
        "python3 -m mypy ."
    } else {
        "PYTHONPYCACHEPREFIX=\"$TMPDIR/pycache\" python3 -m compileall -q -f ."
    };
    checks.push((CheckKind::StaticAnalysis, Check::new(analysis)));
    if setup.contains("bandit") {
        checks.push((CheckKind::Security, Check::new("python3 -m bandit -q -r . -c pyproject.toml")));
    }
    if setup.contains("pip-audit") {
        checks.push((CheckKind::Dependencies, Check::new("python3 -m pip_audit")));
    }
    checks.into_iter().map(|(kind, check)| (kind, without_traces(check))).collect()
}

fn tests(tree: &Tree, setup: &str) -> Vec<(CheckKind, Check)> {
    let is_test = |file: &str| {
        let name = file.rsplit('/').next().unwrap_or(file);
        name.ends_with("_test.py") || (name.starts_with("test_") && name.ends_with(".py"))
    };
    if !tree.any(is_test) {
        return Vec::new();
    }
    let uses_unittest = |file: &str| tree.text(file).contains("unittest");
    let needs_pytest = setup.contains("pytest")
        || tree.any(|file| file.ends_with("conftest.py") || (is_test(file) && !uses_unittest(file)));
    if !needs_pytest {
        let mut check = Check::new("python3 -m unittest discover --verbose").reporting(Format::PythonUnittest);
        // From the root, unless the tests are in a folder that is no package.
        if !tree.has("tests/__init__.py") && tree.any(|file| file.starts_with("tests/")) {
            check.command.push_str(" --start-directory tests --top-level-directory tests");
            check.environment.insert("PYTHONPATH".to_owned(), ".".to_owned());
        }
        check.nothing_statuses = vec![UNITTEST_NO_TESTS];
        return vec![(CheckKind::UnitTests, check)];
    }
    let mut checks = Vec::new();
    let mut unit = "python3 -m pytest -q -p no:cacheprovider --junitxml=\"$WEFT_REPORT\"".to_owned();
    if let Some(folder) = ["tests/integration", "integration_tests"]
        .into_iter()
        .find(|folder| tree.any(|file| is_test(file) && file.starts_with(&format!("{folder}/"))))
    {
        checks.push((CheckKind::IntegrationTests, pytest(&format!("{unit} {folder}"))));
        unit.push_str(&format!(" --ignore={folder}"));
    }
    if setup.contains("pytest-cov") || setup.contains("[tool.coverage") || tree.has(".coveragerc") {
        let command = "python3 -m pytest -q -p no:cacheprovider --cov --cov-report=xml:\"$WEFT_REPORT\"";
        let mut check = pytest(command);
        check.report = check.report.map(|report| crate::checks::Report { format: Format::Cobertura, ..report });
        checks.push((CheckKind::Coverage, check));
    }
    checks.push((CheckKind::UnitTests, pytest(&unit)));
    checks
}

fn pytest(command: &str) -> Check {
    let mut check = Check::new(command).reporting(Format::Junit);
    check.nothing_statuses = vec![PYTEST_NO_TESTS];
    check.broken_statuses = PYTEST_BROKEN.to_vec();
    check
}

/// Python leaves compiled files beside its sources, which are no part of a change.
fn without_traces(mut check: Check) -> Check {
    check.environment.insert("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned());
    check
}
