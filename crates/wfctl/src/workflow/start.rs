//! `start` and `execute`.

use std::time::Duration;

use clap::ValueEnum;
use serde_json::json;
use weft_client::{
    Start, Started,
    api::{
        enums::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
        sdk::UserMetadata,
    },
};
use weft_protocol::payload::json_string;

use super::result;
use crate::{input, session::Connected, span, workers};

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    wfctl workflow start Order --task-queue orders --workflow-id order-17 --input '{\"boots\": 2}'\n  \
    wfctl workflow start Report -t reports --cron '0 6 * * *' --input-file report.json\n  \
    wfctl workflow execute Greet -t greetings --input '\"Ada\"'\n  \
    echo '[1, 2]' | wfctl workflow execute Sum -t sums --input -")]
pub(crate) struct Args {
    /// The workflow's type
    #[arg(value_name = "TYPE", required_unless_present = "type_option")]
    kind: Option<String>,
    /// The workflow's type, for those used to the option
    #[arg(long = "type", id = "type_option", value_name = "TYPE", conflicts_with = "kind", hide = true)]
    kind_option: Option<String>,
    /// The task queue that its workers poll
    #[arg(short, long, value_name = "QUEUE")]
    task_queue: String,
    /// Its id [default: a random one]
    #[arg(short, long, value_name = "WORKFLOW_ID")]
    workflow_id: Option<String>,
    #[command(flatten)]
    input: input::Input,
    /// What to do if a closed workflow had the id
    #[arg(long, value_enum, value_name = "POLICY")]
    id_reuse_policy: Option<Reuse>,
    /// What to do if a running workflow has the id
    #[arg(long, value_enum, value_name = "POLICY")]
    id_conflict_policy: Option<Conflict>,
    /// Longest time for all runs together
    #[arg(long, value_parser = span::parse, value_name = "SPAN")]
    execution_timeout: Option<Duration>,
    /// Longest time for one run
    #[arg(long, value_parser = span::parse, value_name = "SPAN")]
    run_timeout: Option<Duration>,
    /// Longest time for one workflow task
    #[arg(long, value_parser = span::parse, value_name = "SPAN")]
    task_timeout: Option<Duration>,
    /// Wait so long before the first task
    #[arg(long, value_parser = span::parse, value_name = "SPAN", conflicts_with = "cron")]
    start_delay: Option<Duration>,
    /// Run again and again by this schedule
    #[arg(long, value_name = "SCHEDULE")]
    cron: Option<String>,
    /// A note kept with the workflow; repeatable
    #[arg(long, value_name = "KEY=JSON")]
    memo: Vec<String>,
    /// A value that lists can be filtered by; repeatable
    #[arg(long, value_name = "KEY=JSON")]
    search_attribute: Vec<String>,
    /// One line for people who look at it
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,
    /// More for people who look at it
    #[arg(long, value_name = "TEXT")]
    details: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reuse {
    AllowDuplicate,
    AllowDuplicateFailedOnly,
    RejectDuplicate,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Conflict {
    Fail,
    UseExisting,
    TerminateExisting,
}

impl Args {
    fn start(self, new_id: impl FnOnce() -> String) -> anyhow::Result<Start> {
        let metadata = (self.summary.is_some() || self.details.is_some()).then(|| UserMetadata {
            summary: self.summary.as_deref().map(json_string),
            details: self.details.as_deref().map(json_string),
        });
        Ok(Start {
            workflow_id: self.workflow_id.unwrap_or_else(new_id),
            // One of the two is there: clap sees to it.
            workflow_type: self.kind.or(self.kind_option).unwrap_or_default(),
            task_queue: self.task_queue,
            input: self.input.payloads()?,
            execution_timeout: self.execution_timeout,
            run_timeout: self.run_timeout,
            task_timeout: self.task_timeout,
            start_delay: self.start_delay,
            reuse: self.id_reuse_policy.map(Into::into).unwrap_or_default(),
            conflict: self.id_conflict_policy.map(Into::into).unwrap_or_default(),
            cron: self.cron.unwrap_or_default(),
            memo: input::keyed("--memo", &self.memo)?,
            search_attributes: input::keyed("--search-attribute", &self.search_attribute)?,
            metadata,
            ..Start::default()
        })
    }
}

impl From<Reuse> for WorkflowIdReusePolicy {
    fn from(policy: Reuse) -> Self {
        match policy {
            Reuse::AllowDuplicate => Self::AllowDuplicate,
            Reuse::AllowDuplicateFailedOnly => Self::AllowDuplicateFailedOnly,
            Reuse::RejectDuplicate => Self::RejectDuplicate,
        }
    }
}

impl From<Conflict> for WorkflowIdConflictPolicy {
    fn from(policy: Conflict) -> Self {
        match policy {
            Conflict::Fail => Self::Fail,
            Conflict::UseExisting => Self::UseExisting,
            Conflict::TerminateExisting => Self::TerminateExisting,
        }
    }
}

pub(crate) async fn start(session: &Connected, args: Args) -> anyhow::Result<()> {
    let (started, queue) = begin(session, args).await?;
    let Started { run, is_new, .. } = started;
    let output = &session.output;
    if output.is_json() {
        output.json(&json!({ "workflowId": run.workflow_id, "runId": run.run_id, "started": is_new }))?;
    } else {
        let how = if is_new { "started" } else { "was running already:" };
        output.line(format_args!("{how} {} (run {})", run.workflow_id, run.run_id))?;
        workers::note_if_none(session, &queue).await;
    }
    Ok(())
}

pub(crate) async fn execute(session: &Connected, args: Args) -> anyhow::Result<()> {
    let (started, queue) = begin(session, args).await?;
    let run = &started.run;
    session.output.note(format_args!("{} is running (run {})", run.workflow_id, run.run_id));
    workers::note_if_none(session, &queue).await;
    result::wait(session, run).await
}

async fn begin(session: &Connected, args: Args) -> anyhow::Result<(Started, String)> {
    let start = args.start(|| session.client.new_id())?;
    let queue = start.task_queue.clone();
    Ok((session.client.start(start).await?, queue))
}
