//! `CodeMigrationWorkflow` through crashes: one that goes well, and one that is undone.

use anyhow::{Context, ensure};
use serde_json::Value;
use weft_worker::workflow::{CodeMigrationRequest, CodeMigrationWorkflow};

use crate::{
    machine::{Hit, Machine, Played},
    repository::{bare, git, refs},
};

const SHELF: &str = "def slots(count):\n    return list(xrange(count))\n";
const TESTS: &str = "import unittest\n\nfrom shelf import slots\n\n\nclass Shelf(unittest.TestCase):\n    \
                     def test_slots(self):\n        self.assertEqual(slots(2), [0, 1])\n";
/// After a good step one that breaks the tests.
const BREAKS: &str = "name = \"breaks\"\n\n[[step]]\ntitle = \"Say range\"\n\n[[step.rule]]\nkind = \"text\"\n\
    name = \"range\"\nfiles = [\".py\"]\nfind = \"xrange\"\nreplace = \"range\"\n\n[[step]]\ntitle = \"Lose a colon\"\n\n\
    [[step.rule]]\nkind = \"text\"\nname = \"colon\"\nfiles = [\"shelf.py\"]\nfind = \"(count):\"\nreplace = \"(count)\"\n";

/// Of a migration of two steps that goes well.
const GOOD: [Hit; 8] = [
    Hit { activity: "apply", nth: 1 },
    Hit { activity: "advance", nth: 2 },
    Hit { activity: "analyse", nth: 1 },
    Hit { activity: "check", nth: 1 },
    Hit { activity: "check", nth: 3 },
    Hit { activity: "conflicts", nth: 1 },
    Hit { activity: "publish", nth: 1 },
    Hit { activity: "tidy", nth: 1 },
];
/// Of one whose second step fails.
const BAD: [Hit; 2] = [Hit { activity: "retreat", nth: 1 }, Hit { activity: "tidy", nth: 1 }];

/// Plays a migration on a machine of its own; what it ended with, but for what differs each time, and the refs that
/// there are.
fn play(pack: &str, hit: Option<Hit>) -> anyhow::Result<(Played, String)> {
    let folder = tempfile::tempdir()?;
    let files = [
        ("shelf.py", SHELF),
        ("test_shelf.py", TESTS),
        ("README.md", "Needs Python 2.7.\n"),
        (".weft/migrations/breaks.toml", BREAKS),
    ];
    let repository = bare(folder.path(), &files)?;
    let mut machine = Machine::start(folder.path())?;
    let request = serde_json::json!({
        "repository": repository, "base": "main", "migration_type": pack, "source_version": "2.7",
        "target_version": "3.11", "checks": ["unit_tests"],
    });
    let request: CodeMigrationRequest = serde_json::from_value(request)?;
    let mut played = machine.play(CodeMigrationWorkflow::run, request, hit)?;
    ensure!(played.was_hit == hit.is_some(), "{hit:?} never came");
    for (scheduled, times) in &played.scheduled {
        ensure!(*times == 1, "{scheduled} was scheduled {times} times");
    }
    ensure!(machine.left_behind()? == 0, "{hit:?}: worktrees are left");
    let commits = std::mem::take(&mut played.result["step_results"]);
    let commits = commits.as_array().context("a list of steps")?.clone();
    if let Some(branch) = played.result["branch_name"].as_str() {
        // A step has one commit, whoever made it.
        let found = git(&repository, &["rev-list", "--reverse", &format!("main..{branch}")])?;
        let told: Vec<&str> = commits.iter().filter_map(|step| step["commit"].as_str()).collect();
        ensure!(found.lines().collect::<Vec<_>>() == told, "{hit:?}: {found} are there, and {told:?} were told");
    }
    let unlike = |mut step: Value| {
        step["commit"] = Value::Null;
        step
    };
    played.result["step_results"] = commits.into_iter().map(unlike).collect();
    played.result["duration_minutes"] = Value::Null;
    let url = played.result["final_pr_url"].as_str().map(|url| url.rsplit('/').next().unwrap_or_default().to_owned());
    played.result["final_pr_url"] = url.into();
    played.was_hit = false;
    Ok((played, refs(&repository)?))
}

/// All runs at once: most of the time they wait for the server to miss a worker.
fn check(pack: &str, hits: &[Hit], few: usize) -> anyhow::Result<()> {
    let undisturbed = play(pack, None)?;
    let all = std::env::var("CRASH_PHASES").is_ok_and(|phases| phases == "all");
    let hits = if all { hits } else { &hits[..few] };
    let played: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = hits.iter().map(|hit| (hit, scope.spawn(|| play(pack, Some(*hit))))).collect();
        runs.into_iter().map(|(hit, run)| (hit, run.join().expect("no run panicked"))).collect()
    });
    for (hit, played) in played {
        assert_eq!(played.with_context(|| format!("{hit:?}"))?, undisturbed, "{hit:?}");
    }
    Ok(())
}

#[test]
fn a_migration_outlives_its_worker_and_its_server_in_each_phase() -> anyhow::Result<()> {
    check("python3-migration", &GOOD, 2)
}

#[test]
fn an_undo_outlives_them_too() -> anyhow::Result<()> {
    check("breaks", &BAD, 1)
}
