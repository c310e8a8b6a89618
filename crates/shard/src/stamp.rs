//! The shard's own time (rule 17): `max(wall clock, last stamp + monotonic time since)`, so it never goes back and
//! never freezes.

use std::{sync::Arc, time::Duration};

use weft_engine::Timestamp;
use weft_env::Clock;

/// Stamps requests on the leader.
pub(crate) struct Stamper {
    clock: Arc<dyn Clock>,
    last: Timestamp,
    last_at: Duration,
}

impl Stamper {
    /// Goes on from the highest stamp that was applied.
    pub(crate) fn resume(clock: Arc<dyn Clock>, last: Timestamp) -> Self {
        let last_at = clock.monotonic();
        Self { clock, last, last_at }
    }

    pub(crate) fn stamp(&mut self) -> Timestamp {
        let monotonic = self.clock.monotonic();
        let carried = self.last.after(monotonic.saturating_sub(self.last_at));
        self.last = carried.max(Timestamp(self.clock.now().0));
        self.last_at = monotonic;
        self.last
    }

    pub(crate) fn last(&self) -> Timestamp {
        self.last
    }

    /// The monotonic instant at which the stamp will have reached `at`.
    pub(crate) fn monotonic_at(&self, at: Timestamp) -> Duration {
        self.clock.monotonic() + at.since(self.last.max(Timestamp(self.clock.now().0)))
    }
}

#[cfg(test)]
mod tests {
    use weft_env::{UnixNanos, VirtualClock};

    use super::*;

    #[test]
    fn time_goes_on_when_the_wall_clock_jumps_back() {
        let clock = Arc::new(VirtualClock::starting_at(UnixNanos(1_000_000_000)));
        let mut stamper = Stamper::resume(clock.clone(), Timestamp(5_000_000_000));
        assert_eq!(stamper.stamp(), Timestamp(5_000_000_000));
        clock.advance(Duration::from_secs(2));
        assert_eq!(stamper.stamp(), Timestamp(7_000_000_000));
    }
}
