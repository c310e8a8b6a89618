//! How events of requests to external executions change the state.

use weft_protocol::api::{
    common::WorkflowExecution,
    history::{
        HistoryEvent, RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
        SignalExternalWorkflowExecutionInitiatedEventAttributes,
    },
};

use crate::{
    ids::{EventId, RunId, WorkflowKey},
    state::{Execution, ExternalKind, ExternalRequest},
};

#[expect(deprecated, reason = "older workers set `control`, and the reply repeats it")]
pub(super) fn signal_initiated(
    execution: &mut Execution,
    event: &HistoryEvent,
    it: &SignalExternalWorkflowExecutionInitiatedEventAttributes,
) {
    let kind = ExternalKind::Signal { control: it.control.as_str().into() };
    initiated(execution, event, &it.namespace, &it.namespace_id, it.workflow_execution.as_ref(), kind);
}

pub(super) fn cancel_initiated(
    execution: &mut Execution,
    event: &HistoryEvent,
    it: &RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
) {
    let target = it.workflow_execution.as_ref();
    initiated(execution, event, &it.namespace, &it.namespace_id, target, ExternalKind::Cancel);
}

fn initiated(
    execution: &mut Execution,
    event: &HistoryEvent,
    namespace: &str,
    namespace_id: &str,
    target: Option<&WorkflowExecution>,
    kind: ExternalKind,
) {
    let (workflow, run) = target.map_or(("", ""), |it| (it.workflow_id.as_str(), it.run_id.as_str()));
    let external = ExternalRequest {
        target: WorkflowKey { namespace: namespace_id.into(), workflow: workflow.into() },
        run: (!run.is_empty()).then(|| RunId::from(run)),
        namespace: namespace.into(),
        kind,
    };
    execution.external.put(EventId(event.event_id), external);
}

/// It reached its target, or it never will.
pub(super) fn settled(execution: &mut Execution, initiated: i64) {
    execution.external.remove(&EventId(initiated));
}
