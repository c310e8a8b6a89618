//! Events of a run that is paused and goes on again. They mean nothing to workers, which may ignore them.

use alloc::string::ToString;

use weft_protocol::api::history::{
    HistoryEvent, WorkflowExecutionPausedEventAttributes, WorkflowExecutionUnpausedEventAttributes,
};

use crate::request::PauseWorkflow;

pub(crate) fn paused(body: &PauseWorkflow) -> HistoryEvent {
    let event = super::of(
        WorkflowExecutionPausedEventAttributes {
            identity: body.identity.to_string(),
            reason: body.reason.clone(),
            request_id: body.request.clone(),
        }
        .into(),
    );
    HistoryEvent { worker_may_ignore: true, ..event }
}

pub(crate) fn unpaused(body: &PauseWorkflow) -> HistoryEvent {
    let event = super::of(
        WorkflowExecutionUnpausedEventAttributes {
            identity: body.identity.to_string(),
            reason: body.reason.clone(),
            request_id: body.request.clone(),
        }
        .into(),
    );
    HistoryEvent { worker_may_ignore: true, ..event }
}
