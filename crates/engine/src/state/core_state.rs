//! The facts of a run that are one row: everything but its pending activities, timers and buffered events.
//!
//! Invariant: whatever is large or rarely changes is shared (`Arc`), so that a copy before each request is cheap.

use alloc::{boxed::Box, collections::BTreeMap, string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use weft_protocol::api::{
    common::{Payload, Priority},
    history::WorkflowExecutionStartedEventAttributes,
    sdk::UserMetadata,
    workflow::VersioningOverride,
};

use super::{Branch, RetryPolicy, WorkflowTask};
use crate::{
    answer::ChainEnd,
    fork::ForkOrigin,
    ids::{EventId, Identity, RequestId, RunId, TaskQueueName},
    time::Timestamp,
};

/// A chained hash over stored history bytes; all zero before the first batch. Set by the shell, which has the bytes.
pub type Hash = [u8; 32];

/// Names a branch of the history tree: by the id of the run that appends to it.
pub type BranchId = RunId;

/// One run's scalar state.
#[derive(Clone, Debug, PartialEq)]
pub struct Core {
    pub run: RunId,
    /// Event 1. Not part of the row: it is read back from history.
    pub start: Arc<Start>,
    /// Where its history stands.
    pub branch: Branch,
    pub started_by: RequestId,
    pub next_event_id: EventId,
    /// Encoded size of all events so far.
    pub history_bytes: u64,
    pub head: Hash,
    /// Accepted requests so far.
    pub state_transitions: u64,
    pub last_event_at: Timestamp,
    /// Until when the first workflow task waits (start delay, cron, retry); `None` once it was scheduled.
    pub first_task_at: Option<Timestamp>,
    pub run_expires_at: Option<Timestamp>,
    pub execution_expires_at: Option<Timestamp>,
    pub task: Option<WorkflowTask>,
    /// The started event of the last completed workflow task; `EventId::NONE` before the first.
    pub last_completed_task: EventId,
    pub sticky: Option<Sticky>,
    pub cancel: Option<CancelRequest>,
    pub signals: u32,
    pub memo: Arc<BTreeMap<String, Payload>>,
    pub search_attributes: Arc<BTreeMap<String, Payload>>,
    pub attached: Vec<AttachedRequest>,
    /// A completion failed because events were buffered: while the next task runs, new signals are refused.
    pub closing: bool,
    /// Workflow tasks that failed or timed out in a row.
    pub task_problems: u32,
    /// The last failure or timeout of a workflow task that is in history, until a task goes well.
    pub last_problem: Option<TaskProblem>,
    pub answered_task: Option<AnsweredWorkflowTask>,
    pub answered_activity: Option<AnsweredActivity>,
    pub last_worker: Arc<WorkerFacts>,
    /// Where each build that answered a workflow task did so first, in this run and in those before it.
    pub reset_points: Arc<Vec<ResetPoint>>,
    pub closed: Option<CloseFacts>,
    /// Who paused the run, while it is paused.
    pub pause: Option<Arc<WorkflowPause>>,
    /// Since when its clock stands still: from the Paused event's place in history to the Unpaused event's.
    pub frozen_at: Option<Timestamp>,
    /// Options that were changed since it started.
    pub options: Option<Arc<RunOptions>>,
    /// The reset that made this run.
    pub made_by_reset: Option<Arc<ResetFacts>>,
    /// The run that a reset of this one made last.
    pub reset_run: Option<RunId>,
    /// Whose history this run's is a copy of, if it is one.
    pub forked_from: Option<Box<ForkOrigin>>,
    /// When the run's row in the wake index is due: never later than the earliest deadline.
    pub wake_at: Option<Timestamp>,
}

/// Event 1: what the run was started with.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    pub attributes: WorkflowExecutionStartedEventAttributes,
    pub user_metadata: Option<UserMetadata>,
    pub at: Timestamp,
    pub queue: TaskQueueName,
    pub workflow_type: Arc<str>,
    pub retry: Option<RetryPolicy>,
    /// Zero is "none".
    pub execution_timeout: Duration,
    /// Zero is "none".
    pub run_timeout: Duration,
    pub task_timeout: Duration,
    pub attempt: u32,
    pub first_run: RunId,
    /// Empty if there is none.
    pub cron: Arc<str>,
}

/// Who paused a run, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowPause {
    pub at: Timestamp,
    pub identity: Identity,
    pub reason: String,
    /// Empty if the caller gave none.
    pub request: String,
}

/// Options of a run that may be changed while it is open.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RunOptions {
    pub priority: Option<Priority>,
    pub versioning_override: Option<VersioningOverride>,
}

/// Status as lists show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Running,
    Paused,
    Completed,
    Failed,
    Canceled,
    Terminated,
    ContinuedAsNew,
    TimedOut,
}

/// The worker that has the run cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    pub queue: TaskQueueName,
    pub schedule_to_start: Duration,
}

/// A recorded request to cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelRequest {
    pub request: RequestId,
    pub event_id: EventId,
}

/// A start request that used this run instead of starting one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedRequest {
    pub request: RequestId,
    pub event_id: EventId,
}

/// The last workflow task that a worker answered, so that a repeated answer is recognised (rule 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredWorkflowTask {
    pub scheduled_event_id: EventId,
    pub started_event_id: EventId,
    pub started_at: Timestamp,
    pub attempt: u32,
    pub verdict: TaskVerdict,
}

/// What was said to the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskVerdict {
    /// Its completion was taken.
    Completed,
    /// Its completion was wrong, and that was recorded.
    Rejected,
    /// It said itself that the task failed, and that was recorded.
    Failed,
}

/// The last activity attempt that was answered, so that a repeated answer is recognised (rule 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredActivity {
    pub scheduled_event_id: EventId,
    pub attempt: u32,
    pub started_at: Timestamp,
}

/// How a workflow task ended badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskProblem {
    /// Temporal's number of the cause.
    Failed(i32),
    /// Temporal's number of the timeout.
    TimedOut(i32),
}

/// What the last worker said of itself.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct WorkerFacts {
    pub identity: Option<Identity>,
    pub version: Option<WorkerVersion>,
    /// Empty if it named none.
    pub deployment: String,
    pub sdk_name: String,
    pub sdk_version: String,
}

/// The build of a worker, as it names it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct WorkerVersion {
    pub build_id: String,
    pub use_versioning: bool,
}

/// Where a build first answered a workflow task: a place to go back to when the build turns out to be bad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetPoint {
    pub binary_checksum: String,
    pub build_id: String,
    pub run: RunId,
    /// The completed event.
    pub completed: EventId,
    pub created_at: Timestamp,
    /// When the run is no longer kept; `None` while it is the current one.
    pub expires_at: Option<Timestamp>,
    pub resettable: bool,
}

/// How a reset made a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetFacts {
    /// The run whose history this one goes on from.
    pub base: RunId,
    /// The first event that it does not share with it.
    pub divided_at: EventId,
    pub at: Timestamp,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFacts {
    pub status: Status,
    pub at: Timestamp,
    pub event_id: EventId,
    pub new_run: Option<RunId>,
    /// When retention removes it.
    pub remove_at: Timestamp,
}

impl Core {
    /// The run's priority, as it was changed last.
    #[must_use]
    pub fn priority(&self) -> Option<&Priority> {
        match &self.options {
            Some(options) => options.priority.as_ref(),
            None => self.start.attributes.priority.as_ref(),
        }
    }

    /// On which version of its workers the run is to run, if somebody said so.
    #[must_use]
    pub fn versioning_override(&self) -> Option<&VersioningOverride> {
        match &self.options {
            Some(options) => options.versioning_override.as_ref(),
            None => self.start.attributes.versioning_override.as_ref(),
        }
    }

    /// How the chain of runs that it belongs to has ended, as far as this run tells.
    #[must_use]
    pub fn chain_end(&self) -> ChainEnd {
        let Some(closed) = &self.closed else { return ChainEnd::Open };
        // A reset comes after the end of whatever it goes on from.
        match self.reset_run.as_ref().or(closed.new_run.as_ref()) {
            Some(next) => ChainEnd::Followed(next.clone()),
            None => ChainEnd::Closed { run: self.run.clone(), branch: self.branch.clone(), event_id: closed.event_id },
        }
    }

    /// When the run began: with its start, or with the reset that made it.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.made_by_reset.as_ref().map_or(self.start.at, |reset| reset.at)
    }

    /// Nothing of it changed since `before` was copied from it. Shared parts are compared by identity: a handler that
    /// changes one puts a new one in its place. Every field is named, so that a new one cannot be forgotten here.
    #[must_use]
    pub fn unchanged_since(&self, before: &Self) -> bool {
        let Self { run, start, branch, started_by, next_event_id, history_bytes, head, state_transitions, .. } = self;
        let Self { last_event_at, first_task_at, run_expires_at, execution_expires_at, task, .. } = self;
        let Self { last_completed_task, sticky, cancel, signals, memo, search_attributes, attached, .. } = self;
        let Self { closing, task_problems, answered_task, answered_activity, last_worker, closed, wake_at, .. } = self;
        let Self { last_problem, reset_points, pause, frozen_at, options, made_by_reset, reset_run, .. } = self;
        let Self { forked_from, .. } = self;
        Arc::ptr_eq(start, &before.start)
            && Arc::ptr_eq(memo, &before.memo)
            && Arc::ptr_eq(search_attributes, &before.search_attributes)
            && Arc::ptr_eq(last_worker, &before.last_worker)
            && Arc::ptr_eq(reset_points, &before.reset_points)
            && (pause, frozen_at, options) == (&before.pause, &before.frozen_at, &before.options)
            && *last_problem == before.last_problem
            && *forked_from == before.forked_from
            && *next_event_id == before.next_event_id
            && *history_bytes == before.history_bytes
            && *state_transitions == before.state_transitions
            && *last_event_at == before.last_event_at
            && *first_task_at == before.first_task_at
            && *run_expires_at == before.run_expires_at
            && *execution_expires_at == before.execution_expires_at
            && *task == before.task
            && *last_completed_task == before.last_completed_task
            && *signals == before.signals
            && *closing == before.closing
            && *task_problems == before.task_problems
            && *wake_at == before.wake_at
            && (sticky, cancel, attached) == (&before.sticky, &before.cancel, &before.attached)
            && (answered_task, answered_activity) == (&before.answered_task, &before.answered_activity)
            && (run, branch, started_by) == (&before.run, &before.branch, &before.started_by)
            && (head, closed) == (&before.head, &before.closed)
            && (made_by_reset, reset_run) == (&before.made_by_reset, &before.reset_run)
    }
}

impl Status {
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}
