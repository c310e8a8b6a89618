//! The worker's program. When it is asked to supervise a command it does only that.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use weft::{Client, ConnectOptions};
use weft_worker::{
    process::{Supervisor, supervise_if_asked},
    sandbox::Mode,
    serve::{self, QUEUE, Settings},
};

/// Check changes of git repositories, for the quality gates of a task queue
#[derive(Debug, Parser)]
#[command(name = "weft-worker", version, after_help = "Example:\n  weft-worker --folder /var/lib/weft-worker")]
struct Args {
    /// Server: HOST:PORT
    #[arg(long, env = "WEFT_ADDRESS", default_value = "127.0.0.1:7233", value_name = "HOST:PORT")]
    address: String,
    /// Namespace of the workflows
    #[arg(long, env = "WEFT_NAMESPACE", default_value = "default", value_name = "NAME")]
    namespace: String,
    /// Task queue
    #[arg(long, env = "WEFT_WORKER_QUEUE", default_value = QUEUE, value_name = "NAME")]
    queue: String,
    /// Folder for worktrees, of this worker alone
    #[arg(long, env = "WEFT_WORKER_FOLDER", value_name = "PATH")]
    folder: PathBuf,
    /// Whether commands are kept to their worktree
    #[arg(long, env = "WEFT_WORKER_SANDBOX", value_enum, default_value_t = Confine::On)]
    sandbox: Confine,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Confine {
    /// Commands are confined, or refused where the kernel cannot do it
    On,
    /// Commands may do what the worker may
    Off,
}

fn main() -> ExitCode {
    if let Some(code) = supervise_if_asked() {
        return code;
    }
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weft-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("threads cannot be started")?;
    runtime.block_on(async {
        let options = ConnectOptions { address: args.address, namespace: args.namespace, ..ConnectOptions::default() };
        let client = Client::connect(options).await?;
        let sandbox = match args.sandbox {
            Confine::On => Mode::Enforced,
            Confine::Off => Mode::Off,
        };
        let supervisor = Supervisor::this_program();
        let settings = Settings { queue: args.queue, folder: args.folder, supervisor, sandbox };
        let mut terminate = signal(SignalKind::terminate()).context("listening for signals failed")?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        };
        Ok(serve::gate_worker(&client, &settings)?.run_until(stop).await?)
    })
}
