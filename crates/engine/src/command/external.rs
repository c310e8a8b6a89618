//! Commands that reach other executions: signals and requests to cancel.

use alloc::{boxed::Box, format, string::String};

use weft_protocol::api::{
    command::{
        RequestCancelExternalWorkflowExecutionCommandAttributes, SignalExternalWorkflowExecutionCommandAttributes,
    },
    enums::WorkflowTaskFailedCause as Cause,
};

use super::{BadCommand, Decisions, Extra, check_size, place};
use crate::{
    change::Run,
    event,
    ids::{EventId, WorkflowKey},
    limits::Limits,
    message::{Message, MessageBody, Step},
    outbox::message_id,
    state::ExternalKind,
};

#[expect(deprecated, reason = "`namespace` is how a command reaches another namespace")]
pub(super) fn signal(
    run: &mut Run<'_>,
    command: SignalExternalWorkflowExecutionCommandAttributes,
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    let cause = Cause::BadSignalWorkflowExecutionAttributes;
    let Some(target) = &command.execution else {
        return Err(BadCommand::new(cause, "Execution is not set on SignalExternalWorkflowExecutionCommand."));
    };
    let place = place::resolve(run, decisions, cause, &command.namespace)?;
    check_signal(&command, &target.workflow_id, &target.run_id, &run.at.settings.limits)
        .map_err(|reason| BadCommand::new(cause, reason))?;
    let limit = run.at.settings.limits.pending_external_signals;
    let is_signal = |kind: &ExternalKind| match kind {
        ExternalKind::Signal { .. } => true,
        ExternalKind::Cancel => false,
    };
    check_pending(run, is_signal, limit, "signals to external workflows", Cause::PendingSignalsLimitExceeded)?;
    let what = "SignalExternalWorkflowExecutionCommandAttributes.Input";
    check_size(run, cause, what, command.input.as_ref())?;
    let key = WorkflowKey { namespace: place.id.clone(), workflow: target.workflow_id.as_str().into() };
    let attributes = event::external::signal_initiated(decisions.completed, &place.id, command);
    let id = run.append(extra.on(event::of(attributes.clone().into())));
    post(run, id, key, MessageBody::Signal(Box::new(attributes)));
    Ok(())
}

#[expect(deprecated, reason = "`namespace` is how a command reaches another namespace")]
pub(super) fn cancel(
    run: &mut Run<'_>,
    command: RequestCancelExternalWorkflowExecutionCommandAttributes,
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    let cause = Cause::BadRequestCancelExternalWorkflowExecutionAttributes;
    let place = place::resolve(run, decisions, cause, &command.namespace)?;
    check_cancel(&command, decisions, &run.at.settings.limits).map_err(|reason| BadCommand::new(cause, reason))?;
    let limit = run.at.settings.limits.pending_external_cancels;
    let is_cancel = |kind: &ExternalKind| match kind {
        ExternalKind::Signal { .. } => false,
        ExternalKind::Cancel => true,
    };
    let what = "requests to cancel external workflows";
    check_pending(run, is_cancel, limit, what, Cause::PendingRequestCancelLimitExceeded)?;
    let key = WorkflowKey { namespace: place.id.clone(), workflow: command.workflow_id.as_str().into() };
    let attributes = event::external::cancel_initiated(decisions.completed, &place.id, command);
    let id = run.append(extra.on(event::of(attributes.clone().into())));
    post(run, id, key, MessageBody::Cancel(Box::new(attributes)));
    Ok(())
}

fn post(run: &mut Run<'_>, id: EventId, target: WorkflowKey, body: MessageBody) {
    run.post(message_id(run, id, Step::Ask), Message::new(target, body));
}

#[expect(deprecated, reason = "texts name the namespace, which commands do not use any more")]
fn check_signal(
    command: &SignalExternalWorkflowExecutionCommandAttributes,
    workflow: &str,
    run: &str,
    limits: &Limits,
) -> Result<(), String> {
    let on = "SignalExternalWorkflowExecutionCommand";
    let (namespace, name, limit) = (&command.namespace, &command.signal_name, limits.id_bytes);
    if workflow.is_empty() {
        return Err(format!("WorkflowId is not set on {on}. Namespace={namespace} RunId={run} SignalName={name}"));
    }
    if workflow.len() > limit {
        let length = workflow.len();
        return Err(format!(
            "WorkflowId on {on} exceeds length limit. WorkflowId={workflow} Length={length} Limit={limit} \
             Namespace={namespace} RunId={run} SignalName={name}"
        ));
    }
    if !is_run_id(run) {
        return Err(format!(
            "Invalid RunId set on {on}. WorkflowId={workflow} Namespace={namespace} RunId={run} SignalName={name}"
        ));
    }
    if name.is_empty() {
        return Err(format!("SignalName is not set on {on}. WorkflowId={workflow} Namespace={namespace} RunId={run}"));
    }
    Ok(())
}

#[expect(deprecated, reason = "texts name the namespace, which commands do not use any more")]
fn check_cancel(
    command: &RequestCancelExternalWorkflowExecutionCommandAttributes,
    decisions: &Decisions,
    limits: &Limits,
) -> Result<(), String> {
    let on = "RequestCancelExternalWorkflowExecutionCommand";
    let (namespace, workflow, run) = (&command.namespace, &command.workflow_id, &command.run_id);
    let (length, limit) = (workflow.len(), limits.id_bytes);
    if workflow.is_empty() {
        return Err(format!("WorkflowId is not set on {on}. Namespace={namespace} RunId={run}"));
    }
    if length > limit {
        return Err(format!(
            "WorkflowId on {on} exceeds length limit. \
             WorkflowId={workflow} Length={length} Limit={limit} RunId={run} Namespace={namespace}"
        ));
    }
    if !is_run_id(run) {
        return Err(format!("Invalid RunId set on {on}. WorkflowId={workflow} RunId={run} Namespace={namespace}"));
    }
    if decisions.children.contains(&**workflow) {
        let why = "Start and RequestCancel for child workflow is not allowed in same workflow task.";
        return Err(format!("{why} WorkflowId={workflow} RunId={run} Namespace={namespace}"));
    }
    Ok(())
}

/// Empty, or a UUID.
fn is_run_id(text: &str) -> bool {
    let is_uuid = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    text.is_empty() || is_uuid
}

fn check_pending(
    run: &Run<'_>,
    counts: impl Fn(&ExternalKind) -> bool,
    limit: usize,
    what: &str,
    cause: Cause,
) -> Result<(), BadCommand> {
    let pending = run.external.values().filter(|external| counts(&external.kind)).count();
    if pending >= limit {
        let reason = format!("the number of pending {what}, {pending}, has reached the per-workflow limit of {limit}");
        return Err(BadCommand::new(cause, reason));
    }
    Ok(())
}
