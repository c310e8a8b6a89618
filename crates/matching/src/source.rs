//! What matching asks of the shards: more tasks, and to take back what it cannot hand over.
//!
//! Invariant: these are called with no lock held and must not block; the answer to a pull comes later, through
//! `Service::pulled`. Calling back into the service from within is allowed.

use crate::key::QueueKey;
use crate::payload::{Identified, Offer, Payloads, Start};
use std::collections::BTreeSet;

/// A request for the tasks that a shard has for a queue, in ascending position from `from` on, at most `max`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull<I> {
    pub key: QueueKey,
    pub shard: u32,
    /// Only the tasks of this lane are asked for.
    pub lane: u16,
    pub from: Start<I>,
    pub max: usize,
    /// Tells this question from an earlier one about the same queue and shard, whose answer may be stale.
    pub(crate) number: u64,
}

/// What a queue held when it was given up.
#[derive(Debug)]
pub struct Orphans<P: Payloads> {
    pub tasks: Vec<Offer<P::Task>>,
    pub queries: Vec<P::Query>,
    /// Shards that have more tasks of this queue than are in `tasks`. All that they have for a sticky one is an orphan.
    pub shards_with_more: Vec<u32>,
}

impl<P: Payloads> Orphans<P> {
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.queries.is_empty() && self.shards_with_more.is_empty()
    }

    /// All shards that have tasks of the queue.
    pub fn shards(&self) -> BTreeSet<u32> {
        self.tasks.iter().map(|offer| offer.origin).chain(self.shards_with_more.iter().copied()).collect()
    }
}

/// The shards, as matching sees them.
pub trait Source<P: Payloads>: Send + Sync {
    /// There is room for more tasks of a shard. Read them after this call began and answer with `Service::pulled`;
    /// a pull that is never answered is asked again.
    fn pull(&self, pull: Pull<<P::Task as Identified>::Id>);

    /// A shard may have tasks in lanes that are not known here. Answer with `Service::discovered`, by what the shard has
    /// after this call began; what is never answered is asked again.
    fn discover(&self, key: &QueueKey, shard: u32);

    /// A queue is given up. Of a sticky one that nobody polls any more, or that has moved, offer these on the normal queue.
    /// A normal one has moved: let its owner hear which shards have tasks of it, for it may have asked them before these
    /// were offered here.
    fn gone(&self, key: &QueueKey, orphans: Orphans<P>);

    /// A task was recorded as started for a poller that has gone. Give it back by its request id.
    fn undelivered(&self, key: &QueueKey, started: P::Started);
}
