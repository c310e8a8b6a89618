//! Lines of events of activities and timers.

use weft_client::api::history::history_event::Attributes;

use super::Details;
use crate::render::{failure, names, payload, time};

pub(super) fn add(details: &mut Details, attributes: &Attributes) -> bool {
    match attributes {
        Attributes::ActivityTaskScheduledEventAttributes(it) => {
            details
                .word(it.activity_type.as_ref().map(|it| it.name.clone()).unwrap_or_default())
                .put("id", &it.activity_id)
                .put("queue", it.task_queue.as_ref().map_or("", |it| &it.name))
                .put("input", payload::list(it.input.as_ref()));
        }
        Attributes::ActivityTaskStartedEventAttributes(it) => {
            details
                .number("scheduled", it.scheduled_event_id)
                .number("attempt", if it.attempt > 1 { it.attempt } else { 0 })
                .put("by", &it.identity)
                .put("last_failure", it.last_failure.as_ref().map(failure::root).unwrap_or_default());
        }
        Attributes::ActivityTaskCompletedEventAttributes(it) => {
            details.number("scheduled", it.scheduled_event_id).put("result", payload::list(it.result.as_ref()));
        }
        Attributes::ActivityTaskFailedEventAttributes(it) => {
            details
                .number("scheduled", it.scheduled_event_id)
                .word(it.failure.as_ref().map(failure::root).unwrap_or_default())
                .put("retries", names::retry_state(it.retry_state));
        }
        Attributes::ActivityTaskTimedOutEventAttributes(it) => {
            details
                .number("scheduled", it.scheduled_event_id)
                .word(it.failure.as_ref().map(failure::line).unwrap_or_default())
                .put("retries", names::retry_state(it.retry_state));
        }
        Attributes::ActivityTaskCancelRequestedEventAttributes(it) => {
            details.number("scheduled", it.scheduled_event_id);
        }
        Attributes::ActivityTaskCanceledEventAttributes(it) => {
            details.number("scheduled", it.scheduled_event_id).put("details", payload::list(it.details.as_ref()));
        }
        Attributes::TimerStartedEventAttributes(it) => {
            details.put("id", &it.timer_id).put("after", time::duration(it.start_to_fire_timeout.as_ref()));
        }
        Attributes::TimerFiredEventAttributes(it) => {
            details.put("id", &it.timer_id);
        }
        Attributes::TimerCanceledEventAttributes(it) => {
            details.put("id", &it.timer_id);
        }
        _ => return false,
    }
    true
}
