//! The finished history as a table of 80 columns, with the server's death and return among its events.

use std::collections::BTreeMap;

use weft_client::api::history::{HistoryEvent, history_event::Attributes};
use weft_env::UnixNanos;
use weft_protocol::time as wire;

use super::{
    gate::Gate,
    screen::{COLUMNS, Screen, cut},
};
use crate::{
    output::Tone,
    render::{names, time},
};

/// Of the id, the time and the type, with the space behind each.
const BEFORE_WHAT: usize = 6 + 14 + 28;

/// Something that happened to the server.
pub(super) struct Note {
    pub(super) at: UnixNanos,
    pub(super) text: String,
}

pub(super) fn print(screen: &Screen, events: &[HistoryEvent], gate: &Gate, notes: &[Note]) {
    let header = format!("{:>4}  {:<12}  {:<26}  WHAT", "ID", "TIME (UTC)", "TYPE");
    screen.line(&screen.paint(Tone::Faint, &header));
    let mut notes = notes.iter().peekable();
    for event in events {
        let at = event.event_time.as_ref().and_then(|at| wire::unix_nanos(at).ok()).unwrap_or_default();
        while let Some(note) = notes.next_if(|note| note.at.0 <= at) {
            screen.line(&note_row(screen, note));
        }
        screen.line(row(event, gate).trim_end());
    }
}

fn row(event: &HistoryEvent, gate: &Gate) -> String {
    let (clock, kind) = (of_day(event.event_time.as_ref()), names::event(event.event_type));
    let what = cut(&what(event, gate), COLUMNS - BEFORE_WHAT);
    format!("{:>4}  {clock:<12}  {kind:<26}  {what}", event.event_id)
}

fn note_row(screen: &Screen, note: &Note) -> String {
    let clock = of_day(Some(&wire::timestamp(note.at.0)));
    let text = cut(&format!("──── {} ", note.text), COLUMNS - 20);
    let line: String = text.chars().chain(std::iter::repeat('─')).take(COLUMNS - 20).collect();
    format!("{:>4}  {clock:<12}  {}", "", screen.paint(Tone::Bad, &line))
}

/// `03:04:05.678`
fn of_day(at: Option<&weft_client::api::Timestamp>) -> String {
    let text = time::millis(at);
    text.split_once('T').map_or("", |(_, clock)| clock.trim_end_matches('Z')).to_owned()
}

fn what(event: &HistoryEvent, gate: &Gate) -> String {
    let outcome = |scheduled: i64| {
        let name = gate.activity(scheduled);
        gate.outcomes.get(name).map_or_else(|| name.to_owned(), |outcome| format!("{name}: {}", outcome.says().0))
    };
    match &event.attributes {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(it)) => {
            it.workflow_type.as_ref().map(|kind| kind.name.clone()).unwrap_or_default()
        }
        Some(Attributes::ActivityTaskScheduledEventAttributes(it)) => it.activity_id.clone(),
        Some(Attributes::ActivityTaskStartedEventAttributes(it)) => {
            let again = if it.attempt > 1 { format!(", attempt {}", it.attempt) } else { String::new() };
            format!("{}{again}", gate.activity(it.scheduled_event_id))
        }
        Some(Attributes::ActivityTaskCompletedEventAttributes(it)) => outcome(it.scheduled_event_id),
        Some(Attributes::ActivityTaskFailedEventAttributes(it)) => outcome(it.scheduled_event_id),
        Some(Attributes::ActivityTaskTimedOutEventAttributes(it)) => outcome(it.scheduled_event_id),
        Some(Attributes::TimerStartedEventAttributes(it)) => {
            format!("{}, {}", it.timer_id, time::duration(it.start_to_fire_timeout.as_ref()))
        }
        Some(Attributes::TimerFiredEventAttributes(it)) => it.timer_id.clone(),
        Some(Attributes::MarkerRecordedEventAttributes(it)) => match gate.judged() {
            Ok(judged) => format!("{} {}, {}", it.marker_name, judged.score.shown(), judged.score.decision.word()),
            Err(_) => it.marker_name.clone(),
        },
        _ => String::new(),
    }
}

/// How many events there are of each type, for programs.
pub(super) fn counts(events: &[HistoryEvent]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        *counts.entry(names::event(event.event_type)).or_default() += 1;
    }
    counts
}
