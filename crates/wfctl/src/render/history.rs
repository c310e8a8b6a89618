//! One line for each event of a history: id, time, type, and the few attributes that matter.
//!
//! What a type has no line for is shown by id, time and type alone; the whole event is in `--output json`.

mod activity;
mod other;
mod workflow;

use weft_client::api::history::HistoryEvent;

use super::{names, time};
use crate::output::harmless;

/// `   5  2026-01-02T03:04:05.678Z  TimerStarted  id=1 after=10s`
pub(crate) fn line(event: &HistoryEvent) -> String {
    let (id, at, kind) = (event.event_id, time::millis(event.event_time.as_ref()), names::event(event.event_type));
    let details = facts(event);
    format!("{id:>4}  {at}  {kind:<34}{details}").trim_end().to_owned()
}

/// What stands behind the type of an event: `id=1 after=10s`
pub(crate) fn facts(event: &HistoryEvent) -> String {
    details(event).0.join(" ")
}

fn details(event: &HistoryEvent) -> Details {
    let mut details = Details::default();
    if let Some(attributes) = &event.attributes {
        let _ = workflow::add(&mut details, attributes)
            || activity::add(&mut details, attributes)
            || other::add(&mut details, attributes);
    }
    details
}

/// What stands behind the type of an event. Values that say nothing are left out.
#[derive(Default)]
struct Details(Vec<String>);

impl Details {
    /// A value that needs no name.
    fn word(&mut self, value: impl Into<String>) -> &mut Self {
        let value = value.into();
        if !value.is_empty() {
            self.0.push(harmless(&value));
        }
        self
    }

    fn put(&mut self, name: &str, value: impl std::fmt::Display) -> &mut Self {
        let value = value.to_string();
        if !value.is_empty() {
            self.0.push(format!("{name}={}", harmless(&value)));
        }
        self
    }

    /// A number of which zero says nothing.
    fn number(&mut self, name: &str, value: impl Into<i64>) -> &mut Self {
        let value = value.into();
        if value != 0 { self.put(name, value) } else { self }
    }
}

#[cfg(test)]
mod tests;
