//! The same workflows on this SDK and on the official one, against one server: throughput of a worker, replay of a long
//! history, and the memory that a cached workflow takes.
//!
//! Each side is measured in a process of its own, the one after the other; callers are this repository's client on both
//! sides, so only the worker differs. Both workers have their defaults but for the size of the cache.

mod load;
mod official;
mod ours;

use std::process::Stdio;

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use tokio::process::Command;

#[derive(Parser)]
#[command(about = "Measures this SDK against the official one, on a server that runs already")]
struct Args {
    /// `host:port` of the server.
    #[arg(long)]
    address: String,
    /// Workflows for the throughput, of ten activities each.
    #[arg(long, default_value_t = 1_000)]
    workflows: usize,
    /// Workflows that are kept in memory at once; what the second half of them adds is measured.
    #[arg(long, default_value_t = 1_000)]
    cached: usize,
    /// Activities of the history that is replayed; each makes six events.
    #[arg(long, default_value_t = 1_666)]
    history: usize,
    /// Measure only this side, and print what was found as JSON.
    #[arg(long)]
    side: Option<Side>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Side {
    Ours,
    Official,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(side) = args.side {
        println!("{}", load::measure(&args, side).await?);
        return Ok(());
    }
    let (ours, official) = (apart(Side::Ours).await?, apart(Side::Official).await?);
    println!("{:32} {:>12} {:>12} {:>8}", "", "this SDK", "official", "ratio");
    for (name, key, more_is_better) in [
        ("workflows/s of 10 activities", "workflows_per_second", true),
        ("activities/s", "activities_per_second", true),
        ("replay of the history, ms", "replay_millis", false),
        ("KiB of a cached workflow", "cached_kib", false),
    ] {
        let value = |side: &Value| side[key].as_f64().with_context(|| format!("no {key} in {side}"));
        let (ours, official) = (value(&ours)?, value(&official)?);
        let ratio = if more_is_better { ours / official } else { official / ours };
        println!("{name:32} {ours:>12.1} {official:>12.1} {ratio:>7.2}x");
    }
    println!("{}", json!({ "ours": ours, "official": official }));
    Ok(())
}

/// One side, in a process of its own.
async fn apart(side: Side) -> anyhow::Result<Value> {
    let side = side.to_possible_value().context("it has a name")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).arg("--side").arg(side.get_name());
    let output = command.stderr(Stdio::inherit()).output().await?;
    if !output.status.success() {
        bail!("measuring {} failed: {}", side.get_name(), output.status);
    }
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().last().context("it printed nothing")?;
    serde_json::from_str(last).with_context(|| format!("it printed {last:?}"))
}
