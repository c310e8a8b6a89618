//! Events of children, in the history of their parent.

use alloc::string::ToString;

use weft_protocol::api::{
    command::StartChildWorkflowExecutionCommandAttributes,
    common::{WorkflowExecution, WorkflowType},
    enums::{RetryState, StartChildWorkflowExecutionFailedCause as Cause},
    failure::Failure,
    history::{
        ChildWorkflowExecutionCanceledEventAttributes, ChildWorkflowExecutionCompletedEventAttributes,
        ChildWorkflowExecutionFailedEventAttributes, ChildWorkflowExecutionStartedEventAttributes,
        ChildWorkflowExecutionTerminatedEventAttributes, ChildWorkflowExecutionTimedOutEventAttributes, HistoryEvent,
        StartChildWorkflowExecutionFailedEventAttributes, StartChildWorkflowExecutionInitiatedEventAttributes,
        history_event::Attributes,
    },
};

use crate::{
    ids::{EventId, NamespaceId, RunId},
    state::{Child, ChildStage},
};

/// The command is normalized and names its namespace.
#[expect(deprecated, reason = "older workers set these fields, and replay shows them")]
pub(crate) fn initiated(
    completed: EventId,
    namespace: &NamespaceId,
    command: StartChildWorkflowExecutionCommandAttributes,
) -> StartChildWorkflowExecutionInitiatedEventAttributes {
    StartChildWorkflowExecutionInitiatedEventAttributes {
        namespace: command.namespace,
        namespace_id: namespace.to_string(),
        workflow_id: command.workflow_id,
        workflow_type: command.workflow_type,
        task_queue: command.task_queue,
        input: command.input,
        workflow_execution_timeout: command.workflow_execution_timeout,
        workflow_run_timeout: command.workflow_run_timeout,
        workflow_task_timeout: command.workflow_task_timeout,
        parent_close_policy: command.parent_close_policy,
        control: command.control,
        workflow_task_completed_event_id: completed.0,
        workflow_id_reuse_policy: command.workflow_id_reuse_policy,
        retry_policy: command.retry_policy,
        cron_schedule: command.cron_schedule,
        header: command.header,
        memo: command.memo,
        search_attributes: command.search_attributes,
        inherit_build_id: command.inherit_build_id,
        priority: command.priority,
        ..StartChildWorkflowExecutionInitiatedEventAttributes::default()
    }
}

pub(crate) fn started(initiated: EventId, child: &Child, run: &RunId) -> HistoryEvent {
    let header = match &child.stage {
        ChildStage::Initiated { header } => header.as_deref().cloned(),
        ChildStage::Started { .. } => None,
    };
    super::of(
        ChildWorkflowExecutionStartedEventAttributes {
            namespace: child.namespace.to_string(),
            namespace_id: child.target.namespace.to_string(),
            initiated_event_id: initiated.0,
            workflow_execution: Some(execution(child, run)),
            workflow_type: Some(workflow_type(child)),
            header,
        }
        .into(),
    )
}

pub(crate) fn start_failed(initiated: EventId, child: &Child, cause: Cause) -> HistoryEvent {
    super::of(
        StartChildWorkflowExecutionFailedEventAttributes {
            namespace: child.namespace.to_string(),
            namespace_id: child.target.namespace.to_string(),
            workflow_id: child.target.workflow.to_string(),
            workflow_type: Some(workflow_type(child)),
            cause: cause as i32,
            initiated_event_id: initiated.0,
            ..StartChildWorkflowExecutionFailedEventAttributes::default()
        }
        .into(),
    )
}

/// What a parent records of a child of which no end can be told.
pub(crate) fn failed(initiated: EventId, child: &Child, run: &RunId, failure: Failure) -> HistoryEvent {
    super::of(
        ChildWorkflowExecutionFailedEventAttributes {
            failure: Some(failure),
            namespace: child.namespace.to_string(),
            namespace_id: child.target.namespace.to_string(),
            workflow_execution: Some(execution(child, run)),
            workflow_type: Some(workflow_type(child)),
            initiated_event_id: initiated.0,
            started_event_id: started_event(child),
            retry_state: RetryState::NonRetryableFailure as i32,
        }
        .into(),
    )
}

fn started_event(child: &Child) -> i64 {
    match &child.stage {
        ChildStage::Started { event_id, .. } => event_id.0,
        ChildStage::Initiated { .. } => 0,
    }
}

/// A child's end as its parent records it: `last` is the child's last event. `None` if that ends nothing.
pub(crate) fn closed(initiated: EventId, child: &Child, run: &RunId, last: &Attributes) -> Option<HistoryEvent> {
    let (namespace, namespace_id) = (child.namespace.to_string(), child.target.namespace.to_string());
    let (workflow_execution, workflow_type) = (Some(execution(child, run)), Some(workflow_type(child)));
    let (initiated_event_id, started_event_id) = (initiated.0, started_event(child));
    let attributes: Attributes = match last {
        Attributes::WorkflowExecutionCompletedEventAttributes(it) => ChildWorkflowExecutionCompletedEventAttributes {
            result: it.result.clone(),
            namespace,
            namespace_id,
            workflow_execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
        }
        .into(),
        Attributes::WorkflowExecutionFailedEventAttributes(it) => ChildWorkflowExecutionFailedEventAttributes {
            failure: it.failure.clone(),
            namespace,
            namespace_id,
            workflow_execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
            retry_state: it.retry_state,
        }
        .into(),
        Attributes::WorkflowExecutionCanceledEventAttributes(it) => ChildWorkflowExecutionCanceledEventAttributes {
            details: it.details.clone(),
            namespace,
            namespace_id,
            workflow_execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
        }
        .into(),
        Attributes::WorkflowExecutionTimedOutEventAttributes(it) => ChildWorkflowExecutionTimedOutEventAttributes {
            namespace,
            namespace_id,
            workflow_execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
            retry_state: it.retry_state,
        }
        .into(),
        Attributes::WorkflowExecutionTerminatedEventAttributes(_) => ChildWorkflowExecutionTerminatedEventAttributes {
            namespace,
            namespace_id,
            workflow_execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
        }
        .into(),
        _ => return None,
    };
    Some(super::of(attributes))
}

fn execution(child: &Child, run: &RunId) -> WorkflowExecution {
    WorkflowExecution { workflow_id: child.target.workflow.to_string(), run_id: run.to_string() }
}

fn workflow_type(child: &Child) -> WorkflowType {
    WorkflowType { name: child.workflow_type.to_string() }
}
