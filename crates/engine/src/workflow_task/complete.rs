//! A worker's answer to a workflow task: its commands, and what comes next.
//!
//! Invariant: either all commands take effect, or none does and the task has failed.

use alloc::boxed::Box;
use core::mem;

use weft_protocol::api::enums::WorkflowTaskFailedCause;

use super::{fail, named, problems, remember, schedule, speculative, start, verdict, was_dropped};
use crate::{
    activity,
    answer::{Answer, StartedWorkflowTask, TaskCompleted},
    change::{Change, Run},
    close,
    command::{self, BadCommand, Decisions},
    event::{self, workflow_task::TaskFailure},
    ids::{EventId, RequestId, RunId},
    query,
    refusal::Refusal,
    request::{CompleteWorkflowTask, Poller, WorkflowTaskToken},
    state::{Sticky, TaskVerdict, WorkflowTask, WorkflowTaskStage},
    terminate,
    time::Timestamp,
    update::{
        carry::Resend,
        message::{self, Inbox},
    },
};

/// Takes a worker's answer.
pub(crate) fn complete(change: &mut Change<'_>, mut body: CompleteWorkflowTask) -> Result<Answer, Refusal> {
    let id = body.token.run.clone();
    let mut run = change.run(&id).ok_or(Refusal::WorkflowTaskNotFound)?;
    if let Some(verdict) = verdict(&run, &body.token) {
        return Ok(repeated(&mut run, &body, verdict));
    }
    if was_dropped(&run, &body.token) {
        return Ok(dropped_before(&run, &body));
    }
    let (task, _) = named(&run, &body.token)?;
    let attempt = task.attempt;
    if body.force_new && run.is_paused() {
        let why = "Workflow is paused and force create new workflow task is not allowed.";
        return Err(Refusal::Precondition(why.into()));
    }
    command::check_order(&body.commands)?;
    message::check(&body.messages)?;
    if heartbeats_too_long(&run, task, &body) {
        fail::heartbeat_timed_out(&mut run);
        return Ok(Answer::TaskTimedOut);
    }
    if speculative::came_to_nothing(&run, task, &body) {
        return speculative::vanish(&mut run, &mut body).or_else(|bad| reject(change, &body, attempt, bad));
    }
    match decide(change, &id, &mut body) {
        Ok(decisions) => conclude(change, &id, body, decisions),
        Err(bad) => reject(change, &body, attempt, bad),
    }
}

/// A task that only asks for the next one keeps local activities alive, but not for ever.
fn heartbeats_too_long(run: &Run<'_>, task: &WorkflowTask, body: &CompleteWorkflowTask) -> bool {
    is_heartbeat(body) && task.original_scheduled_at.after(run.at.settings.workflow_task_heartbeat_max) < run.now()
}

fn is_heartbeat(body: &CompleteWorkflowTask) -> bool {
    body.force_new && body.commands.is_empty() && body.messages.is_empty()
}

/// Writes the completion and carries out its commands.
fn decide(change: &mut Change<'_>, id: &RunId, body: &mut CompleteWorkflowTask) -> Result<Decisions, BadCommand> {
    let mut run = change.run(id).ok_or_else(BadCommand::nothing)?;
    let waited = run.buffered.keys().next_back().copied();
    let original = run.task().map(|task| task.original_scheduled_at);
    let completed = write_completed(&mut run, body);
    run.hold();
    problems::clear(&mut run);
    run.core.closing = false;
    run.core.sticky = body.sticky.take().map(|(queue, schedule_to_start)| Sticky { queue, schedule_to_start });
    let mut decisions = Decisions { waited, original_scheduled_at: original, ..Decisions::new(completed, body) };
    decisions.inbox = Inbox::of(mem::take(&mut body.messages));
    for command in mem::take(&mut body.commands) {
        command::carry_out(&mut run, command, &mut decisions)?;
    }
    message::receive_rest(&mut run, &mut decisions)?;
    Ok(decisions)
}

/// A retry's Scheduled and Started are written now that something came of it. Those of a speculative task go before
/// whatever is written next, as always.
fn write_completed(run: &mut Run<'_>, body: &mut CompleteWorkflowTask) -> EventId {
    if run.core.task.is_some() {
        for event in run.transient_events(&run.at.settings.limits) {
            run.append(event);
        }
    }
    let (scheduled, started) = (body.token.scheduled_event_id, body.token.started_event_id);
    run.append(event::workflow_task::completed(body, scheduled, started))
}

/// What comes after the commands: the end of the run, or the next task.
fn conclude(
    change: &mut Change<'_>,
    id: &RunId,
    mut body: CompleteWorkflowTask,
    mut decisions: Decisions,
) -> Result<Answer, Refusal> {
    let heartbeat = decisions.count == 0 && body.force_new;
    let closes = decisions.closing.is_some();
    let mut run = change.run(id).ok_or(Refusal::WorkflowTaskNotFound)?;
    query::answer(&mut run, mem::take(&mut body.query_results));
    remember(&mut run, &body.token, TaskVerdict::Completed);
    if !closes && !body.force_new {
        message::reject_unprocessed(&mut run);
    }
    let eager_activities = mem::take(&mut decisions.eager_activities);
    if let Some((closing, extra)) = decisions.closing.take() {
        close::by_command(change, id, closing, close::Ending { task: decisions.completed, extra })?;
        return Ok(Answer::TaskCompleted(Box::default()));
    }
    let news = run.flush();
    if body.force_new || news || decisions.wants_task {
        next_task(&mut run, &body, heartbeat.then_some(decisions.original_scheduled_at).flatten());
    } else {
        speculative::go_on(&mut run, &body);
    }
    let new_task = start::hand_over(&run).map(Box::new);
    Ok(Answer::TaskCompleted(Box::new(TaskCompleted { new_task, eager_activities, reset_to: None })))
}

/// Schedules the next task and, if the worker asked for it, hands it over with the answer.
fn next_task(run: &mut Run<'_>, body: &CompleteWorkflowTask, original: Option<Timestamp>) {
    schedule::schedule(run, 1);
    if let (Some(original), Some(task)) = (original, &mut run.core.task) {
        task.original_scheduled_at = original;
    }
    if let Some(request) = &body.return_new {
        let poller = poller(body, request);
        // A worker that only keeps its task alive still has the updates that it was given.
        let resend = if body.force_new { Resend::NewOnly } else { Resend::All };
        start::begin(run, &poller, run.core.sticky.is_some(), resend);
    }
}

pub(super) fn poller(body: &CompleteWorkflowTask, request: &RequestId) -> Poller {
    Poller {
        identity: body.identity.clone(),
        request: request.clone(),
        version: body.version.clone(),
        deployment: body.deployment.clone(),
    }
}

/// The answer that came before comes again: what it was given is given again (rule 2).
fn repeated(run: &mut Run<'_>, body: &CompleteWorkflowTask, verdict: TaskVerdict) -> Answer {
    match verdict {
        TaskVerdict::Completed => {}
        TaskVerdict::Rejected => return rejected_before(run, &body.token),
        // That was said with another call, so this one is not repeated.
        TaskVerdict::Failed => return Answer::TaskFailed { message: "the workflow task has failed already".into() },
    }
    let new_task = handed_before(run, body);
    let eager_activities = activity::handed_to(run, &body.eager_request);
    Answer::TaskCompleted(Box::new(TaskCompleted { new_task, eager_activities, reset_to: None }))
}

/// The failure of a first attempt is in the history, right after the task's start: nothing else is written while a worker
/// has it. Of later attempts only those are remembered whose worker had not seen everything.
fn rejected_before(run: &Run<'_>, token: &WorkflowTaskToken) -> Answer {
    if token.attempt == 1 {
        Answer::TaskFailedBefore { branch: run.core.branch.clone(), event: token.started_event_id.next() }
    } else {
        Answer::TaskFailed { message: command::cause_name(WorkflowTaskFailedCause::UnhandledCommand) }
    }
}

/// The same for a task that left no trace.
fn dropped_before(run: &Run<'_>, body: &CompleteWorkflowTask) -> Answer {
    let (new_task, reset_to) = (handed_before(run, body), Some(run.core.last_completed_task));
    Answer::TaskCompleted(Box::new(TaskCompleted { new_task, reset_to, ..TaskCompleted::default() }))
}

/// The next task, if it was given with the answer that came before.
fn handed_before(run: &Run<'_>, body: &CompleteWorkflowTask) -> Option<Box<StartedWorkflowTask>> {
    let handed = match run.task().map(|task| &task.stage) {
        Some(WorkflowTaskStage::Started(started)) => body.return_new.as_ref() == Some(&started.request),
        Some(WorkflowTaskStage::Scheduled(_)) | None => false,
    };
    if handed { start::hand_over(run).map(Box::new) } else { None }
}

/// A command was wrong: nothing of the answer takes effect, and the task has failed. From the second attempt on that is
/// not written again; the task times out.
fn reject(
    change: &mut Change<'_>,
    body: &CompleteWorkflowTask,
    attempt: u32,
    bad: BadCommand,
) -> Result<Answer, Refusal> {
    change.undo();
    let unhandled = bad.cause == WorkflowTaskFailedCause::UnhandledCommand;
    let token: &WorkflowTaskToken = &body.token;
    let mut run = change.run(&token.run).ok_or(Refusal::WorkflowTaskNotFound)?;
    let gave_up = message::give_up_sent(&mut run);
    if attempt > 1 && !unhandled {
        // Callers of updates hear of it even so.
        let message = bad.message;
        return if gave_up {
            Ok(Answer::TaskFailed { message })
        } else {
            Err(Refusal::InvalidArgument(message.into()))
        };
    }
    remember(&mut run, token, TaskVerdict::Rejected);
    let failure = Some(fail::server_failure(bad.message.clone()));
    let next = fail::fail(&mut run, TaskFailure { cause: bad.cause, failure, identity: body.identity.clone() });
    if bad.fatal {
        run.flush();
        terminate::by_server(&mut run, &bad.message);
    } else {
        run.core.closing = unhandled;
        fail::again(&mut run, next);
    }
    Ok(Answer::TaskFailed { message: bad.message })
}
