//! `wfctl activity …`: what operators do to pending activities of one workflow, or of all that a filter finds.

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;
use weft_client::{
    Activities, BatchActivities, BatchOperation, ResetActivities, Run, Unpause,
    api::{
        activity::ActivityOptions,
        common::{Priority, RetryPolicy},
        failure::{ApplicationFailureInfo, Failure, failure::FailureInfo},
        taskqueue::TaskQueue,
    },
};
use weft_protocol::{json::to_json, time::proto_duration};

use crate::{
    batch,
    exit::Failure as Usage,
    input::Input,
    render::time,
    session::Connected,
    span,
    workflow::target::{Several, Target},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Hand out no further attempt; the running one goes on and is told with its next heartbeat
    Pause(PauseArgs),
    /// Let paused activities go on
    Unpause(UnpauseArgs),
    /// Begin again with the first attempt
    Reset(ResetArgs),
    /// Change timeouts, the task queue, retries or the priority
    UpdateOptions(UpdateArgs),
    /// Complete an activity in its worker's place
    Complete(CompleteArgs),
    /// Fail the running attempt of an activity in its worker's place
    Fail(FailArgs),
}

/// Which of its activities.
#[derive(clap::Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct Which {
    /// The activity of this id; `wfctl workflow describe` shows them
    #[arg(short, long, value_name = "ID", conflicts_with = "query")]
    activity_id: Option<String>,
    /// All pending activities of this type
    #[arg(long = "type", alias = "activity-type", value_name = "TYPE")]
    kind: Option<String>,
    /// All pending activities
    #[arg(long, aliases = ["match-all", "unpause-all"])]
    all: bool,
}

impl Which {
    fn activities(&self) -> Activities {
        match (&self.activity_id, &self.kind) {
            (Some(id), _) => Activities::Id(id.clone()),
            (None, Some(kind)) => Activities::Type(kind.clone()),
            (None, None) => Activities::All,
        }
    }
}

impl Which {
    /// The same of each of several workflows.
    fn of_several(&self) -> BatchActivities {
        AllOrType { kind: self.kind.clone(), all: self.all }.of_several()
    }
}

/// Which activities of each of several workflows.
#[derive(clap::Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct AllOrType {
    /// All pending activities of this type
    #[arg(long = "type", alias = "activity-type", value_name = "TYPE")]
    kind: Option<String>,
    /// All pending activities
    #[arg(long, alias = "match-all")]
    all: bool,
}

impl AllOrType {
    pub(crate) fn of_several(&self) -> BatchActivities {
        self.kind.clone().map_or(BatchActivities::All, BatchActivities::Type)
    }
}

/// One or all of a type: no more can be paused at once.
#[derive(clap::Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct OneOrType {
    /// The activity of this id; `wfctl workflow describe` shows them
    #[arg(short, long, value_name = "ID")]
    activity_id: Option<String>,
    /// All pending activities of this type
    #[arg(long = "type", alias = "activity-type", value_name = "TYPE")]
    kind: Option<String>,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "None of its timeouts runs while it is paused.\n\
    There is no batch operation that pauses: activities of one workflow at a time.\n\n\
    Examples:\n  wfctl activity pause order-17 --activity-id 5 --reason 'the bank is down'\n  \
    wfctl activity pause order-17 --type charge")]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    of: Target,
    #[command(flatten)]
    which: OneOrType,
    /// Why; `describe` shows it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  wfctl activity unpause order-17 --activity-id 5\n  \
    wfctl activity unpause order-17 --all --jitter 30s\n  \
    wfctl activity unpause --query 'WorkflowType = \"Order\"' --type charge --wait")]
pub(crate) struct UnpauseArgs {
    #[command(flatten)]
    of: Several,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    how: HowToUnpause,
}

#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct HowToUnpause {
    /// Begin with the first attempt
    #[arg(long)]
    reset_attempts: bool,
    /// Forget what was reported by heartbeats
    #[arg(long, alias = "reset-heartbeats")]
    reset_heartbeat: bool,
    /// Spread the next attempts over this time
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    jitter: Option<Duration>,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "An attempt that waits is handed out at once; a running one goes on and is told.\n\n\
    Examples:\n  wfctl activity reset order-17 --activity-id 5\n  \
    wfctl activity reset order-17 --all --restore-original-options\n  \
    wfctl activity reset --query 'WorkflowType = \"Order\"' --all --wait")]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    of: Several,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    how: HowToReset,
}

#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct HowToReset {
    /// Forget what was reported by heartbeats
    #[arg(long, alias = "reset-heartbeats")]
    reset_heartbeat: bool,
    /// Leave paused what is paused
    #[arg(long)]
    keep_paused: bool,
    /// Undo what `update-options` did
    #[arg(long)]
    restore_original_options: bool,
    /// Spread the next attempts over this time
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    jitter: Option<Duration>,
}

#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  wfctl activity update-options order-17 --activity-id 5 --start-to-close-timeout 5m\n  \
    wfctl activity update-options order-17 --type charge --task-queue charges-2 --retry-maximum-attempts 10\n  \
    wfctl activity update-options order-17 --all --restore-original-options\n  \
    wfctl activity update-options --query 'WorkflowType = \"Order\"' --type charge --task-queue charges-2 --wait"
)]
pub(crate) struct UpdateArgs {
    #[command(flatten)]
    of: Several,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    how: HowToUpdate,
}

#[derive(clap::Args, Clone, Debug)]
pub(crate) struct HowToUpdate {
    #[command(flatten)]
    new: New,
    /// As the workflow gave them
    #[arg(long, conflicts_with = "New")]
    restore_original_options: bool,
}

impl HowToUnpause {
    pub(crate) fn wire(self) -> Unpause {
        let Self { reset_attempts, reset_heartbeat, jitter } = self;
        Unpause { reset_attempts, reset_heartbeat, jitter }
    }
}

impl HowToReset {
    pub(crate) fn wire(self) -> ResetActivities {
        let Self { reset_heartbeat, keep_paused, restore_original_options, jitter } = self;
        ResetActivities { reset_heartbeat, keep_paused, restore_original_options, jitter }
    }
}

impl HowToUpdate {
    /// The options and the paths of those that were given, or nothing if the old ones are wanted back.
    pub(crate) fn wire(self) -> Result<Option<(ActivityOptions, Vec<String>)>, Usage> {
        let (options, paths) = self.new.wire();
        match (self.restore_original_options, paths.is_empty()) {
            (true, _) => Ok(None),
            (false, false) => Ok(Some((options, paths))),
            (false, true) => Err(Usage::usage("say what to change, or --restore-original-options")),
        }
    }
}

/// New options; those that are left out stay.
#[derive(clap::Args, Clone, Debug)]
#[group(id = "New", multiple = true)]
struct New {
    /// Where its attempts are handed out
    #[arg(short, long, value_name = "NAME")]
    task_queue: Option<String>,
    /// For all attempts together
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    schedule_to_close_timeout: Option<Duration>,
    /// Until a worker takes it
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    schedule_to_start_timeout: Option<Duration>,
    /// For one attempt
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    start_to_close_timeout: Option<Duration>,
    /// Between heartbeats
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    heartbeat_timeout: Option<Duration>,
    /// Wait before the second attempt
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    retry_initial_interval: Option<Duration>,
    /// The longest wait before an attempt
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    retry_maximum_interval: Option<Duration>,
    /// By how much the wait grows with each attempt
    #[arg(long, value_name = "NUMBER")]
    retry_backoff_coefficient: Option<f64>,
    /// How many attempts there may be; 0 is any number
    #[arg(long, value_name = "NUMBER")]
    retry_maximum_attempts: Option<i32>,
    /// How urgent it is: 1 comes first, 5 last
    #[arg(long, value_name = "1-5")]
    priority_key: Option<i32>,
}

impl New {
    /// The options and the paths of those that were given.
    fn wire(self) -> (ActivityOptions, Vec<String>) {
        let given = [
            (self.task_queue.is_some(), "task_queue.name"),
            (self.schedule_to_close_timeout.is_some(), "schedule_to_close_timeout"),
            (self.schedule_to_start_timeout.is_some(), "schedule_to_start_timeout"),
            (self.start_to_close_timeout.is_some(), "start_to_close_timeout"),
            (self.heartbeat_timeout.is_some(), "heartbeat_timeout"),
            (self.retry_initial_interval.is_some(), "retry_policy.initial_interval"),
            (self.retry_maximum_interval.is_some(), "retry_policy.maximum_interval"),
            (self.retry_backoff_coefficient.is_some(), "retry_policy.backoff_coefficient"),
            (self.retry_maximum_attempts.is_some(), "retry_policy.maximum_attempts"),
            (self.priority_key.is_some(), "priority.priority_key"),
        ];
        let paths = given.into_iter().filter(|(given, _)| *given).map(|(_, path)| path.to_owned()).collect();
        let options = ActivityOptions {
            task_queue: Some(TaskQueue { name: self.task_queue.unwrap_or_default(), ..TaskQueue::default() }),
            schedule_to_close_timeout: self.schedule_to_close_timeout.map(proto_duration),
            schedule_to_start_timeout: self.schedule_to_start_timeout.map(proto_duration),
            start_to_close_timeout: self.start_to_close_timeout.map(proto_duration),
            heartbeat_timeout: self.heartbeat_timeout.map(proto_duration),
            retry_policy: Some(RetryPolicy {
                initial_interval: self.retry_initial_interval.map(proto_duration),
                maximum_interval: self.retry_maximum_interval.map(proto_duration),
                backoff_coefficient: self.retry_backoff_coefficient.unwrap_or_default(),
                maximum_attempts: self.retry_maximum_attempts.unwrap_or_default(),
                ..RetryPolicy::default()
            }),
            priority: Some(Priority { priority_key: self.priority_key.unwrap_or_default(), ..Priority::default() }),
            ..ActivityOptions::default()
        };
        (options, paths)
    }
}

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  wfctl activity complete order-17 --activity-id 5 --result '{\"paid\": true}'")]
pub(crate) struct CompleteArgs {
    #[command(flatten)]
    of: Target,
    /// The activity
    #[arg(short, long, value_name = "ID")]
    activity_id: String,
    /// Its result as JSON
    #[arg(long, value_name = "JSON", allow_negative_numbers = true)]
    result: Option<String>,
}

#[derive(clap::Args, Debug)]
#[command(after_help = "It is tried again if its policy says so.\n\n\
    Examples:\n  wfctl activity fail order-17 --activity-id 5 --reason 'the parcel is lost'\n  \
    wfctl activity fail order-17 --activity-id 5 --reason lost --non-retryable")]
pub(crate) struct FailArgs {
    #[command(flatten)]
    of: Target,
    /// The activity
    #[arg(short, long, value_name = "ID")]
    activity_id: String,
    /// What is said of it
    #[arg(long, value_name = "TEXT", default_value = "failed by an operator")]
    reason: String,
    /// Do not try again
    #[arg(long)]
    non_retryable: bool,
    #[command(flatten)]
    detail: Input,
}

pub(crate) async fn run(session: &Connected, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Pause(args) => pause(session, &args).await,
        Verb::Unpause(args) => unpause(session, &args).await,
        Verb::Reset(args) => reset(session, &args).await,
        Verb::UpdateOptions(args) => update(session, args).await,
        Verb::Complete(args) => complete(session, &args).await,
        Verb::Fail(args) => fail(session, &args).await,
    }
}

async fn pause(session: &Connected, args: &PauseArgs) -> anyhow::Result<()> {
    let (run, which) = (args.of.run(), &args.which);
    let which = Which { activity_id: which.activity_id.clone(), kind: which.kind.clone(), all: false }.activities();
    session.client.pause_activities(&run, which.clone(), &args.reason).await?;
    say(session, &run, &which, "paused")
}

async fn unpause(session: &Connected, args: &UnpauseArgs) -> anyhow::Result<()> {
    if let Some(query) = &args.of.batch.query {
        let operation = BatchOperation::UnpauseActivities(args.which.of_several(), args.how.wire());
        return batch::begin(session, query, &args.of.batch, operation, "").await;
    }
    args.of.batch.check_unused()?;
    let (run, which) = (args.of.run(), args.which.activities());
    session.client.unpause_activities(&run, which.clone(), args.how.wire()).await?;
    say(session, &run, &which, "unpaused")
}

async fn reset(session: &Connected, args: &ResetArgs) -> anyhow::Result<()> {
    if let Some(query) = &args.of.batch.query {
        let operation = BatchOperation::ResetActivities(args.which.of_several(), args.how.wire());
        return batch::begin(session, query, &args.of.batch, operation, "").await;
    }
    args.of.batch.check_unused()?;
    let (run, which) = (args.of.run(), args.which.activities());
    session.client.reset_activities(&run, which.clone(), args.how.wire()).await?;
    say(session, &run, &which, "reset")
}

async fn update(session: &Connected, args: UpdateArgs) -> anyhow::Result<()> {
    let new = args.how.wire()?;
    if let Some(query) = &args.of.batch.query {
        let operation = BatchOperation::UpdateActivities(args.which.of_several(), new);
        return batch::begin(session, query, &args.of.batch, operation, "").await;
    }
    args.of.batch.check_unused()?;
    let (run, which) = (args.of.run(), args.which.activities());
    let options = session.client.update_activities(&run, which, new).await?;
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&to_json(&options)?)?);
    }
    let retry = options.retry_policy.unwrap_or_default();
    let attempts =
        if retry.maximum_attempts == 0 { "any number".to_owned() } else { retry.maximum_attempts.to_string() };
    let pairs = vec![
        ("Task queue", options.task_queue.unwrap_or_default().name),
        ("Start to close", time::duration(options.start_to_close_timeout.as_ref())),
        ("Schedule to close", time::duration(options.schedule_to_close_timeout.as_ref())),
        ("Schedule to start", time::duration(options.schedule_to_start_timeout.as_ref())),
        ("Heartbeat", time::duration(options.heartbeat_timeout.as_ref())),
        ("Attempts", attempts),
        ("Waits between", time::duration(retry.initial_interval.as_ref())),
    ];
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    Ok(output.line(output.pairs(pairs))?)
}

async fn complete(session: &Connected, args: &CompleteArgs) -> anyhow::Result<()> {
    let run = args.of.run();
    let result = args.result.as_deref().map(crate::input::argument).transpose()?;
    session.client.complete_activity(&run, &args.activity_id, result.into_iter().collect()).await?;
    say(session, &run, &Activities::Id(args.activity_id.clone()), "completed")
}

async fn fail(session: &Connected, args: &FailArgs) -> anyhow::Result<()> {
    let run = args.of.run();
    let details = args.detail.payloads()?;
    let info = ApplicationFailureInfo {
        non_retryable: args.non_retryable,
        details: (!details.is_empty()).then_some(weft_client::api::common::Payloads { payloads: details }),
        ..ApplicationFailureInfo::default()
    };
    let failure = Failure {
        message: args.reason.clone(),
        source: "wfctl".to_owned(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
        ..Failure::default()
    };
    session.client.fail_activity(&run, &args.activity_id, failure).await?;
    say(session, &run, &Activities::Id(args.activity_id.clone()), "failed")
}

fn say(session: &Connected, run: &Run, which: &Activities, done: &str) -> anyhow::Result<()> {
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&json!({ "workflowId": run.workflow_id, done: true }))?);
    }
    let what = match which {
        Activities::Id(id) => format!("activity {id}"),
        Activities::Type(kind) => format!("all activities of type {kind}"),
        Activities::All => "all activities".to_owned(),
    };
    Ok(output.line(format_args!("{done} {what} of {}", run.workflow_id))?)
}
