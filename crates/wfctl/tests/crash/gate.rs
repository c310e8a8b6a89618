//! `QualityGateWorkflow` through crashes: a pull request whose lint is mended, so that all is looked at twice.

use std::path::Path;

use serde_json::{Value, json};
use weft_worker::{
    forge::{Forge, Local, NewPullRequest},
    repository::Repository,
};

use crate::{machine::Victim, play::Phase, repository::git, scene::Scene};

const CHECKS: &str = "checks:\n  unit_tests: python3 -B -m unittest\n  lint:\n    command: \"! grep -n ' $' shelf.py\"\n    \
                      fix: sed -i 's/ *$//' shelf.py\n";
const FILES: &[(&str, &str)] = &[
    ("shelf.py", "def slots(count):\n    return list(range(count))\n"),
    (
        "test_shelf.py",
        "import unittest\n\nfrom shelf import slots\n\n\nclass Shelf(unittest.TestCase):\n    \
         def test_slots(self):\n        self.assertEqual(slots(2), [0, 1])\n",
    ),
    (".weft/checks.yaml", CHECKS),
];

/// A branch with a trailing space, and a pull request for it.
fn prepare(repository: &Path) -> anyhow::Result<()> {
    let tree = repository.with_file_name("tree");
    git(&tree, &["checkout", "--quiet", "-b", "feature/lamp"])?;
    std::fs::write(tree.join("shelf.py"), "def slots(count): \n    return list(range(count))\n")?;
    git(&tree, &["commit", "--quiet", "--all", "--message", "Add a lamp"])?;
    git(&tree, &["push", "--quiet", "../repository.git", "feature/lamp"])?;
    let commit = git(&tree, &["rev-parse", "HEAD"])?;
    let new = NewPullRequest {
        key: "a person".to_owned(),
        branch: "feature/lamp".to_owned(),
        commit,
        base: "main".to_owned(),
        title: "Add a lamp".to_owned(),
        description: String::new(),
        labels: [].into(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let repository = Repository::open(repository.display().to_string()).await?;
        anyhow::Ok(Local::new(repository)?.open(&new).await?)
    })?;
    Ok(())
}

fn request(repository: &Path) -> Value {
    json!({
        "repository": repository, "branch": "feature/lamp", "base": "main", "pr_number": 1, "attempt_auto_fix": true,
    })
}

/// The checks of the first time, the fix, the checks of the second time, and what is told of them.
const PHASES: [Phase; 8] = [
    ("auto_fix", 1),
    ("check", 3),
    ("report_gate", 1),
    ("look", 1),
    ("look", 2),
    ("check", 8),
    ("check", 12),
    ("tidy", 1),
];

#[test]
fn a_gate_outlives_its_worker_and_its_server_in_each_phase() -> anyhow::Result<()> {
    let scene = Scene { workflow: "QualityGateWorkflow", files: FILES, agents: "", prepare, request };
    let ended = scene.outlives(&PHASES, &[Victim::Worker.at(("check", 3)), Victim::Server.at(("auto_fix", 1))])?;
    let result = &ended.played.result;
    assert_eq!((&result["can_merge"], &result["auto_fixes_applied"]), (&json!(true), &json!(true)), "{result}");
    Ok(())
}
