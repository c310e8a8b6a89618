//! Chaos: a cluster of three real processes is killed, frozen and cut apart while clients work against it; in the end
//! everything is healed, and the histories are held against what clients were told.
//!
//! Invariant: what a client was told was done is there once, through every node; what it was not told is there once or not
//! at all; whatever can finish has finished.

mod faults;
mod ledger;
mod links;
mod load;
mod nodes;
mod report;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use clap::Parser;
use weft_env::{Clock, RealClock, SeededIds};

use crate::{faults::Faults, ledger::Ledger, load::Load, nodes::Nodes, report::Report};

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
    /// Only kill -9, one node at a time, and measure how soon each shard answers again.
    #[arg(long)]
    failover: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let ids = SeededIds::new(flags.seed);
    let data = tempfile::tempdir().context("no place for the data")?;
    let nodes = Nodes::start(flags.server.clone(), data.path(), Arc::clone(&clock)).await?;
    let ledger = Arc::<Ledger>::default();
    let mut report = Report::new(flags.seed);
    let load = Load::start(&nodes, &ledger, &clock, flags.clients, &ids);
    let mut faults = Faults::new(&nodes, &clock, ids.fork());
    let end = clock.monotonic() + Duration::from_secs(flags.seconds);
    while clock.monotonic() < end {
        let fault = if flags.failover { faults.failover().await? } else { faults.next().await? };
        report.fault(fault);
    }
    faults.heal().await?;
    let outcome = load.finish().await;
    report.work(&outcome);
    let checked = ledger.check(&nodes).await?;
    report.print(&checked);
    nodes.stop().await?;
    if !checked.complaints.is_empty() {
        // For whoever looks into it.
        let kept = data.keep();
        bail!("{} complaints; the nodes' data and logs are in {}", checked.complaints.len(), kept.display());
    }
    Ok(())
}
