//! Events that clients cause in a run: signals, requests to cancel, attached requests.

use alloc::{string::ToString, vec::Vec};

use weft_protocol::api::{
    common::Link,
    history::{
        HistoryEvent, WorkflowExecutionCancelRequestedEventAttributes, WorkflowExecutionOptionsUpdatedEventAttributes,
        WorkflowExecutionSignaledEventAttributes,
    },
};

use crate::{
    ids::RequestId,
    request::{CancelBody, SignalBody},
};

pub(crate) fn signaled(body: SignalBody) -> HistoryEvent {
    let event = super::of(
        WorkflowExecutionSignaledEventAttributes {
            signal_name: body.name.to_string(),
            input: body.input,
            identity: body.identity.to_string(),
            header: body.header,
            request_id: body.request.as_ref().map(RequestId::to_string).unwrap_or_default(),
            ..WorkflowExecutionSignaledEventAttributes::default()
        }
        .into(),
    );
    HistoryEvent { links: body.links, ..event }
}

pub(crate) fn cancel_requested(body: CancelBody) -> HistoryEvent {
    let event = super::of(
        WorkflowExecutionCancelRequestedEventAttributes {
            cause: body.reason,
            identity: body.identity.to_string(),
            ..WorkflowExecutionCancelRequestedEventAttributes::default()
        }
        .into(),
    );
    HistoryEvent { links: body.links, ..event }
}

/// A start that used the existing run leaves its request id, its links, or both. Workers may ignore it.
pub(crate) fn attached(request: Option<&RequestId>, links: Vec<Link>) -> HistoryEvent {
    let event = super::of(
        WorkflowExecutionOptionsUpdatedEventAttributes {
            attached_request_id: request.map(RequestId::to_string).unwrap_or_default(),
            ..WorkflowExecutionOptionsUpdatedEventAttributes::default()
        }
        .into(),
    );
    HistoryEvent { links, worker_may_ignore: true, ..event }
}
