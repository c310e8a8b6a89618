//! What may be depended on: licences, bans and sources, as `deny.toml` says.
//!
//! The file is cargo-deny's own, and `cargo xtask deny` runs that. Here the same rules are read by a test, because the
//! tool takes minutes to build and this takes none: a licence or a crate that nobody wants is found by every test run.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::Value;
use toml::Table;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn rules() -> Table {
    let text = fs::read_to_string(weft_tidy::root().join("deny.toml")).expect("deny.toml is there");
    text.parse().expect("deny.toml is TOML")
}

fn list(rules: &Table, section: &str, key: &str) -> Vec<toml::Value> {
    rules[section].get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default()
}

/// Everything that any feature brings in, tests included.
fn metadata() -> Value {
    let ask = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(["metadata", "--format-version", "1", "--all-features", "--locked"]).args(more);
        command.args(["--filter-platform", "x86_64-unknown-linux-gnu"]).current_dir(weft_tidy::root());
        command.output().expect("cargo runs")
    };
    let mut output = ask(&["--offline"]);
    if !output.status.success() {
        // What an optional feature needs may not have been fetched yet.
        output = ask(&[]);
    }
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn packages(metadata: &Value) -> &Vec<Value> {
    metadata["packages"].as_array().expect("it lists packages")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether one of the ways in which a licence may be chosen is allowed.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (allows, rest) = either(&words, allowed);
    allows && rest.is_empty()
}

/// `one OR other`; gives what comes after it too.
fn either<'w>(words: &'w [&'w str], allowed: &BTreeSet<String>) -> (bool, &'w [&'w str]) {
    let (mut allows, mut rest) = both(words, allowed);
    while let ["OR", after @ ..] = rest {
        let (other, after) = both(after, allowed);
        (allows, rest) = (allows | other, after);
    }
    (allows, rest)
}

/// `one AND other`.
fn both<'w>(words: &'w [&'w str], allowed: &BTreeSet<String>) -> (bool, &'w [&'w str]) {
    let (mut allows, mut rest) = licence(words, allowed);
    while let ["AND", after @ ..] = rest {
        let (other, after) = licence(after, allowed);
        (allows, rest) = (allows & other, after);
    }
    (allows, rest)
}

fn licence<'w>(words: &'w [&'w str], allowed: &BTreeSet<String>) -> (bool, &'w [&'w str]) {
    match words {
        ["(", inner @ ..] => match either(inner, allowed) {
            (allows, [")", rest @ ..]) => (allows, rest),
            (_, rest) => (false, rest),
        },
        [id, "WITH", exception, rest @ ..] => (allowed.contains(&format!("{id} WITH {exception}")), rest),
        [id, rest @ ..] => (allowed.contains(*id), rest),
        [] => (false, words),
    }
}

fn allowed() -> BTreeSet<String> {
    list(&rules(), "licenses", "allow").iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

#[test]
fn expressions_are_read_as_spdx_has_them() {
    let allowed: BTreeSet<String> = ["MIT", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    let good = ["MIT", "MIT/Apache-2.0", "GPL-2.0 OR MIT", "(GPL-2.0 OR MIT) AND MIT", "Apache-2.0 WITH LLVM-exception"];
    assert!(good.iter().all(|expression| is_allowed(expression, &allowed)));
    let bad = ["", "GPL-2.0", "MIT AND GPL-2.0", "MIT AND (GPL-2.0 OR BSD)", "Apache-2.0", "(MIT", "MIT MIT"];
    assert!(!bad.iter().any(|expression| is_allowed(expression, &allowed)));
}

#[test]
fn every_licence_is_allowed() {
    let (metadata, allowed, rules) = (metadata(), allowed(), rules());
    // A crate that names no licence in its manifest, and what its licence file says.
    let clarified = list(&rules, "licenses", "clarify");
    let clarified = |name: &str| clarified.iter().find(|entry| entry["crate"].as_str() == Some(name)).cloned();
    for package in packages(&metadata).iter().filter(|package| !package["source"].is_null()) {
        let name = text(&package["name"]);
        let expression = match package["license"].as_str() {
            Some(expression) => expression.to_owned(),
            None => clarified(name).and_then(|entry| entry["expression"].as_str().map(str::to_owned)).unwrap_or_default(),
        };
        assert!(is_allowed(&expression, &allowed), "{name} has the licence {expression:?}: see deny.toml");
    }
}

#[test]
fn every_crate_comes_from_crates_io_in_a_version_that_was_chosen() {
    let metadata = metadata();
    for package in packages(&metadata) {
        let source = &package["source"];
        assert!(source.is_null() || source == CRATES_IO, "{} comes from {source}", package["name"]);
        if !source.is_null() {
            continue;
        }
        for dependency in package["dependencies"].as_array().expect("a package lists dependencies") {
            let wild = dependency["req"] == "*" && dependency["path"].is_null();
            assert!(!wild, "{} takes any version of {}", package["name"], dependency["name"]);
        }
    }
}

#[test]
fn no_crate_is_there_that_nobody_wants() {
    let (metadata, rules) = (metadata(), rules());
    let nodes = metadata["resolve"]["nodes"].as_array().expect("it resolves dependencies");
    let name = |id: &Value| {
        let package = packages(&metadata).iter().find(|package| package["id"] == *id);
        package.map_or("", |package| text(&package["name"])).to_owned()
    };
    for ban in list(&rules, "bans", "deny") {
        let banned = ban["crate"].as_str().expect("a ban names a crate");
        let wrappers: BTreeSet<&str> =
            ban.get("wrappers").and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_str).collect();
        for node in nodes {
            let takes = node["deps"].as_array().into_iter().flatten().any(|dependency| name(&dependency["pkg"]) == banned);
            let dependent = name(&node["id"]);
            assert!(!takes || wrappers.contains(dependent.as_str()), "{dependent} takes {banned}: {}", ban["reason"]);
        }
    }
}
