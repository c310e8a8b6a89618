//! Commands about timers.

use alloc::{format, string::String};

use weft_protocol::api::{
    command::{CancelTimerCommandAttributes, StartTimerCommandAttributes},
    enums::WorkflowTaskFailedCause as Cause,
    history::history_event::Attributes,
};

use super::{BadCommand, Decisions, Extra, activity::invalid};
use crate::{
    change::Run,
    event,
    ids::{EventId, TimerId},
    limits::Limits,
    retry::is_negative,
    time::{span_from_wire, wire_span},
};

pub(super) fn start(
    run: &mut Run<'_>,
    command: StartTimerCommandAttributes,
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    let cause = Cause::BadStartTimerAttributes;
    let limits = &run.at.settings.limits;
    check_id("StartTimerCommand", &command.timer_id, limits).map_err(|reason| BadCommand::new(cause, reason))?;
    if command.start_to_fire_timeout.as_ref().is_some_and(is_negative) {
        let what = "An invalid StartToFireTimeout is set on StartTimerCommand: negative duration";
        return Err(BadCommand::new(cause, format!("{what}. TimerId={}", command.timer_id)));
    }
    if run.timers.contains(&command.timer_id.as_str().into()) {
        let reason = invalid("add-timer-started-event", &format!("TimerID: {}", command.timer_id));
        return Err(BadCommand::new(Cause::StartTimerDuplicateId, reason));
    }
    let (pending, limit) = (run.timers.len(), limits.pending_timers);
    if pending >= limit {
        let reason = format!("the number of pending timers, {pending}, has reached the per-workflow limit of {limit}");
        return Err(BadCommand::new(cause, reason));
    }
    let span = command.start_to_fire_timeout.as_ref().map(span_from_wire).unwrap_or_default();
    let start_to_fire_timeout = Some(wire_span(span.min(run.at.settings.timeout_max)));
    let command = StartTimerCommandAttributes { start_to_fire_timeout, ..command };
    run.append(extra.on(event::timer::started(decisions.completed, command)));
    Ok(())
}

/// Cancels a timer. One that has fired without the workflow knowing it has not fired: the workflow comes first.
pub(super) fn cancel(
    run: &mut Run<'_>,
    command: &CancelTimerCommandAttributes,
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    let cause = Cause::BadCancelTimerAttributes;
    let limits = &run.at.settings.limits;
    check_id("CancelTimerCommand", &command.timer_id, limits).map_err(|reason| BadCommand::new(cause, reason))?;
    let id = TimerId::from(command.timer_id.as_str());
    let pending = run.timers.get(&id).map(|timer| timer.started_event_id);
    let Some(started) = pending.or_else(|| take_back(run, &id, decisions)) else {
        let reason = invalid("add-timer-canceled-event", &format!("TimerID: {id}"));
        return Err(BadCommand::new(cause, reason));
    };
    run.append(extra.on(event::timer::canceled(&id, started, decisions.completed, &decisions.worker.identity)));
    Ok(())
}

/// Takes the firing of a timer out of the buffer and says when it was started. If nothing else waits there, the workflow
/// may close again.
fn take_back(run: &mut Run<'_>, id: &TimerId, decisions: &mut Decisions) -> Option<EventId> {
    let fired = run.buffered.iter().find_map(|(order, event)| match &event.attributes {
        Some(Attributes::TimerFiredEventAttributes(it)) if it.timer_id == id.as_str() => {
            Some((*order, EventId(it.started_event_id)))
        }
        _ => None,
    });
    let (order, started) = fired?;
    run.buffered.remove(&order);
    let first = run.buffered.keys().next().copied();
    decisions.waited = decisions.waited.filter(|last| first.is_some_and(|first| first <= *last));
    Some(started)
}

fn check_id(command: &str, id: &str, limits: &Limits) -> Result<(), String> {
    let (length, limit) = (id.len(), limits.id_bytes);
    if length == 0 {
        return Err(format!("TimerId is not set on {command}."));
    }
    if length > limit {
        let what = format!("TimerId on {command} exceeds length limit");
        return Err(format!("{what}. TimerId={id} Length={length} Limit={limit}"));
    }
    Ok(())
}
