//! `wfctl PORT [--enable-time-skipping]`: what Temporal's test server answers to, so that SDKs start this in its place.
//!
//! Invariant: everything is in memory, and it ends with whoever started it, who may be gone without a word.

use std::{ffi::OsString, net::SocketAddr};

use clap::Parser;
use weft_env::SkippingClock;
use weft_server::{
    Server,
    config::{Config, File},
    telemetry,
};

use crate::{
    dev::{self, Signals},
    exit::Failure,
    output::Output,
    parent::Parent,
};

/// A server for tests that skips time, as Temporal's test server does
#[derive(Parser, Debug)]
#[command(name = "wfctl PORT", no_binary_name = true, disable_version_flag = true, override_usage = USAGE)]
#[command(
    after_help = "Flags of a test server: --enable-time-skipping\n\nExample:\n  wfctl 7777 --enable-time-skipping"
)]
pub(crate) struct Args {
    /// Port of the API; 0 lets the system choose
    port: u16,
    /// Skip time from the start; without it, time is locked once and a test unlocks it
    #[arg(long)]
    enable_time_skipping: bool,
}

const USAGE: &str = "wfctl PORT [--enable-time-skipping]";

impl Args {
    /// What is asked for, if the command line is one for a test server: it begins with a port.
    pub(crate) fn of(command_line: impl Iterator<Item = OsString>) -> Option<Self> {
        let args: Vec<OsString> = command_line.skip(1).collect();
        let port = args.first()?.to_str()?;
        (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then(|| Self::parse_from(args))
    }
}

pub(crate) fn run(args: &Args, output: &Output) -> anyhow::Result<()> {
    // First of all: whoever started this may be gone before the server is there.
    let parent = Parent::now();
    let mut file = File::default();
    file.server.in_memory = true;
    file.server.listen = SocketAddr::from(([127, 0, 0, 1], args.port)).to_string();
    file.log.level = dev::LOG.to_owned();
    // A test has few workflows, and wants its server at once.
    file.storage.shards = 2;
    let config = Config::check(&file).map_err(|error| Failure::usage(error.to_string()))?;
    dev::block_on(serve(config, args, parent, output))
}

async fn serve(config: Config, args: &Args, parent: Parent, output: &Output) -> anyhow::Result<()> {
    let telemetry = telemetry::start(&config)?;
    let mut signals = Signals::listen()?;
    let clock = SkippingClock::locked();
    if args.enable_time_skipping {
        clock.unlock()?;
    }
    let server = Server::builder(config.node.place.clone())
        .options(config.node)
        .skip_time(&clock)
        .listen(config.listen)
        .start()
        .await
        .map_err(|error| dev::explain(error, args.port))?;
    output.line(format_args!("Weft {} skips time on {}", env!("CARGO_PKG_VERSION"), server.address()))?;
    tokio::select! {
        () = signals.next() => {}
        () = parent.gone() => {}
        fault = server.failed() => return Err(Failure::refused(format!("the server cannot go on: {fault}")).into()),
    }
    // Nothing is kept, so there is nothing to put in order.
    telemetry.flush();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<Args> {
        Args::of(line.split(' ').map(OsString::from))
    }

    #[test]
    fn a_port_makes_it_a_test_server() {
        assert!(!of("wfctl 7777").unwrap().enable_time_skipping);
        assert!(of("wfctl 7777 --enable-time-skipping").unwrap().enable_time_skipping);
        assert!(of("wfctl").is_none() && of("wfctl dev --port 7777").is_none() && of("wfctl --port 7").is_none());
    }
}
