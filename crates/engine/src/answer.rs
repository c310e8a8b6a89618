//! What the caller of an accepted request gets.
//!
//! An answer may be an error that was recorded: a workflow task that failed *and* its worker is told so
//! ([`Answer::TaskFailed`]). An error that changed nothing is a [`Refusal`](crate::Refusal).

use alloc::{borrow::Cow, boxed::Box, collections::BTreeMap, string::String, sync::Arc, vec::Vec};

use weft_protocol::api::{
    common::Priority, failure::Failure, history::HistoryEvent, protocol::Message, query::WorkflowQuery,
    workflow::WorkflowExecutionOptions,
};

use crate::{
    ids::{EventId, RunId, TaskQueueName},
    message::Reply,
    request::{ActivityToken, WorkflowTaskToken},
    reset::ResetPlan,
    state::{Activity, ActivityOptions, Branch, Job, QueryId, Status, schedule::Schedule},
    time::Timestamp,
};

#[derive(Clone, Debug)]
pub enum Answer {
    /// Nothing to say but that it is done.
    Done,
    ScheduleCreated {
        token: i64,
    },
    /// The schedule as it is, and when.
    Schedule(Box<(Schedule, Timestamp)>),
    Started(Started),
    /// The run that was signalled.
    Signaled(RunId),
    WorkflowTask(Box<StartedWorkflowTask>),
    ActivityTask(Box<StartedActivityTask>),
    TaskCompleted(Box<TaskCompleted>),
    /// The completion was wrong: the failure is recorded, the worker gets INVALID_ARGUMENT with this text.
    TaskFailed {
        message: String,
    },
    /// The same completion was wrong before, and that is recorded: the worker gets INVALID_ARGUMENT with the text of the failure
    /// in this event of this branch, which is what it got then.
    TaskFailedBefore {
        branch: Branch,
        event: EventId,
    },
    /// The chain of heartbeating workflow tasks took too long: its end is recorded, the worker gets NOT_FOUND.
    TaskTimedOut,
    /// Nothing was done of what was asked: the run would have grown beyond a bound, so the run was ended, recorded; the caller gets
    /// INVALID_ARGUMENT with this text.
    Outgrown {
        why: Cow<'static, str>,
    },
    /// An activity failed, and what the worker sent with that was too large: what it is told of it.
    FailureCut(Vec<Failure>),
    /// The answer to a heartbeat.
    HeartbeatRecorded {
        cancel_requested: bool,
        /// The activity was paused meanwhile.
        paused: bool,
        /// It is to be begun again.
        reset: bool,
    },
    /// An activity's options as they are from now on.
    ActivityOptions(Box<ActivityOptions>),
    /// A run's options as they are from now on.
    RunOptions(Box<WorkflowExecutionOptions>),
    Query(QueryDisposition),
    /// The run that a reset made.
    Reset(RunId),
    /// What a reset would do.
    ResetPlan(Box<ResetPlan>),
    Update(UpdateStatus),
    /// What the start came to, and how far the update has come.
    UpdateWithStart(Started, UpdateStatus),
    /// What the target of a message says.
    Delivered(Reply),
    /// How the chain of runs that a message asks for has ended: whoever delivers the message reads on.
    ChainEnd(ChainEnd),
    /// A batch job as it is now.
    Job(Arc<Job>),
}

/// What a run says of the end of its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainEnd {
    /// It has not ended.
    Open,
    /// With this event of this run.
    Closed { run: RunId, branch: Branch, event_id: EventId },
    /// The run to ask next.
    Followed(RunId),
}

/// How far an update has come, in which run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateStatus {
    pub run: RunId,
    pub branch: Branch,
    pub stage: UpdateStage,
}

/// How far an update has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateStage {
    /// It waits for the workflow; the effect `UpdateMoved` follows.
    Admitted,
    /// The workflow is at it; the effect `UpdateMoved` follows.
    Accepted,
    /// Its outcome stands in this event.
    Completed(EventId),
    /// The workflow had accepted it and ended before it was completed.
    CutShort,
}

/// What a start did.
#[derive(Clone, Debug)]
pub struct Started {
    pub run: RunId,
    pub first_run: RunId,
    /// False when an existing run was used.
    pub started: bool,
    /// The request's id is attached to the run, by this call or by one before.
    pub attached: bool,
    pub status: Status,
    pub eager_task: Option<Box<StartedWorkflowTask>>,
}

/// How a query goes on.
#[derive(Clone, Debug)]
pub enum QueryDisposition {
    /// It rides on the next workflow task of this run; the effect `AnswerQuery` follows.
    Attached(RunId),
    /// Dispatch it to a worker by itself.
    Direct(Box<DirectQuery>),
    /// The reject condition held.
    Rejected(Status),
}

/// What a query-only task needs.
#[derive(Clone, Debug)]
pub struct DirectQuery {
    pub run: RunId,
    pub branch: Branch,
    pub workflow_type: Arc<str>,
    pub queue: TaskQueueName,
    /// Try this queue first, with its schedule-to-start as deadline.
    pub sticky: Option<crate::state::Sticky>,
    pub last_completed_task: EventId,
    pub next_event_id: EventId,
}

/// A workflow task as it is handed to a worker; whoever hands it over reads the events `first_event..next_event`.
#[derive(Clone, Debug)]
pub struct StartedWorkflowTask {
    pub token: WorkflowTaskToken,
    pub branch: Branch,
    pub workflow_type: Arc<str>,
    /// The normal queue, whatever queue it was polled from.
    pub queue: TaskQueueName,
    pub previous_started_event_id: EventId,
    pub scheduled_at: Timestamp,
    /// 1, or after the last event that the sticky worker has seen.
    pub first_event: EventId,
    /// The first event that is not in history yet.
    pub next_event: EventId,
    /// Scheduled and Started of a transient or speculative task: shown after the history, not stored.
    pub suffix: Vec<HistoryEvent>,
    pub queries: BTreeMap<QueryId, Arc<WorkflowQuery>>,
    /// Updates that it carries, in the order of their admission.
    pub messages: Vec<Message>,
}

/// An activity task as it is handed to a worker; input and header stand in the scheduled event.
#[derive(Clone, Debug)]
pub struct StartedActivityTask {
    pub token: ActivityToken,
    pub branch: Branch,
    pub workflow_type: Arc<str>,
    pub activity: Arc<Activity>,
    /// Its own, over that of its workflow.
    pub priority: Option<Priority>,
    /// When this attempt was offered on its queue.
    pub attempt_scheduled_at: Timestamp,
    /// The scheduled event itself when it is at hand (the same request wrote it); otherwise it is read from history.
    pub scheduled_event: Option<Arc<HistoryEvent>>,
}

/// What a completed workflow task gives back.
#[derive(Clone, Debug, Default)]
pub struct TaskCompleted {
    pub new_task: Option<Box<StartedWorkflowTask>>,
    /// The task left no trace: the worker forgets what it showed after this event.
    pub reset_to: Option<EventId>,
    pub eager_activities: Vec<StartedActivityTask>,
}
