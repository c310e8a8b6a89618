//! Commands that end the run. They take effect after all others (`close.rs`).

use weft_protocol::api::{
    command::{
        CancelWorkflowExecutionCommandAttributes, Command, CompleteWorkflowExecutionCommandAttributes,
        ContinueAsNewWorkflowExecutionCommandAttributes, FailWorkflowExecutionCommandAttributes,
    },
    common::RetryPolicy,
    enums::{CommandType, WorkflowTaskFailedCause as Cause},
};

use super::{BadCommand, Decisions, check_size};
use crate::{change::Run, close::Closing, cron, payload, retry, state};
use alloc::{boxed::Box, format};

pub(super) fn is_closing(command: &Command) -> bool {
    matches!(
        command.command_type(),
        CommandType::CompleteWorkflowExecution
            | CommandType::FailWorkflowExecution
            | CommandType::CancelWorkflowExecution
            | CommandType::ContinueAsNewWorkflowExecution
    )
}

pub(super) fn complete(
    run: &mut Run<'_>,
    command: CompleteWorkflowExecutionCommandAttributes,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    nothing_waits(run, decisions)?;
    // Temporal files this one under activities, and workers see the cause.
    let cause = Cause::BadScheduleActivityAttributes;
    check_size(run, cause, "CompleteWorkflowExecutionCommandAttributes.Result", command.result.as_ref())?;
    decisions.closing = Some(Closing::Complete(command.result));
    Ok(())
}

pub(super) fn fail(
    run: &mut Run<'_>,
    command: FailWorkflowExecutionCommandAttributes,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    nothing_waits(run, decisions)?;
    let cause = Cause::BadFailWorkflowExecutionAttributes;
    if command.failure.is_none() {
        return Err(BadCommand::new(cause, "Failure is not set on FailWorkflowExecutionCommand."));
    }
    check_size(run, cause, "FailWorkflowExecutionCommandAttributes.Failure", command.failure.as_ref())?;
    decisions.closing = Some(Closing::Fail(command.failure.map(Box::new)));
    Ok(())
}

pub(super) fn cancel(
    run: &mut Run<'_>,
    command: CancelWorkflowExecutionCommandAttributes,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    nothing_waits(run, decisions)?;
    let cause = Cause::BadCancelWorkflowExecutionAttributes;
    check_size(run, cause, "CancelWorkflowExecutionCommandAttributes.Details", command.details.as_ref())?;
    decisions.closing = Some(Closing::Cancel(command.details));
    Ok(())
}

pub(super) fn continue_as_new(
    run: &mut Run<'_>,
    command: ContinueAsNewWorkflowExecutionCommandAttributes,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    let mut command = command;
    nothing_waits(run, decisions)?;
    let cause = Cause::BadContinueAsNewAttributes;
    check_timeouts(run, &command)?;
    command.retry_policy = check_policy(run, command.retry_policy)?;
    if !command.cron_schedule.is_empty() && cron::backoff(&command.cron_schedule, run.now(), run.at).is_none() {
        return Err(BadCommand::new(cause, "Invalid CronSchedule on ContinueAsNewWorkflowExecutionCommand."));
    }
    check_size(run, cause, "ContinueAsNewWorkflowExecutionCommandAttributes. Input", command.input.as_ref())?;
    check_size(run, cause, "ContinueAsNewWorkflowExecutionCommandAttributes. Memo", command.memo.as_ref())?;
    let fields = command.search_attributes.iter().flat_map(|it| &it.indexed_fields);
    payload::check_search_attributes(fields, run.at)
        .map_err(|reason| BadCommand::new(Cause::BadSearchAttributes, reason))?;
    command.memo = command.memo.map(payload::memo);
    command.search_attributes =
        command.search_attributes.map(|given| payload::search_attributes(given, run.at.namespace));
    decisions.closing = Some(Closing::ContinueAsNew(Box::new(command)));
    Ok(())
}

/// A timeout may be left out, but not be negative.
fn check_timeouts(run: &Run<'_>, command: &ContinueAsNewWorkflowExecutionCommandAttributes) -> Result<(), BadCommand> {
    let workflow_type = command.workflow_type.as_ref().map_or("", |it| &it.name);
    let workflow_type = if workflow_type.is_empty() { &run.core.start.workflow_type } else { workflow_type };
    let queue = command.task_queue.as_ref().map_or("", |it| &it.name);
    let queue = if queue.is_empty() { run.core.start.queue.as_str() } else { queue };
    for (name, given) in [
        ("WorkflowRunTimeout", &command.workflow_run_timeout),
        ("WorkflowTaskTimeout", &command.workflow_task_timeout),
        ("BackoffStartInterval", &command.backoff_start_interval),
    ] {
        if given.as_ref().is_some_and(|span| span.seconds < 0 || span.nanos < 0) {
            let reason = format!(
                "Invalid {name} on ContinueAsNewWorkflowExecutionCommand: negative duration. \
                 WorkflowType={workflow_type} TaskQueue=name:\"{queue}\" kind:TASK_QUEUE_KIND_NORMAL"
            );
            return Err(BadCommand::new(Cause::BadContinueAsNewAttributes, reason));
        }
    }
    Ok(())
}

/// The next run's policy with its defaults, if it makes sense.
fn check_policy(run: &Run<'_>, given: Option<RetryPolicy>) -> Result<Option<RetryPolicy>, BadCommand> {
    let Some(given) = given else { return Ok(None) };
    retry::check_policy(&given, run.at.settings).map_err(|reason| {
        let reason = format!("Invalid RetryPolicy on ContinueAsNewWorkflowExecutionCommand: {reason}");
        BadCommand::new(Cause::BadContinueAsNewAttributes, reason)
    })?;
    Ok(Some(state::RetryPolicy::filled_in(&given, run.at.settings).wire()))
}

/// The workflow ends without having seen what happened meanwhile: it must see it first.
fn nothing_waits(run: &Run<'_>, decisions: &Decisions) -> Result<(), BadCommand> {
    let unseen = decisions.waited.is_some_and(|last| run.buffered.keys().next().is_some_and(|first| *first <= last));
    if unseen { Err(BadCommand::new(Cause::UnhandledCommand, "")) } else { Ok(()) }
}
