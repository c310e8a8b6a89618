//! A follower that misses something: what that costs the others, and how soon it has caught up, by the log or by a picture
//! of the rows.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, bail};
use tokio::process::Command;
use weft_env::Clock;

use crate::{
    cluster::{Cluster, Group, Groups, NODES},
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

/// A follower that has caught up.
struct Caught {
    took: Duration,
    /// Entries of each group that it had not when it was killed.
    missed: BTreeMap<u64, u64>,
}

impl Caught {
    fn entries(&self) -> u64 {
        self.missed.values().sum()
    }

    /// Of the group that has most of them.
    fn most(&self) -> u64 {
        self.missed.values().copied().max().unwrap_or_default()
    }
}

/// So many workflows are closed while a follower is down, and the log has them all.
pub(crate) async fn by_log(cluster: &mut Cluster, workflows: u64) -> anyhow::Result<()> {
    let had = cluster.groups(BEHIND).await?;
    cluster.kill(BEHIND).await?;
    fill(others(cluster), Fill { name: "log", ..Fill::closed(workflows) }).await?;
    let caught = catch_up(cluster, &had).await?;
    let (took, entries, most) = (caught.took.as_secs_f64(), caught.entries(), caught.most());
    if most > KEPT {
        bail!(
            "a group was {most} entries behind, so a picture may have come: ask for fewer --workflows or more --shards"
        );
    }
    let transitions = workflows * 2;
    println!(
        "by the log: {transitions} transitions, {entries} entries behind, {took:.1} s from the start of the process: {:.0} transitions/s",
        transitions as f64 / took
    );
    Ok(())
}

/// A follower is down until the others have purged what it has not: one shard, so many large workflows.
pub(crate) async fn by_picture(cluster: &mut Cluster, workflows: u64) -> anyhow::Result<()> {
    if cluster.shards != 1 {
        bail!("of {} shards some would come by the log: ask for --shards 1", cluster.shards);
    }
    let had = cluster.groups(BEHIND).await?;
    cluster.kill(BEHIND).await?;
    let fat = Fill { name: "picture", count: workflows, filled: Filled::Started(INPUT_BYTES), callers: 4 };
    fill(others(cluster), fat).await?;
    // Checkpoints purge.
    for node in others(cluster) {
        node.settle().await?;
    }
    cluster.clock.sleep_until(cluster.clock.monotonic() + CHECKPOINT).await;
    let caught = catch_up(cluster, &had).await?;
    let (took, most) = (caught.took.as_secs_f64(), caught.most());
    if most <= KEPT {
        bail!("the log still had all {most} entries: ask for more --workflows");
    }
    let mb = (workflows * INPUT_BYTES as u64) as f64 / 1e6;
    println!(
        "by a picture: {mb:.0} MB of inputs, {most} entries behind, {took:.1} s from the start of the process: {:.0} MB/s",
        mb / took
    );
    Ok(())
}

/// Starts the follower, and waits until it has applied what the others have.
async fn catch_up(cluster: &mut Cluster, had: &Groups) -> anyhow::Result<Caught> {
    let target = cluster.groups(0).await?;
    let clock = cluster.clock;
    let begun = clock.monotonic();
    cluster.restart(BEHIND).await?;
    let served = clock.monotonic() - begun;
    let mut left = missing(&target, &cluster.groups(BEHIND).await?, |group| group.applied);
    println!("  it serves after {:.1} s, with {} entries left", served.as_secs_f64(), left.values().sum::<u64>());
    while left.values().any(|entries| *entries > 0) {
        if clock.monotonic() - begun > CAUGHT_UP_MAX {
            bail!("after {CAUGHT_UP_MAX:?} the follower has not caught up: {left:?}");
        }
        clock.sleep_until(clock.monotonic() + LOOK).await;
        left = missing(&target, &cluster.groups(BEHIND).await?, |group| group.applied);
    }
    Ok(Caught { took: clock.monotonic() - begun, missed: missing(&target, had, |group| group.log) })
}

/// How many entries of each group come after those that a node has.
fn missing(target: &Groups, node: &Groups, has: impl Fn(&Group) -> u64) -> BTreeMap<u64, u64> {
    let missing =
        |(number, group): (&u64, &Group)| (*number, group.log.saturating_sub(node.get(number).map_or(0, &has)));
    target.iter().map(missing).collect()
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
