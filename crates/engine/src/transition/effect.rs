//! What the leader does after a batch is applied: a closed list.

use alloc::{boxed::Box, sync::Arc};

use weft_protocol::api::{
    failure::Failure,
    query::{WorkflowQuery, WorkflowQueryResult},
    update::Outcome,
};

use crate::{
    answer::DirectQuery,
    ids::{EventId, RunId, TaskQueueName, UpdateId},
    message::{Message, MessageId},
    state::{QueryId, Status},
    time::Timestamp,
    transition::{Fairness, Urgency},
};

/// What must happen once the batch is applied. Losing an effect loses nothing: each is derived from rows, or concerns a
/// caller who gets UNAVAILABLE with the leadership.
#[derive(Clone, Debug)]
pub enum Effect {
    OfferWorkflowTask(WorkflowTaskOffer),
    OfferActivityTask(ActivityOffer),
    /// The run wants a `Request::Wake` at this time.
    WakeAt {
        run: RunId,
        at: Timestamp,
    },
    /// The run wants a `Request::Wake` at this time for something that has no row.
    Remind {
        run: RunId,
        at: Timestamp,
    },
    /// History grew (or the run closed): long polls look again.
    HistoryGrew {
        run: RunId,
        next_event_id: EventId,
        status: Status,
    },
    /// An attached query is answered.
    AnswerQuery {
        query: QueryId,
        outcome: QueryOutcome,
    },
    /// An update has come further: who waits for it is told.
    UpdateMoved {
        run: RunId,
        update: UpdateId,
        news: UpdateNews,
    },
    /// A message stands in the outbox: deliver it.
    Deliver {
        id: MessageId,
        message: Arc<Message>,
    },
    /// A message is not in the outbox any more.
    Settled(MessageId),
    /// The run is removed: caches forget it.
    Removed {
        run: RunId,
    },
    /// The batch job of this id has work to do. Told again whenever its wake row is read.
    WorkOnJob,
    /// A size or count warning for the log.
    Warn {
        run: RunId,
        what: &'static str,
        value: u64,
        limit: u64,
    },
}

/// How an attached query ended.
#[derive(Clone, Debug)]
pub enum QueryOutcome {
    Result(Box<WorkflowQueryResult>),
    /// No workflow task carries it any more: dispatch it by itself.
    Release(Box<DirectQuery>, Arc<WorkflowQuery>),
    /// Workflow tasks keep failing.
    NotReady,
}

/// What became of an update.
#[derive(Clone, Debug)]
pub enum UpdateNews {
    Accepted,
    Completed(Box<Outcome>),
    /// Nothing of it is kept.
    Rejected(Box<Failure>),
    /// The run ended before the update was accepted; if it goes on in another run, the update is asked for there.
    Closed {
        continues: bool,
    },
    /// The workflow had accepted it and ended before it was completed.
    CutShort,
    /// The workflow task that carried it was answered wrongly.
    TaskFailed,
}

/// A workflow task that wants a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowTaskOffer {
    pub run: RunId,
    pub scheduled_event_id: EventId,
    pub attempt: u32,
    /// The sticky queue's name, or the normal one's.
    pub queue: TaskQueueName,
    /// The normal queue's name when `queue` is a sticky one.
    pub sticky_of: Option<TaskQueueName>,
    pub scheduled_at: Timestamp,
    pub urgency: Urgency,
    pub fairness: Option<Fairness>,
}

/// An activity task that wants a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityOffer {
    pub run: RunId,
    pub scheduled_event_id: EventId,
    pub attempt: u32,
    pub queue: TaskQueueName,
    pub scheduled_at: Timestamp,
    pub urgency: Urgency,
    pub fairness: Option<Fairness>,
}
