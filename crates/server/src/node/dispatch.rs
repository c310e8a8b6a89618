//! The way from shards to pollers, and back: matching behind the shard's `Dispatch`, the shards behind matching's
//! `Source`.

use std::sync::{Arc, OnceLock, Weak};

use weft_engine::{Poller, RequestId, WorkflowKey};
use weft_env::Clock;
use weft_matching::{Identified, Offer, Orphans, PollerInfo, Position, Pull, QueueKey, Reserved, Service, Source};
use weft_protocol::api::common::WorkerVersionStamp;
use weft_shard::{Delivered, Dispatch, Offered, Reservation, ShardId, TaskRef};

use super::{
    NodeInner, Options,
    leader::Leader,
    tasks::{HeldTask, StartedTask, TaskId, Work, queue_of, rank_of, share_of},
};
use crate::exchange::{Branches, Outgoing, Outlets, Parcel, Returned};

/// Matching, as the shards see it.
pub(crate) struct ToPollers {
    pub(crate) matching: Service<Work>,
    /// The other nodes' matching, if there are others.
    pub(crate) away: Option<Away>,
}

/// What a node of a cluster has besides its own matching.
#[derive(Clone)]
pub(crate) struct Away {
    /// To the owners of queues.
    pub(crate) ways: Arc<Outgoing>,
    /// Where polls wait whose queues other nodes own.
    pub(crate) branches: Arc<Branches>,
}

impl Away {
    /// With ways to these nodes.
    pub(crate) fn new(others: impl Iterator<Item = u32>, options: &Options, clock: &Arc<dyn Clock>) -> (Self, Outlets) {
        let (ways, outlets) = Outgoing::new(others);
        let branches = Branches::new(options.matching.clone(), Arc::clone(clock));
        (Self { ways, branches }, outlets)
    }

    /// The node is put together.
    pub(crate) fn attach(&self, node: &Arc<NodeInner>, outlets: Outlets) {
        self.ways.attach(node, outlets);
        self.branches.attach(node);
    }
}

impl Dispatch for ToPollers {
    fn offer(&self, shard: ShardId, key: &WorkflowKey, task: TaskRef) -> Offered {
        let (queue, parcel) = (queue_of(&key.namespace, &task), Parcel { shard, key: key.clone(), task });
        let Some(Away { ways, branches }) = &self.away else { return offered(&self.matching, &queue, parcel) };
        ways.offer_near(&queue, parcel, |parcel| branches.offer(&queue, parcel))
    }

    fn has_more(&self, shard: ShardId) {
        // Of a cluster all queues that are new to their owner ask all shards.
        match &self.away {
            Some(away) => away.ways.everywhere(shard.0),
            None => {
                self.matching.ask_for_new_queues([shard.0]);
                self.matching.shards_have_more(|_| true, &[shard.0]);
            }
        }
    }

    fn reserve(&self, key: &WorkflowKey, task: &TaskRef) -> Option<Box<dyn Reservation>> {
        let queue = queue_of(&key.namespace, task);
        let (rank, share) = (rank_of(task), share_of(task));
        // To ask another node for a poller would cost more than the commit that is saved.
        let (reserved, at) = match &self.away {
            Some(away) if !away.ways.owns(&queue) => {
                (away.branches.reserve(&queue, rank, share.as_ref())?, At::Branch(away.clone()))
            }
            Some(_) | None => (self.matching.reserve(&queue, rank, share.as_ref())?, At::Root(self.matching.clone())),
        };
        Some(Box::new(ReservedPoller { reserved, at }))
    }
}

/// Offers a task of this queue to the matching of this node.
fn offered(matching: &Service<Work>, queue: &QueueKey, parcel: Parcel) -> Offered {
    match matching.offer(queue, parcel.offer()) {
        weft_matching::Offered::NoStickyPoller(_) => Offered::NoStickyPoller,
        weft_matching::Offered::Matched | weft_matching::Offered::Queued | weft_matching::Offered::Dropped => {
            Offered::Accepted
        }
    }
}

struct ReservedPoller {
    reserved: Reserved<Work>,
    at: At,
}

/// Where a poller waits.
enum At {
    Root(Service<Work>),
    Branch(Away),
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
        let parcel = Parcel { shard, key: key.clone(), task };
        let _ = match self.at {
            At::Root(matching) => offered(&matching, &queue, parcel),
            At::Branch(Away { ways, branches }) => {
                let left = branches.offer_in_front(&queue, parcel);
                left.map_or(Offered::Accepted, |parcel| ways.offer(&queue, parcel))
            }
        };
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
            let Some(mut offers) = node.pulled(&pull).await else { return };
            let next = (offers.len() > pull.max).then(|| position(&offers[pull.max]));
            offers.truncate(pull.max);
            node.matching.pulled(pull, offers, next);
        });
    }

    fn discover(&self, key: &QueueKey, shard: u32) {
        let Some(node) = self.node() else { return };
        let key = key.clone();
        tokio::spawn(async move {
            if let Some(lanes) = node.lanes(&key, shard).await {
                node.matching.discovered(&key, shard, &lanes);
            }
        });
    }

    fn gone(&self, key: &QueueKey, orphans: Orphans<Work>) {
        let Some(node) = self.node() else { return };
        if !key.sticky {
            if let Some(away) = node.outgoing() {
                away.has_moved(&node, key, orphans.shards());
            }
            return;
        }
        // Whoever asked them hears of it, and asks on the normal queue.
        drop(orphans.queries);
        for Offer { task: HeldTask { key, task, .. }, .. } in orphans.tasks {
            node.unpolled(key, task);
        }
        // What is only in the shards stands there under the normal queue, where the next pull finds it.
        if !orphans.shards_with_more.is_empty() {
            tracing::debug!(queue = &*key.name, "a sticky queue left tasks in its shards");
        }
    }

    fn undelivered(&self, _: &QueueKey, started: StartedTask) {
        let Some(node) = self.node() else { return };
        tokio::spawn(async move { node.give_back(Returned::Undelivered(started.started())).await });
    }
}

fn position(offer: &Offer<HeldTask>) -> Position<TaskId> {
    Position { rank: offer.rank, id: offer.task.id() }
}

impl NodeInner {
    /// Offers a task of any shard to this node's matching, which owns this queue of it.
    pub(crate) fn offer_here(&self, queue: &QueueKey, parcel: Parcel) -> Offered {
        let offered = offered(&self.matching, queue, parcel);
        if self.owner(queue) != Leader::Here {
            // It has moved meanwhile, and may have been forgotten before this came.
            self.matching.forget_queues(|of| of == queue);
        }
        offered
    }
}
