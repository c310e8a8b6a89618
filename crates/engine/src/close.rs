//! How a run ends: by command or by timeout, and whether another run follows it.

use alloc::boxed::Box;
use core::time::Duration;

use weft_protocol::api::{
    command::ContinueAsNewWorkflowExecutionCommandAttributes,
    common::Payloads,
    enums::{ContinueAsNewInitiator, RetryState, TimeoutType},
    failure::{Failure, TimeoutFailureInfo, failure::FailureInfo},
};

use crate::{
    chain::{self, Next},
    change::Change,
    command::Extra,
    cron, event,
    ids::{EventId, RunId},
    refusal::Refusal,
    retry::{self, Retry},
    workflow_task::fail,
};

/// What the workflow decided.
#[derive(Debug)]
pub(crate) enum Closing {
    Complete(Option<Payloads>),
    Fail(Option<Box<Failure>>),
    Cancel(Option<Payloads>),
    ContinueAsNew(Box<ContinueAsNewWorkflowExecutionCommandAttributes>),
}

/// What a timeout covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Run,
    /// The whole chain of runs: nothing follows.
    Chain,
}

/// What surrounds the command that ends a run.
pub(crate) struct Ending {
    /// The completed event.
    pub(crate) task: EventId,
    pub(crate) extra: Extra,
}

/// Ends the run as its workflow decided.
pub(crate) fn by_command(change: &mut Change<'_>, id: &RunId, closing: Closing, end: Ending) -> Result<(), Refusal> {
    match closing {
        Closing::Complete(result) => complete(change, id, end, result),
        Closing::Fail(failure) => fail_run(change, id, end, failure.map(|failure| *failure)),
        Closing::Cancel(details) => {
            let mut run = change.run(id).ok_or(Refusal::WorkflowNotFound)?;
            run.append(end.extra.on(event::workflow::canceled(end.task, details)));
            Ok(())
        }
        Closing::ContinueAsNew(command) => chain::continue_as_new(change, id, end, *command),
    }
}

fn complete(change: &mut Change<'_>, id: &RunId, end: Ending, result: Option<Payloads>) -> Result<(), Refusal> {
    let next = cron_next(change, id)?.map(|next| Next { last_result: result.clone(), ..next });
    let new_run = next.as_ref().map(|_| change.at.new_run.clone());
    let mut run = change.run(id).ok_or(Refusal::WorkflowNotFound)?;
    run.append(end.extra.on(event::workflow::completed(end.task, result, new_run.as_ref())));
    follow(change, id, next)
}

fn fail_run(change: &mut Change<'_>, id: &RunId, end: Ending, failure: Option<Failure>) -> Result<(), Refusal> {
    let (next, state) = after_failure(change, id, failure.as_ref())?;
    let new_run = next.as_ref().map(|_| change.at.new_run.clone());
    let mut run = change.run(id).ok_or(Refusal::WorkflowNotFound)?;
    run.append(end.extra.on(event::workflow::failed(end.task, failure, state, new_run.as_ref())));
    follow(change, id, next)
}

/// A run took too long. If a worker has a task, it fails first.
pub(crate) fn time_out(change: &mut Change<'_>, id: &RunId, reach: Reach) -> Result<(), Refusal> {
    let now = change.at.now;
    let run = change.run(id).ok_or(Refusal::WorkflowNotFound)?;
    let expires_at = match reach {
        Reach::Run => run.core.run_expires_at,
        Reach::Chain => run.core.execution_expires_at,
    };
    if expires_at.is_none_or(|at| at > now) {
        return Ok(());
    }
    let (next, state) = match reach {
        Reach::Run => after_failure(change, id, Some(&timeout_failure()))?,
        Reach::Chain => (None, RetryState::Timeout),
    };
    let new_run = next.as_ref().map(|_| change.at.new_run.clone());
    let mut run = change.run(id).ok_or(Refusal::WorkflowNotFound)?;
    if run.has_started_task() {
        fail::fail(&mut run, fail::forced());
    }
    run.flush();
    run.append(event::workflow::timed_out(state, new_run.as_ref()));
    follow(change, id, next)
}

fn timeout_failure() -> Failure {
    let info = TimeoutFailureInfo { timeout_type: TimeoutType::StartToClose as i32, ..TimeoutFailureInfo::default() };
    Failure {
        message: "workflow timeout".into(),
        source: "Server".into(),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(info)),
        ..Failure::default()
    }
}

/// A retry if the policy allows one, otherwise the next tick of the schedule if there is one.
fn after_failure(
    change: &mut Change<'_>,
    id: &RunId,
    failure: Option<&Failure>,
) -> Result<(Option<Next>, RetryState), Refusal> {
    let now = change.at.now;
    let run = change.run(id).ok_or(Refusal::WorkflowNotFound)?;
    let start = &run.core.start;
    match retry::decide(start.retry.as_ref(), start.attempt, failure, now, run.core.execution_expires_at) {
        Retry::After(backoff) => {
            let next = Next {
                initiator: ContinueAsNewInitiator::Retry,
                backoff,
                attempt: start.attempt + 1,
                failure: failure.cloned(),
                last_result: start.attributes.last_completion_result.clone(),
            };
            Ok((Some(next), RetryState::InProgress))
        }
        Retry::Stop(state) => {
            let next = cron_next(change, id)?.map(|next| Next { failure: failure.cloned(), ..next });
            Ok((next, state))
        }
    }
}

/// The run that the schedule wants after this one.
fn cron_next(change: &mut Change<'_>, id: &RunId) -> Result<Option<Next>, Refusal> {
    let run = change.run(id).ok_or(Refusal::WorkflowNotFound)?;
    let Some(backoff) = cron::backoff(&run.core.start.cron, run.execution_time(), run.at) else { return Ok(None) };
    if run.core.execution_expires_at.is_some_and(|at| run.now().after(backoff) > at) {
        return Ok(None);
    }
    Ok(Some(Next {
        initiator: ContinueAsNewInitiator::CronSchedule,
        backoff: backoff.max(Duration::ZERO),
        attempt: 1,
        failure: None,
        last_result: run.core.start.attributes.last_completion_result.clone(),
    }))
}

fn follow(change: &mut Change<'_>, id: &RunId, next: Option<Next>) -> Result<(), Refusal> {
    next.map_or(Ok(()), |next| chain::follow(change, id, next))
}
