//! How events of updates change the state.

use weft_protocol::api::history::{
    HistoryEvent, WorkflowExecutionUpdateAcceptedEventAttributes, WorkflowExecutionUpdateCompletedEventAttributes,
};

use crate::{
    ids::{EventId, UpdateId},
    state::{Execution, Update},
};

/// Events of updates never wait in a buffer, so they have their number already.
pub(super) fn accepted(
    execution: &mut Execution,
    event: &HistoryEvent,
    it: &WorkflowExecutionUpdateAcceptedEventAttributes,
) {
    let update = Update { accepted_event_id: EventId(event.event_id), completed_event_id: None };
    execution.updates.put(it.protocol_instance_id.as_str().into(), update);
}

pub(super) fn completed(
    execution: &mut Execution,
    event: &HistoryEvent,
    it: &WorkflowExecutionUpdateCompletedEventAttributes,
) {
    let id = UpdateId::from(it.meta.as_ref().map_or("", |meta| &meta.update_id));
    execution.updates.update(&id, |update| update.completed_event_id = Some(EventId(event.event_id)));
}
