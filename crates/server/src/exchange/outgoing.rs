//! Tasks on their way from the shards that are led here to the owners of their queues.
//!
//! Invariant: a task is brought to whoever owns its queue at that moment, and brought again when it owns it no more. What
//! does not fit is not kept: of a normal queue its owner is told that the shard has more, until it has heard; a task of a
//! sticky queue goes to its normal one. Nothing here blocks the shard.

mod more;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use parking_lot::RwLock;
use tokio::sync::mpsc;
use weft_matching::QueueKey;
use weft_protocol::internal::{OfferRequest, OfferResponse};
use weft_shard::Offered;

use super::{
    calls::PAUSE,
    wire::{self, Parcel},
};
use crate::node::{NodeInner, leader::Leader};
pub(super) use more::Settled;
use more::{Board, More};

/// Tasks that wait to be brought to one node.
const WAITING_MAX: usize = 10_000;
/// Tasks in one call.
const BATCH_MAX: usize = 256;
/// Between two looks for an owner where there is none.
const LOOK: Duration = Duration::from_millis(20);

/// The ways out of this node. Each goes to another node; one is for what has no owner now.
pub(crate) struct Outgoing {
    ways: RwLock<BTreeMap<u32, Way>>,
    unowned: Way,
    node: OnceLock<Weak<NodeInner>>,
}

#[derive(Clone)]
struct Way {
    tasks: mpsc::Sender<Parcel>,
    more: Arc<Board>,
}

/// The far ends of the ways, until somebody carries what comes out of them.
pub(crate) struct Outlets(Vec<Outlet>);

struct Outlet {
    /// None for what has no owner.
    to: Option<u32>,
    tasks: mpsc::Receiver<Parcel>,
    more: Arc<Board>,
}

fn way(to: Option<u32>) -> (Way, Outlet) {
    let (sender, tasks) = mpsc::channel(WAITING_MAX);
    let more = Arc::<Board>::default();
    (Way { tasks: sender, more: Arc::clone(&more) }, Outlet { to, tasks, more })
}

impl Outgoing {
    /// The ways to these nodes.
    pub(crate) fn new(others: impl Iterator<Item = u32>) -> (Arc<Self>, Outlets) {
        let mut outlets = Vec::new();
        let mut open = |to| {
            let (way, outlet) = way(to);
            outlets.push(outlet);
            way
        };
        let ways = RwLock::new(others.map(|node| (node, open(Some(node)))).collect());
        let unowned = open(None);
        (Arc::new(Self { ways, unowned, node: OnceLock::new() }), Outlets(outlets))
    }

    /// The node is put together: what comes is carried from now on.
    pub(crate) fn attach(&self, node: &Arc<NodeInner>, outlets: Outlets) {
        // A node is put together once.
        let _ = self.node.set(Arc::downgrade(node));
        for outlet in outlets.0 {
            tokio::spawn(outlet.carry(Arc::downgrade(node)));
        }
    }

    /// The others are these from now on. What is on its way to one that is none of them is brought again, to whoever owns
    /// its queue by then.
    pub(crate) fn keep(&self, others: &BTreeSet<u32>) {
        let mut ways = self.ways.write();
        ways.retain(|node, _| others.contains(node));
        for node in others {
            ways.entry(*node).or_insert_with(|| {
                let (way, outlet) = way(Some(*node));
                tokio::spawn(outlet.carry(self.node.get().cloned().unwrap_or_default()));
                way
            });
        }
    }

    /// This node owns the queue.
    pub(crate) fn owns(&self, queue: &QueueKey) -> bool {
        self.node.get().and_then(Weak::upgrade).is_some_and(|node| node.owner(queue) == Leader::Here)
    }

    /// Brings a task to matching here, or on its way.
    pub(crate) fn offer(&self, queue: &QueueKey, parcel: Parcel) -> Offered {
        self.offer_near(queue, parcel, Some)
    }

    /// The same, if nobody takes it `near` whose queue another node owns.
    pub(crate) fn offer_near(
        &self,
        queue: &QueueKey,
        parcel: Parcel,
        near: impl FnOnce(Parcel) -> Option<Parcel>,
    ) -> Offered {
        let Some(node) = self.node.get().and_then(Weak::upgrade) else { return self.wait(&self.unowned, parcel) };
        let owner = match node.owner(queue) {
            Leader::Here => return node.offer_here(queue, parcel),
            Leader::Node(owner) => Some(owner),
            Leader::Nobody => None,
        };
        let Some(parcel) = near(parcel) else { return Offered::Accepted };
        let way = owner.and_then(|owner| self.ways.read().get(&owner).cloned());
        self.wait(way.as_ref().unwrap_or(&self.unowned), parcel)
    }

    fn wait(&self, way: &Way, parcel: Parcel) -> Offered {
        let Err(full) = way.tasks.try_send(parcel) else { return Offered::Accepted };
        let (mpsc::error::TrySendError::Full(parcel) | mpsc::error::TrySendError::Closed(parcel)) = full;
        let queue = parcel.queue();
        if queue.sticky {
            return Offered::NoStickyPoller;
        }
        self.note(&way.more, queue, parcel.shard.0);
        Offered::Accepted
    }

    fn note(&self, more: &Board, queue: QueueKey, shard: u32) {
        if !more.note(queue, shard) {
            self.everywhere(shard);
        }
    }

    /// A shard has tasks of many queues that are not brought to anybody.
    pub(crate) fn everywhere(&self, shard: u32) {
        self.ways.read().values().for_each(|way| way.more.note_shard(shard));
        if let Some(node) = self.node.get().and_then(Weak::upgrade) {
            node.matching.shards_have_more(|_| true, &[shard]);
        }
    }

    /// These shards have tasks of a queue that this node owns no more.
    pub(crate) fn has_moved(&self, node: &Arc<NodeInner>, queue: &QueueKey, shards: BTreeSet<u32>) {
        tracing::debug!(queue = &*queue.name, ?shards, "a queue with tasks has moved");
        self.again(node, Vec::new(), shards.into_iter().map(|shard| (queue.clone(), shard)).collect());
    }

    /// Says to a root what became of what it has lent. Without a way there nothing is lost: the loan runs out.
    pub(super) fn settle(&self, root: u32, loan: u64, settled: Settled) {
        if let Some(way) = self.ways.read().get(&root) {
            way.more.note_loan(loan, settled);
        }
    }

    /// Brings a task to whoever owns its queue now; one of a sticky queue that nobody polls goes to the normal one.
    pub(super) fn offer_or_unpolled(&self, node: &Arc<NodeInner>, parcel: Parcel) {
        let (key, task) = (parcel.key.clone(), parcel.task.clone());
        if self.offer(&parcel.queue(), parcel) == Offered::NoStickyPoller {
            node.unpolled(key, task);
        }
    }

    /// Brings again what was refused or could not be brought.
    fn again(&self, node: &Arc<NodeInner>, parcels: Vec<Parcel>, more: Vec<(QueueKey, u32)>) {
        for parcel in parcels {
            self.offer_or_unpolled(node, parcel);
        }
        for (queue, shard) in more {
            match node.owner(&queue) {
                Leader::Here => node.matching.shard_has_more(&queue, shard),
                Leader::Node(owner) => {
                    // A queue that does not fit is noted on all ways: nothing may be held here.
                    let more = self.ways.read().get(&owner).map(|way| Arc::clone(&way.more));
                    self.note(more.as_deref().unwrap_or(&self.unowned.more), queue, shard);
                }
                Leader::Nobody => self.note(&self.unowned.more, queue, shard),
            }
        }
    }
}

impl Outlet {
    /// Ends when the node does.
    async fn carry(mut self, node: Weak<NodeInner>) {
        loop {
            let mut parcels = Vec::new();
            tokio::select! {
                biased;
                came = self.tasks.recv_many(&mut parcels, BATCH_MAX) => if came == 0 { return },
                () = self.more.news() => {}
            }
            let Some(node) = node.upgrade() else { return };
            if let Some(away) = node.outgoing() {
                self.bring(&node, away, parcels).await;
            }
        }
    }

    async fn bring(&self, node: &Arc<NodeInner>, away: &Outgoing, parcels: Vec<Parcel>) {
        let More { queues, shards, done, returned, kept } = self.more.take();
        let more: Vec<_> = queues.into_iter().collect();
        let Some(to) = self.to else {
            node.pause(LOOK).await;
            return away.again(node, parcels, more);
        };
        let request = OfferRequest {
            tasks: parcels.iter().map(wire::task).collect(),
            more: more.iter().map(|(queue, shard)| wire::more(queue, *shard)).collect(),
            shards_with_more: shards.iter().copied().collect(),
            done,
            returned,
            kept,
        };
        // What is not said of loans runs out by itself.
        match node.offer_to(to, request).await {
            Ok(answer) => Self::answered(node, away, parcels, more, answer).await,
            Err(status) => {
                tracing::debug!(node = to, %status, "tasks could not be brought to the owner of their queues");
                node.pause(PAUSE).await;
                shards.into_iter().for_each(|shard| self.more.note_shard(shard));
                away.again(node, parcels, more);
            }
        }
    }

    async fn answered(
        node: &Arc<NodeInner>,
        away: &Outgoing,
        parcels: Vec<Parcel>,
        more: Vec<(QueueKey, u32)>,
        answer: OfferResponse,
    ) {
        for Parcel { key, task, .. } in at(&parcels, &answer.unpolled) {
            node.unpolled(key, task);
        }
        let (parcels, more) = (at(&parcels, &answer.elsewhere), at(&more, &answer.more_elsewhere));
        if !(parcels.is_empty() && more.is_empty()) {
            // One of the two nodes has not heard yet that the owner is another one.
            node.pause(LOOK).await;
            away.again(node, parcels, more);
        }
    }
}

/// Those at these places.
fn at<T: Clone>(all: &[T], places: &[u32]) -> Vec<T> {
    places.iter().filter_map(|place| all.get(usize::try_from(*place).ok()?)).cloned().collect()
}
