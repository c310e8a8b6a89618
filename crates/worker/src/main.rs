//! The worker's program. When it is asked to supervise a command it does only that.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, ValueEnum};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use weft::{
    Client,
    client::{
        Explicit,
        config::{Process, resolve},
        in_one_line,
    },
};
use weft_worker::{
    operations,
    process::{Supervisor, supervise_if_asked},
    sandbox::Mode,
    serve::{self, QUEUE, Settings},
};

/// How to say who calls: the same as for `wfctl`.
const AFTER_HELP: &str = "TLS and API keys come from the environment, as for Temporal's own programs: TEMPORAL_TLS_…, \
    WEFT_API_KEY or TEMPORAL_API_KEY, or a profile of temporal.toml.\n\nExamples:\n  weft-worker --folder \
    /var/lib/weft-worker\n  weft-worker --folder /var/lib/weft-worker --listen 127.0.0.1:7281";

/// Plan, patch, diagnose, migrate and check git repositories, for the workflows of a task queue
#[derive(Debug, Parser)]
#[command(name = "weft-worker", version, after_help = AFTER_HELP)]
struct Args {
    /// Server: HOST:PORT [default: WEFT_ADDRESS, or 127.0.0.1:7233]
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Namespace of the workflows [default: WEFT_NAMESPACE, or default]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Task queue
    #[arg(long, env = "WEFT_WORKER_QUEUE", default_value = QUEUE, value_name = "NAME")]
    queue: String,
    /// Folder for worktrees, of this worker alone
    #[arg(long, env = "WEFT_WORKER_FOLDER", value_name = "PATH")]
    folder: PathBuf,
    /// Whether commands are kept to their worktree
    #[arg(long, env = "WEFT_WORKER_SANDBOX", value_enum, default_value_t = Confine::On)]
    sandbox: Confine,
    /// Address of health and metrics: /livez, /readyz, /metrics [default: none]
    #[arg(long, env = "WEFT_WORKER_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Who does the work of which role, as TOML [default: the builtin provider does all]
    #[arg(long, env = "WEFT_WORKER_AGENTS", value_name = "FILE")]
    agents: Option<PathBuf>,
    /// Whose pull requests live on GitHub, as TOML [default: all live beside their repository]
    #[arg(long, env = "WEFT_WORKER_FORGES", value_name = "FILE")]
    forges: Option<PathBuf>,
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
            eprintln!("weft-worker: {}", in_one_line(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("threads cannot be started")?;
    runtime.block_on(async {
        let explicit = Explicit { address: args.address, namespace: args.namespace, ..Explicit::default() };
        let client = Client::connect(resolve(&explicit, &Process)?.options).await?;
        let sandbox = match args.sandbox {
            Confine::On => Mode::Enforced,
            Confine::Off => Mode::Off,
        };
        let supervisor = Supervisor::this_program();
        let settings = Settings { queue: args.queue, folder: args.folder, supervisor, sandbox };
        let providers = serve::providers(args.agents.as_deref())?;
        let forges = serve::forges(args.forges.as_deref())?;
        let mut terminate = signal(SignalKind::terminate()).context("listening for signals failed")?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        };
        let listener = match args.listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        Ok(operations::run(serve::worker_with(&client, &settings, &providers, forges)?, listener, stop).await?)
    })
}

/// Says where it listens: port 0 lets the system choose.
async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("--listen {address}"))?;
    eprintln!("weft-worker: health and metrics at {}", listener.local_addr()?);
    Ok(listener)
}
