//! History events: one constructor each, by family.
//!
//! Invariant: an event's type is that of its attributes. Number, time and task id are given by `Run::append`.

pub(crate) mod child;
pub(crate) mod external;
pub(crate) mod marker;
pub(crate) mod pause;
pub(crate) mod signal;
pub(crate) mod update;
pub(crate) mod workflow;
pub(crate) mod workflow_task;

pub(crate) mod activity;
pub(crate) mod timer;

use weft_protocol::api::history::{HistoryEvent, history_event::Attributes};

/// An event that has everything but its number and its time.
pub(crate) fn of(attributes: Attributes) -> HistoryEvent {
    HistoryEvent { event_type: attributes.event_type() as i32, attributes: Some(attributes), ..HistoryEvent::default() }
}
