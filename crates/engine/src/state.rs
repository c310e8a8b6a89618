//! What is known of one workflow id: the current run and the runs that a request touches.
//!
//! Invariant (rule 10): an execution has a durable part, which is exactly what its rows say ([`Core`] and the tracked
//! maps), and a volatile part ([`Volatile`]) that dies with leadership. Handlers change state only; the rows to write are
//! what differs afterwards (`transition.rs`), so the two cannot drift apart.

mod activity;
mod branch;
mod child;
mod core_state;
mod job;
pub mod schedule;
mod timer;
mod update;
mod workflow_task;

use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};

pub use activity::{Activity, ActivityOptions, ActivityPause, ActivityStage, Heartbeat, Operated, RetryPolicy};
pub use branch::{Ancestor, Branch, Part};
pub use child::{Child, ChildStage, ExternalKind, ExternalRequest, ParentClosePolicy};
pub use core_state::{
    AnsweredActivity, AnsweredWorkflowTask, AttachedRequest, BranchId, CancelRequest, CloseFacts, Core, Hash,
    ResetFacts, ResetPoint, RunOptions, Start, Status, Sticky, TaskProblem, TaskVerdict, WorkerFacts, WorkerVersion,
    WorkflowPause,
};
pub use job::{Aim, Job, JobEnd, JobOrder, JobOutcome};
pub use timer::Timer;
pub use update::{AdmittedUpdate, Update};
use weft_protocol::api::{history::HistoryEvent, query::WorkflowQuery};
pub use workflow_task::{ScheduledOn, StartedStage, TaskKind, WorkflowTask, WorkflowTaskStage};

use crate::{
    ids::{EventId, RequestId, RunId, TimerId, UpdateId, WorkflowKey},
    message::{Origin, Reply},
    tracked::Tracked,
};

/// One workflow id: its current run and the runs that are loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    pub key: WorkflowKey,
    /// The row that names the current run; `None` if this workflow id has never run or everything of it was deleted.
    pub current: Option<CurrentRun>,
    /// Loaded runs. The current run is among them whenever it is open; a closed one only when a request named it.
    pub runs: BTreeMap<RunId, Execution>,
    /// Replies to messages of other workflow ids, of those that a request named.
    pub receipts: Tracked<Origin, Reply>,
    /// The batch job of this id: not there until a request asked for it, then `None` if there is no such job.
    pub job: Tracked<(), Option<Job>>,
    /// The schedule of this id, which has nothing to do with its runs.
    pub schedule: schedule::Scheduled,
}

/// What is known of the current run without loading it: enough to apply reuse policies and to recognise a repeated start.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentRun {
    pub run: RunId,
    pub first_run: RunId,
    pub status: Status,
    pub started_by: RequestId,
    /// Request ids attached by a start that used the existing run.
    pub attached: Vec<RequestId>,
    pub started_at: crate::time::Timestamp,
    /// The request that made the run, if it was one to reset another.
    pub reset_by: Option<RequestId>,
}

impl CurrentRun {
    /// What is to be known of an open run without loading it.
    #[must_use]
    pub(crate) fn of(core: &Core) -> Self {
        Self {
            run: core.run.clone(),
            first_run: core.start.first_run.clone(),
            status: Status::Running,
            started_by: core.started_by.clone(),
            attached: core.attached.iter().map(|attached| attached.request.clone()).collect(),
            started_at: core.started_at(),
            reset_by: None,
        }
    }
}

/// One run: durable state, and what dies with leadership.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    pub core: Core,
    pub activities: Tracked<EventId, Activity>,
    pub timers: Tracked<TimerId, Timer>,
    /// Children that have not ended.
    pub children: Tracked<EventId, Child>,
    /// Signals and requests to cancel that were not settled.
    pub external: Tracked<EventId, ExternalRequest>,
    /// Events that wait for the running workflow task to end; keys only give the order. They have no ids yet.
    pub buffered: Tracked<u32, HistoryEvent>,
    /// Request ids of signals that were recorded, and of operations that are done once.
    pub signal_requests: Tracked<RequestId, ()>,
    /// Updates that were accepted.
    pub updates: Tracked<UpdateId, Update>,
    pub volatile: Volatile,
}

/// What dies with leadership.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Volatile {
    /// Queries that wait for, or were handed out with, a workflow task.
    pub queries: Tracked<QueryId, AttachedQuery>,
    /// Updates that wait for, or were handed out with, a workflow task.
    pub admitted: Tracked<UpdateId, AdmittedUpdate>,
    pub speculation: Speculation,
}

/// A workflow task that exists for updates alone: if the workflow rejects them all, it has never been.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Speculation {
    /// Never beside a task of the durable part.
    pub task: Option<WorkflowTask>,
    /// The last such task that was answered and left no trace, so that a repeated answer is recognised (rule 2).
    pub dropped: Option<AnsweredWorkflowTask>,
}

/// The number that the shell gave a waiting query.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QueryId(pub u64);

/// A query that rides on a workflow task.
#[derive(Clone, Debug, PartialEq)]
pub struct AttachedQuery {
    pub query: Arc<WorkflowQuery>,
    /// The started event of the workflow task that carries it; `None` while it waits for one.
    pub carried_by: Option<EventId>,
}

impl QueryId {
    /// The key under which the query stands in a workflow task's `queries` map.
    #[must_use]
    pub fn wire(self) -> String {
        alloc::format!("{}", self.0)
    }
}

impl Workflow {
    /// A workflow id of which nothing is known yet.
    #[must_use]
    pub fn unknown(key: WorkflowKey) -> Self {
        Self {
            key,
            current: None,
            runs: BTreeMap::new(),
            receipts: Tracked::default(),
            job: Tracked::default(),
            schedule: schedule::Scheduled::Unread,
        }
    }

    /// The current run, if it is loaded and open.
    #[must_use]
    pub fn open(&self) -> Option<&Execution> {
        let run = &self.current.as_ref()?.run;
        self.runs.get(run).filter(|execution| execution.is_open())
    }

    /// The current run, if it is loaded and open, for changing it.
    pub fn open_mut(&mut self) -> Option<&mut Execution> {
        let run = &self.current.as_ref()?.run;
        self.runs.get_mut(run).filter(|execution| execution.is_open())
    }
}

impl Execution {
    /// Takes back what a request did to everything but the core.
    pub(crate) fn rollback(&mut self) {
        self.activities.rollback();
        self.timers.rollback();
        self.children.rollback();
        self.external.rollback();
        self.buffered.rollback();
        self.signal_requests.rollback();
        self.updates.rollback();
        self.volatile.queries.rollback();
        self.volatile.admitted.rollback();
    }

    /// A request did something to a part that has rows, other than the core.
    pub(crate) fn has_dirty_rows(&self) -> bool {
        self.activities.is_dirty()
            || self.timers.is_dirty()
            || self.children.is_dirty()
            || self.external.is_dirty()
            || self.buffered.is_dirty()
            || self.signal_requests.is_dirty()
            || self.updates.is_dirty()
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        self.core.closed.is_none()
    }

    /// Somebody paused it.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.core.pause.is_some()
    }

    /// None of its deadlines runs, and nothing of it is offered.
    #[must_use]
    pub fn stands_still(&self) -> bool {
        self.core.pause.is_some() || self.core.frozen_at.is_some()
    }

    /// A workflow task was handed to a worker: most events must wait until it ends.
    #[must_use]
    pub fn has_started_task(&self) -> bool {
        matches!(self.task(), Some(WorkflowTask { stage: WorkflowTaskStage::Started(_), .. }))
    }

    /// The pending workflow task, whether it has rows or is speculative.
    #[must_use]
    pub fn task(&self) -> Option<&WorkflowTask> {
        self.core.task.as_ref().or(self.volatile.speculation.task.as_ref())
    }

    pub(crate) fn task_mut(&mut self) -> Option<&mut WorkflowTask> {
        match &mut self.core.task {
            Some(task) => Some(task),
            None => self.volatile.speculation.task.as_mut(),
        }
    }
}

impl Volatile {
    /// Nobody waits for anything here: the run may leave memory (rule 11).
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queries.is_empty() && self.admitted.is_empty() && self.speculation.task.is_none()
    }
}
