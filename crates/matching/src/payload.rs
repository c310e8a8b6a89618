//! What goes through matching, without knowing what it is: the payload types, and the order tasks stand in.
//!
//! Invariant: [`Position`] is a total order in which no two tasks of a queue and shard are equal, so "from here on" in
//! a pull leaves nothing out.

use std::sync::Arc;

/// Something with an id by which a second copy, or the thing to be taken back, is known.
pub trait Identified: Send + 'static {
    type Id: Ord + Clone + Send + Sync + 'static;

    fn id(&self) -> Self::Id;
}

/// The three things that a poll can bring.
pub trait Payloads: 'static {
    /// A task that waits to be started. Usually ids only.
    type Task: Identified;
    /// A task that is already recorded as started for the poller that it is delivered to.
    type Started: Send + 'static;
    /// A question to a worker, with the way to answer it.
    type Query: Identified;
}

/// Where a task stands in its queue: lower is sooner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    pub priority: u32,
    /// Order within the priority, for example the time the task was scheduled.
    pub order: u64,
}

/// Whose share of its queue a task counts to. Tasks of the same priority take turns by these, in proportion to weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which of the lanes that a shard divides a queue's tasks into this one stands in; 0 is that of no key.
    pub lane: u16,
    pub key: Arc<str>,
    /// In thousandths.
    pub weight: u32,
}

/// A task on its way into a queue, and out of it: whoever cannot start it offers it again as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer<T> {
    /// The shard whose row this task is.
    pub origin: u32,
    pub rank: Rank,
    /// `None` of a task without a fairness key: those take turns with the others as if they had one together.
    pub share: Option<Share>,
    pub task: T,
}

/// A task's place among those of its queue and shard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position<I> {
    pub rank: Rank,
    pub id: I,
}

/// The tasks of a queue that one shard has in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LineId {
    pub(crate) shard: u32,
    pub(crate) lane: u16,
}

/// Which shards are near: their leader is where the poll waits, so that a task of theirs is started and answered without a way
/// between nodes.
pub(crate) type Near<'a> = &'a dyn Fn(u32) -> bool;

/// Where a pull begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Start<I> {
    /// With the first task that the shard has for the queue.
    Beginning,
    /// With this task, or the first one after it.
    At(Position<I>),
}

impl<T: Identified> Offer<T> {
    pub(crate) fn line(&self) -> LineId {
        LineId { shard: self.origin, lane: self.share.as_ref().map_or(0, |share| share.lane) }
    }

    pub(crate) fn position(&self) -> Position<T::Id> {
        Position { rank: self.rank, id: self.task.id() }
    }
}

/// Payloads for tests: numbers.
#[cfg(test)]
pub(crate) mod toys {
    use super::{Identified, Offer, Payloads, Rank};

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Toys;

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Job(pub(crate) u64);

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Question(pub(crate) u64);

    impl Identified for Job {
        type Id = u64;

        fn id(&self) -> u64 {
            self.0
        }
    }

    impl Identified for Question {
        type Id = u64;

        fn id(&self) -> u64 {
            self.0
        }
    }

    impl Payloads for Toys {
        type Task = Job;
        type Started = u64;
        type Query = Question;
    }

    /// A task of shard 0 whose id is its order.
    pub(crate) fn job(id: u64) -> Offer<Job> {
        Offer { origin: 0, rank: Rank { priority: 3, order: id }, share: None, task: Job(id) }
    }
}
