//! Commands that end the run. They take effect after all others (`close.rs`).

use weft_protocol::api::{
    command::{
        CancelWorkflowExecutionCommandAttributes, Command, CompleteWorkflowExecutionCommandAttributes,
        ContinueAsNewWorkflowExecutionCommandAttributes, FailWorkflowExecutionCommandAttributes,
    },
    common::RetryPolicy,
    enums::{CommandType, WorkflowTaskFailedCause as Cause},
};

use super::{BadCommand, Decisions, Extra, check_size};
use crate::{activity::check_queue, change::Run, close::Closing, payload, retry, state};
use alloc::{borrow::ToOwned, boxed::Box, format, string::String};

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
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    nothing_waits(run, decisions)?;
    // Temporal files this one under activities, and workers see the cause.
    let cause = Cause::BadScheduleActivityAttributes;
    check_size(run, cause, "CompleteWorkflowExecutionCommandAttributes.Result", command.result.as_ref())?;
    decisions.close(Closing::Complete(command.result), extra);
    Ok(())
}

pub(super) fn fail(
    run: &mut Run<'_>,
    command: FailWorkflowExecutionCommandAttributes,
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    nothing_waits(run, decisions)?;
    let cause = Cause::BadFailWorkflowExecutionAttributes;
    if command.failure.is_none() {
        return Err(BadCommand::new(cause, "Failure is not set on FailWorkflowExecutionCommand."));
    }
    check_size(run, cause, "FailWorkflowExecutionCommandAttributes.Failure", command.failure.as_ref())?;
    decisions.close(Closing::Fail(command.failure.map(Box::new)), extra);
    Ok(())
}

pub(super) fn cancel(
    run: &mut Run<'_>,
    command: CancelWorkflowExecutionCommandAttributes,
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    nothing_waits(run, decisions)?;
    let cause = Cause::BadCancelWorkflowExecutionAttributes;
    check_size(run, cause, "CancelWorkflowExecutionCommandAttributes.Details", command.details.as_ref())?;
    decisions.close(Closing::Cancel(command.details), extra);
    Ok(())
}

pub(super) fn continue_as_new(
    run: &mut Run<'_>,
    command: ContinueAsNewWorkflowExecutionCommandAttributes,
    extra: Extra,
    decisions: &mut Decisions,
) -> Result<(), BadCommand> {
    let mut command = command;
    nothing_waits(run, decisions)?;
    let cause = Cause::BadContinueAsNewAttributes;
    let next = Names::of(run, &command);
    next.check(run).map_err(|reason| BadCommand::new(cause, reason))?;
    check_timeouts(&next, &command)?;
    command.retry_policy = check_policy(run, &next, command.retry_policy.take())?;
    check_size(run, cause, "ContinueAsNewWorkflowExecutionCommandAttributes. Input", command.input.as_ref())?;
    check_size(run, cause, "ContinueAsNewWorkflowExecutionCommandAttributes. Memo", command.memo.as_ref())?;
    check_search_attributes(run, &next, &command)?;
    command.memo = command.memo.and_then(payload::memo);
    command.search_attributes =
        command.search_attributes.map(|given| payload::search_attributes(given, run.at.namespace));
    decisions.close(Closing::ContinueAsNew(Box::new(command)), extra);
    Ok(())
}

/// Type and queue of the next run, as messages name them.
struct Names {
    workflow_type: String,
    queue: String,
}

impl Names {
    fn of(run: &Run<'_>, command: &ContinueAsNewWorkflowExecutionCommandAttributes) -> Self {
        let or = |given: &str, old: &str| if given.is_empty() { old.to_owned() } else { given.to_owned() };
        let start = &run.core.start;
        Self {
            workflow_type: or(command.workflow_type.as_ref().map_or("", |it| &it.name), &start.workflow_type),
            queue: or(command.task_queue.as_ref().map_or("", |it| &it.name), start.queue.as_str()),
        }
    }

    fn check(&self, run: &Run<'_>) -> Result<(), String> {
        let limit = run.at.settings.limits.id_bytes;
        let (workflow_type, length) = (&self.workflow_type, self.workflow_type.len());
        if length > limit {
            return Err(format!(
                "WorkflowType on ContinueAsNewWorkflowExecutionCommand exceeds length limit. \
                 WorkflowType={workflow_type} Length={length} Limit={limit}"
            ));
        }
        check_queue(&self.queue, limit).map_err(|why| {
            format!("error validating ContinueAsNewWorkflowExecutionCommand TaskQueue: {why}. {}", self.shown())
        })
    }

    fn shown(&self) -> String {
        let Self { workflow_type, queue } = self;
        format!("WorkflowType={workflow_type} TaskQueue=name:\"{queue}\" kind:TASK_QUEUE_KIND_NORMAL")
    }
}

/// Known to the namespace, of the right type, and small enough.
fn check_search_attributes(
    run: &Run<'_>,
    next: &Names,
    command: &ContinueAsNewWorkflowExecutionCommandAttributes,
) -> Result<(), BadCommand> {
    let fields = || command.search_attributes.iter().flat_map(|it| &it.indexed_fields);
    payload::check_search_attributes(fields(), run.at).map_err(|reason| {
        let what = "invalid SearchAttributes on ContinueAsNewWorkflowExecutionCommand:";
        BadCommand::new(Cause::BadSearchAttributes, format!("{what} {reason}. {}", next.shown()))
    })?;
    payload::check_search_attribute_sizes(fields(), run.at)
}

/// A timeout may be left out, but not be negative.
fn check_timeouts(next: &Names, command: &ContinueAsNewWorkflowExecutionCommandAttributes) -> Result<(), BadCommand> {
    for (name, given) in [
        ("WorkflowRunTimeout", &command.workflow_run_timeout),
        ("WorkflowTaskTimeout", &command.workflow_task_timeout),
        ("BackoffStartInterval", &command.backoff_start_interval),
    ] {
        if given.as_ref().is_some_and(|span| span.seconds < 0 || span.nanos < 0) {
            let what = "on ContinueAsNewWorkflowExecutionCommand: negative duration.";
            let reason = format!("Invalid {name} {what} {}", next.shown());
            return Err(BadCommand::new(Cause::BadContinueAsNewAttributes, reason));
        }
    }
    Ok(())
}

/// The next run's policy with its defaults, if it makes sense.
fn check_policy(run: &Run<'_>, next: &Names, given: Option<RetryPolicy>) -> Result<Option<RetryPolicy>, BadCommand> {
    let Some(given) = given else { return Ok(None) };
    retry::check_policy(&given, run.at.settings).map_err(|reason| {
        let what = "invalid WorkflowRetryPolicy on ContinueAsNewWorkflowExecutionCommand";
        BadCommand::new(Cause::BadContinueAsNewAttributes, format!("{what}: {reason}. {}", next.shown()))
    })?;
    Ok(Some(state::RetryPolicy::filled_in(&given, run.at.settings).wire()))
}

/// The workflow ends without having seen what happened meanwhile: it must see it first.
fn nothing_waits(run: &Run<'_>, decisions: &Decisions) -> Result<(), BadCommand> {
    let unseen = decisions.waited.is_some_and(|last| run.buffered.keys().next().is_some_and(|first| *first <= last));
    if unseen { Err(BadCommand::new(Cause::UnhandledCommand, "")) } else { Ok(()) }
}
