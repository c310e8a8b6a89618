//! Scheduling a workflow task.

use core::time::Duration;

use crate::{
    change::Run,
    event,
    limits::Settings,
    state::{ScheduledOn, TaskKind, WorkflowTask, WorkflowTaskStage},
    time::Timestamp,
};

/// Something happened that the workflow must see. If a task is pending, or the first one still waits for its time, it
/// will see it then.
pub(crate) fn want(run: &mut Run<'_>) {
    if run.is_open() && run.task().is_none() && run.core.first_task_at.is_none() && !run.puts_off() {
        schedule(run, 1);
    }
}

/// Something happened that must not wait, not even for the first task's time; but for the end of a pause it does.
pub(crate) fn at_once(run: &mut Run<'_>) {
    if !run.is_paused() {
        run.core.first_task_at = None;
        want(run);
    }
}

/// The first task's time has come.
pub(crate) fn first(run: &mut Run<'_>) {
    if run.core.first_task_at.is_some_and(|at| at <= run.now()) {
        at_once(run);
    }
}

/// Schedules a task. A first attempt is written; a retry only shows its events to the worker. A paused run gets none.
pub(crate) fn schedule(run: &mut Run<'_>, attempt: u32) {
    if run.is_paused() {
        return;
    }
    let on = queue(run);
    let timeout = timeout(run.core.start.task_timeout, attempt, run.at.settings);
    if attempt == 1 {
        run.append(event::workflow_task::scheduled(&run.core.start.queue, &on, timeout, attempt));
    } else {
        run.core.first_task_at = None;
        run.core.task = Some(WorkflowTask {
            scheduled_event_id: run.core.next_event_id,
            scheduled_at: run.now(),
            original_scheduled_at: run.now(),
            attempt,
            kind: TaskKind::Transient,
            timeout,
            stage: WorkflowTaskStage::Scheduled(ScheduledOn::Normal),
        });
    }
    if let Some(task) = &mut run.core.task {
        task.stage = WorkflowTaskStage::Scheduled(on);
    }
}

/// Writes a scheduled retry as the first attempt of a task of its own. It has waited as long as the retry had, and its
/// worker may take as long.
pub(crate) fn as_first_attempt(run: &mut Run<'_>) {
    let Some(retry) = run.core.task.take() else { return };
    run.append(event::workflow_task::scheduled(&run.core.start.queue, &ScheduledOn::Normal, retry.timeout, 1));
    if let Some(task) = &mut run.core.task {
        task.scheduled_at = retry.scheduled_at;
        task.original_scheduled_at = retry.original_scheduled_at;
    }
}

/// The queue on which a task is offered first.
pub(super) fn queue(run: &Run<'_>) -> ScheduledOn {
    match &run.core.sticky {
        Some(sticky) => {
            ScheduledOn::Sticky { queue: sticky.queue.clone(), give_up_at: give_up_at(run, sticky.schedule_to_start) }
        }
        None => ScheduledOn::Normal,
    }
}

fn give_up_at(run: &Run<'_>, schedule_to_start: Duration) -> Timestamp {
    if schedule_to_start.is_zero() { Timestamp::MAX } else { run.now().after(schedule_to_start) }
}

/// How long a worker may take. From some attempt on this grows: a worker that keeps failing stays silent until its task
/// times out, so the timeout is the backoff.
fn timeout(usual: Duration, attempt: u32, settings: &Settings) -> Duration {
    let Some(doublings) = attempt.checked_sub(settings.workflow_task_backoff_from_attempt) else { return usual };
    let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
    let backoff = settings.workflow_task_backoff_initial.saturating_mul(factor);
    usual + backoff.min(settings.workflow_task_backoff_max)
}
