//! Updates of a run.
//!
//! Invariant: an update is in one place at a time. While it is only admitted it is volatile, like the caller who waits for
//! it; once the workflow has accepted it, it is durable, and stays known as long as the run is.

use alloc::sync::Arc;

use weft_protocol::api::update::Request;

use crate::ids::EventId;

/// An update that stands in history: what was asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The event that brought it from a run that was reset; such an update is told of in history and in no message.
    pub admitted_event_id: Option<EventId>,
    /// `EventId::NONE` while the workflow has not accepted it.
    pub accepted_event_id: EventId,
    /// The event that has its outcome; `None` while the workflow is at it.
    pub completed_event_id: Option<EventId>,
}

/// An update that waits for the workflow to accept or reject it.
#[derive(Clone, Debug, PartialEq)]
pub struct AdmittedUpdate {
    pub request: Arc<Request>,
    /// Updates are delivered in the order in which they were admitted.
    pub order: u64,
    /// The started event of the workflow task that carried it last; `None` while it was never sent.
    pub carried_by: Option<EventId>,
}

impl Update {
    /// The workflow has accepted it.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.accepted_event_id != EventId::NONE
    }

    /// The workflow has accepted it and is at it.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.is_accepted() && self.completed_event_id.is_none()
    }
}
