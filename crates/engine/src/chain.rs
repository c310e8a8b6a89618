//! Runs that follow a run: by continue-as-new, retry or cron. One chain has one first run and one deadline.

use alloc::string::{String, ToString};
use core::time::Duration;

use weft_protocol::api::{
    command::ContinueAsNewWorkflowExecutionCommandAttributes, common::Payloads, enums::ContinueAsNewInitiator,
    failure::Failure, history::WorkflowExecutionStartedEventAttributes, workflow::ResetPoints,
};

use crate::{
    change::{Change, Run},
    close::Ending,
    event,
    ids::{RequestId, RunId},
    refusal::Refusal,
    state::ResetPoint,
    time::{Timestamp, not_above, span_from_wire, wire_span},
    workflow_task::schedule,
};

/// What is different in the next run.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) initiator: ContinueAsNewInitiator,
    /// How long its first workflow task waits.
    pub(crate) backoff: Duration,
    pub(crate) attempt: u32,
    pub(crate) failure: Option<Failure>,
    pub(crate) last_result: Option<Payloads>,
}

/// Starts the run that follows by retry or cron: the same start again.
pub(crate) fn follow(change: &mut Change<'_>, id: &RunId, next: Next) -> Result<(), Refusal> {
    let new_run = change.at.new_run.clone();
    let run = change.run(id).ok_or(Refusal::WorkflowNotFound)?;
    let attributes = inherited(&run, &new_run, next);
    create(change, attributes);
    Ok(())
}

/// Ends the run and starts the next one as the workflow wants it.
pub(crate) fn continue_as_new(
    change: &mut Change<'_>,
    id: &RunId,
    end: Ending,
    command: ContinueAsNewWorkflowExecutionCommandAttributes,
) -> Result<(), Refusal> {
    let new_run = change.at.new_run.clone();
    let mut run = change.run(id).ok_or(Refusal::WorkflowNotFound)?;
    let attributes = continued(&run, &new_run, &command);
    run.append(end.extra.on(event::workflow::continued_as_new(end.task, &attributes, &command, &new_run)));
    create(change, attributes);
    Ok(())
}

fn create(change: &mut Change<'_>, attributes: WorkflowExecutionStartedEventAttributes) {
    let new_run = change.at.new_run.clone();
    let event = event::workflow::started(attributes);
    // No client asked for this run, so no client can repeat the asking.
    let mut run = change.create(&new_run, RequestId::from(new_run.as_str()), event);
    schedule::want(&mut run);
}

/// The old start, with its place in the chain moved on.
fn inherited(old: &Run<'_>, new_run: &RunId, next: Next) -> WorkflowExecutionStartedEventAttributes {
    let start = &old.core.start.attributes;
    let backoff = min_backoff(old, next.backoff);
    WorkflowExecutionStartedEventAttributes {
        continued_execution_run_id: old.core.run.to_string(),
        original_execution_run_id: new_run.to_string(),
        initiator: next.initiator as i32,
        continued_failure: next.failure,
        last_completion_result: next.last_result,
        attempt: i32::try_from(next.attempt).unwrap_or(i32::MAX),
        first_workflow_task_backoff: Some(wire_span(backoff)),
        eager_execution_accepted: false,
        identity: String::new(),
        prev_auto_reset_points: Some(reset_points(old)),
        // A pause has put it off.
        workflow_execution_expiration_time: old.core.execution_expires_at.map(Timestamp::wire),
        priority: old.core.priority().cloned(),
        // Only one that pins would be inherited.
        versioning_override: None,
        ..start.clone()
    }
}

/// Where the next run may be reset to in the runs before it, as long as they are kept.
fn reset_points(old: &Run<'_>) -> ResetPoints {
    let kept = old.core.reset_points.iter().filter(|point| point.expires_at.is_none_or(|at| at >= old.now()));
    let expires = Some(old.now().after(old.at.namespace.retention));
    let points = kept.map(|point| {
        let expires_at = if point.run == old.core.run { expires } else { point.expires_at };
        ResetPoint { expires_at, ..point.clone() }.wire()
    });
    ResetPoints { points: points.collect() }
}

/// What the command says; what it leaves out is as in the old run.
fn continued(
    run: &Run<'_>,
    new_run: &RunId,
    command: &ContinueAsNewWorkflowExecutionCommandAttributes,
) -> WorkflowExecutionStartedEventAttributes {
    let start = &run.core.start;
    let attributes = &start.attributes;
    let initiator = match command.initiator() {
        ContinueAsNewInitiator::Unspecified => ContinueAsNewInitiator::Workflow,
        given => given,
    };
    let timeout = |given: &Option<weft_protocol::Duration>, old: Duration| {
        given.as_ref().map(span_from_wire).filter(|span| !span.is_zero()).unwrap_or(old)
    };
    let settings = run.at.settings;
    let asked = timeout(&command.workflow_run_timeout, start.run_timeout).min(settings.timeout_max);
    let run_timeout = not_above(asked, start.execution_timeout);
    let asked = timeout(&command.workflow_task_timeout, start.task_timeout);
    let task_timeout = not_above(asked.min(settings.workflow_task_timeout_max), run_timeout);
    let next = Next {
        initiator,
        backoff: command.backoff_start_interval.as_ref().map(span_from_wire).unwrap_or_default(),
        attempt: 1,
        failure: command.failure.clone(),
        last_result: command.last_completion_result.clone(),
    };
    let workflow_type = command.workflow_type.clone().filter(|it| !it.name.is_empty());
    let task_queue = command.task_queue.as_ref().filter(|it| !it.name.is_empty());
    WorkflowExecutionStartedEventAttributes {
        workflow_type: workflow_type.or_else(|| attributes.workflow_type.clone()),
        task_queue: Some(event::workflow::queue(&task_queue.map_or(start.queue.clone(), |it| it.name.as_str().into()))),
        input: command.input.clone(),
        workflow_run_timeout: Some(wire_span(run_timeout)),
        workflow_task_timeout: Some(wire_span(task_timeout)),
        retry_policy: command.retry_policy.clone(),
        cron_schedule: command.cron_schedule.clone(),
        header: command.header.clone(),
        memo: command.memo.clone(),
        search_attributes: command.search_attributes.clone(),
        ..inherited(run, new_run, next)
    }
}

/// A workflow whose runs follow each other at once, again and again, is slowed down.
fn min_backoff(run: &Run<'_>, given: Duration) -> Duration {
    // A run that waited for its first task lives only from then on.
    let lived = run.now().since(run.execution_time());
    let least = run.at.settings.continue_as_new_min_interval;
    if lived + given < least { least.saturating_sub(lived) } else { given }
}
