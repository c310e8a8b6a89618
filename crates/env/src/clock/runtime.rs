//! A clock that follows the tokio runtime's time from a wall time of choice: under `tokio::time::pause` a whole
//! simulation runs on it, deterministically and as fast as the processor allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::{Clock, Sleep, UnixNanos};

/// Follows tokio's (paused) time. Clones share their start and their wall time's offset.
#[derive(Clone, Debug)]
pub struct TokioClock {
    start: tokio::time::Instant,
    /// Wall time at `start`, jumps included.
    wall: Arc<AtomicI64>,
}

impl TokioClock {
    /// Must be called within the runtime whose time it follows.
    #[expect(clippy::disallowed_methods, reason = "the simulation's time comes from its runtime")]
    pub fn starting_at(wall: UnixNanos) -> Self {
        Self { start: tokio::time::Instant::now(), wall: Arc::new(AtomicI64::new(wall.0)) }
    }

    /// Sets wall time forward or back; monotonic time and waits do not notice.
    pub fn jump_wall(&self, nanos: i64) {
        self.wall.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Clock for TokioClock {
    fn now(&self) -> UnixNanos {
        UnixNanos(self.wall.load(Ordering::SeqCst)).saturating_add(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep_until(&self, deadline: Duration) -> Sleep {
        match self.start.checked_add(deadline) {
            Some(instant) => Box::pin(tokio::time::sleep_until(instant)),
            None => Box::pin(std::future::pending()),
        }
    }
}
