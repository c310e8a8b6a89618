//! What a durable step costs: eight checks that do nothing, each in a worktree of its own and one after the other, by a
//! gate on real processes, and by a shell script without workflow, history or sandbox. `OVERHEAD_RUNS` says how often;
//! the least time counts. The figure depends on the machine, and nothing is asserted of it.

use std::{
    fmt::Write as _,
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use weft_client::{
    Client, Close, ConnectOptions, Run, Start, Value as _,
    api::history::{HistoryEvent, history_event::Attributes},
};
use weft_env::{Clock, RealClock};

use crate::{
    machine::{Machine, QUEUE},
    repository::{bare, git},
};

const KINDS: [&str; 8] = [
    "unit_tests",
    "integration_tests",
    "lint",
    "security",
    "coverage",
    "performance",
    "dependencies",
    "static_analysis",
];

#[test]
fn eight_checks_by_a_gate_and_by_a_script() -> anyhow::Result<()> {
    let times: usize = std::env::var("OVERHEAD_RUNS").map_or(Ok(1), |times| times.parse())?;
    let folder = tempfile::tempdir()?;
    let checks: String = KINDS.iter().map(|kind| format!("  {kind}: exit 0\n")).collect();
    let repository =
        bare(folder.path(), &[("lamp.txt", "dark\n"), (".weft/checks.yaml", &format!("checks:\n{checks}"))])?;
    let tree = folder.path().join("tree");
    git(&tree, &["checkout", "--quiet", "-b", "feature/lamp"])?;
    std::fs::write(tree.join("lamp.txt"), "light\n")?;
    git(&tree, &["commit", "--quiet", "--all", "--message", "Add a lamp"])?;
    git(&tree, &["push", "--quiet", "../repository.git", "feature/lamp"])?;

    let plain = least((0..times).map(|_| script(folder.path(), &repository)))?;
    let machine = Machine::start(folder.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let options = ConnectOptions { address: machine.address().to_owned(), ..ConnectOptions::default() };
    let client = runtime.block_on(Client::connect(options))?;
    let durable = least((0..times).map(|number| runtime.block_on(gate(&client, number, &repository))))?;
    let steps = u32::try_from(KINDS.len())?;
    let each = durable.saturating_sub(plain) / steps;
    println!(
        "eight checks that do nothing: {plain:.1?} by a script, {durable:.1?} by a gate, {each:.1?} more for a step"
    );
    Ok(())
}

fn least(all: impl Iterator<Item = anyhow::Result<Duration>>) -> anyhow::Result<Duration> {
    all.collect::<anyhow::Result<Vec<_>>>()?.into_iter().min().context("it is done at least once")
}

/// A worktree for each, its check, and away with it.
fn script(folder: &Path, repository: &Path) -> anyhow::Result<Duration> {
    let mut lines = String::new();
    for kind in KINDS {
        let tree = folder.join("script").join(kind);
        let (repository, tree) = (repository.display(), tree.display());
        writeln!(lines, "git -C {repository} worktree add --quiet --detach {tree} feature/lamp")?;
        writeln!(lines, "(cd {tree} && sh -c 'exit 0')")?;
        writeln!(lines, "git -C {repository} worktree remove --force {tree}")?;
    }
    let clock = RealClock::new();
    let start = clock.monotonic();
    let status = Command::new("sh").args(["-ec", &lines]).status()?;
    ensure!(status.success(), "the script fails: {status}");
    Ok(clock.monotonic() - start)
}

/// From the first check that was wanted to the last one that was done, as the history has it.
async fn gate(client: &Client, number: usize, repository: &Path) -> anyhow::Result<Duration> {
    let request = json!({
        "repository": repository, "branch": "feature/lamp", "base": "main",
        "house": { "limits": { "hard": { "fan_out": 1 } } },
    });
    let id = format!("gate-{number}");
    let start = Start::new(&id, "QualityGateWorkflow", QUEUE);
    client.start(Start { input: vec![request.to_payload()?], ..start }).await?;
    let close = client.result(&Run::latest(&id)).await?.close;
    let Close::Completed(payloads) = close else { anyhow::bail!("{close:?}") };
    let result: Value = serde_json::from_slice(&payloads[0].data)?;
    let passed = KINDS.iter().filter(|kind| result["checks"][**kind]["verdict"] == "passed").count();
    ensure!(passed == KINDS.len() && result["can_merge"] == true, "{result}");
    let (mut pages, mut wanted, mut done) = (client.history(&Run::latest(&id), false), Vec::new(), Vec::new());
    let mut checks = Vec::new();
    while let Some(events) = pages.next().await? {
        for event in events {
            let time = time(&event)?;
            match event.attributes {
                Some(Attributes::ActivityTaskScheduledEventAttributes(it))
                    if it.activity_type.as_ref().is_some_and(|it| it.name == "check") =>
                {
                    checks.push(event.event_id);
                    wanted.push(time);
                }
                Some(Attributes::ActivityTaskCompletedEventAttributes(it))
                    if checks.contains(&it.scheduled_event_id) =>
                {
                    done.push(time);
                }
                _ => {}
            }
        }
    }
    ensure!((wanted.len(), done.len()) == (KINDS.len(), KINDS.len()), "eight checks, each once");
    ensure!(wanted.iter().skip(1).zip(&done).all(|(next, before)| before <= next), "one after the other");
    let (first, last) = (wanted.first().context("there is one")?, done.last().context("there is one")?);
    Ok(last.duration_since(*first)?)
}

fn time(event: &HistoryEvent) -> anyhow::Result<SystemTime> {
    let time = event.event_time.context("an event has a time")?;
    Ok(SystemTime::UNIX_EPOCH + Duration::new(u64::try_from(time.seconds)?, u32::try_from(time.nanos)?))
}
