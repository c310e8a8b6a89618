//! Events of activities.
//!
//! An activity may be tried again, so its Started event is written with the event that ends it, and only the last attempt
//! is in history.

use alloc::string::{String, ToString};

use weft_protocol::api::{
    command::ScheduleActivityTaskCommandAttributes,
    common::Payloads,
    enums::{RetryState, TaskQueueKind},
    failure::Failure,
    history::{
        ActivityTaskCancelRequestedEventAttributes, ActivityTaskCanceledEventAttributes,
        ActivityTaskCompletedEventAttributes, ActivityTaskFailedEventAttributes, ActivityTaskScheduledEventAttributes,
        ActivityTaskStartedEventAttributes, ActivityTaskTimedOutEventAttributes, HistoryEvent,
    },
    taskqueue::TaskQueue,
};

use crate::{
    ids::{EventId, Identity, RequestId},
    state::Activity,
    time::Timestamp,
};

/// The command's timeouts and policy are filled in already.
#[expect(deprecated, reason = "whether an activity stays on its workflow's build is still said in this field")]
pub(crate) fn scheduled(completed: EventId, command: ScheduleActivityTaskCommandAttributes) -> HistoryEvent {
    let name = command.task_queue.map(|queue| queue.name).unwrap_or_default();
    super::of(
        ActivityTaskScheduledEventAttributes {
            activity_id: command.activity_id,
            activity_type: command.activity_type,
            task_queue: Some(TaskQueue { name, kind: TaskQueueKind::Normal as i32, normal_name: String::new() }),
            header: command.header,
            input: command.input,
            schedule_to_close_timeout: command.schedule_to_close_timeout,
            schedule_to_start_timeout: command.schedule_to_start_timeout,
            start_to_close_timeout: command.start_to_close_timeout,
            heartbeat_timeout: command.heartbeat_timeout,
            workflow_task_completed_event_id: completed.0,
            retry_policy: command.retry_policy,
            use_workflow_build_id: command.use_workflow_build_id,
            priority: command.priority,
        }
        .into(),
    )
}

/// It has the time at which the attempt started, which is long past when it is written.
pub(crate) fn started(
    activity: &Activity,
    at: Timestamp,
    identity: &Identity,
    request: Option<&RequestId>,
) -> HistoryEvent {
    let event = super::of(
        ActivityTaskStartedEventAttributes {
            scheduled_event_id: activity.scheduled_event_id.0,
            identity: identity.to_string(),
            request_id: request.map(RequestId::to_string).unwrap_or_default(),
            attempt: i32::try_from(activity.attempt).unwrap_or(i32::MAX),
            last_failure: activity.last_failure.as_deref().cloned(),
            ..ActivityTaskStartedEventAttributes::default()
        }
        .into(),
    );
    HistoryEvent { event_time: Some(at.wire()), ..event }
}

pub(crate) fn completed(
    activity: &Activity,
    started: EventId,
    identity: &Identity,
    result: Option<Payloads>,
) -> HistoryEvent {
    super::of(
        ActivityTaskCompletedEventAttributes {
            result,
            scheduled_event_id: activity.scheduled_event_id.0,
            started_event_id: started.0,
            identity: identity.to_string(),
            ..ActivityTaskCompletedEventAttributes::default()
        }
        .into(),
    )
}

pub(crate) fn failed(
    activity: &Activity,
    started: EventId,
    identity: &Identity,
    failure: Option<Failure>,
    retry_state: RetryState,
) -> HistoryEvent {
    super::of(
        ActivityTaskFailedEventAttributes {
            failure,
            scheduled_event_id: activity.scheduled_event_id.0,
            started_event_id: started.0,
            identity: identity.to_string(),
            retry_state: retry_state as i32,
            ..ActivityTaskFailedEventAttributes::default()
        }
        .into(),
    )
}

pub(crate) fn timed_out(
    activity: &Activity,
    started: EventId,
    failure: Failure,
    retry_state: RetryState,
) -> HistoryEvent {
    super::of(
        ActivityTaskTimedOutEventAttributes {
            failure: Some(failure),
            scheduled_event_id: activity.scheduled_event_id.0,
            started_event_id: started.0,
            retry_state: retry_state as i32,
        }
        .into(),
    )
}

pub(crate) fn cancel_requested(completed: EventId, scheduled: EventId) -> HistoryEvent {
    super::of(
        ActivityTaskCancelRequestedEventAttributes {
            scheduled_event_id: scheduled.0,
            workflow_task_completed_event_id: completed.0,
        }
        .into(),
    )
}

/// `requested` is the event that asked for it.
pub(crate) fn canceled(
    activity: &Activity,
    started: EventId,
    requested: EventId,
    identity: &Identity,
    details: Option<Payloads>,
) -> HistoryEvent {
    super::of(
        ActivityTaskCanceledEventAttributes {
            details,
            latest_cancel_requested_event_id: requested.0,
            scheduled_event_id: activity.scheduled_event_id.0,
            started_event_id: started.0,
            identity: identity.to_string(),
            ..ActivityTaskCanceledEventAttributes::default()
        }
        .into(),
    )
}
