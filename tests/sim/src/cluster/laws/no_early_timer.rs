//! No timer fires before its time as the shard stamped it, nor twice, and no run times out before its deadline.

use std::collections::BTreeMap;

use weft_protocol::api::history::{HistoryEvent, history_event::Attributes as Event};

use crate::cluster::{
    history::{Shown, nanos},
    record::Run,
};

/// # Errors
/// Which timer was too early, or fired twice.
pub(crate) fn timers(events: &[HistoryEvent]) -> Result<(), String> {
    let at = |event: &HistoryEvent| event.event_time.as_ref().map_or(0, nanos);
    let mut started = BTreeMap::new();
    for event in events {
        match &event.attributes {
            Some(Event::TimerStartedEventAttributes(it)) => {
                let lasts = it
                    .start_to_fire_timeout
                    .map_or(0, |it| i128::from(it.seconds) * 1_000_000_000 + i128::from(it.nanos));
                started.insert(event.event_id, at(event) + lasts);
            }
            Some(Event::TimerFiredEventAttributes(it)) => match started.remove(&it.started_event_id) {
                Some(due) if at(event) < due => {
                    return Err(format!("timer {} fired {} ns too early", it.timer_id, due - at(event)));
                }
                Some(_) => {}
                None => return Err(format!("timer {} fired twice, or never started", it.timer_id)),
            },
            _ => {}
        }
    }
    Ok(())
}

/// A run that timed out had a deadline, and it was over.
///
/// # Errors
/// What does not hold.
pub(crate) fn deadline(before: &Run, shown: &Shown) -> Result<(), String> {
    let Some(Event::WorkflowExecutionTimedOutEventAttributes(_)) = shown.end() else { return Ok(()) };
    let Some(deadline_ms) = before.deadline_ms else { return Err("it timed out without a deadline".to_owned()) };
    let at = |event: Option<&HistoryEvent>| event.and_then(|event| event.event_time.as_ref()).map_or(0, nanos);
    let lasted = at(shown.events.last()) - at(shown.events.first());
    if lasted < i128::from(deadline_ms) * 1_000_000 {
        return Err(format!("it timed out after {lasted} ns, {deadline_ms} ms too early"));
    }
    Ok(())
}
