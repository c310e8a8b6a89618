//! What time it is, and how to wait: the `Clock` that everything else takes as an argument.
//!
//! Two times are kept apart. *Wall time* ([`UnixNanos`]) is what people and histories see; it may jump in either
//! direction. *Monotonic time* (a `Duration` since the clock's start) never goes back; every wait is in monotonic time.
//!
//! Deliberately not here: the rule that a shard's stamps never go back. That belongs to the shard, which keeps the
//! highest stamp in its rows.

mod manual;
mod real;
mod runtime;
mod skipping;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub use manual::VirtualClock;
pub use real::RealClock;
pub use runtime::TokioClock;
pub use skipping::{Hold, Party, SkippingClock, Standing, Unbalanced};

/// A wait for a moment of monotonic time.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Wall time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted. Reaches from 1677 to 2262.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixNanos(pub i64);

impl UnixNanos {
    pub const EPOCH: Self = Self(0);
    pub const MAX: Self = Self(i64::MAX);

    /// Later by `by`, at most [`UnixNanos::MAX`].
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Earlier by `by`, at least the earliest moment that can be said.
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for UnixNanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ns", self.0)
    }
}

/// The only source of time. Object safe, so that one `Arc<dyn Clock>` goes through the whole server.
pub trait Clock: Send + Sync {
    /// Wall time. May go back.
    fn now(&self) -> UnixNanos;

    /// Time since this clock's start. Never goes back.
    fn monotonic(&self) -> Duration;

    /// Completes once [`Clock::monotonic`] has reached `deadline`. A deadline in the past completes at once.
    fn sleep_until(&self, deadline: Duration) -> Sleep;

    /// Itself, if it is a clock that skips time: whoever works or waits for a moment of wall time says so there.
    fn skipping(&self) -> Option<&SkippingClock> {
        None
    }
}

#[cfg(test)]
mod tests;
