//! Signals and requests to cancel that another workflow sends.

use alloc::vec::Vec;

use weft_protocol::api::{
    common::WorkflowExecution,
    history::{
        RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
        SignalExternalWorkflowExecutionInitiatedEventAttributes,
    },
};

use super::{execution, is_parent, keep, request_id, server};
use crate::{
    cancel,
    change::Change,
    ids::RunId,
    message::{Origin, Reply},
    refusal::Refusal,
    request::{CancelBody, SignalBody, Target},
    signal,
    workflow_task::schedule,
};

pub(super) fn signal(
    change: &mut Change<'_>,
    origin: &Origin,
    it: &SignalExternalWorkflowExecutionInitiatedEventAttributes,
) -> Result<Reply, Refusal> {
    if is_own(change, origin) {
        return Ok(Reply::NotFound);
    }
    let Ok(mut run) = change.open_run(&target(it.workflow_execution.as_ref())) else { return Ok(Reply::NotFound) };
    if it.child_workflow_only && !is_parent(&run, origin) {
        return Ok(Reply::NotFound);
    }
    let body = SignalBody {
        name: it.signal_name.as_str().into(),
        input: it.input.clone(),
        header: it.header.clone(),
        identity: server(),
        request: Some(request_id(origin)),
        links: Vec::new(),
    };
    match signal::record_from(&mut run, body, Some(execution(origin))) {
        Ok(()) => schedule::want(&mut run),
        Err(Refusal::InvalidArgument(_)) => return Ok(Reply::SignalLimit),
        Err(refusal) => return Err(refusal),
    }
    Ok(keep(change, origin, Reply::Done))
}

/// A run that has ended needs no cancelling: that is as good as done.
pub(super) fn cancel(
    change: &mut Change<'_>,
    origin: &Origin,
    it: &RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
) -> Result<Reply, Refusal> {
    if is_own(change, origin) {
        return Ok(Reply::NotFound);
    }
    let mut run = match change.open_run(&target(it.workflow_execution.as_ref())) {
        Ok(run) => run,
        Err(Refusal::WorkflowClosed) => return Ok(Reply::Done),
        Err(_) => return Ok(Reply::NotFound),
    };
    if it.child_workflow_only && !is_parent(&run, origin) {
        return Ok(Reply::NotFound);
    }
    let body =
        CancelBody { identity: server(), request: request_id(origin), reason: it.reason.clone(), links: Vec::new() };
    let from = cancel::From { execution: execution(origin), initiated_event_id: origin.event_id.0 };
    cancel::record(&mut run, body, Some(from));
    Ok(keep(change, origin, Reply::Done))
}

/// A workflow does not reach itself this way, whichever of its runs is meant.
fn is_own(change: &Change<'_>, origin: &Origin) -> bool {
    change.workflow.key == origin.sender
}

fn target(execution: Option<&WorkflowExecution>) -> Target {
    let run = execution.map_or("", |it| &it.run_id);
    Target { run: (!run.is_empty()).then(|| RunId::from(run)), first_run: None }
}
