//! Events that begin and end a run.

use alloc::string::{String, ToString};

use weft_protocol::api::{
    command::ContinueAsNewWorkflowExecutionCommandAttributes,
    common::Payloads,
    enums::{RetryState, TaskQueueKind},
    failure::Failure,
    history::{
        HistoryEvent, WorkflowExecutionCanceledEventAttributes, WorkflowExecutionCompletedEventAttributes,
        WorkflowExecutionContinuedAsNewEventAttributes, WorkflowExecutionFailedEventAttributes,
        WorkflowExecutionStartedEventAttributes, WorkflowExecutionTerminatedEventAttributes,
        WorkflowExecutionTimedOutEventAttributes,
    },
    taskqueue::TaskQueue,
};

use crate::{
    ids::{EventId, RunId, TaskQueueName},
    request::TerminateBody,
};

/// A normal queue as events name it.
pub(crate) fn queue(name: &TaskQueueName) -> TaskQueue {
    TaskQueue { name: name.to_string(), kind: TaskQueueKind::Normal as i32, normal_name: String::new() }
}

pub(crate) fn started(attributes: WorkflowExecutionStartedEventAttributes) -> HistoryEvent {
    super::of(attributes.into())
}

pub(crate) fn completed(task: EventId, result: Option<Payloads>, new_run: Option<&RunId>) -> HistoryEvent {
    super::of(
        WorkflowExecutionCompletedEventAttributes {
            result,
            workflow_task_completed_event_id: task.0,
            new_execution_run_id: wire(new_run),
        }
        .into(),
    )
}

pub(crate) fn failed(
    task: EventId,
    failure: Option<Failure>,
    retry_state: RetryState,
    new_run: Option<&RunId>,
) -> HistoryEvent {
    super::of(
        WorkflowExecutionFailedEventAttributes {
            failure,
            retry_state: retry_state as i32,
            workflow_task_completed_event_id: task.0,
            new_execution_run_id: wire(new_run),
        }
        .into(),
    )
}

pub(crate) fn timed_out(retry_state: RetryState, new_run: Option<&RunId>) -> HistoryEvent {
    super::of(
        WorkflowExecutionTimedOutEventAttributes {
            retry_state: retry_state as i32,
            new_execution_run_id: wire(new_run),
        }
        .into(),
    )
}

pub(crate) fn canceled(task: EventId, details: Option<Payloads>) -> HistoryEvent {
    super::of(WorkflowExecutionCanceledEventAttributes { workflow_task_completed_event_id: task.0, details }.into())
}

pub(crate) fn terminated(body: TerminateBody) -> HistoryEvent {
    let event = super::of(
        WorkflowExecutionTerminatedEventAttributes {
            reason: body.reason,
            details: body.details,
            identity: body.identity.to_string(),
        }
        .into(),
    );
    HistoryEvent { links: body.links, ..event }
}

/// The next run's start, as the ending run records it, and what the workflow asked for beside it.
#[expect(deprecated, reason = "older workers set these fields, and replay shows them")]
pub(crate) fn continued_as_new(
    task: EventId,
    next: &WorkflowExecutionStartedEventAttributes,
    asked: &ContinueAsNewWorkflowExecutionCommandAttributes,
    new_run: &RunId,
) -> HistoryEvent {
    super::of(
        WorkflowExecutionContinuedAsNewEventAttributes {
            new_execution_run_id: new_run.to_string(),
            workflow_type: next.workflow_type.clone(),
            task_queue: next.task_queue.clone(),
            input: next.input.clone(),
            workflow_run_timeout: next.workflow_run_timeout,
            workflow_task_timeout: next.workflow_task_timeout,
            workflow_task_completed_event_id: task.0,
            backoff_start_interval: asked.backoff_start_interval,
            initiator: asked.initiator,
            failure: next.continued_failure.clone(),
            inherit_build_id: asked.inherit_build_id,
            initial_versioning_behavior: asked.initial_versioning_behavior,
            last_completion_result: next.last_completion_result.clone(),
            header: next.header.clone(),
            memo: next.memo.clone(),
            search_attributes: next.search_attributes.clone(),
        }
        .into(),
    )
}

fn wire(run: Option<&RunId>) -> String {
    run.map(RunId::to_string).unwrap_or_default()
}
