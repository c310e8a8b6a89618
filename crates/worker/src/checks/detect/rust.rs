//! Cargo.

use super::Tree;
use crate::{
    checks::{Check, Format},
    model::CheckKind,
};

pub(super) fn checks(tree: &Tree) -> Vec<(CheckKind, Check)> {
    if !tree.has("Cargo.toml") {
        return Vec::new();
    }
    let mut checks = vec![
        (CheckKind::Lint, Check::new("cargo fmt --all --check").fixed_by("cargo fmt --all")),
        (
            CheckKind::StaticAnalysis,
            Check::new("cargo clippy --workspace --all-targets --message-format=json -- -D warnings")
                .reporting(Format::CargoMessages)
                .fixed_by("cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged"),
        ),
    ];
    let is_integration = |file: &str| {
        let in_tests = file.starts_with("tests/") || file.contains("/tests/");
        in_tests && !file.contains("src/") && file.ends_with(".rs")
    };
    // Without tests of their own files there is nothing to tell apart.
    let unit = if tree.any(is_integration) {
        let check = Check::new("cargo test --workspace --no-fail-fast --test '*'").reporting(Format::RustTests);
        checks.push((CheckKind::IntegrationTests, check));
        format!("cargo test --workspace --no-fail-fast{}", targets(tree))
    } else {
        "cargo test --workspace --no-fail-fast".to_owned()
    };
    checks.push((CheckKind::UnitTests, Check::new(unit).reporting(Format::RustTests)));
    if tree.has("Cargo.lock") {
        let command = if tree.has("deny.toml") {
            "cargo deny --all-features check bans licenses sources"
        } else {
            // The lock says what the manifests ask for.
            "cargo metadata --locked --format-version 1 >/dev/null"
        };
        checks.push((CheckKind::Dependencies, Check::new(command)));
    }
    checks
}

/// Cargo fails if it is asked for a library that is not there.
fn targets(tree: &Tree) -> &'static str {
    let has_library = tree.any(|file| file == "src/lib.rs" || file.ends_with("/src/lib.rs"));
    if has_library { " --lib --bins" } else { " --bins" }
}
