//! The benchmark: starts a real `weft-server` on a fresh directory, drives it with raw gRPC (callers and worker in this
//! one process, on the same machine), and prints what it cost.
//!
//! It measures whole workflows as their starter sees them: from the call of `StartWorkflowExecution` to the moment when
//! the worker's last answer was acknowledged. A one-activity workflow is seven calls: start, two workflow tasks polled
//! and answered, one activity polled and answered.

mod behind;
mod cluster;
mod failover;
mod fill;
mod grow;
mod load;
mod probe;
mod server;
mod worker;

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    slice,
    time::Duration,
};

use anyhow::Context;
use clap::Parser;
use weft_env::{Clock, RealClock};

use crate::{
    cluster::Cluster,
    load::{Line, Load, Shape},
    server::Server,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Drives a weft-server and prints workflows/s, latencies and what each workflow cost the server")]
struct Args {
    /// The server to start; by default the one beside this program.
    #[arg(long)]
    server_bin: Option<PathBuf>,
    /// Where the server's data goes; by default a temporary directory.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Keep everything in memory instead.
    #[arg(long, conflicts_with = "data")]
    in_memory: bool,
    /// Seconds of load for each line.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Only the lines whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Instead: measure with no closed workflow and with so many, and say how much slower it has become.
    #[arg(long, value_name = "N")]
    closed: Option<u64>,
    /// Instead: measure one node, and then a cluster of three on the same machine.
    #[arg(long, conflicts_with_all = ["closed", "in_memory"])]
    cluster: bool,
    /// So many times one after the other: the medians of the ratios are printed at the end.
    #[arg(long, default_value = "1", requires = "cluster")]
    rounds: NonZeroUsize,
    /// Instead: measure a cluster of three.
    #[arg(long, value_enum, conflicts_with_all = ["closed", "in_memory", "cluster"])]
    figure: Option<Figure>,
    /// Shards of a cluster.
    #[arg(long, default_value_t = 16)]
    shards: u16,
    /// How often a node is killed.
    #[arg(long, default_value_t = 50)]
    kills: usize,
    /// Workflows that are made to be there.
    #[arg(long, default_value_t = 100_000)]
    workflows: u64,
}

/// What is measured of a cluster.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Figure {
    /// What the nodes use when nothing happens.
    Idle,
    /// How soon the shards of a node that was killed answer again.
    Failover,
    /// How soon a follower that was down has caught up by the log.
    Log,
    /// The same by a picture of the rows: with one shard and 20,000 workflows or so.
    Picture,
    /// What it costs that a follower stands still under load.
    Stopped,
    /// Memory with open workflows that wait for timers, and how soon their shards are taken over.
    Open,
    /// How long callers wait while a node of its own becomes three.
    Grow,
}

const LINES: [Load; 5] = [
    Load { name: "1 activity, 1 caller", shape: Shape::Sequential(1), callers: 1 },
    Load { name: "1 activity, 64 callers", shape: Shape::Sequential(1), callers: 64 },
    Load { name: "1 activity, 512 callers", shape: Shape::Sequential(1), callers: 512 },
    Load { name: "10 sequential activities, 64 callers", shape: Shape::Sequential(10), callers: 64 },
    Load { name: "100 parallel activities, 8 callers", shape: Shape::Parallel(100), callers: 8 },
];
/// The line that is compared when none is chosen.
const COMPARED: &str = "1 activity, 64 callers";
/// What the server is doing when it is killed.
const KILLED_UNDER: Load = Load { name: "", shape: Shape::Sequential(1), callers: 64 };
const KILLED_AFTER: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let beside = || -> anyhow::Result<PathBuf> { Ok(std::env::current_exe()?.with_file_name("weft-server")) };
    let binary = args.server_bin.clone().map_or_else(beside, Ok)?;
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let data = args.data.clone().unwrap_or_else(|| scratch.path().join("data"));
    if args.cluster {
        return cluster::compare(&binary, scratch.path(), &args).await;
    }
    if let Some(figure) = args.figure {
        return show(figure, &binary, scratch.path(), &args).await;
    }
    if !args.in_memory {
        println!("{}", probe::fdatasync(data.parent().unwrap_or(&data))?);
    }
    let place = if args.in_memory {
        "in memory"
    } else if data.exists() {
        "on the directory as it was"
    } else {
        "on a fresh directory"
    };
    let server = Server::start(&binary, &data, args.in_memory).await?;
    println!("ready after {:.0} ms {place}", server.ready_ms());
    server.settle().await?;
    println!("{} MiB resident when idle", server.resident_mib()?);
    let server = match args.closed {
        Some(count) => compare(server, &args, count).await?,
        None => {
            measure(slice::from_ref(&server), "", &args.only, args.seconds).await?;
            println!("{} MiB resident at the end", server.resident_mib()?);
            server
        }
    };
    if args.in_memory {
        return server.stop().await;
    }
    restarts(server, &binary, &data).await
}

/// Measures one figure of a cluster.
async fn show(figure: Figure, binary: &Path, scratch: &Path, args: &Args) -> anyhow::Result<()> {
    if let Figure::Grow = figure {
        return grow::run(binary, scratch, args.shards, args.workflows).await;
    }
    let mut nodes = Cluster::start(binary, scratch, args.shards).await?;
    match figure {
        Figure::Idle => nodes.idle().await?,
        Figure::Failover => failover::run(&mut nodes, args.kills).await?,
        Figure::Log => behind::by_log(&mut nodes, args.workflows).await?,
        Figure::Picture => behind::by_picture(&mut nodes, args.workflows).await?,
        Figure::Stopped => behind::stopped(&nodes, args.seconds).await?,
        Figure::Open => {
            behind::open(&mut nodes, args.workflows).await?;
            failover::run(&mut nodes, args.kills).await?;
        }
        Figure::Grow => unreachable!("it makes a cluster of its own"),
    }
    nodes.stop().await
}

/// Prints a line for each load whose name contains `only`, and gives back their rates.
async fn measure(
    servers: &[Server],
    round: &str,
    only: &str,
    seconds: u64,
) -> anyhow::Result<Vec<(&'static str, f64)>> {
    println!("{:<38} {}", "", Line::head());
    let mut rates = Vec::new();
    for load in LINES.iter().filter(|load| load.name.contains(only)) {
        let line = load::run(servers, round, load, seconds).await?;
        println!("{:<38} {line}", load.name);
        rates.push((load.name, line.rate()));
    }
    Ok(rates)
}

/// The same lines before and after so many workflows were closed.
async fn compare(server: Server, args: &Args, count: u64) -> anyhow::Result<Server> {
    let only = if args.only.is_empty() { COMPARED } else { &args.only };
    println!("\nwith no closed workflows but its own");
    let before = measure(slice::from_ref(&server), "before", only, args.seconds).await?;
    println!("\nclosing {count} workflows");
    fill::fill([&server], fill::Fill::closed(count)).await?;
    let settled = server.settle().await?;
    println!("idle {:.0} s later, {} MiB resident", settled.as_secs_f64(), server.resident_mib()?);
    println!("\nwith {count} closed workflows");
    let after = measure(slice::from_ref(&server), "after", only, args.seconds).await?;
    for ((name, before), (_, after)) in before.iter().zip(after) {
        println!("{name}: {:.2} of the rate without them", after / before);
    }
    Ok(server)
}

/// How long the server takes to come back to a directory that it closed, and to one that it did not.
async fn restarts(server: Server, binary: &Path, data: &Path) -> anyhow::Result<()> {
    server.stop().await?;
    let server = Server::start(binary, data, false).await?;
    println!("\nready after {:.0} ms on the directory, closed in order", server.ready_ms());
    let clock = RealClock::new();
    tokio::select! {
        ended = load::run(slice::from_ref(&server), "killed", &KILLED_UNDER, u64::from(u16::MAX)) => {
            ended.context("the load ended before the server was killed")?;
        }
        () = clock.sleep_until(KILLED_AFTER) => {}
    }
    server.kill().await?;
    let server = Server::start(binary, data, false).await?;
    println!("ready after {:.0} ms on the directory, after kill -9 under load", server.ready_ms());
    server.stop().await
}
