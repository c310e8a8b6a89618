//! `describe` and `show`.

use weft_client::{
    Run,
    api::{enums::PendingWorkflowTaskState, history::History, workflowservice::DescribeWorkflowExecutionResponse},
};
use weft_protocol::json::to_json;

use super::target::Target;
use crate::{
    head,
    output::harmless,
    render::{execution, history, tree},
    session::Connected,
    workers,
};

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  wfctl workflow describe order-17\n  \
    wfctl workflow describe order-17 --output json")]
pub(crate) struct DescribeArgs {
    #[command(flatten)]
    target: Target,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "With --output json the history is in protobuf's canonical JSON, which the replayers of the \
    SDKs read;\nwith --follow too, one event per line.\n\n\
    Examples:\n  wfctl workflow show order-17\n  wfctl workflow show order-17 --detailed\n  wfctl workflow show order-17 --follow\n  \
    wfctl workflow show order-17 --output json > order-17.json")]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    target: Target,
    /// Every event on a line of its own
    #[arg(long)]
    detailed: bool,
    /// Every event on a line of its own, and go on with new ones until the run closes
    #[arg(short, long)]
    follow: bool,
}

pub(crate) async fn describe(session: &Connected, args: &DescribeArgs) -> anyhow::Result<()> {
    let run = args.target.run();
    let described = session.client.describe(&run).await?;
    let execution = described.workflow_execution_info.as_ref().and_then(|info| info.execution.clone());
    // Of the run that was described, even if another one follows it meanwhile.
    let run = Run { run_id: execution.map(|it| it.run_id).unwrap_or_default(), ..run };
    let history = head::of(session, &run).await?;
    let output = &session.output;
    if output.is_json() {
        let mut json = to_json(&described)?;
        if let Some(history) = &history {
            json["historyHead"] = history.head.as_ref().map(head::json).into();
            if let Some(origin) = &history.forked_from {
                json["forkedFrom"] = head::json_origin(origin);
            }
        }
        return Ok(output.json(&json)?);
    }
    output.line(execution::described(output, &described, history.as_ref()))?;
    if let Some(queue) = waiting_at(&described) {
        workers::note_if_none(session, &queue).await;
    }
    Ok(())
}

/// The queue at which a workflow task waits for a worker.
fn waiting_at(described: &DescribeWorkflowExecutionResponse) -> Option<String> {
    let task = described.pending_workflow_task.as_ref()?;
    let waits = task.state() == PendingWorkflowTaskState::Scheduled;
    waits.then(|| Some(described.workflow_execution_info.as_ref()?.task_queue.clone())).flatten()
}

pub(crate) async fn show(session: &Connected, args: &ShowArgs) -> anyhow::Result<()> {
    let mut pages = session.client.history(&args.target.run(), args.follow);
    let output = &session.output;
    if output.is_json() && !args.follow {
        let history = History { events: pages.all().await? };
        return Ok(output.json(&to_json(&history)?)?);
    }
    if !output.is_json() && !args.follow && !args.detailed {
        for line in tree::lines(&pages.all().await?) {
            let painted: String = line.iter().map(|(tone, text)| output.paint(*tone, &harmless(text))).collect();
            output.line(painted.trim_end())?;
        }
        return Ok(());
    }
    while let Some(page) = pages.next().await? {
        for event in &page {
            if output.is_json() {
                output.line(to_json(event)?)?;
            } else {
                output.line(history::line(event))?;
            }
        }
    }
    Ok(())
}
