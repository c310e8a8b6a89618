//! The branches of task queues that other nodes own: a worker's poll waits at the node that it came to.
//!
//! A branch hands its polls the tasks of the shards that this node leads, without asking anybody, while it is *open*: while
//! it knows that nothing waits at the queue's root, at its owner. All others it fetches there, for as many polls as wait.
//!
//! Invariant: tasks that wait go before those that come, in the root's order, which prefers tasks of shards that are led where
//! the poll waits (docs/adr/0024): a branch opens only when its root has none.
//! A root that counts what it hands out has all polls to itself. What was fetched is a loan until it was started, is gone,
//! or is given back; so a node that is lost loses nothing.

mod fetch;
mod loan;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use weft_env::Clock;
use weft_matching::{
    Offer, Options, Orphans, PollerInfo, Pull, QueueKey, Rank, Reserved, RootBacklog, Service, Share, Source, is_limit,
};

use super::Parcel;
use crate::node::{
    NodeInner,
    tasks::{HeldTask, StartedTask, TaskId, Work},
};

pub(crate) use loan::Loan;

/// How long polls go to a root that wants them itself before a branch is tried again.
const AT_ROOT: Duration = Duration::from_secs(10);

/// All branches at this node.
pub(crate) struct Branches {
    polls: Service<Work>,
    known: Mutex<BTreeMap<QueueKey, Known>>,
    clock: Arc<dyn Clock>,
    roots: Arc<Roots>,
}

enum Known {
    Branch(Arc<Branch>),
    /// Its polls go to its root until then (monotonic).
    AtRoot(Duration),
}

/// One branch, for as long as somebody fetches for it.
pub(crate) struct Branch {
    is_open: AtomicBool,
    is_over: watch::Sender<bool>,
    polled: Notify,
}

impl Branch {
    fn new() -> Arc<Self> {
        Arc::new(Self { is_open: AtomicBool::new(false), is_over: watch::Sender::new(false), polled: Notify::new() })
    }

    /// A poll waits.
    pub(crate) fn has_poll(&self) {
        self.polled.notify_one();
    }

    /// Waits until polls have to look for their place anew.
    pub(crate) async fn over(&self) {
        // The sender is this branch's own.
        let _ = self.is_over.subscribe().wait_for(|over| *over).await;
    }

    pub(crate) fn is_over(&self) -> bool {
        *self.is_over.borrow()
    }

    fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    fn set_open(&self, open: bool) {
        self.is_open.store(open, Ordering::Relaxed);
    }

    fn end(&self) {
        self.set_open(false);
        self.is_over.send_replace(true);
    }
}

impl Branches {
    pub(crate) fn new(options: Options, clock: Arc<dyn Clock>) -> Arc<Self> {
        let roots = Arc::<Roots>::default();
        let polls = Service::branches(options, Arc::clone(&clock), Arc::<Roots>::clone(&roots));
        Arc::new(Self { polls, known: Mutex::default(), clock, roots })
    }

    /// The node is put together: branches may grow.
    pub(crate) fn attach(&self, node: &Arc<NodeInner>) {
        // A node is put together once.
        let _ = self.roots.node.set(Arc::downgrade(node));
        let polls = self.polls.clone();
        tokio::spawn(async move { polls.run().await });
    }

    /// The polls that wait here.
    pub(crate) fn polls(&self) -> &Service<Work> {
        &self.polls
    }

    /// The branch that a poll waits at; `None` if it has to go to the root.
    pub(crate) fn enter(&self, queue: &QueueKey, poller: &PollerInfo) -> Option<Arc<Branch>> {
        if poller.max_tasks_per_second.is_some_and(is_limit) {
            return None;
        }
        let mut known = self.known.lock();
        match known.get(queue) {
            // Of a node that stops.
            Some(Known::Branch(branch)) if branch.is_over() => return None,
            Some(Known::Branch(branch)) => return Some(Arc::clone(branch)),
            Some(Known::AtRoot(until)) if self.clock.monotonic() < *until => return None,
            Some(Known::AtRoot(_)) | None => {}
        }
        let node = self.roots.node.get()?;
        let branch = Branch::new();
        known.insert(queue.clone(), Known::Branch(Arc::clone(&branch)));
        tokio::spawn(fetch::fetch(Weak::clone(node), queue.clone(), Arc::clone(&branch)));
        Some(branch)
    }

    /// Takes out a poll that waits here, for a task of a shard that this node leads.
    pub(crate) fn reserve(&self, queue: &QueueKey, rank: Rank, share: Option<&Share>) -> Option<Reserved<Work>> {
        let reserved = if self.is_open(queue) { self.polls.reserve(queue, rank, share)? } else { return None };
        tracing::debug!(queue = &*queue.name, "a task goes to a poll at the node that leads its shard");
        Some(reserved)
    }

    /// Hands a task of a shard that this node leads to a poll that waits here; gives it back if none may have it.
    pub(crate) fn offer(&self, queue: &QueueKey, parcel: Parcel) -> Option<Parcel> {
        if self.is_open(queue) { self.offer_in_front(queue, parcel) } else { Some(parcel) }
    }

    /// The same of a task that a poll was taken out for, which stands in front again.
    pub(crate) fn offer_in_front(&self, queue: &QueueKey, parcel: Parcel) -> Option<Parcel> {
        self.polls.offer_to_poll(queue, parcel.offer()).map(Parcel::from)
    }

    /// Polls that wait here are given tasks of shards that this node leads.
    pub(crate) fn is_open(&self, queue: &QueueKey) -> bool {
        matches!(self.known.lock().get(queue), Some(Known::Branch(branch)) if branch.is_open())
    }

    /// Nobody fetches for this branch any more, unless a poll has come to it.
    fn retire(&self, queue: &QueueKey, branch: &Branch) -> bool {
        let mut known = self.known.lock();
        let retires = self.polls.idle_for(queue).is_some();
        if retires {
            // A poll that was let in and does not wait yet looks for its place anew.
            known.remove(queue);
            self.over(queue, branch);
        }
        retires
    }

    /// Its polls have to look for their place anew: this node owns the queue.
    fn end(&self, queue: &QueueKey, branch: &Branch) {
        self.known.lock().remove(queue);
        self.over(queue, branch);
    }

    fn over(&self, queue: &QueueKey, branch: &Branch) {
        // What the root said is soon not so any more.
        self.polls.note_root(queue, RootBacklog::default());
        branch.end();
    }

    /// Its polls go to its root, for a while.
    fn send_to_root(&self, queue: &QueueKey, branch: &Branch) {
        let now = self.clock.monotonic();
        let mut known = self.known.lock();
        known.retain(|_, known| !matches!(known, Known::AtRoot(until) if *until <= now));
        known.insert(queue.clone(), Known::AtRoot(now + AT_ROOT));
        self.over(queue, branch);
    }
}

/// The roots, as branches see them.
#[derive(Default)]
struct Roots {
    node: OnceLock<Weak<NodeInner>>,
}

impl Roots {
    fn node(&self) -> Option<Arc<NodeInner>> {
        self.node.get()?.upgrade()
    }
}

impl Source<Work> for Roots {
    /// A branch holds nothing, so it never lacks anything.
    fn pull(&self, pull: Pull<TaskId>) {
        tracing::error!(queue = &*pull.key.name, "a branch asks a shard for tasks");
    }

    fn discover(&self, key: &QueueKey, _: u32) {
        tracing::error!(queue = &*key.name, "a branch asks a shard for lanes");
    }

    fn gone(&self, key: &QueueKey, orphans: Orphans<Work>) {
        let Some(node) = self.node() else { return };
        // Whoever asked them hears of it, and asks again.
        drop(orphans.queries);
        for offer in orphans.tasks {
            node.give_up(key, offer);
        }
    }

    fn undelivered(&self, _: &QueueKey, started: StartedTask) {
        let Some(node) = self.node() else { return };
        crate::node::Node::from(node).give_back(&started);
    }
}

impl NodeInner {
    /// A task that no poll took here goes to its root, if it has not come from there: then the loan goes back.
    fn give_up(self: &Arc<Self>, queue: &QueueKey, offer: Offer<HeldTask>) {
        if offer.task.loan.is_some() {
            return;
        }
        tracing::debug!(queue = &*queue.name, "a task goes back to the owner of its queue");
        if let Some(away) = self.outgoing() {
            away.offer_or_unpolled(self, offer.into());
        }
    }
}
