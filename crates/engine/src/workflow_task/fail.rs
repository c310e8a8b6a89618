//! Workflow tasks that fail or time out, and their next attempts.
//!
//! Invariant: only the first failure in a row is in history; after it attempts are counted in the state alone.

use alloc::string::String;

use weft_protocol::api::{
    enums::{TimeoutType, WorkflowTaskFailedCause},
    failure::{Failure, ServerFailureInfo, failure::FailureInfo},
    history::HistoryEvent,
};

use super::{named, problems, remember, schedule, verdict};
use crate::{
    answer::Answer,
    change::{Change, Run},
    command,
    event::{self, workflow_task::TaskFailure},
    failure,
    ids::{EventId, Identity},
    refusal::Refusal,
    request::FailWorkflowTask,
    state::{Execution, TaskKind, TaskVerdict, WorkflowTask, WorkflowTaskStage},
    terminate,
};

/// Who acts when nobody asked: the server itself.
pub(crate) const SERVER: &str = "history-service";

/// A worker says that it cannot do the task.
pub(crate) fn reported(change: &mut Change<'_>, body: FailWorkflowTask) -> Result<Answer, Refusal> {
    let mut run = change.run(&body.token.run).ok_or(Refusal::WorkflowTaskNotFound)?;
    if verdict(&run, &body.token) == Some(TaskVerdict::Failed) {
        return Ok(Answer::Done);
    }
    named(&run, &body.token)?;
    remember(&mut run, &body.token, TaskVerdict::Failed);
    let limits = &run.at.settings.limits;
    let (limit, kept) = (limits.blob_bytes_error, limits.blob_bytes_warn);
    let failure = body.failure.map(|failure| failure::cut(failure, limit, kept, true));
    let why = TaskFailure { cause: body.cause, failure, identity: body.identity };
    if body.cause == WorkflowTaskFailedCause::GrpcMessageTooLarge {
        let reason = command::cause_name(body.cause);
        fail(&mut run, why);
        run.flush();
        terminate::by_server(&mut run, &reason);
    } else {
        let attempt = fail(&mut run, why);
        again(&mut run, attempt);
    }
    Ok(Answer::Done)
}

/// The worker did not answer in time.
pub(crate) fn timed_out(run: &mut Run<'_>) {
    let Some((task, started, due)) = started(run) else { return };
    if due <= run.now() {
        let attempt = end(run, &task, event::workflow_task::timed_out(&task, started, TimeoutType::StartToClose));
        again(run, attempt);
    }
}

/// The worker kept the task alive for too long without progress.
pub(crate) fn heartbeat_timed_out(run: &mut Run<'_>) {
    let Some((task, started, _)) = started(run) else { return };
    let attempt = end(run, &task, event::workflow_task::timed_out(&task, started, TimeoutType::StartToClose));
    again(run, attempt);
}

/// The buffer is full: the worker's task is over, and what waited is written. Unlike after any other failure, what waited
/// does not make the next attempt a first one.
pub(crate) fn force(run: &mut Run<'_>) {
    let attempt = fail(run, forced());
    run.flush();
    schedule::schedule(run, attempt);
}

/// The failure of a task that the server itself ends.
pub(crate) fn forced() -> TaskFailure {
    TaskFailure { cause: WorkflowTaskFailedCause::ForceCloseCommand, failure: None, identity: Identity::from(SERVER) }
}

/// Ends the started task as failed, if there is one, and says which attempt comes next.
pub(crate) fn fail(run: &mut Run<'_>, why: TaskFailure) -> u32 {
    match started(run) {
        Some((task, started, _)) => end(run, &task, event::workflow_task::failed(&task, started, why)),
        None => 1,
    }
}

/// Ends the started task. A sticky worker may just have lost its cache: trying the normal queue first uses no attempt.
fn end(run: &mut Run<'_>, task: &WorkflowTask, event: HistoryEvent) -> u32 {
    match task.kind {
        // A speculative one is written with its end.
        TaskKind::Normal | TaskKind::Speculative => {
            run.append(event);
        }
        TaskKind::Transient => {
            run.core.task = None;
            run.core.task_problems += 1;
        }
    }
    run.core.closing = false;
    problems::report(run);
    if run.core.sticky.take().is_some() { 1 } else { task.attempt + 1 }
}

/// Schedules the next attempt. If something waited for the end of this one, the next is a first attempt: it has news.
pub(crate) fn again(run: &mut Run<'_>, attempt: u32) {
    let news = run.flush();
    if run.is_open() {
        schedule::schedule(run, if news { 1 } else { attempt });
    }
}

fn started(execution: &Execution) -> Option<(WorkflowTask, EventId, crate::time::Timestamp)> {
    let task = execution.task()?;
    match &task.stage {
        WorkflowTaskStage::Started(started) => Some((task.clone(), started.event_id, started.at.after(task.timeout))),
        WorkflowTaskStage::Scheduled(_) => None,
    }
}

/// A failure that the server makes.
pub(crate) fn server_failure(message: String) -> Failure {
    Failure {
        message,
        failure_info: Some(FailureInfo::ServerFailureInfo(ServerFailureInfo::default())),
        ..Failure::default()
    }
}
