//! Node: the scripts of `package.json`, by the names that people give them.

use serde_json::Value;

use super::Tree;
use crate::{
    checks::{Check, Format},
    model::CheckKind,
};

/// Scripts that run a check, and those that mend what it finds.
const SCRIPTS: [(CheckKind, &[&str], &[&str]); 7] = [
    (CheckKind::UnitTests, &["test:unit", "test"], &[]),
    (CheckKind::IntegrationTests, &["test:integration", "integration"], &[]),
    (CheckKind::Lint, &["lint"], &["lint:fix", "format"]),
    (CheckKind::Security, &["security", "audit"], &[]),
    (CheckKind::Coverage, &["coverage", "test:coverage"], &[]),
    (CheckKind::Performance, &["bench", "benchmark"], &[]),
    (CheckKind::StaticAnalysis, &["typecheck", "type-check", "tsc"], &[]),
];
/// What `npm init` writes where there are no tests.
const NO_TESTS: &str = "no test specified";

pub(super) fn checks(tree: &Tree) -> Vec<(CheckKind, Check)> {
    let Ok(package) = serde_json::from_str::<Value>(&tree.text("package.json")) else { return Vec::new() };
    let script = |names: &[&str]| {
        let is_there = |name: &&&str| package["scripts"][**name].as_str().is_some_and(|it| !it.contains(NO_TESTS));
        names.iter().find(is_there).map(|name| format!("npm run --silent {name}"))
    };
    let mut checks: Vec<(CheckKind, Check)> = SCRIPTS
        .iter()
        .filter_map(|(kind, names, fixes)| {
            let mut check = Check::new(script(names)?);
            check.fix = script(fixes);
            if *kind == CheckKind::Coverage {
                let path = Some("coverage/lcov.info".into());
                check.report = Some(crate::checks::Report { format: Format::Lcov, path });
            }
            Some((*kind, check))
        })
        .collect();
    let is_test = |file: &str| [".test.js", ".test.mjs", ".test.cjs"].iter().any(|end| file.ends_with(end));
    if script(&["test:unit", "test"]).is_none() && tree.any(is_test) {
        let command = "node --test --test-reporter=junit --test-reporter-destination=\"$WEFT_REPORT\"";
        checks.push((CheckKind::UnitTests, Check::new(command).reporting(Format::Junit)));
    }
    checks
}
