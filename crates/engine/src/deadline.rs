//! Everything in a run that waits for a time, and what happens when it comes.
//!
//! Invariant: a wake that comes early, late or twice is harmless: each deadline is looked at again when it fires, and what
//! is still due afterwards is told by the next wake.

use alloc::vec::Vec;

use crate::{
    activity,
    answer::Answer,
    change::{Change, Run},
    close, delete,
    ids::{EventId, RunId, TimerId},
    limits::Settings,
    refusal::Refusal,
    state::{Execution, ScheduledOn, WorkflowTaskStage},
    time::Timestamp,
    timer, workflow_task,
};

/// What waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deadline {
    /// The timeout of the whole chain of runs.
    ExecutionTimeout,
    RunTimeout,
    /// A first workflow task that waited (start delay, cron, retry).
    FirstTask,
    /// The sticky worker did not take the workflow task.
    StickyTask,
    /// The worker that has the workflow task did not answer.
    WorkflowTask,
    /// Nobody took the speculative workflow task.
    SpeculativeTask,
    Timer(TimerId),
    Activity(EventId, ActivityDeadline),
    /// A closed run has been kept long enough.
    Retention,
}

/// What waits in one activity. Of two that come at the same time the first one here tells how the activity ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActivityDeadline {
    StartToClose,
    ScheduleToStart,
    ScheduleToClose,
    Heartbeat,
    /// The next attempt.
    Retry,
}

/// Shows every deadline of a run that its rows tell of.
pub(crate) fn each(execution: &Execution, see: &mut dyn FnMut(Timestamp, Deadline)) {
    let core = &execution.core;
    let task = core.task.as_ref().map(|task| (&task.stage, task.timeout));
    if let Some(closed) = &core.closed {
        see(closed.remove_at, Deadline::Retention);
        return;
    }
    if execution.stands_still() {
        // What a worker has must come back even so.
        if let Some((WorkflowTaskStage::Started(started), timeout)) = task {
            see(started.at.after(timeout), Deadline::WorkflowTask);
        }
        return;
    }
    let mut see_if = |at: Option<Timestamp>, what| {
        if let Some(at) = at {
            see(at, what);
        }
    };
    see_if(core.execution_expires_at, Deadline::ExecutionTimeout);
    see_if(core.run_expires_at, Deadline::RunTimeout);
    see_if(core.first_task_at, Deadline::FirstTask);
    match task {
        Some((WorkflowTaskStage::Started(started), timeout)) => see(started.at.after(timeout), Deadline::WorkflowTask),
        Some((WorkflowTaskStage::Scheduled(ScheduledOn::Sticky { give_up_at, .. }), _)) => {
            see(*give_up_at, Deadline::StickyTask);
        }
        Some((WorkflowTaskStage::Scheduled(ScheduledOn::Normal), _)) | None => {}
    }
    for (id, timer) in execution.timers.iter() {
        see(timer.fires_at, Deadline::Timer(id.clone()));
    }
    for activity in execution.activities.values() {
        let id = activity.scheduled_event_id;
        activity::deadlines(activity, &mut |at, what| see(at, Deadline::Activity(id, what)));
    }
}

/// The deadline of what is in memory alone.
pub(crate) fn volatile(execution: &Execution, settings: &Settings) -> Option<(Timestamp, Deadline)> {
    let task = execution.volatile.speculation.task.as_ref()?;
    let what = match task.stage {
        WorkflowTaskStage::Started(_) => Deadline::WorkflowTask,
        WorkflowTaskStage::Scheduled(_) => Deadline::SpeculativeTask,
    };
    Some((workflow_task::speculative::due_at(task, settings.speculative_schedule_to_start), what))
}

/// The earliest deadline of a run that its rows tell of, and what it is.
#[must_use]
pub fn earliest(execution: &Execution) -> Option<(Timestamp, Deadline)> {
    let mut earliest: Option<(Timestamp, Deadline)> = None;
    each(execution, &mut |at, what| {
        if at < Timestamp::MAX && earliest.as_ref().is_none_or(|(best, _)| at < *best) {
            earliest = Some((at, what));
        }
    });
    earliest
}

/// Fires everything that is due, in the order in which it was.
pub(crate) fn wake(change: &mut Change<'_>, id: &RunId) -> Result<Answer, Refusal> {
    let Some(mut run) = change.run(id) else { return Ok(Answer::Done) };
    run.woke();
    let now = run.now();
    let mut due = Vec::new();
    each(&run, &mut |at, what| {
        if at <= now {
            due.push((at, what));
        }
    });
    due.extend(volatile(&run, run.at.settings).filter(|(at, _)| *at <= now));
    due.sort_by_cached_key(|(at, what)| (*at, started(&run, what), what.clone()));
    // The workflow hears of all that is due at once, not of the first only.
    run.put_off_tasks();
    for (_, what) in due {
        fire(change, id, what)?;
    }
    if let Some(mut run) = change.run(id)
        && run.has_put_off_a_task()
    {
        workflow_task::schedule::want(&mut run);
    }
    Ok(Answer::Done)
}

/// Timers that are due at the same time fire in the order in which they were started.
fn started(execution: &Execution, what: &Deadline) -> Option<EventId> {
    match what {
        Deadline::Timer(id) => execution.timers.get(id).map(|timer| timer.started_event_id),
        Deadline::Activity(id, _) => Some(*id),
        Deadline::ExecutionTimeout
        | Deadline::RunTimeout
        | Deadline::FirstTask
        | Deadline::StickyTask
        | Deadline::WorkflowTask
        | Deadline::SpeculativeTask
        | Deadline::Retention => None,
    }
}

/// One deadline has come. What it waited for may be gone: one that fired before may have ended the run.
fn fire(change: &mut Change<'_>, id: &RunId, what: Deadline) -> Result<(), Refusal> {
    let Some(mut run) = change.run(id) else { return Ok(()) };
    if run.is_open() == (what == Deadline::Retention) {
        return Ok(());
    }
    match what {
        Deadline::ExecutionTimeout => close::time_out(change, id, close::Reach::Chain)?,
        Deadline::RunTimeout => close::time_out(change, id, close::Reach::Run)?,
        Deadline::FirstTask => workflow_task::schedule::first(&mut run),
        Deadline::StickyTask => workflow_task::sticky::timed_out(&mut run),
        Deadline::WorkflowTask => workflow_task::fail::timed_out(&mut run),
        Deadline::SpeculativeTask => workflow_task::speculative::timed_out(&mut run),
        Deadline::Timer(timer) => timer::fire(&mut run, &timer),
        Deadline::Activity(activity, what) => activity::due(&mut run, activity, what),
        Deadline::Retention => delete::expire(change, id),
    }
    Ok(())
}

/// The wake row of a run: rewritten only when something is due before it, when it has fired, or at the end.
pub(crate) fn next_wake(run: &Run<'_>, woke: bool, just_closed: bool) -> Option<Timestamp> {
    let earliest = earliest(run).map(|(at, _)| at);
    match (run.core.wake_at, earliest) {
        (Some(row), Some(at)) if !woke && !just_closed => Some(row.min(at)),
        // Nothing waits any more: the row fires once for nothing, which is cheaper than taking it away.
        (Some(row), None) if !woke && !just_closed => Some(row),
        (_, earliest) => earliest,
    }
}
