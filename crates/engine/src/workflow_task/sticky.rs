//! Sticky queues: a worker that has the run cached is asked first.

use weft_protocol::api::enums::TimeoutType;

use super::schedule;
use crate::{
    answer::Answer,
    change::{Change, Run},
    event,
    ids::{EventId, RunId},
    refusal::Refusal,
    request::Target,
    state::{ScheduledOn, TaskKind, WorkflowTaskStage},
};

/// A worker says that its cache is gone.
pub(crate) fn reset(change: &mut Change<'_>, target: &Target) -> Result<Answer, Refusal> {
    let mut run = change.open_run(target)?;
    run.core.sticky = None;
    to_normal(&mut run);
    Ok(Answer::Done)
}

/// Nobody polls the sticky queue: the task is offered on the normal one. Whether the cache is really lost shows when a
/// worker takes it there.
pub(crate) fn unavailable(change: &mut Change<'_>, id: &RunId, scheduled: EventId) -> Result<Answer, Refusal> {
    let mut run = change.run(id).ok_or(Refusal::TaskGone)?;
    if run.task().is_none_or(|task| task.scheduled_event_id != scheduled) {
        return Err(Refusal::TaskGone);
    }
    to_normal(&mut run);
    Ok(Answer::Done)
}

fn to_normal(run: &mut Run<'_>) {
    if let Some(task) = run.task_mut()
        && matches!(task.stage, WorkflowTaskStage::Scheduled(ScheduledOn::Sticky { .. }))
    {
        task.stage = WorkflowTaskStage::Scheduled(ScheduledOn::Normal);
    }
}

/// The sticky worker did not take the task in time: any worker may, and no attempt is used.
pub(crate) fn timed_out(run: &mut Run<'_>) {
    let Some(task) = run.core.task.clone() else { return };
    let WorkflowTaskStage::Scheduled(ScheduledOn::Sticky { give_up_at, .. }) = &task.stage else { return };
    if *give_up_at > run.now() {
        return;
    }
    run.core.sticky = None;
    match task.kind {
        TaskKind::Normal => {
            let problems = run.core.task_problems;
            run.append(event::workflow_task::timed_out(&task, EventId::NONE, TimeoutType::ScheduleToStart));
            run.core.task_problems = problems;
        }
        TaskKind::Transient => run.core.task = None,
        // It has no rows, so no wake of the durable part is about it.
        TaskKind::Speculative => return,
    }
    schedule::schedule(run, task.attempt);
}
