//! The binary `weft-server`.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use weft_server::{
    Server,
    config::{Config, File, Flags},
    telemetry,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let flags = Flags::parse();
    match run(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weft-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> anyhow::Result<()> {
    if flags.print_config {
        let file = File::effective(flags)?;
        Config::check(&file)?;
        print!("{}", toml::to_string(&file).context("the configuration cannot be printed")?);
        return Ok(());
    }
    let config = Config::load(flags)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting threads failed")?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = telemetry::start(&config)?;
    let server = Server::builder(config.node.place.clone())
        .options(config.node.clone())
        .listen(config.listen)
        .operations(config.metrics_listen)
        .access(config.access.clone())
        .start()
        .await?;
    tracing::info!(address = %server.address(), operations = ?server.operations(), "weft-server takes calls");
    if let Some(path) = &config.ready_file {
        write_ready_file(path, &server).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let outcome = tokio::select! {
        signal = stop_signal() => signal,
        fault = server.failed() => Err(anyhow::anyhow!("the server cannot go on: {fault}")),
    };
    match outcome {
        Ok(()) => {
            tracing::info!("stopping");
            server.shutdown().await;
        }
        // Nothing may be written any more.
        Err(fault) => return Err(fault),
    }
    telemetry.flush();
    Ok(())
}

/// Waits for SIGTERM or SIGINT.
async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM failed")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT failed")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Says where the server is, whole or not at all.
fn write_ready_file(path: &Path, server: &Server) -> std::io::Result<()> {
    let metrics = server.operations().map(|address| address.to_string());
    let ready = serde_json::json!({
        "address": server.address().to_string(), "metrics": metrics, "pid": std::process::id(),
    });
    let unfinished = path.with_extension("unfinished");
    std::fs::write(&unfinished, format!("{ready}\n"))?;
    std::fs::rename(unfinished, path)
}
