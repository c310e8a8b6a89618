//! The shard's own time (rule 17): `max(wall clock, last stamp + monotonic time since)`, so it never goes back and
//! never freezes.
//!
//! Invariant: of all shards of a node the highest stamp counts. What begins on one after something on another was
//! acknowledged is stamped later, though a wall clock that was set back knew only one of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use weft_engine::Timestamp;
use weft_env::Clock;

/// How far the time of a node's shards is ahead of its monotonic time; one for all of them.
#[derive(Debug)]
pub struct NodeTime(AtomicI64);

impl Default for NodeTime {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl NodeTime {
    fn raise(&self, stamp: Timestamp, at: Duration) {
        self.0.fetch_max(stamp.0.saturating_sub(nanos(at)), Ordering::Relaxed);
    }

    fn at(&self, at: Duration) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed).saturating_add(nanos(at)))
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// Stamps requests on the leader.
pub(crate) struct Stamper {
    clock: Arc<dyn Clock>,
    node: Arc<NodeTime>,
    last: Timestamp,
}

impl Stamper {
    /// Goes on from the highest stamp that was applied.
    pub(crate) fn resume(clock: Arc<dyn Clock>, node: Arc<NodeTime>, last: Timestamp) -> Self {
        node.raise(last, clock.monotonic());
        Self { clock, node, last }
    }

    pub(crate) fn stamp(&mut self) -> Timestamp {
        let monotonic = self.clock.monotonic();
        self.last = self.last.max(self.node.at(monotonic)).max(Timestamp(self.clock.now().0));
        self.node.raise(self.last, monotonic);
        self.last
    }

    pub(crate) fn last(&self) -> Timestamp {
        self.last
    }

    /// The monotonic instant at which the stamp will have reached `at`.
    pub(crate) fn monotonic_at(&self, at: Timestamp) -> Duration {
        let monotonic = self.clock.monotonic();
        monotonic + at.since(self.node.at(monotonic).max(Timestamp(self.clock.now().0)))
    }
}

#[cfg(test)]
mod tests {
    use weft_env::{UnixNanos, VirtualClock};

    use super::*;

    #[test]
    fn time_goes_on_when_the_wall_clock_jumps_back() {
        let clock = Arc::new(VirtualClock::starting_at(UnixNanos(1_000_000_000)));
        let mut stamper = Stamper::resume(clock.clone(), Arc::default(), Timestamp(5_000_000_000));
        assert_eq!(stamper.stamp(), Timestamp(5_000_000_000));
        clock.advance(Duration::from_secs(2));
        assert_eq!(stamper.stamp(), Timestamp(7_000_000_000));
    }

    #[test]
    fn shards_of_a_node_agree_on_what_came_later() {
        let clock = Arc::new(VirtualClock::starting_at(UnixNanos(1_000_000_000)));
        let node = Arc::new(NodeTime::default());
        let mut behind = Stamper::resume(clock.clone(), Arc::clone(&node), Timestamp(2_000_000_000));
        let mut ahead = Stamper::resume(clock.clone(), node, Timestamp(5_000_000_000));
        clock.advance(Duration::from_secs(1));
        let earlier = ahead.stamp();
        assert_eq!((earlier, behind.stamp()), (Timestamp(6_000_000_000), earlier));
        assert_eq!(behind.monotonic_at(Timestamp(7_000_000_000)), clock.monotonic() + Duration::from_secs(1));
    }
}
