//! A follower that misses something: what that costs the others, and how soon it has caught up, by the log or by a picture
//! of the rows.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::Command;
use weft_env::Clock;

use crate::{
    cluster::{Cluster, NODES},
    fill::{Fill, Filled, fill},
    load::{self, Load, Shape},
    server::Server,
};

/// The follower.
const BEHIND: usize = NODES - 1;
const LOOK: Duration = Duration::from_millis(10);
const CAUGHT_UP_MAX: Duration = Duration::from_secs(300);
/// By then each node has made a checkpoint.
const CHECKPOINT: Duration = Duration::from_secs(35);
const LOAD: Load = Load { name: "", shape: Shape::Sequential(1), callers: 64 };
/// Entries of a group that its leader keeps for followers.
const KEPT: u64 = 10_000;
/// What each entry brings that is not in the log any more.
const INPUT_BYTES: usize = 8 << 10;

fn others(cluster: &Cluster) -> impl Iterator<Item = &Server> {
    cluster.nodes.iter().take(BEHIND).flatten()
}

/// So many workflows are closed while a follower is down, and the log has them all.
pub(crate) async fn by_log(cluster: &mut Cluster, workflows: u64) -> anyhow::Result<()> {
    cluster.kill(BEHIND).await?;
    fill(others(cluster), Fill { name: "log", ..Fill::closed(workflows) }).await?;
    let (took, entries) = catch_up(cluster).await?;
    let transitions = workflows * 2;
    println!(
        "by the log: {transitions} transitions in {entries} entries, {:.1} s from the start of the process: {:.0} transitions/s",
        took.as_secs_f64(),
        transitions as f64 / took.as_secs_f64()
    );
    Ok(())
}

/// A follower is down until the others have purged what it has not: one shard, so many large workflows.
pub(crate) async fn by_picture(cluster: &mut Cluster, workflows: u64) -> anyhow::Result<()> {
    cluster.kill(BEHIND).await?;
    let fat = Fill { name: "picture", count: workflows, filled: Filled::Started(INPUT_BYTES), callers: 4 };
    fill(others(cluster), fat).await?;
    // Checkpoints purge.
    for node in others(cluster) {
        node.settle().await?;
    }
    cluster.clock.sleep_until(cluster.clock.monotonic() + CHECKPOINT).await;
    let (took, entries) = catch_up(cluster).await?;
    if entries <= KEPT {
        bail!("the log still had all {entries} entries: ask for more --workflows");
    }
    let mib = (workflows * INPUT_BYTES as u64) as f64 / f64::from(1 << 20);
    println!(
        "by a picture: {mib:.0} MiB of inputs, {entries} entries behind, {:.1} s from the start of the process: {:.0} MiB/s",
        took.as_secs_f64(),
        mib / took.as_secs_f64()
    );
    Ok(())
}

/// Starts the follower, and waits until it has applied what the others have.
async fn catch_up(cluster: &mut Cluster) -> anyhow::Result<(Duration, u64)> {
    let target = sum(cluster, 0, "log").await?;
    let clock = cluster.clock;
    let begun = clock.monotonic();
    cluster.restart(BEHIND).await?;
    let served = clock.monotonic() - begun;
    let first = sum(cluster, BEHIND, "applied").await?;
    while sum(cluster, BEHIND, "applied").await? < target {
        if clock.monotonic() - begun > CAUGHT_UP_MAX {
            bail!("after {CAUGHT_UP_MAX:?} the follower has not caught up");
        }
        clock.sleep_until(clock.monotonic() + LOOK).await;
    }
    println!("  it serves after {:.1} s, with {} entries left", served.as_secs_f64(), target.saturating_sub(first));
    Ok((clock.monotonic() - begun, target))
}

async fn sum(cluster: &Cluster, node: usize, what: &str) -> anyhow::Result<u64> {
    let found = cluster.node(node)?.operations("/admin/cluster").await?;
    let groups = found["groups"].as_array().context("a cluster has groups")?;
    Ok(groups.iter().filter_map(|group| group[what].as_u64()).sum())
}

/// What it costs the others that a follower stands still under load, for so many seconds.
pub(crate) async fn stopped(cluster: &Cluster, seconds: u64) -> anyhow::Result<()> {
    let servers = || others(cluster);
    let resident = || -> anyhow::Result<u64> {
        Ok(servers().map(Server::resident_mib).collect::<anyhow::Result<Vec<_>>>()?.into_iter().max().unwrap_or(0))
    };
    load::run(servers(), "whole", &LOAD, seconds).await?;
    let before = resident()?;
    let pid = cluster.node(BEHIND)?.pid()?.to_string();
    signal("-STOP", &pid).await?;
    cluster.without(BEHIND).await?;
    let line = load::run(servers(), "stopped", &LOAD, seconds).await;
    let after = resident();
    signal("-CONT", &pid).await?;
    println!(
        "a follower stopped for {seconds} s under {:.0} workflows/s: {before} MiB resident at most after as long with it, {} MiB then",
        line?.rate(),
        after?
    );
    Ok(())
}

async fn signal(signal: &str, pid: &str) -> anyhow::Result<()> {
    let sent = Command::new("kill").args([signal, pid]).status().await.context("cannot run kill")?;
    if sent.success() { Ok(()) } else { bail!("kill {signal} {pid} failed") }
}

/// Memory with so many open workflows that wait for timers; and, with one shard, how soon another node takes it over.
pub(crate) async fn open(cluster: &mut Cluster, workflows: u64) -> anyhow::Result<()> {
    let open = Fill { name: "open", filled: Filled::Open, ..Fill::closed(workflows) };
    fill(cluster.nodes.iter().flatten(), open).await?;
    for (number, node) in (1..).zip(cluster.nodes.iter().flatten()) {
        node.settle().await?;
        println!("node {number}: {workflows} open workflows with timers, {} MiB resident", node.resident_mib()?);
    }
    Ok(())
}
