//! The machine's own clocks. Its waits are tokio timers, so it must be used within a tokio runtime.
//!
//! All instances in a process share one start, so that monotonic times may be compared between them.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Clock, Sleep, UnixNanos};

static START: OnceLock<Instant> = OnceLock::new();

/// The clock of production.
#[derive(Clone, Copy, Debug)]
pub struct RealClock {
    start: Instant,
}

impl RealClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the monotonic clock")]
    pub fn new() -> Self {
        Self { start: *START.get_or_init(Instant::now) }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    fn now(&self) -> UnixNanos {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => UnixNanos::EPOCH.saturating_add(after),
            Err(before) => UnixNanos::EPOCH.saturating_sub(before.duration()),
        }
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep_until(&self, deadline: Duration) -> Sleep {
        match self.start.checked_add(deadline) {
            Some(instant) => Box::pin(tokio::time::sleep_until(instant.into())),
            // Later than the machine can say: nobody will see it come.
            None => Box::pin(std::future::pending()),
        }
    }
}
