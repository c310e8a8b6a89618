//! The walls between crates: which may depend on which, and which third-party crates have one home.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// Who may depend on whom among ours; dev-dependencies may be anything.
const ARROWS: &[(&str, &[&str])] = &[
    ("weft-protocol", &[]),
    ("weft-env", &[]),
    ("weft-store", &["weft-env"]),
    ("weft-engine", &["weft-protocol"]),
    ("weft-rows", &["weft-engine", "weft-protocol"]),
    ("weft-raft", &["weft-store", "weft-env", "weft-protocol"]),
    ("weft-matching", &["weft-protocol", "weft-env"]),
    ("weft-visibility", &["weft-protocol", "weft-env"]),
    ("weft-shard", &["weft-engine", "weft-rows", "weft-store", "weft-raft", "weft-env", "weft-protocol"]),
    (
        "weft-server",
        &[
            "weft-shard",
            "weft-matching",
            "weft-visibility",
            "weft-raft",
            "weft-store",
            "weft-rows",
            "weft-env",
            "weft-engine",
            "weft-protocol",
        ],
    ),
    ("weft-client", &["weft-protocol", "weft-env"]),
    ("weft-replay", &["weft-protocol"]),
    ("weft-sdk-macros", &[]),
    ("weft-sdk", &["weft-replay", "weft-client", "weft-sdk-macros", "weft-protocol", "weft-env"]),
    ("weft", &["weft-sdk", "weft-client", "weft-server", "weft-env"]),
    ("weft-worker", &["weft", "weft-env"]),
    ("wfctl", &["weft-client", "weft-server", "weft-worker", "weft-protocol", "weft-env"]),
];

/// A third-party crate and the only crate of ours that may name it.
const HOMES: &[(&str, &str)] = &[
    ("openraft", "weft-raft"),
    ("fjall", "weft-store"),
    ("lsm-tree", "weft-store"),
    ("sled", "weft-store"),
    ("rusqlite", "weft-visibility"),
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(weft_tidy::root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn normal_dependencies() -> BTreeMap<String, Vec<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("it lists packages");
    packages
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().expect("a package lists dependencies");
            let normal = all.iter().filter(|dependency| dependency["kind"].as_str() != Some("dev"));
            (text(&package["name"]), normal.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect()
}

#[test]
fn only_the_drawn_arrows_exist() {
    let packages = normal_dependencies();
    let ours = |name: &str| packages.contains_key(name);
    for (name, allowed) in ARROWS {
        let dependencies = packages.get(*name).unwrap_or_else(|| panic!("{name} is not in the workspace"));
        for dependency in dependencies.iter().filter(|dependency| ours(dependency)) {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} → {dependency} is not an arrow of ARCHITECTURE.md: break it, or write an ADR and add it here"
            );
        }
    }
}

#[test]
fn every_crate_of_the_product_is_drawn() {
    for name in normal_dependencies().keys() {
        let tool = name == "xtask" || weft_tidy::root().join("tests").join(name.trim_start_matches("weft-")).is_dir();
        let drawn = ARROWS.iter().any(|(known, _)| known == name);
        assert!(tool || drawn, "{name} has no line in ARROWS: say what it may depend on");
    }
}

#[test]
fn openraft_and_the_databases_have_one_home_each() {
    for (name, dependencies) in normal_dependencies() {
        for (third_party, home) in HOMES {
            let named = dependencies.iter().any(|dependency| dependency == third_party);
            assert!(!named || name == *home, "{name} names {third_party}: only {home} may");
        }
    }
}

#[test]
fn the_pure_crates_have_no_std() {
    for name in ["engine", "replay", "rows"] {
        let sources = weft_tidy::sources();
        let folder = format!("crates/{name}/src/");
        let ours: Vec<_> = sources.iter().filter(|source| source.path.starts_with(&folder)).collect();
        let lib = ours.iter().find(|source| source.path == format!("{folder}lib.rs")).expect("the crate has a lib.rs");
        assert!(
            lib.text.lines().any(|line| line == "#![no_std]"),
            "{name} must be no_std: no clock, socket or file may be within reach"
        );
        for source in ours.iter().filter(|source| !is_of_tests(&source.path)) {
            let found = names_std(&source.text);
            assert!(found.is_none(), "{}: {} names std", source.path, found.unwrap_or_default());
        }
    }
}

/// Modules that are there for tests alone.
fn is_of_tests(path: &str) -> bool {
    path.split('/').any(|part| ["tests", "tests.rs", "testing", "testing.rs"].contains(&part))
}

/// The first line before the tests of a file, and outside comments, that names std.
fn names_std(text: &str) -> Option<&str> {
    let mut for_tests = false;
    for line in text.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
        if line.starts_with("#[") {
            for_tests |= line == "#[cfg(test)]";
            continue;
        }
        if for_tests && line.starts_with("mod ") && line.ends_with('{') {
            return None;
        }
        let path = line
            .match_indices("std::")
            .any(|(place, _)| !line[..place].ends_with(|before: char| before.is_alphanumeric() || before == '_'));
        if !for_tests && (path || line.starts_with("extern crate std")) {
            return Some(line);
        }
        for_tests = false;
    }
    None
}

#[test]
fn std_is_found_where_it_is_named() {
    assert_eq!(
        names_std("use core::fmt;\n    let now = std::time::Instant::now();"),
        Some("let now = std::time::Instant::now();")
    );
    assert_eq!(names_std("extern crate std;"), Some("extern crate std;"));
    let tests = "#[cfg(test)]\nextern crate std;\n/// Not `std::fs`.\n#[cfg(test)]\nmod tests {\n    use std::vec;\n}";
    assert_eq!(names_std(tests), None);
}

/// A test whose features are not asked for is left out by cargo without a word.
#[test]
fn every_feature_that_a_test_requires_is_asked_for() {
    let path = weft_tidy::root().join("xtask/src/steps.rs");
    let steps = std::fs::read_to_string(&path).expect("xtask has its steps");
    let line = steps.lines().find_map(|line| line.strip_prefix("const TESTING: &str = \"")).expect("it has TESTING");
    let asked: Vec<&str> = line.trim_end_matches("\";").split(',').collect();
    let unit =
        steps.split("fn unit()").nth(1).and_then(|rest| rest.split("\n}").next()).expect("it has the step `unit`");
    assert!(unit.contains("\"--features\", TESTING"), "the step `unit` asks for no TESTING: {unit}");
    let metadata = metadata();
    for package in metadata["packages"].as_array().expect("it lists packages") {
        let targets = package["targets"].as_array().expect("a package lists targets");
        for target in targets.iter().filter(|target| target["kind"][0].as_str() == Some("test")) {
            for feature in target["required-features"].as_array().into_iter().flatten() {
                let feature = format!("{}/{}", text(&package["name"]), text(feature));
                assert!(asked.contains(&feature.as_str()), "{} is left out: name {feature} in TESTING", target["name"]);
            }
        }
    }
}
