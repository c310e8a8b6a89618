//! What matching asks of the shards: more tasks, and to take back what it cannot hand over.
//!
//! Invariant: these are called with no lock held and must not block; the answer to a pull comes later, through
//! `Service::pulled`. Calling back into the service from within is allowed.

use crate::key::QueueKey;
use crate::payload::{Identified, Offer, Payloads, Start};

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

/// What a sticky queue held when its worker was given up.
#[derive(Debug)]
pub struct Orphans<P: Payloads> {
    pub tasks: Vec<Offer<P::Task>>,
    pub queries: Vec<P::Query>,
    /// Shards that have more tasks of this queue than are in `tasks`: everything they have for it is an orphan.
    pub shards_with_more: Vec<u32>,
}

impl<P: Payloads> Orphans<P> {
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.queries.is_empty() && self.shards_with_more.is_empty()
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

    /// Nobody polls this sticky queue any more. Offer these on the normal queue.
    fn sticky_gone(&self, key: &QueueKey, orphans: Orphans<P>);

    /// A task was recorded as started for a poller that has gone. Give it back by its request id.
    fn undelivered(&self, key: &QueueKey, started: P::Started);
}
