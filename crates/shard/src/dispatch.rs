//! Where a shard's effects go: to matching, which the server puts behind these traits.
//!
//! Invariant: the shard hands a task out only after the batch that made it is applied; a reservation is answered, told
//! that its outcome is uncertain, or dropped (the poller goes back to the front of its queue), and nothing else.

use std::sync::Arc;

use futures::future::BoxFuture;
use weft_engine::{
    ActivityOffer, Delivery, Fairness, Namespace, NamespaceId, Poller, Reply, StartedActivityTask, StartedWorkflowTask,
    TaskRow, TaskRowKind, Timestamp, WorkflowKey, WorkflowTaskOffer,
};

use crate::{call::Failure, postmark::Postmark};

/// The number of a shard within its cluster, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ShardId(pub u32);

/// A task that waits for a worker, as matching holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskRef {
    Workflow(WorkflowTaskOffer),
    Activity(ActivityOffer),
}

/// A task that was recorded as started for a poller which was reserved for it.
#[derive(Clone, Debug)]
pub enum Delivered {
    Workflow(Box<StartedWorkflowTask>),
    Activity(Box<StartedActivityTask>),
}

/// What matching said of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// Handed out, held, or left in the shard to be pulled later.
    Accepted,
    /// Nobody polls this sticky queue: the task belongs on the normal one (rule 15).
    NoStickyPoller,
}

/// The way to the pollers.
pub trait Dispatch: Send + Sync + 'static {
    fn offer(&self, shard: ShardId, key: &WorkflowKey, task: TaskRef) -> Offered;

    /// The shard has tasks, of whatever queues, that it does not offer by itself: they are to be asked for.
    fn has_more(&self, shard: ShardId);

    /// Takes a waiting poller for a task that is about to be recorded as started in the same batch.
    fn reserve(&self, key: &WorkflowKey, task: &TaskRef) -> Option<Box<dyn Reservation>>;
}

/// A poller taken out of its queue.
pub trait Reservation: Send {
    fn poller(&self) -> Poller;

    /// The task is recorded as started for this poller.
    fn deliver(self: Box<Self>, shard: ShardId, key: &WorkflowKey, task: Delivered);

    /// Leadership was lost before the outcome was known: the poller asks for the task again by the same request id
    /// (rule 13).
    fn uncertain(self: Box<Self>, shard: ShardId, key: &WorkflowKey, task: TaskRef);
}

/// The way to other workflow ids, whatever shard and node they are on.
pub trait Post: Send + Sync + 'static {
    /// Brings a message to its target and back what the target says. The same message may be brought again; a message is
    /// not brought after a later one of the same sender to the same target was. The postmark goes with it.
    fn deliver(&self, delivery: Delivery, postmark: Postmark) -> BoxFuture<'static, Result<Reply, Failure>>;
}

/// Whoever works on batch jobs.
pub trait Jobs: Send + Sync + 'static {
    /// The batch job of this id has work to do. It may be told of many times; it must not block.
    fn work_on(&self, job: &WorkflowKey);
}

/// What is known of namespaces on this node.
pub trait Directory: Send + Sync + 'static {
    fn namespace(&self, id: &NamespaceId) -> Option<Arc<Namespace>>;
}

/// Where every replica sends what lists show: the visibility index.
pub trait Feed: Send + Sync + 'static {
    /// The changes of the entries up to `index` that were just applied, in log order; called after each apply, also
    /// when there are none. `index` counts as indexed when they are.
    fn feed(&self, group: u32, index: u64, changes: Vec<Vec<u8>>);

    /// All rows of the group were replaced by those of another replica, as of the entry at `index`: what is known of
    /// them has to be read again.
    fn replaced(&self, group: u32, index: u64);
}

impl TaskRef {
    /// A task found in its row: offered on its normal queue.
    #[must_use]
    pub fn from_row(row: TaskRow) -> Self {
        match row.kind {
            TaskRowKind::Workflow => Self::Workflow(WorkflowTaskOffer {
                run: row.run,
                scheduled_event_id: row.scheduled_event_id,
                attempt: row.attempt,
                queue: row.queue,
                sticky_of: None,
                scheduled_at: row.scheduled_at,
                urgency: row.urgency,
                fairness: row.fairness,
            }),
            TaskRowKind::Activity => Self::Activity(ActivityOffer {
                run: row.run,
                scheduled_event_id: row.scheduled_event_id,
                attempt: row.attempt,
                queue: row.queue,
                scheduled_at: row.scheduled_at,
                urgency: row.urgency,
                fairness: row.fairness,
            }),
        }
    }

    /// Whose share of its queue the task counts to.
    #[must_use]
    pub fn fairness(&self) -> Option<&Fairness> {
        match self {
            Self::Workflow(offer) => offer.fairness.as_ref(),
            Self::Activity(offer) => offer.fairness.as_ref(),
        }
    }

    pub(crate) fn scheduled_at(&self) -> Timestamp {
        match self {
            Self::Workflow(offer) => offer.scheduled_at,
            Self::Activity(offer) => offer.scheduled_at,
        }
    }
}
