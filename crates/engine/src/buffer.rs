//! Events that must wait while a worker has a workflow task: which they are, and in what order they are written.
//!
//! Invariant: the worker has replayed history up to its task's Started event; nothing but the task's own end and the
//! commands it answers with may come right after. So everything else waits, without a number.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use weft_protocol::api::{
    enums::EventType,
    history::{HistoryEvent, history_event::Attributes},
};

use crate::{ids::EventId, tracked::Tracked};

/// Does an event of this type wait while a worker has a workflow task? All do but starts and closes of the workflow,
/// events of workflow tasks, direct products of commands, and updates.
pub(crate) fn is_buffered(event_type: EventType) -> bool {
    !(is_workflow_edge(event_type) || is_workflow_task(event_type) || is_of_command(event_type))
}

pub(crate) fn is_workflow_edge(event_type: EventType) -> bool {
    matches!(
        event_type,
        EventType::WorkflowExecutionStarted
            | EventType::WorkflowExecutionCompleted
            | EventType::WorkflowExecutionFailed
            | EventType::WorkflowExecutionTimedOut
            | EventType::WorkflowExecutionCanceled
            | EventType::WorkflowExecutionTerminated
            | EventType::WorkflowExecutionContinuedAsNew
    )
}

fn is_workflow_task(event_type: EventType) -> bool {
    matches!(
        event_type,
        EventType::WorkflowTaskScheduled
            | EventType::WorkflowTaskStarted
            | EventType::WorkflowTaskCompleted
            | EventType::WorkflowTaskTimedOut
            | EventType::WorkflowTaskFailed
    )
}

pub(crate) fn is_of_command(event_type: EventType) -> bool {
    matches!(
        event_type,
        EventType::ActivityTaskScheduled
            | EventType::ActivityTaskCancelRequested
            | EventType::TimerStarted
            | EventType::TimerCanceled
            | EventType::MarkerRecorded
            | EventType::StartChildWorkflowExecutionInitiated
            | EventType::SignalExternalWorkflowExecutionInitiated
            | EventType::RequestCancelExternalWorkflowExecutionInitiated
            | EventType::UpsertWorkflowSearchAttributes
            | EventType::WorkflowPropertiesModified
            | EventType::NexusOperationScheduled
            | EventType::NexusOperationCancelRequested
            | EventType::WorkflowExecutionUpdateAccepted
            | EventType::WorkflowExecutionUpdateCompleted
    )
}

/// Events that end something come last: what they refer to must have its number first.
fn is_finish(event_type: EventType) -> bool {
    matches!(
        event_type,
        EventType::ActivityTaskCompleted
            | EventType::ActivityTaskFailed
            | EventType::ActivityTaskTimedOut
            | EventType::ActivityTaskCanceled
            | EventType::ChildWorkflowExecutionCompleted
            | EventType::ChildWorkflowExecutionFailed
            | EventType::ChildWorkflowExecutionTimedOut
            | EventType::ChildWorkflowExecutionCanceled
            | EventType::ChildWorkflowExecutionTerminated
            | EventType::NexusOperationCompleted
            | EventType::NexusOperationFailed
            | EventType::NexusOperationTimedOut
            | EventType::NexusOperationCanceled
    )
}

/// Empties the buffer: first what ends nothing, then what ends something, each in the order in which it came.
pub(crate) fn take(buffered: &mut Tracked<u32, HistoryEvent>) -> Vec<HistoryEvent> {
    let keys: Vec<u32> = buffered.keys().copied().collect();
    let mut events: Vec<HistoryEvent> =
        keys.iter().filter_map(|key| buffered.remove(key)).map(Arc::unwrap_or_clone).collect();
    events.sort_by_key(|event| is_finish(event.event_type()));
    events
}

/// Gives an event that ends an activity or a child the number of the event that started it, when both waited.
pub(crate) fn patch(event: &mut HistoryEvent, id: EventId, started: &mut BTreeMap<i64, i64>) {
    let (scheduled, started_id) = match &mut event.attributes {
        Some(Attributes::ActivityTaskStartedEventAttributes(it)) => {
            started.insert(it.scheduled_event_id, id.0);
            return;
        }
        Some(Attributes::ChildWorkflowExecutionStartedEventAttributes(it)) => {
            started.insert(it.initiated_event_id, id.0);
            return;
        }
        Some(Attributes::ChildWorkflowExecutionCompletedEventAttributes(it)) => {
            (it.initiated_event_id, &mut it.started_event_id)
        }
        Some(Attributes::ChildWorkflowExecutionFailedEventAttributes(it)) => {
            (it.initiated_event_id, &mut it.started_event_id)
        }
        Some(Attributes::ChildWorkflowExecutionCanceledEventAttributes(it)) => {
            (it.initiated_event_id, &mut it.started_event_id)
        }
        Some(Attributes::ChildWorkflowExecutionTimedOutEventAttributes(it)) => {
            (it.initiated_event_id, &mut it.started_event_id)
        }
        Some(Attributes::ChildWorkflowExecutionTerminatedEventAttributes(it)) => {
            (it.initiated_event_id, &mut it.started_event_id)
        }
        Some(Attributes::ActivityTaskCompletedEventAttributes(it)) => (it.scheduled_event_id, &mut it.started_event_id),
        Some(Attributes::ActivityTaskFailedEventAttributes(it)) => (it.scheduled_event_id, &mut it.started_event_id),
        Some(Attributes::ActivityTaskTimedOutEventAttributes(it)) => (it.scheduled_event_id, &mut it.started_event_id),
        Some(Attributes::ActivityTaskCanceledEventAttributes(it)) => (it.scheduled_event_id, &mut it.started_event_id),
        _ => return,
    };
    if *started_id == 0
        && let Some(known) = started.get(&scheduled)
    {
        *started_id = *known;
    }
}
