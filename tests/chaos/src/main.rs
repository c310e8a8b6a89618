//! Chaos: a cluster of three or more real processes is killed, frozen and cut apart, its disks and clocks fail and its nodes lose
//! their data, while clients work against it; in the end everything is healed, and the histories are held against what
//! clients were told.
//!
//! Nodes of an earlier build may be replaced instead, one after the other (`upgrade.rs`).
//!
//! Invariant: what a client or a worker was told was done is there once, through every node; what it was not told is there
//! once or not at all; whatever can finish has finished, and the laws hold (`laws.rs`).

mod accounts;
mod book;
mod calls;
mod check;
mod commands;
mod errand;
mod faults;
mod ground;
mod laws;
mod ledger;
mod load;
mod nodes;
mod operations;
mod proxy;
mod report;
mod schedule;
mod shim;
mod upgrade;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Parser;
use weft_env::{Clock, RealClock, SeededIds};

use crate::{
    book::Book,
    check::Checked,
    faults::{Faults, Kind},
    ground::Ground,
    ledger::Ledger,
    load::Load,
    nodes::{FOUNDERS, Nodes},
    report::Report,
    shim::Shim,
};

/// More are too much for one machine.
const NODES_MAX: usize = 9;

/// Breaks a cluster of real processes for a while, and checks what it owes.
#[derive(Debug, Parser)]
struct Flags {
    /// The server's binary.
    #[arg(long, value_name = "FILE")]
    server: PathBuf,
    /// How long it is broken.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// What is broken, and when, comes from it; how it falls in with the work does not.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Clients that work at the same time.
    #[arg(long, default_value_t = 12)]
    clients: usize,
    /// Nodes; with more than three a node has copies of some shards only, and copies are moved.
    #[arg(long, value_name = "N", default_value_t = FOUNDERS, value_parser = nodes)]
    nodes: usize,
    /// Only kill -9, one node at a time, and measure how soon each shard answers again.
    #[arg(long)]
    failover: bool,
    /// Only what is named so in the report; may be repeated.
    #[arg(long, value_name = "NAME", value_parser = kind)]
    only: Vec<Kind>,
    /// Instead: start this server of an earlier build, and replace it by the other one, node by node.
    #[arg(long, value_name = "FILE", conflicts_with = "nodes")]
    upgrade_from: Option<PathBuf>,
    /// Size of each node's disk, as far as nodes have disks of their own; what is not written to takes no room.
    #[arg(long, value_name = "MIB", default_value_t = 8192)]
    disk_mib: u64,
    /// As where no namespaces can be had.
    #[arg(long, hide = true)]
    no_namespaces: bool,
}

fn kind(name: &str) -> Result<Kind, String> {
    let known = || Kind::ALL.map(Kind::name).join(", ");
    Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| format!("it is one of: {}", known()))
}

fn nodes(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (FOUNDERS..=NODES_MAX).contains(number));
    number.ok_or_else(|| format!("from {FOUNDERS} to {NODES_MAX}"))
}

fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    ground::enter(!flags.no_namespaces)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let data = tempfile::tempdir().context("no place for the data")?;
        let outcome = tokio::select! {
            outcome = run(&flags, data.path()) => outcome,
            // The first process of a namespace has to listen to it itself.
            interrupted = tokio::signal::ctrl_c() => bail!("interrupted {interrupted:?}"),
        };
        let complaints = match outcome {
            Ok(checked) if checked.complaints.is_empty() => return Ok(()),
            Ok(checked) => anyhow::anyhow!("{} complaints", checked.complaints.len()),
            Err(error) => error,
        };
        // For whoever looks into it.
        Err(complaints.context(format!("the nodes' data and logs are in {}", data.keep().display())))
    })
}

async fn run(flags: &Flags, data: &Path) -> anyhow::Result<Checked> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let ids = SeededIds::new(flags.seed);
    let ground = Ground::prepare(flags.nodes, data, flags.disk_mib, &clock).await?;
    println!("{}", ground.describe());
    // Without it faults are left out; why is worth knowing where there is a compiler.
    let shim = Shim::build(data).inspect_err(|error| eprintln!("no shim: {error:#}")).ok();
    let first = flags.upgrade_from.as_ref().unwrap_or(&flags.server);
    let nodes = Nodes::start(first, ground, data, shim, Arc::clone(&clock)).await?;
    let left_out = Faults::left_out(&nodes);
    if flags.upgrade_from.is_none() && !left_out.is_empty() && ground::is_roots() && std::env::var_os("CI").is_some() {
        bail!("where root may do everything a run of CI leaves nothing out, and here it cannot have {left_out:?}");
    }
    let (ledger, book) = (Arc::<Ledger>::default(), Arc::<Book>::default());
    let mut report = Report::new(flags.seed, left_out);
    let load = Load::start(&nodes, (&ledger, &book), &clock, flags.clients, &ids).await?;
    let broken = match &flags.upgrade_from {
        Some(earlier) => upgrade::run(&nodes, &clock, earlier, &flags.server).await,
        None => faults(flags, &nodes, &clock, ids.fork(), &mut report).await,
    };
    if broken.is_err() {
        nodes.account().await?;
    }
    broken?;
    nodes.all_current().await?;
    let work = load.finish(&ledger, &book).await;
    report.work(work, book.attempts());
    let checked = check::check(&nodes, &ledger, &book).await?;
    report.print(&checked);
    nodes.stop().await?;
    if checked.complaints.is_empty() {
        nodes.ground.leave()?;
    }
    Ok(checked)
}

/// Breaks one thing after the other.
async fn faults(
    flags: &Flags,
    nodes: &Nodes,
    clock: &Arc<dyn Clock>,
    ids: SeededIds,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut faults = Faults::new(nodes, clock, ids, &flags.only)?;
    let end = clock.monotonic() + Duration::from_secs(flags.seconds);
    // Each kind was there before it ends.
    while clock.monotonic() < end || !(flags.failover || faults.has_done_all()) {
        let fault = if flags.failover { faults.next_failover().await? } else { faults.next().await? };
        report.fault(fault);
    }
    Ok(())
}
