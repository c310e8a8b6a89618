//! `export`: a history in a file, and its head in a file beside it.
//!
//! Invariant: the head is that of exactly the events in the file, also while the run goes on. The history's file has
//! nothing but protobuf's canonical JSON, so that the replayer of any SDK reads it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::{Value, json};
use weft_client::{Run, api::history::History};
use weft_protocol::json::to_json;

use super::target::Target;
use crate::{head, session::Connected};

#[derive(clap::Args, Debug)]
#[command(
    after_help = "The file has protobuf's canonical JSON, which the replayers of the SDKs read. Beside it, with .head \
    at the end of its name,\nis the head of the history, if the server keeps one: `wfctl workflow verify --head` takes its \
    hash.\n\nExamples:\n  wfctl workflow export order-17 --to order-17.json"
)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The file; one that is there is written over
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

pub(crate) async fn export(session: &Connected, args: &Args) -> anyhow::Result<()> {
    let known = head::of(session, &args.target.run()).await?;
    let execution = known.as_ref().and_then(|it| it.execution.clone());
    // Of the run whose head it is, even if another one follows it meanwhile.
    let run = execution.map_or_else(|| args.target.run(), |it| Run { workflow_id: it.workflow_id, run_id: it.run_id });
    let mut events = session.client.history(&run, false).all().await?;
    let head = known.and_then(|it| it.head);
    if let Some(head) = &head {
        events.truncate(usize::try_from(head.event_count).unwrap_or(usize::MAX));
    }
    let count = events.len();
    write(&args.to, &to_json(&History { events })?)?;
    let told = head.as_ref().map(|head| {
        let mut told = head::json(head);
        told["workflowId"] = run.workflow_id.as_str().into();
        told["runId"] = run.run_id.as_str().into();
        told
    });
    if let Some(told) = &told {
        write(&beside(&args.to), told)?;
    }
    let output = &session.output;
    if output.is_json() {
        let file = args.to.display().to_string();
        return Ok(output.json(&json!({ "file": file, "eventCount": count, "historyHead": told }))?);
    }
    let head = head.map(|head| format!(", head {}", head::hex(&head.hash))).unwrap_or_default();
    Ok(output.line(format_args!("exported {count} events of {} to {}{head}", run.workflow_id, args.to.display()))?)
}

/// `order-17.json.head`
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".head");
    name.into()
}

fn write(file: &Path, value: &Value) -> anyhow::Result<()> {
    fs::write(file, format!("{value:#}\n")).with_context(|| format!("cannot write {}", file.display()))
}
