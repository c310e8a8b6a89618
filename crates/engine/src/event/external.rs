//! Events of signals and requests to cancel that go to other executions, in the history of their sender.

use alloc::string::{String, ToString};

use weft_protocol::api::{
    command::{
        RequestCancelExternalWorkflowExecutionCommandAttributes, SignalExternalWorkflowExecutionCommandAttributes,
    },
    common::WorkflowExecution,
    enums::{
        CancelExternalWorkflowExecutionFailedCause as CancelCause,
        SignalExternalWorkflowExecutionFailedCause as SignalCause,
    },
    history::{
        ExternalWorkflowExecutionCancelRequestedEventAttributes, ExternalWorkflowExecutionSignaledEventAttributes,
        HistoryEvent, RequestCancelExternalWorkflowExecutionFailedEventAttributes,
        RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
        SignalExternalWorkflowExecutionFailedEventAttributes, SignalExternalWorkflowExecutionInitiatedEventAttributes,
    },
};

use crate::{
    ids::{EventId, NamespaceId, RunId},
    state::ExternalRequest,
};

#[expect(deprecated, reason = "older workers set these fields, and replay shows them")]
pub(crate) fn signal_initiated(
    completed: EventId,
    namespace: &NamespaceId,
    command: SignalExternalWorkflowExecutionCommandAttributes,
) -> SignalExternalWorkflowExecutionInitiatedEventAttributes {
    SignalExternalWorkflowExecutionInitiatedEventAttributes {
        workflow_task_completed_event_id: completed.0,
        namespace: command.namespace,
        namespace_id: namespace.to_string(),
        workflow_execution: command.execution,
        signal_name: command.signal_name,
        input: command.input,
        control: command.control,
        child_workflow_only: command.child_workflow_only,
        header: command.header,
    }
}

#[expect(deprecated, reason = "older workers set these fields, and replay shows them")]
pub(crate) fn cancel_initiated(
    completed: EventId,
    namespace: &NamespaceId,
    command: RequestCancelExternalWorkflowExecutionCommandAttributes,
) -> RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
        workflow_task_completed_event_id: completed.0,
        namespace: command.namespace,
        namespace_id: namespace.to_string(),
        workflow_execution: Some(WorkflowExecution { workflow_id: command.workflow_id, run_id: command.run_id }),
        control: command.control,
        child_workflow_only: command.child_workflow_only,
        reason: command.reason,
    }
}

/// Of what a request says, what its outcome repeats.
pub(crate) struct Outcome {
    namespace: String,
    namespace_id: String,
    workflow_execution: Option<WorkflowExecution>,
    initiated_event_id: i64,
}

impl Outcome {
    /// `own` is the name of the sender's namespace.
    pub(crate) fn of(initiated: EventId, external: &ExternalRequest, own: &str) -> Self {
        let name = if external.namespace.is_empty() { own } else { &external.namespace };
        let run = external.run.as_ref().map(RunId::to_string).unwrap_or_default();
        Self {
            namespace: name.to_string(),
            namespace_id: external.target.namespace.to_string(),
            workflow_execution: Some(WorkflowExecution {
                workflow_id: external.target.workflow.to_string(),
                run_id: run,
            }),
            initiated_event_id: initiated.0,
        }
    }
}

#[expect(deprecated, reason = "older workers set `control`, and replay shows it")]
pub(crate) fn signaled(outcome: Outcome, control: &str) -> HistoryEvent {
    let Outcome { namespace, namespace_id, workflow_execution, initiated_event_id } = outcome;
    super::of(
        ExternalWorkflowExecutionSignaledEventAttributes {
            initiated_event_id,
            namespace,
            namespace_id,
            workflow_execution,
            control: control.to_string(),
        }
        .into(),
    )
}

#[expect(deprecated, reason = "older workers set `control`, and replay shows it")]
pub(crate) fn signal_failed(outcome: Outcome, control: &str, cause: SignalCause) -> HistoryEvent {
    let Outcome { namespace, namespace_id, workflow_execution, initiated_event_id } = outcome;
    super::of(
        SignalExternalWorkflowExecutionFailedEventAttributes {
            cause: cause as i32,
            namespace,
            namespace_id,
            workflow_execution,
            initiated_event_id,
            control: control.to_string(),
            ..SignalExternalWorkflowExecutionFailedEventAttributes::default()
        }
        .into(),
    )
}

pub(crate) fn cancel_requested(outcome: Outcome) -> HistoryEvent {
    let Outcome { namespace, namespace_id, workflow_execution, initiated_event_id } = outcome;
    super::of(
        ExternalWorkflowExecutionCancelRequestedEventAttributes {
            initiated_event_id,
            namespace,
            namespace_id,
            workflow_execution,
        }
        .into(),
    )
}

pub(crate) fn cancel_failed(outcome: Outcome, cause: CancelCause) -> HistoryEvent {
    let Outcome { namespace, namespace_id, workflow_execution, initiated_event_id } = outcome;
    super::of(
        RequestCancelExternalWorkflowExecutionFailedEventAttributes {
            cause: cause as i32,
            namespace,
            namespace_id,
            workflow_execution,
            initiated_event_id,
            ..RequestCancelExternalWorkflowExecutionFailedEventAttributes::default()
        }
        .into(),
    )
}
