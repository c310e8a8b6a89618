//! How events of timers change the state.

use weft_protocol::api::history::{HistoryEvent, TimerStartedEventAttributes};

use crate::{
    ids::EventId,
    state::{Execution, Timer},
    time::{Timestamp, span_from_wire},
};

pub(super) fn started(execution: &mut Execution, event: &HistoryEvent, it: &TimerStartedEventAttributes) {
    let at = event.event_time.as_ref().map(Timestamp::from_wire).unwrap_or_default();
    // While the clock stands still the timer has not begun to run.
    let at = execution.core.frozen_at.map_or(at, |frozen| frozen.min(at));
    let span = it.start_to_fire_timeout.as_ref().map(span_from_wire).unwrap_or_default();
    let timer = Timer { started_event_id: EventId(event.event_id), fires_at: at.after(span) };
    execution.timers.put(it.timer_id.as_str().into(), timer);
}

/// It fired or was cancelled. A timer of the same name may have been started since, if the firing waited in the buffer.
pub(super) fn ended(execution: &mut Execution, timer_id: &str, started: i64) {
    let id = timer_id.into();
    if execution.timers.get(&id).is_some_and(|timer| timer.started_event_id.0 == started) {
        execution.timers.remove(&id);
    }
}
