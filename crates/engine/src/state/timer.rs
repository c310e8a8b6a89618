//! A pending timer of the workflow's own.

use crate::{ids::EventId, time::Timestamp};

/// Started, and neither fired nor cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    pub started_event_id: EventId,
    pub fires_at: Timestamp,
}
