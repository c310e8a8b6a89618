//! What an event is to a worker, and how it is named to people.

use alloc::{format, string::String};

use weft_protocol::{
    api::{
        enums::EventType,
        history::{HistoryEvent, history_event::Attributes},
    },
    time,
};

/// Whether the event stands for a command of a worker's answer, and so comes from nothing else.
pub(crate) fn is_of_command(event: &HistoryEvent) -> bool {
    matches!(
        event.event_type(),
        EventType::ActivityTaskScheduled
            | EventType::ActivityTaskCancelRequested
            | EventType::TimerStarted
            | EventType::TimerCanceled
            | EventType::WorkflowExecutionCompleted
            | EventType::WorkflowExecutionFailed
            | EventType::WorkflowExecutionCanceled
            | EventType::WorkflowExecutionContinuedAsNew
            | EventType::StartChildWorkflowExecutionInitiated
            | EventType::SignalExternalWorkflowExecutionInitiated
            | EventType::RequestCancelExternalWorkflowExecutionInitiated
            | EventType::MarkerRecorded
            | EventType::UpsertWorkflowSearchAttributes
            | EventType::WorkflowPropertiesModified
            | EventType::WorkflowExecutionUpdateAccepted
            | EventType::WorkflowExecutionUpdateCompleted
            | EventType::NexusOperationScheduled
            | EventType::NexusOperationCancelRequested
    )
}

/// When the event was written; 1970 where it does not say.
pub(crate) fn unix_nanos(event: &HistoryEvent) -> i64 {
    event.event_time.as_ref().and_then(|at| time::unix_nanos(at).ok()).unwrap_or_default()
}

/// The event in a few words: its type and what tells it from others of its type.
pub(crate) fn describe(event: &HistoryEvent) -> String {
    let kind = format!("{:?}", event.event_type());
    let name = |it: &Option<weft_protocol::api::common::ActivityType>| it.clone().unwrap_or_default().name;
    let detail = match &event.attributes {
        Some(Attributes::ActivityTaskScheduledEventAttributes(it)) => {
            format!("activity {}, type `{}`", it.activity_id, name(&it.activity_type))
        }
        Some(Attributes::TimerStartedEventAttributes(it)) => format!("timer {}", it.timer_id),
        Some(Attributes::TimerCanceledEventAttributes(it)) => format!("timer {}", it.timer_id),
        Some(Attributes::ActivityTaskCancelRequestedEventAttributes(it)) => {
            format!("activity scheduled by event {}", it.scheduled_event_id)
        }
        Some(Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(it)) => {
            format!("child `{}`, type `{}`", it.workflow_id, it.workflow_type.clone().unwrap_or_default().name)
        }
        Some(Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(it)) => {
            let target = it.workflow_execution.clone().unwrap_or_default().workflow_id;
            format!("signal `{}` to `{target}`", it.signal_name)
        }
        Some(Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(it)) => {
            format!("workflow `{}`", it.workflow_execution.clone().unwrap_or_default().workflow_id)
        }
        Some(Attributes::MarkerRecordedEventAttributes(it)) => crate::markers::describe(&it.marker_name, &it.details),
        Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(it)) => {
            format!("update `{}`", it.protocol_instance_id)
        }
        Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(it)) => {
            format!("update `{}`", it.meta.clone().unwrap_or_default().update_id)
        }
        _ => return kind,
    };
    format!("{kind} ({detail})")
}
