//! The way from shards to pollers, and back: matching behind the shard's `Dispatch`, the shards behind matching's
//! `Source`.

use std::sync::{Arc, OnceLock, Weak};

use weft_engine::{ActivityToken, NamespaceId, Poller, Request, RequestId, WorkflowKey};
use weft_matching::{
    Identified, Offer, Orphans, PollerInfo, Position, Pull, QueueKey, QueueKind, Reserved, Service, Source, Start,
};
use weft_protocol::api::common::WorkerVersionStamp;
use weft_rows::task::{self, Lane};
use weft_shard::{Delivered, Dispatch, Offered, Reservation, Shard, ShardId, TaskRef};

use super::{
    NodeInner,
    tasks::{HeldTask, StartedTask, TaskId, Work, offer_of, place_of, queue_of, rank_of, share_of},
};

/// Matching, as the shards see it.
pub(crate) struct ToPollers {
    pub(crate) matching: Service<Work>,
}

impl Dispatch for ToPollers {
    fn offer(&self, shard: ShardId, key: &WorkflowKey, task: TaskRef) -> Offered {
        let queue = queue_of(&key.namespace, &task);
        match self.matching.offer(&queue, offer_of(shard, key.clone(), task)) {
            weft_matching::Offered::NoStickyPoller(_) => Offered::NoStickyPoller,
            weft_matching::Offered::Matched | weft_matching::Offered::Queued | weft_matching::Offered::Dropped => {
                Offered::Accepted
            }
        }
    }

    fn reserve(&self, key: &WorkflowKey, task: &TaskRef) -> Option<Box<dyn Reservation>> {
        let reserved =
            self.matching.reserve(&queue_of(&key.namespace, task), rank_of(task), share_of(task).as_ref())?;
        Some(Box::new(ReservedPoller { reserved, matching: self.matching.clone() }))
    }
}

struct ReservedPoller {
    reserved: Reserved<Work>,
    matching: Service<Work>,
}

impl Reservation for ReservedPoller {
    fn poller(&self) -> Poller {
        poller_of(self.reserved.poller())
    }

    fn deliver(self: Box<Self>, shard: ShardId, key: &WorkflowKey, task: Delivered) {
        let request = request_of(self.reserved.poller());
        self.reserved.deliver(StartedTask { shard, key: key.clone(), delivered: task, request });
    }

    fn uncertain(self: Box<Self>, shard: ShardId, key: &WorkflowKey, task: TaskRef) {
        // The poller stands in front again and takes the task itself: the engine knows its request id if the lost
        // batch was applied after all (rule 13).
        drop(self.reserved);
        let queue = queue_of(&key.namespace, &task);
        // A sticky queue without its poller: the new leader offers the task again anyway.
        let _ = self.matching.offer(&queue, offer_of(shard, key.clone(), task));
    }
}

/// A poll's account of itself as the engine records it.
#[must_use]
pub(crate) fn poller_of(info: &PollerInfo) -> Poller {
    let version = &info.version;
    let stamp = version
        .build_id
        .as_ref()
        .map(|build_id| WorkerVersionStamp { build_id: build_id.to_string(), use_versioning: version.use_versioning });
    Poller { identity: (&*info.identity).into(), request: request_of(info), version: stamp, deployment: None }
}

fn request_of(info: &PollerInfo) -> RequestId {
    RequestId::from(info.request_id.hyphenated().to_string())
}

/// The shards, as matching sees them. Set once the node is put together.
#[derive(Default)]
pub(crate) struct FromShards {
    node: OnceLock<Weak<NodeInner>>,
}

impl FromShards {
    pub(crate) fn attach(&self, node: &Arc<NodeInner>) {
        // A node is put together once.
        let _ = self.node.set(Arc::downgrade(node));
    }

    fn node(&self) -> Option<Arc<NodeInner>> {
        self.node.get()?.upgrade()
    }
}

impl Source<Work> for FromShards {
    fn pull(&self, pull: Pull<TaskId>) {
        let Some(node) = self.node() else { return };
        tokio::spawn(async move {
            let Some(shard) = node.shards.iter().find(|shard| shard.id().0 == pull.shard) else { return };
            let Ok(mut offers) = pulled(shard, &pull).await else { return };
            let next = (offers.len() > pull.max).then(|| position(&offers[pull.max]));
            offers.truncate(pull.max);
            node.matching.pulled(pull, offers, next);
        });
    }

    fn discover(&self, key: &QueueKey, shard: u32) {
        let Some(node) = self.node() else { return };
        let key = key.clone();
        tokio::spawn(async move {
            let Some(of) = node.shards.iter().find(|of| of.id().0 == shard) else { return };
            let Ok(lanes) = of.lanes(queue_of_rows(&key)).await else { return };
            let lanes: Vec<u16> = lanes.into_iter().map(Lane::number).collect();
            node.matching.discovered(&key, shard, &lanes);
        });
    }

    fn sticky_gone(&self, key: &QueueKey, orphans: Orphans<Work>) {
        let Some(node) = self.node() else { return };
        for query in orphans.queries {
            node.normal_query(query);
        }
        for offer in orphans.tasks {
            give_to_normal_queue(&node, offer);
        }
        // What is only in the shards stands there under the normal queue, where the next pull finds it.
        if !orphans.shards_with_more.is_empty() {
            tracing::debug!(queue = &*key.name, "a sticky queue left tasks in its shards");
        }
    }

    fn undelivered(&self, _: &QueueKey, started: StartedTask) {
        let Some(node) = self.node() else { return };
        tokio::spawn(async move { node.give_back(started).await });
    }
}

fn give_to_normal_queue(node: &Arc<NodeInner>, offer: Offer<HeldTask>) {
    let HeldTask { key, task } = offer.task;
    let TaskRef::Workflow(task) = task else { return };
    let node = Arc::clone(node);
    tokio::spawn(async move {
        let request = Request::StickyUnavailable(task.run, task.scheduled_event_id);
        // A refusal means that the task is gone already.
        let _ = node.ask(key, request).await;
    });
}

/// The tasks that matching asks for, and one more, if there is one, to say where to go on.
async fn pulled(shard: &Shard, pull: &Pull<TaskId>) -> Result<Vec<Offer<HeldTask>>, weft_shard::Failure> {
    let queue = queue_of_rows(&pull.key);
    let lane = Lane::from_number(pull.lane).unwrap_or_default();
    let from = match &pull.from {
        Start::Beginning => None,
        Start::At(position) => Some(place_of(position, &queue, lane)),
    };
    let tasks = shard.pull(queue, lane, from, pull.max.saturating_add(1)).await?;
    Ok(tasks.into_iter().map(|(key, task)| offer_of(shard.id(), key, task)).collect())
}

/// A queue as rows name it.
fn queue_of_rows(key: &QueueKey) -> task::Queue {
    let kind = match key.kind {
        QueueKind::Workflow => weft_engine::TaskRowKind::Workflow,
        QueueKind::Activity => weft_engine::TaskRowKind::Activity,
    };
    task::Queue { namespace: NamespaceId::from(&*key.namespace), name: (&*key.name).into(), kind }
}

fn position(offer: &Offer<HeldTask>) -> Position<TaskId> {
    Position { rank: offer.rank, id: offer.task.id() }
}

impl NodeInner {
    /// Gives back a task whose poller has gone, until it is answered one way or the other (rule 13).
    pub(super) async fn give_back(&self, started: StartedTask) {
        let StartedTask { key, delivered, request, .. } = started;
        let request = match delivered {
            Delivered::Workflow(task) => Request::GiveBackWorkflowTask(task.token, request),
            Delivered::Activity(task) => Request::GiveBackActivityTask(ActivityToken::clone(&task.token), request),
        };
        while let Err(weft_shard::Failure::Unavailable(_) | weft_shard::Failure::NotLeader) =
            self.ask(key.clone(), request.clone()).await
        {
            if *self.stopping.borrow() {
                return;
            }
            self.clock.sleep_until(self.clock.monotonic() + self.options.give_back_retry).await;
        }
    }
}
