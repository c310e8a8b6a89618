//! `cancel`, `terminate` and `delete`.

use serde_json::json;
use weft_client::{BatchOperation, Run};

use super::target::Several;
use crate::{batch, session::Connected};

#[derive(clap::Args, Debug)]
#[command(after_help = "The workflow decides what it does about it.\n\n\
    Examples:\n  wfctl workflow cancel order-17 --reason 'ordered twice'\n  \
    wfctl workflow cancel --query 'WorkflowType = \"Order\"' --wait")]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    target: Several,
    /// Why; it stands in the history
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "Its worker is not asked and cleans nothing up; `wfctl workflow cancel` asks.\n\n\
    Examples:\n  wfctl workflow terminate order-17 --reason 'stuck since Monday'\n  \
    wfctl workflow terminate --query 'TaskQueue = \"old\"' --rps 10 --yes")]
pub(crate) struct TerminateArgs {
    #[command(flatten)]
    target: Several,
    /// Why; it stands in the history
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "A running workflow is terminated first. There is no way back.\n\n\
    Examples:\n  wfctl workflow delete order-17\n  wfctl workflow delete order-17 --run-id RUN_ID")]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    target: Several,
}

pub(crate) async fn cancel(session: &Connected, args: &CancelArgs) -> anyhow::Result<()> {
    if let Some(query) = &args.target.batch.query {
        return batch::begin(session, query, &args.target.batch, BatchOperation::Cancel, &args.reason).await;
    }
    args.target.batch.check_unused()?;
    let run = args.target.run();
    session.client.cancel(&run, &args.reason).await?;
    say(session, &run, "cancelRequested", "asked to cancel itself:")
}

pub(crate) async fn terminate(session: &Connected, args: &TerminateArgs) -> anyhow::Result<()> {
    if let Some(query) = &args.target.batch.query {
        return batch::begin(session, query, &args.target.batch, BatchOperation::Terminate, &args.reason).await;
    }
    args.target.batch.check_unused()?;
    let run = args.target.run();
    session.client.terminate(&run, &args.reason, Vec::new()).await?;
    say(session, &run, "terminated", "terminated")
}

pub(crate) async fn delete(session: &Connected, args: &DeleteArgs) -> anyhow::Result<()> {
    if let Some(query) = &args.target.batch.query {
        return batch::begin(session, query, &args.target.batch, BatchOperation::Delete, "").await;
    }
    args.target.batch.check_unused()?;
    let run = args.target.run();
    session.client.delete(&run).await?;
    say(session, &run, "deleted", "deleted")
}

fn say(session: &Connected, run: &Run, key: &str, done: &str) -> anyhow::Result<()> {
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&json!({ "workflowId": run.workflow_id, key: true }))?);
    }
    Ok(output.line(format_args!("{done} {}", run.workflow_id))?)
}
