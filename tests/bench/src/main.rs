//! The benchmark: starts a real `weft-server` on a fresh directory, drives it with raw gRPC (callers and worker in this
//! one process, on the same machine), and prints what it cost.
//!
//! It measures whole workflows as their starter sees them: from the call of `StartWorkflowExecution` to the moment when
//! the worker's last answer was acknowledged. A one-activity workflow is seven calls: start, two workflow tasks polled
//! and answered, one activity polled and answered.

mod load;
mod probe;
mod server;
mod worker;

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

use crate::{load::Shape, server::Server};

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
    #[arg(long)]
    in_memory: bool,
    /// Seconds of load for each line.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Only the lines whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

/// Each line: its name, the workflow, and how many callers start one after the other.
const LINES: [(&str, Shape, usize); 5] = [
    ("1 activity, 1 caller", Shape::Sequential(1), 1),
    ("1 activity, 64 callers", Shape::Sequential(1), 64),
    ("1 activity, 512 callers", Shape::Sequential(1), 512),
    ("10 sequential activities, 64 callers", Shape::Sequential(10), 64),
    ("100 parallel activities, 8 callers", Shape::Parallel(100), 8),
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let beside = || -> anyhow::Result<PathBuf> { Ok(std::env::current_exe()?.with_file_name("weft-server")) };
    let binary = args.server_bin.clone().map_or_else(beside, Ok)?;
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let data = args.data.clone().unwrap_or_else(|| scratch.path().join("data"));
    if !args.in_memory {
        println!("{}", probe::fdatasync(data.parent().unwrap_or(&data))?);
    }
    let server = Server::start(&binary, &data, args.in_memory).await?;
    println!("ready after {:.0} ms, {} MiB resident when idle", server.ready_ms(), server.resident_mib()?);
    println!(
        "{:<38} {:>8} {:>9} {:>9} {:>9} {:>9} {:>8} {:>9} {:>9}",
        "", "wf/s", "p50 ms", "p99 ms", "max ms", "cpu µs", "fsyncs", "log B", "entries"
    );
    for (name, shape, callers) in LINES.iter().filter(|(name, ..)| name.contains(&args.only)) {
        let line = load::run(&server, *shape, *callers, args.seconds).await?;
        println!("{name:<38} {line}");
    }
    println!("{} MiB resident at the end", server.resident_mib()?);
    server.stop().await
}
