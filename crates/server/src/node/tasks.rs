//! What goes through matching: tasks by reference, tasks already started, and queries.

use std::sync::Arc;

use tokio::sync::oneshot;
use weft_engine::{DirectQuery, EventId, NamespaceId, RunId, Timestamp, WorkflowKey};
use weft_matching::{Identified, Offer, Payloads, QueueKey, QueueKind, Rank};
use weft_protocol::{api::query::WorkflowQuery, api::workflowservice::RespondQueryTaskCompletedRequest};
use weft_shard::{Delivered, ShardId, TaskRef};

/// Temporal's default priority: 1 is most urgent, 5 least.
const PRIORITY_DEFAULT: u32 = 3;

/// The payload types of this node's matching.
#[derive(Clone, Copy, Debug)]
pub struct Work;

/// A task that waits to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldTask {
    pub key: WorkflowKey,
    pub task: TaskRef,
}

/// Names a task among all others. An attempt is a task of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId {
    key: WorkflowKey,
    run: RunId,
    event: EventId,
    attempt: u32,
}

/// A task that is recorded as started for the poller that it is delivered to.
#[derive(Debug)]
pub struct StartedTask {
    pub shard: ShardId,
    pub key: WorkflowKey,
    pub delivered: Delivered,
    /// The hand-over's id, by which it is given back.
    pub request: weft_engine::RequestId,
}

/// A query that goes to a worker by itself.
#[derive(Debug)]
pub struct QueryTask {
    pub id: u64,
    pub key: WorkflowKey,
    pub direct: Box<DirectQuery>,
    pub query: Arc<WorkflowQuery>,
    /// Handed out from the sticky queue: the worker has the history.
    pub sticky: bool,
    pub reply: oneshot::Sender<RespondQueryTaskCompletedRequest>,
}

impl Payloads for Work {
    type Task = HeldTask;
    type Started = StartedTask;
    type Query = QueryTask;
}

impl Identified for HeldTask {
    type Id = TaskId;

    fn id(&self) -> TaskId {
        let (run, event, attempt) = match &self.task {
            TaskRef::Workflow(offer) => (&offer.run, offer.scheduled_event_id, offer.attempt),
            TaskRef::Activity(offer) => (&offer.run, offer.scheduled_event_id, offer.attempt),
        };
        TaskId { key: self.key.clone(), run: run.clone(), event, attempt }
    }
}

impl Identified for QueryTask {
    type Id = u64;

    fn id(&self) -> u64 {
        self.id
    }
}

/// The queue on which a task is offered.
#[must_use]
pub fn queue_of(namespace: &NamespaceId, task: &TaskRef) -> QueueKey {
    match task {
        TaskRef::Workflow(offer) if offer.sticky_of.is_some() => {
            QueueKey::sticky(namespace.as_str(), offer.queue.as_str())
        }
        TaskRef::Workflow(offer) => QueueKey::normal(namespace.as_str(), offer.queue.as_str(), QueueKind::Workflow),
        TaskRef::Activity(offer) => QueueKey::normal(namespace.as_str(), offer.queue.as_str(), QueueKind::Activity),
    }
}

/// A task as matching orders it: urgent first, then oldest.
#[must_use]
pub fn offer_of(shard: ShardId, key: WorkflowKey, task: TaskRef) -> Offer<HeldTask> {
    let (priority, at) = match &task {
        TaskRef::Workflow(offer) => (offer.priority, offer.scheduled_at),
        TaskRef::Activity(offer) => (offer.priority, offer.scheduled_at),
    };
    Offer { origin: shard.0, rank: rank(priority, at), task: HeldTask { key, task } }
}

fn rank(priority: i32, at: Timestamp) -> Rank {
    let priority = u32::try_from(priority).ok().filter(|priority| *priority > 0).unwrap_or(PRIORITY_DEFAULT);
    Rank { priority, order: u64::try_from(at.0).unwrap_or(0) }
}
