//! What nodes tell in their traces and nowhere else, counted.
//!
//! Invariant: words that no node uses any more are never counted, and then the seeds of CI miss them.

use std::{fmt, sync::Arc};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
    subscriber::{DefaultGuard, set_default},
};

use super::{coverage::Coverage, record::Record};

/// Modules that are listened to: all others cost nothing.
const MODULES: &[&str] = &[
    "weft_shard::leader::post",
    "weft_shard::pipeline",
    "weft_shard::replica",
    "weft_server::exchange::branches",
    "weft_server::exchange::lent",
    "weft_server::exchange::outgoing",
    "weft_server::exchange::returned",
];

/// Counts what this thread's nodes tell, until the guard goes.
pub(crate) fn listen(record: &Arc<Record>) -> DefaultGuard {
    set_default(Listener { record: Arc::clone(record) })
}

struct Listener {
    record: Arc<Record>,
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::DEBUG && MODULES.contains(&metadata.target())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut told = Told::default();
        event.record(&mut told);
        self.record.cover(|counts| {
            if let Some(count) = count_of(&told.words, counts) {
                *count += 1;
            }
        });
        if told.rows > 0 {
            self.record.note(&format!("{}, and has {} rows", told.words, told.rows));
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn count_of<'c>(words: &str, counts: &'c mut Coverage) -> Option<&'c mut u64> {
    match words {
        "a message waits" => Some(&mut counts.redeliveries),
        "a batch is void: it is not the next one" => Some(&mut counts.void_batches),
        "batches are proposed again" => Some(&mut counts.proposed_again),
        "a queue with tasks has moved" => Some(&mut counts.moved_queues),
        "a task goes to a poll at the node that leads its shard" => Some(&mut counts.branch_starts),
        "a branch is lent what it fetched" => Some(&mut counts.loans),
        "a loan comes back" => Some(&mut counts.loans_back),
        "a loan was not settled in time" => Some(&mut counts.loans_overdue),
        "a task that did not reach its poller was given back" => Some(&mut counts.give_backs),
        _ => None,
    }
}

/// An event's message, and how many rows it speaks of.
#[derive(Default)]
struct Told {
    words: String,
    rows: u64,
}

impl Visit for Told {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows" {
            self.rows = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.words = format!("{value:?}");
        }
    }
}
