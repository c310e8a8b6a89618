//! The rows of an execution as changes: what `rows` turns into bytes.

use alloc::{boxed::Box, sync::Arc};

use weft_protocol::api::{common::Priority, history::HistoryEvent};

use crate::{
    ids::{EventId, RequestId, RunId, TaskQueueName, TimerId, UpdateId},
    message::{Message, MessageId, Origin, Reply},
    state::{
        Activity, Branch, BranchId, Child, Core, CurrentRun, ExternalRequest, Job, JobOrder, Timer, Update,
        schedule::{Plan, Progress},
    },
    time::Timestamp,
};

/// One row put or removed. The workflow key is the transition's; keys here are what comes after it.
#[derive(Clone, Debug)]
pub enum RowChange {
    PutCurrent(Box<CurrentRun>),
    RemoveCurrent,
    PutExecution(Box<Core>),
    /// With all of its history that no other run needs.
    RemoveExecution {
        run: RunId,
        branch: Branch,
        last_event_id: EventId,
    },
    /// A branch begins with a part of another one, whose history must stay as long as this one does.
    PutReference {
        branch: BranchId,
        by: BranchId,
    },
    RemoveReference {
        branch: BranchId,
        by: BranchId,
    },
    /// The history that was staged under this branch belongs to a run now.
    KeepBranch(BranchId),
    PutActivity {
        run: RunId,
        activity: Arc<Activity>,
    },
    RemoveActivity {
        run: RunId,
        scheduled_event_id: EventId,
    },
    PutTimer {
        run: RunId,
        id: TimerId,
        timer: Arc<Timer>,
    },
    RemoveTimer {
        run: RunId,
        id: TimerId,
    },
    PutChild {
        run: RunId,
        initiated_event_id: EventId,
        child: Arc<Child>,
    },
    RemoveChild {
        run: RunId,
        initiated_event_id: EventId,
    },
    PutExternal {
        run: RunId,
        initiated_event_id: EventId,
        external: Arc<ExternalRequest>,
    },
    RemoveExternal {
        run: RunId,
        initiated_event_id: EventId,
    },
    PutMessage {
        id: MessageId,
        message: Arc<Message>,
    },
    RemoveMessage(MessageId),
    PutReceipt {
        origin: Origin,
        reply: Arc<Reply>,
    },
    RemoveReceipt(Origin),
    PutBuffered {
        run: RunId,
        order: u32,
        event: Arc<HistoryEvent>,
    },
    RemoveBuffered {
        run: RunId,
        order: u32,
    },
    PutSignalRequest {
        run: RunId,
        request: RequestId,
    },
    RemoveSignalRequest {
        run: RunId,
        request: RequestId,
    },
    PutUpdate {
        run: RunId,
        id: UpdateId,
        update: Arc<Update>,
    },
    RemoveUpdate {
        run: RunId,
        id: UpdateId,
    },
    PutTask(TaskRow),
    RemoveTask(TaskRow),
    PutWake {
        run: RunId,
        at: Timestamp,
    },
    RemoveWake {
        run: RunId,
        at: Timestamp,
    },
    /// What a batch job was asked for: written once.
    PutJobOrder(Arc<JobOrder>),
    /// The rest of the job.
    PutJob(Box<Job>),
    /// Both.
    RemoveJob,
    /// Of the schedule of this id.
    Schedule(ScheduleRow),
}

/// A row of a schedule put or removed.
#[derive(Clone, Debug)]
pub enum ScheduleRow {
    PutPlan(Arc<Plan>),
    RemovePlan,
    PutProgress(Arc<Progress>),
    RemoveProgress,
    PutWake(Timestamp),
    RemoveWake(Timestamp),
}

/// How urgent a task is among those of its queue: 1 comes first, 5 last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Urgency(u8);

impl Urgency {
    /// What a task has of which nothing else is said.
    pub const DEFAULT: Self = Self(3);
    /// Most urgent first.
    pub const ALL: [Self; 5] = [Self(1), Self(2), Self(3), Self(4), Self(5)];

    /// By the key of a priority, as the API has it.
    #[must_use]
    pub fn of(priority: Option<&Priority>) -> Self {
        let key = priority.map_or(0, |priority| priority.priority_key);
        match u8::try_from(key) {
            Ok(0) | Err(_) => Self::DEFAULT,
            Ok(key) => Self(key.min(5)),
        }
    }

    #[must_use]
    pub fn level(self) -> u8 {
        self.0
    }
}

/// Whose share of its queue a task counts to: tasks of many keys take turns, by their weights.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fairness {
    pub key: Arc<str>,
    /// In thousandths.
    pub weight: u32,
}

impl Fairness {
    /// What a task has that says nothing of its weight.
    pub const WEIGHT_DEFAULT: u32 = 1000;
    pub const WEIGHT_MAX: u32 = 1_000_000;

    /// By a priority, as the API has it; `None` without a key.
    #[must_use]
    pub fn of(priority: Option<&Priority>) -> Option<Self> {
        let priority = priority.filter(|priority| !priority.fairness_key.is_empty())?;
        Some(Self { key: priority.fairness_key.as_str().into(), weight: Self::weight(priority.fairness_weight) })
    }

    /// Zero and what is no weight are the usual one; weights lie between a thousandth and a thousand.
    #[must_use]
    pub fn weight(weight: f32) -> u32 {
        if weight > 0.0 {
            // Saturates, and a thousand times a thousand fits.
            ((weight * 1000.0) as u32).clamp(1, Self::WEIGHT_MAX)
        } else {
            Self::WEIGHT_DEFAULT
        }
    }
}

/// A task that waits for a worker, indexed by queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskRow {
    pub kind: TaskRowKind,
    /// The normal queue's name: a task that is offered on a sticky queue is found again under the normal one.
    pub queue: TaskQueueName,
    pub urgency: Urgency,
    pub fairness: Option<Fairness>,
    pub scheduled_at: Timestamp,
    pub run: RunId,
    pub scheduled_event_id: EventId,
    pub attempt: u32,
}

/// Which kind of queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskRowKind {
    Workflow,
    Activity,
}
