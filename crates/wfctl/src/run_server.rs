//! `wfctl server run`: the binary `weft-server` inside this one, for `wfctl dev --nodes` and where only `wfctl` is at hand.

use std::future;

use weft_server::{config::Flags, process};

use crate::{exit::Failure, parent::Parent};

#[derive(clap::Args, Debug)]
#[command(after_help = "Flags go over WEFT_… variables, and these over the file of --config; docs/configuration.toml \
    lists its keys.\n\nExamples:\n  wfctl server run --data-dir ./data\n  wfctl server run --config weft.toml \
    --print-config")]
pub(crate) struct Args {
    #[command(flatten)]
    flags: Flags,
    /// Stop when this process, which started this one, has ended
    #[arg(long, hide = true, value_name = "PID")]
    with_parent: Option<u32>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let parent = args.with_parent.map(Parent::of);
    process::run_until(&args.flags, ended(parent)).map_err(|error| Failure::refused(error.to_string()).into())
}

/// Ends when the parent does; without one, never.
async fn ended(parent: Option<Parent>) {
    match parent {
        Some(parent) => parent.gone().await,
        None => future::pending().await,
    }
}
