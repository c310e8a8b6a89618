//! `wfctl dev`: a server in this process, with everything on; or several as processes of their own.

mod child;
mod nodes;
mod ports;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use weft_server::{
    Server, StartError,
    config::{Config, File},
    node::{NamespaceSeed, Place},
    telemetry,
};

use crate::{
    cli::Global,
    exit::{Exit, Failure},
    operations::PORTS_UP,
    output::Output,
};

/// How long closed workflows of a namespace made here are kept.
pub(crate) const RETENTION: Duration = Duration::from_secs(24 * 3600);

pub(crate) const LOG: &str = "warn";

#[derive(clap::Args, Debug)]
#[command(after_help = "Without --data everything is lost at exit. With --namespace that namespace is made at the \
    first start.\n\nExamples:\n  wfctl dev\n  wfctl dev --data ./weft-data\n  wfctl dev --port 0 --output json\n  \
    wfctl dev --nodes 3 --data ./weft-data")]
pub(crate) struct Args {
    /// Keep the data here
    #[arg(long, alias = "data-dir", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Run 1 or 3 servers as processes of their own, one cluster; each has a folder below --data, and ports 100 apart
    #[arg(long, value_name = "N", value_parser = one_or_three)]
    nodes: Option<u32>,
    /// Port of the API; 0 lets the system choose
    #[arg(short, long, default_value_t = 7233)]
    port: u16,
    /// Port of metrics, health and administration [default: 47 above --port]
    #[arg(long, value_name = "PORT")]
    operations_port: Option<u16>,
    /// Address of both ports; any but a loopback address is reachable by others, without protection
    #[arg(long, default_value = "127.0.0.1")]
    ip: IpAddr,
    /// What to log to standard error: off, error, warn, info, debug, or a filter [default: warn; with --nodes, where it
    /// goes to files, info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

fn one_or_three(text: &str) -> Result<u32, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("1 or 3: of two nodes neither can be lost".to_owned()),
    }
}

pub(crate) fn run(args: &Args, global: &Global, output: &Output) -> anyhow::Result<()> {
    match args.nodes {
        Some(count) => nodes::run(args, count, global, output),
        None => block_on_server(config(args, global)?, args.port, output),
    }
}

/// Runs a server until it is told to stop.
pub(crate) fn block_on_server(config: Config, port: u16, output: &Output) -> anyhow::Result<()> {
    block_on(serve(config, port, output))
}

/// Runs the work of a server on as many threads as there are processors.
pub(crate) fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting threads failed")?;
    runtime.block_on(work)
}

fn config(args: &Args, global: &Global) -> Result<Config, Failure> {
    let mut file = File::default();
    file.server.in_memory = args.data.is_none();
    file.server.data_dir.clone_from(&args.data);
    file.server.insecure_bind = true;
    file.server.listen = SocketAddr::new(args.ip, args.port).to_string();
    let beside = if args.port == 0 { Some(0) } else { args.port.checked_add(PORTS_UP) };
    let operations = args.operations_port.or(beside).unwrap_or(0);
    file.server.metrics_listen = SocketAddr::new(args.ip, operations).to_string();
    file.log.level = args.log.clone().unwrap_or_else(|| LOG.to_owned());
    let mut config = Config::check(&file).map_err(|error| Failure::usage(error.to_string()))?;
    let seeds = &mut config.node.namespaces;
    if let Some(name) = global.namespace.as_ref().filter(|name| seeds.iter().all(|seed| seed.name != **name)) {
        seeds.push(NamespaceSeed { name: name.clone(), retention: RETENTION, search_attributes: Default::default() });
    }
    Ok(config)
}

async fn serve(config: Config, port: u16, output: &Output) -> anyhow::Result<()> {
    let telemetry = telemetry::start(&config)?;
    // Before the server starts, so that an early signal is not missed.
    let mut signals = Signals::listen()?;
    let place = config.node.place.clone();
    let server = Server::builder(place.clone())
        .options(config.node)
        .listen(config.listen)
        .operations(config.metrics_listen)
        .start()
        .await
        .map_err(|error| explain(error, port))?;
    banner(&server, &place, output)?;
    tokio::select! {
        () = signals.next() => {}
        fault = server.failed() => return Err(Failure::refused(format!("the server cannot go on: {fault}")).into()),
    }
    output.note("stopping; Ctrl-C again ends at once");
    tokio::select! {
        () = server.shutdown() => {}
        () = signals.next() => return Err(Failure::refused("ended before the server had stopped").into()),
    }
    telemetry.flush();
    Ok(())
}

/// Why a server does not start that was to have this port.
pub(crate) fn explain(error: StartError, port: u16) -> anyhow::Error {
    let says = match &error {
        StartError::InUse { address } if address.port() == port => format!(
            "port {port} is taken: another server may be running (`wfctl doctor` asks it); \
             stop it, or choose another with --port (0 lets the system choose)"
        ),
        StartError::InUse { address } => {
            format!("port {} for operations is taken: choose another with --operations-port", address.port())
        }
        StartError::Listen { .. } | StartError::Access(_) | StartError::Cluster(_) | StartError::Open(_) => {
            let error: anyhow::Error = error.into();
            format!("{error:#}")
        }
    };
    Failure::new(Exit::Refused, says).into()
}

fn banner(server: &Server, place: &Place, output: &Output) -> anyhow::Result<()> {
    let address = server.address();
    let operations = server.operations().map(|address| address.to_string());
    let data = match place {
        Place::Directory(path) => Some(path.display().to_string()),
        Place::Memory => None,
    };
    if output.is_json() {
        let pid = std::process::id();
        let ready = json!({ "address": address.to_string(), "operations": operations, "data": data, "pid": pid });
        return Ok(output.line(ready)?);
    }
    let other = if address.port() == 7233 { String::new() } else { format!(" --address {address}") };
    let version = env!("CARGO_PKG_VERSION");
    output.line(format_args!("Weft {version} takes calls on {address}; Ctrl-C stops it\n"))?;
    Ok(output.line(output.pairs(vec![
        ("data", data.unwrap_or_else(|| "in memory: lost at exit (--data DIR keeps it)".to_owned())),
        ("operations", operations.map(|at| format!("http://{at}/healthz and /metrics")).unwrap_or_default()),
        ("try next", format!("wfctl{other} workflow start Hello --task-queue hello --input '\"world\"'")),
        ("and", format!("wfctl{other} workflow list")),
    ]))?)
}

/// SIGINT and SIGTERM.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listening for signals failed");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
