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
    ("wfctl", &["weft-client", "weft-server", "weft-protocol", "weft-env"]),
];

/// A third-party crate and the only crate of ours that may name it.
const HOMES: &[(&str, &str)] =
    &[("openraft", "weft-raft"), ("fjall", "weft-store"), ("sled", "weft-store"), ("rusqlite", "weft-visibility")];

fn normal_dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(weft_tidy::root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
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
        let path = weft_tidy::root().join("crates").join(name).join("src/lib.rs");
        let text = std::fs::read_to_string(&path).expect("the crate has a lib.rs");
        assert!(text.contains("#![no_std]"), "{name} must be no_std: no clock, socket or file may be within reach");
    }
}
