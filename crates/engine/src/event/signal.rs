//! Events that clients cause in a run: signals, requests to cancel, attached requests.

use alloc::{string::ToString, vec::Vec};

use weft_protocol::api::{
    common::{Link, WorkflowExecution},
    history::{
        HistoryEvent, WorkflowExecutionCancelRequestedEventAttributes, WorkflowExecutionOptionsUpdatedEventAttributes,
        WorkflowExecutionSignaledEventAttributes,
    },
    workflow::WorkflowExecutionOptions,
};

use crate::{
    cancel::From,
    ids::{Identity, RequestId},
    request::{CancelBody, SignalBody},
};

/// `from` is the workflow that sent it, if one did.
pub(crate) fn signaled(body: SignalBody, from: Option<WorkflowExecution>) -> HistoryEvent {
    let event = super::of(
        WorkflowExecutionSignaledEventAttributes {
            signal_name: body.name.to_string(),
            input: body.input,
            identity: body.identity.to_string(),
            header: body.header,
            request_id: body.request.as_ref().map(RequestId::to_string).unwrap_or_default(),
            external_workflow_execution: from,
            ..WorkflowExecutionSignaledEventAttributes::default()
        }
        .into(),
    );
    HistoryEvent { links: body.links, ..event }
}

pub(crate) fn cancel_requested(body: CancelBody, from: Option<From>) -> HistoryEvent {
    let (execution, initiated) = from.map(|from| (from.execution, from.initiated_event_id)).unzip();
    let event = super::of(
        WorkflowExecutionCancelRequestedEventAttributes {
            cause: body.reason,
            identity: body.identity.to_string(),
            external_initiated_event_id: initiated.unwrap_or_default(),
            external_workflow_execution: execution,
        }
        .into(),
    );
    HistoryEvent { links: body.links, ..event }
}

/// Options that were changed, as they are from now on. Workers may ignore it.
pub(crate) fn options_updated(options: &WorkflowExecutionOptions, identity: &Identity) -> HistoryEvent {
    let event = super::of(
        WorkflowExecutionOptionsUpdatedEventAttributes {
            versioning_override: options.versioning_override.clone(),
            unset_versioning_override: options.versioning_override.is_none(),
            priority: options.priority.clone(),
            identity: identity.to_string(),
            ..WorkflowExecutionOptionsUpdatedEventAttributes::default()
        }
        .into(),
    );
    HistoryEvent { worker_may_ignore: true, ..event }
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
