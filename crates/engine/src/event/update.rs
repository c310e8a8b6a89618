//! Events of updates.

use weft_protocol::api::{
    enums::UpdateAdmittedEventOrigin,
    history::{
        HistoryEvent, WorkflowExecutionUpdateAcceptedEventAttributes, WorkflowExecutionUpdateAdmittedEventAttributes,
        WorkflowExecutionUpdateCompletedEventAttributes,
    },
    update::{Acceptance, Request, Response},
};

use crate::ids::{EventId, UpdateId};

/// A run that was reset had it.
pub(crate) fn admitted(request: Request, origin: UpdateAdmittedEventOrigin) -> HistoryEvent {
    let attributes = WorkflowExecutionUpdateAdmittedEventAttributes { request: Some(request), origin: origin as i32 };
    super::of(attributes.into())
}

pub(crate) fn accepted(id: &UpdateId, acceptance: &Acceptance, request: Option<Request>) -> HistoryEvent {
    super::of(
        WorkflowExecutionUpdateAcceptedEventAttributes {
            protocol_instance_id: id.as_str().into(),
            accepted_request_message_id: request_message(id),
            accepted_request_sequencing_event_id: acceptance.accepted_request_sequencing_event_id,
            accepted_request: request,
        }
        .into(),
    )
}

pub(crate) fn completed(accepted: EventId, response: Response) -> HistoryEvent {
    super::of(
        WorkflowExecutionUpdateCompletedEventAttributes {
            meta: response.meta,
            accepted_event_id: accepted.0,
            outcome: response.outcome,
        }
        .into(),
    )
}

/// The id of the message that brings an update to its worker.
pub(crate) fn request_message(id: &UpdateId) -> alloc::string::String {
    alloc::format!("{id}/request")
}
