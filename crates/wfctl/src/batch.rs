//! `wfctl batch …`, and what `--query` does to the verbs of one workflow: the server does it to all that a filter finds.

mod start;

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use weft_client::{
    Batch, BatchOperation,
    api::{
        batch::BatchOperationInfo,
        enums::{BatchOperationState as State, BatchOperationType},
        workflowservice::DescribeBatchOperationResponse,
    },
};
use weft_protocol::json::to_json;

use crate::{
    exit::Failure,
    output::{Tone, text},
    query,
    render::time,
    session::Connected,
};

/// Between two looks at a job that is waited for.
const LOOK: Duration = Duration::from_millis(250);

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Do one thing to all workflows that a filter finds
    #[command(subcommand)]
    Start(Box<start::Verb>),
    /// List batch operations, the latest first
    List(ListArgs),
    /// Show how far a batch operation has come
    #[command(after_help = "Examples:\n  wfctl batch describe JOB_ID")]
    Describe(Job),
    /// Stop a batch operation; what it has done stays done
    Stop(StopArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wfctl batch list\n  wfctl batch list --limit 100 --output json")]
pub(crate) struct ListArgs {
    /// How many at most
    #[arg(short, long, default_value_t = 20)]
    limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Job {
    /// The batch operation
    #[arg(value_name = "JOB_ID")]
    job: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  wfctl batch stop JOB_ID --reason 'too many'")]
pub(crate) struct StopArgs {
    #[command(flatten)]
    which: Job,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "stopped with wfctl")]
    reason: String,
}

/// What a batch operation is started with.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Options {
    /// All that this filter finds, as a batch operation of the server
    #[arg(short, long, value_name = "FILTER", help_heading = "Batch")]
    pub(crate) query: Option<String>,
    /// I mean it: do not ask
    #[arg(short, long, requires = "query", help_heading = "Batch")]
    yes: bool,
    /// Operations a second, at most
    #[arg(long, value_name = "NUMBER", requires = "query", help_heading = "Batch")]
    rps: Option<f32>,
    /// The id of the batch operation [default: a new one]
    #[arg(long, value_name = "JOB_ID", requires = "query", help_heading = "Batch")]
    job_id: Option<String>,
    /// Wait for the end, and show how far it has come
    #[arg(long, requires = "query", help_heading = "Batch")]
    wait: bool,
}

impl Options {
    /// Of one workflow none of these may be said. (`requires` does not see to it where an id stands in for the query.)
    pub(crate) fn check_unused(&self) -> Result<(), Failure> {
        if self.yes || self.wait || self.rps.is_some() || self.job_id.is_some() {
            return Err(Failure::usage("--yes, --wait, --rps and --job-id go with --query"));
        }
        Ok(())
    }
}

pub(crate) async fn run(session: &Connected, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Start(verb) => start::run(session, *verb).await,
        Verb::List(args) => list(session, &args).await,
        Verb::Describe(job) => show(session, &session.client.describe_batch(&job.job).await?),
        Verb::Stop(args) => stop(session, &args).await,
    }
}

/// Starts a batch operation, once whoever asked for it has seen how many workflows it is of.
pub(crate) async fn begin(
    session: &Connected,
    query: &str,
    options: &Options,
    operation: BatchOperation,
    reason: &str,
) -> anyhow::Result<()> {
    let (command, what) = names(&operation);
    confirm(session, query, options, what).await?;
    let job_id = options.job_id.clone().unwrap_or_else(|| session.client.new_id());
    let reason = if reason.is_empty() { format!("wfctl {command} --query") } else { reason.to_owned() };
    let per_second = options.rps.unwrap_or_default();
    let batch = Batch { job_id: job_id.clone(), query: query.to_owned(), reason, operation, per_second };
    session.client.start_batch(batch).await.map_err(|error| query::explained(session, error, query))?;
    if options.wait {
        return wait(session, &job_id).await;
    }
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&json!({ "jobId": job_id, "started": true }))?);
    }
    output.line(format_args!("started batch operation {job_id}"))?;
    output.note(format_args!("`wfctl batch describe {job_id}` shows how far it has come"));
    Ok(())
}

/// The command that does it to one workflow, and what is done to several.
fn names(operation: &BatchOperation) -> (&'static str, &'static str) {
    match operation {
        BatchOperation::Terminate => ("workflow terminate", "terminate them"),
        BatchOperation::Cancel => ("workflow cancel", "cancel them"),
        BatchOperation::Signal(_) => ("workflow signal", "signal them"),
        BatchOperation::Delete => ("workflow delete", "delete them"),
        BatchOperation::Reset(..) => ("workflow reset", "reset them"),
        BatchOperation::UpdateOptions(..) => ("workflow update-options", "change their options"),
        BatchOperation::UnpauseActivities(..) => ("activity unpause", "unpause their activities"),
        BatchOperation::ResetActivities(..) => ("activity reset", "reset their activities"),
        BatchOperation::UpdateActivities(..) => ("activity update-options", "change the options of their activities"),
    }
}

/// Says how many workflows match and asks whether that is meant.
async fn confirm(session: &Connected, query: &str, options: &Options, what: &str) -> anyhow::Result<()> {
    let counted = session.client.count(query).await.map_err(|error| query::explained(session, error, query))?;
    let many = match counted.count {
        1 => "1 workflow matches".to_owned(),
        count => format!("{count} workflows match"),
    };
    if options.yes {
        session.output.note(&many);
        return Ok(());
    }
    if session.output.is_json() || !io::stdin().is_terminal() {
        return Err(Failure::usage(format!("{many}: say --yes to {what}")).into());
    }
    let mut err = io::stderr().lock();
    write!(err, "{many}: {what}? [y/N] ")?;
    err.flush()?;
    drop(err);
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::usage("nothing was done").into()),
    }
}

/// Waits for the end of a job, and fails if it failed or did not do everything.
async fn wait(session: &Connected, job_id: &str) -> anyhow::Result<()> {
    let mut shown = None;
    let job = loop {
        let job = session.client.describe_batch(job_id).await?;
        if job.state() != State::Running {
            break job;
        }
        let progress = progress(&job);
        if shown.as_ref() != Some(&progress) {
            session.output.note(&progress);
            shown = Some(progress);
        }
        tokio::time::sleep(LOOK).await;
    };
    show(session, &job)?;
    if job.state() != State::Completed || job.failure_operation_count > 0 {
        return Err(Failure::refused(format!("batch operation {job_id}: {}", progress(&job))).into());
    }
    Ok(())
}

async fn stop(session: &Connected, args: &StopArgs) -> anyhow::Result<()> {
    let job_id = &args.which.job;
    session.client.stop_batch(job_id, &args.reason).await?;
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&json!({ "jobId": job_id, "stopped": true }))?);
    }
    Ok(output.line(format_args!("stopped batch operation {job_id}"))?)
}

async fn list(session: &Connected, args: &ListArgs) -> anyhow::Result<()> {
    let found = session.client.batches(args.limit).await?;
    let output = &session.output;
    if output.is_json() {
        let all: Result<Vec<Value>, _> = found.iter().map(to_json).collect();
        return Ok(output.json(&all?.into())?);
    }
    if found.is_empty() {
        output.note(format_args!("namespace {} has no batch operation", session.client.namespace()));
        return Ok(());
    }
    let rows = found.iter().map(|it: &BatchOperationInfo| {
        vec![
            state(it.state()),
            text(&it.job_id),
            text(operation(it.operation_type())),
            text(time::seconds(it.start_time.as_ref())),
            text(time::seconds(it.close_time.as_ref())),
        ]
    });
    Ok(output.line(output.table(&["STATE", "JOB ID", "OPERATION", "STARTED", "CLOSED"], rows.collect()))?)
}

fn show(session: &Connected, job: &DescribeBatchOperationResponse) -> anyhow::Result<()> {
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&to_json(job)?)?);
    }
    let (tone, state) = state(job.state());
    let executions = match job.executions.len() {
        0 => String::new(),
        count => format!("{count} listed"),
    };
    let facts = vec![
        ("Job id", job.job_id.clone()),
        ("State", state),
        ("Operation", operation(job.operation_type())),
        ("Progress", progress(job)),
        ("Query", job.query.clone()),
        ("Executions", executions),
        ("Reason", job.reason.clone()),
        ("Identity", job.identity.clone()),
        ("Started", time::seconds(job.start_time.as_ref())),
        ("Closed", time::seconds(job.close_time.as_ref())),
    ];
    Ok(output.line(output.pairs_and(("State", tone), facts))?)
}

fn progress(job: &DescribeBatchOperationResponse) -> String {
    let (done, failed) = (job.complete_operation_count, job.failure_operation_count);
    format!("{done} of {} done, {failed} failed", job.total_operation_count)
}

fn state(state: State) -> (Tone, String) {
    let tone = match state {
        State::Unspecified => Tone::Plain,
        State::Running => Tone::Busy,
        State::Completed => Tone::Good,
        State::Failed => Tone::Bad,
    };
    (tone, word(state.as_str_name(), "BATCH_OPERATION_STATE_"))
}

fn operation(kind: BatchOperationType) -> String {
    word(kind.as_str_name(), "BATCH_OPERATION_TYPE_")
}

/// `BATCH_OPERATION_TYPE_CANCEL_WORKFLOW` as `Cancel workflow`.
fn word(name: &str, prefix: &str) -> String {
    let name = name.strip_prefix(prefix).unwrap_or(name).replace('_', " ").to_lowercase();
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_operations_are_words() {
        assert_eq!(state(State::Failed), (Tone::Bad, "Failed".to_owned()));
        assert_eq!(operation(BatchOperationType::CancelWorkflow), "Cancel workflow");
    }
}
