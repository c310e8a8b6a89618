//! What goes through matching: tasks by reference, tasks already started, and queries.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;
use weft_engine::{DirectQuery, EventId, NamespaceId, RequestId, RunId, TaskRow, Timestamp, Urgency, WorkflowKey};
use weft_matching::{Identified, Offer, Payloads, Position, QueueKey, QueueKind, Rank, Share};
use weft_protocol::{api::query::WorkflowQuery, api::workflowservice::RespondQueryTaskCompletedRequest};
use weft_rows::{
    task::{self, Lane},
    token::Task,
};
use weft_shard::{Delivered, ShardId, TaskRef, TasksFrom};

use crate::exchange::Loan;

/// The payload types of this node's matching.
#[derive(Clone, Copy, Debug)]
pub struct Work;

/// A task that waits to be started.
#[derive(Clone, Debug)]
pub struct HeldTask {
    pub key: WorkflowKey,
    pub task: TaskRef,
    /// Of a task that another node has lent to a branch here.
    pub(crate) loan: Option<Arc<Loan>>,
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
    pub request: RequestId,
}

impl StartedTask {
    /// By what it is given back.
    pub(crate) fn started(&self) -> Started {
        let key = self.key.clone();
        let token = match &self.delivered {
            Delivered::Workflow(task) => Task::Workflow(key, task.token.clone()),
            Delivered::Activity(task) => Task::Activity(key, task.token.clone()),
        };
        Started { token, request: self.request.clone() }
    }
}

/// Names a started task and its hand-over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) token: Task,
    pub(crate) request: RequestId,
}

/// A query that goes to a worker by itself.
#[derive(Debug)]
pub enum QueryTask {
    /// It was asked at this node.
    Here(Box<AskedQuery>),
    /// It was asked at another node, which tells its worker all of it.
    Elsewhere(ElsewhereQuery),
}

/// A query that was asked at this node, and waits.
#[derive(Debug)]
pub struct AskedQuery {
    pub id: u64,
    pub key: WorkflowKey,
    pub direct: Box<DirectQuery>,
    pub query: Arc<WorkflowQuery>,
    /// Until when (monotonic) it is waited for.
    pub deadline: Duration,
    /// Handed out from the sticky queue: the worker has the history.
    pub sticky: bool,
    pub reply: oneshot::Sender<RespondQueryTaskCompletedRequest>,
}

/// A query of another node, at the owner of the queue that it is asked on.
#[derive(Debug)]
pub struct ElsewhereQuery {
    pub id: u64,
    pub node: u32,
    /// Told once a worker has it. Dropped, nobody will.
    pub taken: oneshot::Sender<()>,
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
        match self {
            Self::Here(asked) => asked.id,
            Self::Elsewhere(query) => query.id,
        }
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
    Offer { origin: shard.0, rank: rank_of(&task), share: share_of(&task), task: HeldTask { key, task, loan: None } }
}

/// Where a task stands among those of its queue.
pub(crate) fn rank_of(task: &TaskRef) -> Rank {
    let (urgency, at) = match task {
        TaskRef::Workflow(offer) => (offer.urgency, offer.scheduled_at),
        TaskRef::Activity(offer) => (offer.urgency, offer.scheduled_at),
    };
    Rank { priority: u32::from(urgency.level()), order: u64::try_from(at.0).unwrap_or(0) }
}

/// Whose share of its queue a task counts to.
pub(crate) fn share_of(task: &TaskRef) -> Option<Share> {
    let fairness = task.fairness()?;
    Some(Share { lane: Lane::of(Some(fairness)).number(), key: Arc::clone(&fairness.key), weight: fairness.weight })
}

/// Where a task that matching names stands in its shard.
pub(crate) fn place_of(position: &Position<TaskId>, queue: &task::Queue, lane: Lane) -> TasksFrom {
    let Position { rank, id } = position;
    let urgency = Urgency::ALL.into_iter().find(|urgency| u32::from(urgency.level()) == rank.priority);
    let row = TaskRow {
        kind: queue.kind,
        queue: queue.name.clone(),
        urgency: urgency.unwrap_or(Urgency::DEFAULT),
        // Of the key its lane is known, which is all that its place depends on.
        fairness: None,
        scheduled_at: Timestamp(i64::try_from(rank.order).unwrap_or(i64::MAX)),
        run: id.run.clone(),
        scheduled_event_id: id.event,
        attempt: id.attempt,
    };
    TasksFrom { urgency: row.urgency, place: task::place_in(&id.key, &row, lane) }
}
