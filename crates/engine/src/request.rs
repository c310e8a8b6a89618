//! What may be asked of one workflow id: one variant per kind, parsed at the edge.
//!
//! Invariant: whatever can be checked without state was checked before a request is made (lengths, formats, ranges of
//! timeouts); the engine checks what needs state. Payloads, failures, memo and commands stay Temporal's messages.

use alloc::{boxed::Box, collections::BTreeMap, string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use weft_protocol::api::{
    command::Command,
    common::{Header, Link, Memo, MeteringMetadata, Payloads, Priority, SearchAttributes, WorkerVersionStamp},
    deployment::WorkerDeploymentOptions,
    enums::WorkflowTaskFailedCause,
    failure::Failure,
    protocol::Message,
    query::{WorkflowQuery, WorkflowQueryResult},
    sdk::{UserMetadata, WorkflowTaskCompletedMetadata},
    workflow::VersioningOverride,
};

mod operate;

pub use operate::*;

use crate::{
    fork::ForkOrigin,
    ids::{ActivityId, EventId, Identity, NamespaceId, RequestId, RunId, TaskQueueName, UpdateId},
    job::JobRequest,
    message::{Delivery, Replied},
    reset::{Excluded, Past, ResetChildren},
    schedule::ScheduleRequest,
    state::{Execution, QueryId, RetryPolicy},
    time::Timestamp,
};

/// Something asked of one workflow id.
#[derive(Clone, Debug)]
pub enum Request {
    // Clients.
    Start(Box<StartWorkflow>),
    SignalWithStart(Box<StartWorkflow>, SignalBody),
    /// Makes a new workflow id of a copied history.
    Fork(Box<ForkWorkflow>),
    Signal(Target, SignalBody),
    Cancel(Target, CancelBody),
    Terminate(Target, TerminateBody),
    /// Removes a run and its history; an open one is terminated first.
    Delete(Target, Identity),
    Query(Target, AskQuery),
    /// The caller of a query has gone: it need not be answered any more.
    ForgetQuery(RunId, QueryId),
    /// Admits an update, or says how far the one of this id has come.
    Update(Target, UpdateBody),
    /// Says how far an update has come.
    FindUpdate(Target, UpdateId),
    /// Starts a workflow with an update for its first task, or updates the one that runs.
    UpdateWithStart(Box<StartWorkflow>, UpdateBody),
    ResetSticky(Target),
    /// Something done to one run from outside.
    Operate(Target, Box<Operation>),
    /// The same, once: asked again under this id it does nothing, whatever was done in between.
    OperateOnce(Target, RequestId, Box<Operation>),
    /// Goes on from an earlier place of a run's history, in a new run.
    Reset(Target, Box<ResetWorkflow>),
    // Workers, workflow tasks.
    StartWorkflowTask(StartWorkflowTask),
    CompleteWorkflowTask(Box<CompleteWorkflowTask>),
    FailWorkflowTask(Box<FailWorkflowTask>),
    /// The poller to which the task was handed has gone: give it back without using an attempt (rule 13).
    GiveBackWorkflowTask(WorkflowTaskToken, RequestId),
    /// No poller of the sticky queue: offer the task on the normal queue (rule 15).
    StickyUnavailable(RunId, EventId),
    // Workers, activity tasks.
    StartActivityTask(StartActivityTask),
    CompleteActivity(ActivityRef, Identity, Option<Payloads>),
    FailActivity(ActivityRef, Box<FailActivity>),
    CancelActivity(ActivityRef, Identity, Option<Payloads>),
    Heartbeat(ActivityRef, Identity, Option<Payloads>),
    GiveBackActivityTask(ActivityToken, RequestId),
    // Time.
    /// Some deadline of this run may have come: fire all that has.
    Wake(RunId),
    // Other workflow ids.
    /// A message of another workflow id.
    Deliver(Box<Delivery>),
    /// The reply to a message of this workflow id.
    Replied(Replied),
    // Batch jobs.
    /// Of the batch job that has this workflow id for its job id.
    Job(JobRequest),
    /// Of the schedule of this id.
    Schedule(Box<ScheduleRequest>),
}

/// A copy of a history that is to go on under a workflow id that is new.
#[derive(Clone, Debug)]
pub struct ForkWorkflow {
    pub request: RequestId,
    pub origin: ForkOrigin,
    /// What the copied events give; they stand under its branch already.
    pub copy: Box<Execution>,
}

/// Which run of the workflow id a client means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// `None` is the current run.
    pub run: Option<RunId>,
    /// When given, `run` is ignored and the current run's chain must begin with this run.
    pub first_run: Option<RunId>,
}

/// A start, as the API gives it, with its defaults filled in.
#[derive(Clone, Debug)]
pub struct StartWorkflow {
    pub request: RequestId,
    pub workflow_type: Arc<str>,
    pub queue: TaskQueueName,
    pub input: Option<Payloads>,
    pub header: Option<Header>,
    pub memo: Option<Memo>,
    pub search_attributes: Option<SearchAttributes>,
    /// Zero is "none", here and in those that follow; but what was said stands in the history as it was said.
    pub execution_timeout: Option<Duration>,
    pub run_timeout: Option<Duration>,
    pub task_timeout: Duration,
    pub start_delay: Duration,
    pub retry: Option<RetryPolicy>,
    /// Empty if there is none; already known to be satisfiable.
    pub cron: Arc<str>,
    pub identity: Identity,
    pub reuse: ReusePolicy,
    pub conflict: ConflictPolicy,
    /// The caller is a worker that would take the first workflow task with the answer.
    pub eager: Option<Poller>,
    pub user_metadata: Option<UserMetadata>,
    pub links: Vec<Link>,
    pub priority: Option<Priority>,
    /// On which version of its workers the run is to run.
    pub versioning_override: Option<VersioningOverride>,
    /// As if another run had come before.
    pub continued_failure: Option<Failure>,
    pub last_completion_result: Option<Payloads>,
    pub on_conflict: OnConflict,
}

/// May a workflow id whose last run is closed run again?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReusePolicy {
    AllowDuplicate,
    AllowDuplicateFailedOnly,
    RejectDuplicate,
}

/// What becomes of a start while a run is open?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictPolicy {
    Fail,
    UseExisting,
    TerminateExisting,
}

/// What a start that uses the existing run leaves there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct OnConflict {
    pub attach_request_id: bool,
    pub attach_links: bool,
}

#[derive(Clone, Debug)]
pub struct SignalBody {
    pub name: Arc<str>,
    pub input: Option<Payloads>,
    pub header: Option<Header>,
    pub identity: Identity,
    /// Empty if the caller gave none: such a signal is never a repetition.
    pub request: Option<RequestId>,
    pub links: Vec<Link>,
}

#[derive(Clone, Debug)]
pub struct CancelBody {
    pub identity: Identity,
    pub request: RequestId,
    pub reason: String,
    pub links: Vec<Link>,
}

#[derive(Clone, Debug)]
pub struct TerminateBody {
    pub identity: Identity,
    pub reason: String,
    pub details: Option<Payloads>,
    pub links: Vec<Link>,
}

#[derive(Clone, Debug)]
pub struct AskQuery {
    pub id: QueryId,
    pub query: Arc<WorkflowQuery>,
    /// When the caller gives up; a first task that waits longer is refused at once.
    pub deadline: Timestamp,
    pub reject_if_not_open: bool,
    pub reject_if_not_completed_cleanly: bool,
}

/// From where a workflow goes on, and with what.
#[derive(Clone, Debug)]
pub struct ResetWorkflow {
    pub request: RequestId,
    pub reason: String,
    /// The end of a workflow task: the first event that the new run does not share.
    pub finish: EventId,
    pub excluded: Excluded,
    pub children: ResetChildren,
    /// Up to and with this event of the base run, ends of activities and timers are taken along.
    pub keep_until: Option<EventId>,
    /// Done to the new run before its first workflow task, in this order.
    pub operations: Vec<PostReset>,
    /// Only say what would be done.
    pub dry_run: bool,
    pub past: Past,
}

/// Something done to a run that a reset made, in the same transition.
#[derive(Clone, Debug)]
pub enum PostReset {
    Signal(Box<SignalBody>),
    UpdateRun(Box<UpdateRunOptions>),
}

/// An update, as the workflow gets it.
#[derive(Clone, Debug)]
pub struct UpdateBody {
    pub id: UpdateId,
    pub request: Arc<weft_protocol::api::update::Request>,
}

/// Who takes a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Poller {
    pub identity: Identity,
    /// The hand-over's id (rule 13).
    pub request: RequestId,
    pub version: Option<WorkerVersionStamp>,
    pub deployment: Option<WorkerDeploymentOptions>,
}

/// Hand the scheduled workflow task over.
#[derive(Clone, Debug)]
pub struct StartWorkflowTask {
    pub run: RunId,
    pub scheduled_event_id: EventId,
    pub attempt: u32,
    /// The sticky queue from which it was polled; `None` if from the normal one.
    pub sticky_queue: Option<TaskQueueName>,
    pub poller: Poller,
}

/// What a workflow task's token says. All of it must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowTaskToken {
    pub run: RunId,
    pub scheduled_event_id: EventId,
    pub started_event_id: EventId,
    pub started_at: Timestamp,
    pub attempt: u32,
}

#[derive(Clone, Debug)]
pub struct CompleteWorkflowTask {
    pub token: WorkflowTaskToken,
    pub commands: Vec<Command>,
    /// What the workflow says to updates; commands name those whose place among the commands matters.
    pub messages: Vec<Message>,
    /// The namespaces that commands name.
    pub namespaces: BTreeMap<String, NamespaceId>,
    pub identity: Identity,
    /// The worker caches the run and polls this queue, with this schedule-to-start timeout.
    pub sticky: Option<(TaskQueueName, Duration)>,
    /// Give the next workflow task with the answer, under this hand-over id.
    pub return_new: Option<RequestId>,
    pub force_new: bool,
    pub query_results: Vec<(QueryId, WorkflowQueryResult)>,
    pub sdk_metadata: Option<WorkflowTaskCompletedMetadata>,
    pub metering: Option<MeteringMetadata>,
    pub binary_checksum: String,
    pub version: Option<WorkerVersionStamp>,
    pub deployment: Option<WorkerDeploymentOptions>,
    pub versioning_behavior: i32,
    /// The hand-over id for activities that start eagerly, one for all (they differ by event id).
    pub eager_request: RequestId,
    /// The worker cannot take the new task after all if it speaks no inline answers; kept for `Poller` facts of both.
    pub capabilities: CompletionCapabilities,
}

/// What the completing worker can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CompletionCapabilities {
    pub discard_speculative_with_events: bool,
}

#[derive(Clone, Debug)]
pub struct FailWorkflowTask {
    pub token: WorkflowTaskToken,
    pub cause: WorkflowTaskFailedCause,
    pub failure: Option<Failure>,
    pub identity: Identity,
    pub binary_checksum: String,
    pub version: Option<WorkerVersionStamp>,
}

/// Hand a scheduled activity over.
#[derive(Clone, Debug)]
pub struct StartActivityTask {
    pub run: RunId,
    pub scheduled_event_id: EventId,
    pub attempt: u32,
    /// The queue on which it was offered.
    pub queue: TaskQueueName,
    pub poller: Poller,
}

/// What an activity task's token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityToken {
    pub run: RunId,
    pub scheduled_event_id: EventId,
    pub attempt: u32,
    pub started_at: Timestamp,
}

/// Which activity an answer is about: by its token, or by the workflow's name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivityRef {
    Token(ActivityToken),
    ById { run: Option<RunId>, activity: ActivityId },
}

#[derive(Clone, Debug)]
pub struct FailActivity {
    pub identity: Identity,
    pub failure: Option<Failure>,
    /// Recorded before the failure.
    pub last_heartbeat: Option<Payloads>,
}
