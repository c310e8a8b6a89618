//! What is found in trees of each language.

use super::checks;
use crate::model::CheckKind::{
    self, Coverage, Dependencies, IntegrationTests, Lint, Performance, StaticAnalysis, UnitTests,
};

fn found(files: &[(&str, &str)]) -> anyhow::Result<Vec<(CheckKind, String)>> {
    let folder = tempfile::tempdir()?;
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
        std::fs::write(path, text)?;
    }
    Ok(checks(folder.path()).by_kind.into_iter().map(|(kind, check)| (kind, check.command)).collect())
}

fn kinds(files: &[(&str, &str)]) -> anyhow::Result<Vec<CheckKind>> {
    Ok(found(files)?.into_iter().map(|(kind, _)| kind).collect())
}

#[test]
fn an_empty_tree_has_no_checks() -> anyhow::Result<()> {
    assert_eq!(kinds(&[("README.md", "")])?, []);
    Ok(())
}

#[test]
fn rust_has_those_of_cargo() -> anyhow::Result<()> {
    let plain = [("Cargo.toml", ""), ("src/lib.rs", "")];
    assert_eq!(kinds(&plain)?, [UnitTests, Lint, StaticAnalysis]);
    let more = [("Cargo.toml", ""), ("Cargo.lock", ""), ("src/lib.rs", ""), ("tests/a.rs", "")];
    assert_eq!(kinds(&more)?, [UnitTests, IntegrationTests, Lint, Dependencies, StaticAnalysis]);
    assert!(found(&more)?[0].1.ends_with("--lib --bins"));
    assert!(found(&[("Cargo.toml", ""), ("src/main.rs", ""), ("tests/a.rs", "")])?[0].1.ends_with("-fast --bins"));
    Ok(())
}

#[test]
fn python_has_what_it_is_set_up_for() -> anyhow::Result<()> {
    assert_eq!(kinds(&[("a.py", "")])?, [StaticAnalysis]);
    let unittest = found(&[("a.py", ""), ("test_a.py", "import unittest")])?;
    assert!(unittest[0].1.contains("-m unittest"), "{unittest:?}");
    let pytest = found(&[("a.py", ""), ("tests/test_a.py", "def test(): pass"), ("tests/integration/test_b.py", "")])?;
    assert!(pytest[0].1.contains("--ignore=tests/integration"), "{pytest:?}");
    assert!(pytest[1].0 == IntegrationTests && pytest[1].1.ends_with("tests/integration"), "{pytest:?}");
    let all = [("pyproject.toml", "[tool.ruff]\n[tool.mypy]\ndev = ['pytest-cov']"), ("test_a.py", "")];
    assert_eq!(kinds(&all)?, [UnitTests, Lint, Coverage, StaticAnalysis]);
    Ok(())
}

#[test]
fn node_has_the_scripts_that_there_are() -> anyhow::Result<()> {
    let scripts = r#"{"scripts": {"test": "jest", "lint": "eslint .", "lint:fix": "eslint --fix .", "bench": "x"}}"#;
    let found = found(&[("package.json", scripts)])?;
    let commands: Vec<&str> = found.iter().map(|(_, command)| command.as_str()).collect();
    assert_eq!(commands, ["npm run --silent test", "npm run --silent lint", "npm run --silent bench"]);
    let none = r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#;
    assert_eq!(kinds(&[("package.json", none)])?, []);
    assert_eq!(kinds(&[("package.json", none), ("a.test.mjs", "")])?, [UnitTests]);
    assert_eq!(kinds(&[("package.json", "{")])?, []);
    Ok(())
}

#[test]
fn go_has_its_own_tools() -> anyhow::Result<()> {
    assert_eq!(kinds(&[("go.mod", "")])?, [Lint, Dependencies, StaticAnalysis]);
    assert_eq!(kinds(&[("go.mod", ""), ("a_test.go", "")])?, [UnitTests, Lint, Coverage, Dependencies, StaticAnalysis]);
    Ok(())
}

#[test]
fn the_first_language_has_the_say() -> anyhow::Result<()> {
    let both = [("Cargo.toml", ""), ("package.json", r#"{"scripts": {"test": "x", "bench": "y"}}"#)];
    let found = found(&both)?;
    assert!(found[0].1.starts_with("cargo test"), "{found:?}");
    assert_eq!(found.iter().filter(|(kind, _)| *kind == Performance).count(), 1);
    Ok(())
}
