//! A server as a process: started from flags, until it is told to stop.
//!
//! Invariant: SIGTERM and SIGINT stop it in order; after a fault nothing is written any more and the process fails.

use std::{
    future, io,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
};

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    config::{self, Config, File, Flags},
    server::{Server, StartError},
    telemetry,
};

/// Why the process fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] config::Error),
    #[error("the configuration cannot be printed: {0}")]
    Print(#[from] toml::ser::Error),
    #[error("starting threads failed: {0}")]
    Threads(io::Error),
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
    #[error("listening for signals failed: {0}")]
    Signals(io::Error),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot write {path}: {error}")]
    ReadyFile { path: PathBuf, error: io::Error },
    #[error("the server cannot go on: {0}")]
    Fault(Arc<str>),
}

/// Does what the flags say, until a signal comes.
///
/// # Errors
/// See [`Error`].
pub fn run(flags: &Flags) -> Result<(), Error> {
    run_until(flags, future::pending())
}

/// The same, until `end` at the latest.
///
/// # Errors
/// See [`Error`].
pub fn run_until(flags: &Flags, end: impl Future<Output = ()>) -> Result<(), Error> {
    if flags.print_config {
        let file = File::effective(flags)?;
        Config::check(&file)?;
        print!("{}", toml::to_string(&file)?);
        return Ok(());
    }
    let config = Config::load(flags)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Threads)?;
    runtime.block_on(serve(config, end))
}

async fn serve(config: Config, end: impl Future<Output = ()>) -> Result<(), Error> {
    let telemetry = telemetry::start(&config)?;
    let starting = Server::builder(config.node.place.clone())
        .options(config.node)
        .listen(config.listen)
        .operations(config.metrics_listen)
        .access(config.access)
        .start();
    let mut stop = pin!(stop_signal());
    let mut end = pin!(end);
    // It may wait for other nodes for long. What was written until then is what a crash would leave.
    let server = tokio::select! {
        started = starting => started?,
        signal = &mut stop => return signal.map_err(Error::Signals),
        () = &mut end => return Ok(()),
    };
    tracing::info!(address = %server.address(), operations = ?server.operations(), "weft-server takes calls");
    if let Some(path) = config.ready_file {
        write_ready_file(&path, &server).map_err(|error| Error::ReadyFile { path, error })?;
    }
    tokio::select! {
        signal = stop => signal.map_err(Error::Signals)?,
        () = end => {}
        // Nothing may be written any more.
        fault = server.failed() => return Err(Error::Fault(fault)),
    }
    tracing::info!("stopping");
    server.shutdown().await;
    telemetry.flush();
    Ok(())
}

/// Waits for SIGTERM or SIGINT.
async fn stop_signal() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Says where the server is, whole or not at all.
fn write_ready_file(path: &Path, server: &Server) -> io::Result<()> {
    let metrics = server.operations().map(|address| address.to_string());
    let ready = serde_json::json!({
        "address": server.address().to_string(), "metrics": metrics, "pid": std::process::id(),
    });
    let unfinished = path.with_extension("unfinished");
    std::fs::write(&unfinished, format!("{ready}\n"))?;
    std::fs::rename(unfinished, path)
}
