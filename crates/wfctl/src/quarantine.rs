//! `wfctl quarantine …`: executions that broke an invariant, through the operations port of one node.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::{
    exit::Failure,
    operations::encode,
    output::{Tone, text},
    session::Session,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List what was set aside, and why
    #[command(after_help = "Examples:\n  wfctl quarantine list\n  wfctl quarantine list --operations 10.0.0.7:7280")]
    List,
    /// Let a workflow go on: its state is read again from the disk
    #[command(after_help = "Examples:\n  wfctl quarantine clear order-17 --namespace orders")]
    Clear(ClearArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ClearArgs {
    /// The workflow
    #[arg(value_name = "WORKFLOW_ID")]
    workflow_id: String,
}

pub(crate) fn run(session: &Session, verb: &Verb) -> anyhow::Result<()> {
    match verb {
        Verb::List => list(session),
        Verb::Clear(args) => clear(session, &args.workflow_id),
    }
}

fn list(session: &Session) -> anyhow::Result<()> {
    let found = session.operations.json("GET", "/admin/quarantine")?;
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&found)?);
    }
    let rows: Vec<_> = found.as_array().into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        output.note("nothing is in quarantine");
        return Ok(());
    }
    Ok(output.line(output.table(&["NAMESPACE", "WORKFLOW ID", "RUN ID", "WHY"], rows))?)
}

fn row(entry: &Value) -> Vec<(Tone, String)> {
    ["namespace", "workflow_id", "run_id", "why"].map(|key| text(entry[key].as_str().unwrap_or_default())).into()
}

fn clear(session: &Session, workflow: &str) -> anyhow::Result<()> {
    let namespace = &session.resolved.options.namespace;
    let path = format!("/admin/quarantine/clear?namespace={}&workflow_id={}", encode(namespace), encode(workflow));
    let answer = session.operations.json("POST", &path)?;
    if answer["cleared"].as_bool() != Some(true) {
        let says =
            format!("{workflow} of namespace {namespace} is not in quarantine; `wfctl quarantine list` shows what is");
        return Err(Failure::refused(says).into());
    }
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&answer)?);
    }
    Ok(output.line(format_args!("released {workflow}"))?)
}
