//! How signals, requests to cancel and attached requests change the state.

use alloc::sync::Arc;

use weft_protocol::api::history::{
    HistoryEvent, WorkflowExecutionOptionsUpdatedEventAttributes, WorkflowExecutionSignaledEventAttributes,
    history_event::Attributes,
};

use crate::{
    ids::{EventId, RequestId},
    state::{AttachedRequest, CancelRequest, Core, Execution, RunOptions},
};

pub(super) fn signaled(execution: &mut Execution, it: &WorkflowExecutionSignaledEventAttributes) {
    execution.core.signals += 1;
    if !it.request_id.is_empty() {
        execution.signal_requests.put(it.request_id.as_str().into(), ());
    }
}

/// The request's own id stands in no event: the handler adds it.
pub(super) fn cancel_requested(execution: &mut Execution, event: &HistoryEvent) {
    execution.core.cancel = Some(CancelRequest { request: RequestId::from(""), event_id: EventId(event.event_id) });
}

pub(super) fn attached(
    execution: &mut Execution,
    event: &HistoryEvent,
    it: &WorkflowExecutionOptionsUpdatedEventAttributes,
) {
    if !it.attached_request_id.is_empty() {
        let request = it.attached_request_id.as_str().into();
        execution.core.attached.push(AttachedRequest { request, event_id: EventId(event.event_id) });
    }
    let changes = it.unset_versioning_override || it.versioning_override.is_some() || it.priority.is_some();
    if changes {
        execution.core.options = Some(Arc::new(changed(&execution.core, it)));
    }
}

fn changed(core: &Core, it: &WorkflowExecutionOptionsUpdatedEventAttributes) -> RunOptions {
    let kept = core.versioning_override().filter(|_| !it.unset_versioning_override);
    RunOptions {
        priority: it.priority.clone().or_else(|| core.priority().cloned()),
        versioning_override: it.versioning_override.clone().or_else(|| kept.cloned()),
    }
}

/// Facts that name their event learn its number when it leaves the buffer.
pub(super) fn place(core: &mut Core, event: &HistoryEvent) {
    match &event.attributes {
        Some(Attributes::WorkflowExecutionCancelRequestedEventAttributes(_)) => {
            if let Some(cancel) = &mut core.cancel {
                cancel.event_id = EventId(event.event_id);
            }
        }
        Some(Attributes::WorkflowExecutionOptionsUpdatedEventAttributes(it)) => {
            for attached in &mut core.attached {
                if attached.request.as_str() == it.attached_request_id {
                    attached.event_id = EventId(event.event_id);
                }
            }
        }
        _ => {}
    }
}
