//! What must hold of histories once all is healed, a law in each file.
//!
//! | law | where |
//! | --- | --- |
//! | an attempt is handed to one poller at most | [`Handed`], whenever one has a task |
//! | nothing that workers were told of their answers is lost | [`nothing_lost`] |
//! | nothing is done twice | [`nothing_twice`] |
//! | no timer before its time | [`no_early_timer`] |
//! | a child is begun once, and its parent hears of it once | [`children_once`] |
//! | messages of the outbox exactly once in history | [`Messages`] |
//! | an update is accepted once and completed once, as was told | [`updates_once`] |
//! | a reset takes place once, however often it is asked for | [`resets_once`] |
//! | one running execution of a workflow id at most, and no run that nobody asked for | [`one_running`] |
//!
//! What clients were told of starts and signals is in `ledger.rs`, what accounts have in `accounts.rs`, and what the schedule
//! did in `schedule.rs`.

mod children_once;
mod no_early_timer;
mod nothing_lost;
mod nothing_twice;
mod one_running;
mod resets_once;
mod updates_once;

use weft_protocol::api::history::HistoryEvent;

pub(crate) use weft_laws::{Attempt, Handed, Messages};

use crate::book::Worked;

pub(crate) use one_running::{Listed, judge as judge_runs};
pub(crate) use resets_once::judge as judge_reset;

/// What the history of a run breaks by itself, given what its workers and callers know of it.
pub(crate) fn broken(worked: &Worked, events: &[HistoryEvent]) -> Vec<String> {
    let judged = [
        nothing_twice::judge(events),
        nothing_lost::judge(worked, events),
        no_early_timer::judge(events),
        children_once::judge(events),
        updates_once::judge(&worked.updates, events),
    ];
    judged.into_iter().filter_map(Result::err).collect()
}

#[cfg(test)]
pub(crate) mod made_up {
    //! Histories for the tests of laws.

    use weft_protocol::{
        Timestamp,
        api::history::{HistoryEvent, history_event::Attributes as Event},
    };

    /// Numbered from 1, a second apart.
    pub(crate) fn history(events: impl IntoIterator<Item = Event>) -> Vec<HistoryEvent> {
        let event = |(attributes, event_id)| HistoryEvent {
            event_id,
            event_time: Some(Timestamp { seconds: event_id, nanos: 0 }),
            attributes: Some(attributes),
            ..HistoryEvent::default()
        };
        events.into_iter().zip(1..).map(event).collect()
    }
}
