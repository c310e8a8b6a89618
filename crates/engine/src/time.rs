//! Time as the engine knows it: nanoseconds since the Unix epoch, stamped by the leader.
//!
//! Invariant: arithmetic saturates; a far future is [`Timestamp::MAX`], never an overflow.

use core::time::Duration;

use weft_protocol::{Duration as WireDuration, Timestamp as WireTimestamp};

const NANOS: i64 = 1_000_000_000;

/// Nanoseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Later than any deadline.
    pub const MAX: Self = Self(i64::MAX);

    /// The instant `span` after this one.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// As a protobuf timestamp.
    #[must_use]
    pub fn wire(self) -> WireTimestamp {
        // The remainder of a division by 10^9 fits an i32.
        WireTimestamp { seconds: self.0.div_euclid(NANOS), nanos: self.0.rem_euclid(NANOS) as i32 }
    }

    /// From a protobuf timestamp, saturating.
    #[must_use]
    pub fn from_wire(wire: &WireTimestamp) -> Self {
        Self(wire.seconds.saturating_mul(NANOS).saturating_add(i64::from(wire.nanos)))
    }
}

/// A span as a protobuf duration, saturating.
#[must_use]
pub fn wire_span(span: Duration) -> WireDuration {
    // Nanoseconds below a second fit an i32.
    WireDuration { seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX), nanos: span.subsec_nanos() as i32 }
}

/// A protobuf duration as a span; negative ones are zero (validation refuses them before).
#[must_use]
pub fn span_from_wire(wire: &WireDuration) -> Duration {
    let seconds = u64::try_from(wire.seconds).unwrap_or(0);
    let nanos = u32::try_from(wire.nanos).unwrap_or(0).min(999_999_999);
    Duration::new(seconds, nanos)
}

/// A timeout that another one bounds; zero is "none".
pub(crate) fn not_above(span: Duration, bound: Duration) -> Duration {
    match (span.is_zero(), bound.is_zero()) {
        (_, true) => span,
        (true, false) => bound,
        (false, false) => span.min(bound),
    }
}
