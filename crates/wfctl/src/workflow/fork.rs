//! `fork`: another future beside the old one.

use serde_json::json;

use super::target::Target;
use crate::{head, session::Connected};

#[derive(clap::Args, Debug)]
#[command(
    after_help = "The copy has the history up to the event, or up to the last place before it where nothing is half \
    done, and goes on by\nitself: the next workflow task replays it. Timers keep their due times, pending activities are \
    scheduled again,\nchildren and requests to other workflows are not connected. The old workflow does not notice.\n\n\
    Examples:\n  wfctl workflow fork order-17 --at 42 --id order-17-other"
)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The last event to be copied
    #[arg(long, value_name = "EVENT")]
    at: i64,
    /// The workflow id of the copy, which must be new
    #[arg(long = "id", value_name = "NEW_ID")]
    new_id: String,
}

pub(crate) async fn fork(session: &Connected, args: &Args) -> anyhow::Result<()> {
    let forked = session.client.fork(&args.target.run(), args.at, &args.new_id).await?;
    let execution = forked.execution.unwrap_or_default();
    let output = &session.output;
    if output.is_json() {
        let mut json = json!({ "workflowId": execution.workflow_id, "runId": execution.run_id });
        json["forkedFrom"] = forked.origin.as_ref().map(head::json_origin).into();
        json["historyHead"] = forked.head.as_ref().map(head::json).into();
        return Ok(output.json(&json)?);
    }
    let origin = forked.origin.unwrap_or_default();
    output.line(format_args!(
        "forked {} (run {}) from {}",
        execution.workflow_id,
        execution.run_id,
        head::origin(&origin)
    ))?;
    if origin.event_id < args.at {
        output.note(format_args!(
            "event {} stands in the middle of what belongs together; up to event {} nothing is half done",
            args.at, origin.event_id
        ));
    }
    Ok(())
}
