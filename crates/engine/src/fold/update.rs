//! How events of updates change the state.

use weft_protocol::api::history::{
    HistoryEvent, WorkflowExecutionUpdateAcceptedEventAttributes, WorkflowExecutionUpdateAdmittedEventAttributes,
    WorkflowExecutionUpdateCompletedEventAttributes,
};

use crate::{
    ids::{EventId, UpdateId},
    state::{Execution, Update},
};

/// It was brought here from a run that was reset.
pub(super) fn admitted(
    execution: &mut Execution,
    event: &HistoryEvent,
    it: &WorkflowExecutionUpdateAdmittedEventAttributes,
) {
    let Some(meta) = it.request.as_ref().and_then(|request| request.meta.as_ref()) else { return };
    let admitted_event_id = Some(EventId(event.event_id));
    let update = Update { admitted_event_id, accepted_event_id: EventId::NONE, completed_event_id: None };
    execution.updates.put(meta.update_id.as_str().into(), update);
}

/// Events of updates never wait in a buffer, so they have their number already.
pub(super) fn accepted(
    execution: &mut Execution,
    event: &HistoryEvent,
    it: &WorkflowExecutionUpdateAcceptedEventAttributes,
) {
    let id = it.protocol_instance_id.as_str().into();
    let admitted_event_id = execution.updates.get(&id).and_then(|update| update.admitted_event_id);
    let accepted_event_id = EventId(event.event_id);
    execution.updates.put(id, Update { admitted_event_id, accepted_event_id, completed_event_id: None });
}

pub(super) fn completed(
    execution: &mut Execution,
    event: &HistoryEvent,
    it: &WorkflowExecutionUpdateCompletedEventAttributes,
) {
    let id = UpdateId::from(it.meta.as_ref().map_or("", |meta| &meta.update_id));
    execution.updates.update(&id, |update| update.completed_event_id = Some(EventId(event.event_id)));
}
