//! `CodeMigrationWorkflow` through crashes: one that goes well, and one that is undone.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    machine::Victim,
    play::Phase,
    scene::{Scene, nothing},
};

const SHELF: &str = "def slots(count):\n    return list(xrange(count))\n";
const TESTS: &str = "import unittest\n\nfrom shelf import slots\n\n\nclass Shelf(unittest.TestCase):\n    \
                     def test_slots(self):\n        self.assertEqual(slots(2), [0, 1])\n";
/// After a good step one that breaks the tests.
const BREAKS: &str = "name = \"breaks\"\n\n[[step]]\ntitle = \"Say range\"\n\n[[step.rule]]\nkind = \"text\"\n\
    name = \"range\"\nfiles = [\".py\"]\nfind = \"xrange\"\nreplace = \"range\"\n\n[[step]]\ntitle = \"Lose a colon\"\n\n\
    [[step.rule]]\nkind = \"text\"\nname = \"colon\"\nfiles = [\"shelf.py\"]\nfind = \"(count):\"\nreplace = \"(count)\"\n";

fn scene(request: fn(&Path) -> Value) -> Scene<'static> {
    const FILES: &[(&str, &str)] = &[
        ("shelf.py", SHELF),
        ("test_shelf.py", TESTS),
        ("README.md", "Needs Python 2.7.\n"),
        (".weft/migrations/breaks.toml", BREAKS),
    ];
    Scene { workflow: "CodeMigrationWorkflow", files: FILES, agents: "", prepare: nothing, request }
}

fn request(repository: &Path, pack: &str) -> Value {
    json!({
        "repository": repository, "base": "main", "migration_type": pack, "source_version": "2.7",
        "target_version": "3.11", "checks": ["unit_tests"],
    })
}

/// The phases of a migration of two steps that goes well.
const GOOD: [Phase; 8] = [
    ("apply", 1),
    ("advance", 2),
    ("analyse", 1),
    ("check", 1),
    ("check", 3),
    ("conflicts", 1),
    ("publish", 1),
    ("tidy", 1),
];

#[test]
fn a_migration_outlives_its_worker_and_its_server_in_each_phase() -> anyhow::Result<()> {
    let scene = scene(|repository| request(repository, "python3-migration"));
    let ended = scene.outlives(&GOOD, &[Victim::Both.at(("apply", 1)), Victim::Both.at(("advance", 2))])?;
    let result = &ended.played.result;
    assert_eq!((&result["completed_steps"], &result["final_pr_url"]), (&json!(2), &json!("file:pull-requests/1.json")));
    // A step has one commit, whoever made it.
    let branch = "refs/heads/feature/python3-migration-from-2-7-to-3-11 ";
    let line = ended.repository.iter().find(|line| line.starts_with(branch));
    assert!(line.is_some_and(|line| line.ends_with(" 3")), "{:?}", ended.repository);
    Ok(())
}

#[test]
fn an_undo_outlives_them_too() -> anyhow::Result<()> {
    let scene = scene(|repository| request(repository, "breaks"));
    let ended = scene.outlives(&[("retreat", 1), ("tidy", 1)], &[Victim::Both.at(("retreat", 1))])?;
    assert_eq!(ended.played.result["rollback_performed"], json!(true));
    assert_eq!(ended.repository.len(), 1, "{:?}", ended.repository);
    Ok(())
}
