//! How events of activities change the state.

use weft_protocol::api::history::{
    ActivityTaskCancelRequestedEventAttributes, ActivityTaskScheduledEventAttributes, HistoryEvent,
};

use crate::{
    ids::EventId,
    state::{Activity, ActivityStage, Execution},
    time::{Timestamp, span_from_wire},
};

pub(super) fn scheduled(execution: &mut Execution, event: &HistoryEvent, it: &ActivityTaskScheduledEventAttributes) {
    let at = event.event_time.as_ref().map(Timestamp::from_wire).unwrap_or_default();
    let span = |wire: &Option<weft_protocol::Duration>| wire.as_ref().map(span_from_wire).unwrap_or_default();
    let mut activity = Activity {
        scheduled_event_id: EventId(event.event_id),
        id: it.activity_id.as_str().into(),
        activity_type: it.activity_type.as_ref().map_or("", |it| &it.name).into(),
        queue: it.task_queue.as_ref().map_or("", |it| &it.name).into(),
        scheduled_at: at,
        attempt: 1,
        stage: ActivityStage::Scheduled { at },
        cancel_requested: None,
        schedule_to_close: span(&it.schedule_to_close_timeout),
        schedule_to_start: span(&it.schedule_to_start_timeout),
        start_to_close: span(&it.start_to_close_timeout),
        heartbeat_timeout: span(&it.heartbeat_timeout),
        retry: super::retry_policy(&it.retry_policy.clone().unwrap_or_default()),
        last_failure: None,
        heartbeat: None,
        last_identity: "".into(),
        last_attempt_ended_at: None,
        priority: it.priority.clone(),
        operated: None,
    };
    if execution.stands_still() {
        activity.operate(|it| it.held = true);
    }
    execution.activities.put(activity.scheduled_event_id, activity);
}

pub(super) fn cancel_requested(
    execution: &mut Execution,
    event: &HistoryEvent,
    it: &ActivityTaskCancelRequestedEventAttributes,
) {
    let id = EventId(event.event_id);
    execution.activities.update(&EventId(it.scheduled_event_id), |activity| activity.cancel_requested = Some(id));
}

pub(super) fn ended(execution: &mut Execution, scheduled_event_id: i64) {
    execution.activities.remove(&EventId(scheduled_event_id));
}
