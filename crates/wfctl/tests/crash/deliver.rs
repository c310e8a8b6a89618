//! `PlanPatchPRWorkflow` through crashes: one that is merged, and one whose change does not pass the gate and is undone.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    machine::Victim,
    play::{CHILD, Phase},
    scene::{Scene, nothing},
};

/// Too many by one, in both.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("shelf.py", "def slots(count):\n    return list(range(count + 1))\n"),
    ("stock.py", "def total(stock):\n    return sum(stock.values()) + 1\n"),
    (
        "test_shelf.py",
        "import unittest\n\nfrom shelf import slots\n\n\nclass Shelf(unittest.TestCase):\n    \
         def test_slots(self):\n        self.assertEqual(slots(2), [0, 1])\n",
    ),
    (
        "test_stock.py",
        "import unittest\n\nfrom stock import total\n\n\nclass Stock(unittest.TestCase):\n    \
         def test_total(self):\n        self.assertEqual(total({'a': 1}), 1)\n",
    ),
];
/// An agent that mends both, and writes down that it was there.
pub(crate) const MENDS: &str = "roles.patch = \"agent\"\n\n[providers.agent]\nkind = \"command\"\n\
    words = [\"sh\", \"-c\", \"sed -i 's/ + 1//' shelf.py stock.py; echo Mended.\"]\n";
/// One that mends nothing.
pub(crate) const SPOILS: &str = "roles.patch = \"agent\"\n\n[providers.agent]\nkind = \"command\"\n\
    words = [\"sh\", \"-c\", \"sed -i 's/ + 1/ + 2/' shelf.py stock.py; echo Mended.\"]\n";

fn request(repository: &Path) -> Value {
    json!({
        "repository": repository, "base": "main", "requirement": "Fix what the shelf and the stock count",
        "auto_merge": true,
    })
}

const PHASES: [Phase; 9] = [
    ("patch", 1),
    (CHILD, 1),
    ("merge_pull_request", 1),
    ("design", 1),
    ("plan", 1),
    ("merge", 1),
    ("make_branch", 1),
    ("publish", 1),
    ("tidy", 1),
];

#[test]
fn a_change_outlives_its_worker_and_its_server_in_each_phase() -> anyhow::Result<()> {
    let scene = Scene { workflow: "PlanPatchPRWorkflow", files: FILES, agents: MENDS, prepare: nothing, request };
    let ended = scene.outlives(&PHASES, &[Victim::Worker.at(("patch", 1)), Victim::Both.at((CHILD, 1))])?;
    let result = &ended.played.result;
    assert_eq!((&result["merged"], &result["test_results"]["total"]), (&json!(true), &json!(2)), "{result}");
    assert_eq!(result["files_changed"], json!(["shelf.py", "stock.py"]));
    Ok(())
}

#[test]
fn a_change_that_does_not_pass_is_undone_through_crashes_too() -> anyhow::Result<()> {
    let scene = Scene { workflow: "PlanPatchPRWorkflow", files: FILES, agents: SPOILS, prepare: nothing, request };
    let ended = scene.outlives(&[("remove_branch", 1), ("tidy", 1)], &[Victim::Both.at(("remove_branch", 1))])?;
    assert_eq!(ended.played.result, json!({ "failed": ["QualityGate"] }));
    let refs = ended.repository.iter().filter(|line| line.starts_with("refs/"));
    assert_eq!(refs.count(), 1, "{:?}", ended.repository);
    Ok(())
}
