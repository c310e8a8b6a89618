//! Events of timers.

use alloc::string::ToString;

use weft_protocol::api::{
    command::StartTimerCommandAttributes,
    history::{HistoryEvent, TimerCanceledEventAttributes, TimerFiredEventAttributes, TimerStartedEventAttributes},
};

use crate::ids::{EventId, Identity, TimerId};

pub(crate) fn started(completed: EventId, command: StartTimerCommandAttributes) -> HistoryEvent {
    super::of(
        TimerStartedEventAttributes {
            timer_id: command.timer_id,
            start_to_fire_timeout: command.start_to_fire_timeout,
            workflow_task_completed_event_id: completed.0,
        }
        .into(),
    )
}

pub(crate) fn fired(id: &TimerId, started: EventId) -> HistoryEvent {
    super::of(TimerFiredEventAttributes { timer_id: id.to_string(), started_event_id: started.0 }.into())
}

pub(crate) fn canceled(id: &TimerId, started: EventId, completed: EventId, identity: &Identity) -> HistoryEvent {
    super::of(
        TimerCanceledEventAttributes {
            timer_id: id.to_string(),
            started_event_id: started.0,
            workflow_task_completed_event_id: completed.0,
            identity: identity.to_string(),
        }
        .into(),
    )
}
