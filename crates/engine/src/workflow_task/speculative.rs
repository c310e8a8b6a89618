//! Speculative workflow tasks: made for updates, in memory alone.
//!
//! Invariant: as long as nothing but a rejected update comes of it, such a task leaves no trace. Whatever else is written
//! to the run turns it first into a task like any other, with the event numbers that it was shown with. One that is lost
//! with its leader is made again when its updates are admitted again; the started time in its token tells the two apart.

use alloc::boxed::Box;
use core::time::Duration;

use weft_protocol::api::{enums::EventType, update};

use super::{remember_dropped, schedule, start};
use crate::{
    answer::{Answer, TaskCompleted},
    buffer,
    change::Run,
    command::BadCommand,
    event, query,
    request::CompleteWorkflowTask,
    state::{Execution, ScheduledOn, Sticky, TaskKind, WorkflowTask, WorkflowTaskStage},
    time::Timestamp,
    update::{carry::Resend, message},
};

/// Makes a task for updates, if none is pending that would carry them.
pub(crate) fn want(run: &mut Run<'_>) {
    if run.is_open() && run.task().is_none() && !run.is_paused() {
        let on = schedule::queue(run);
        let task = WorkflowTask {
            scheduled_event_id: run.core.next_event_id,
            scheduled_at: run.now(),
            original_scheduled_at: run.now(),
            attempt: 1,
            kind: TaskKind::Speculative,
            timeout: run.core.start.task_timeout,
            stage: WorkflowTaskStage::Scheduled(on),
        };
        run.speculate(task);
    }
}

/// The task makes room for an event of this type: it is written first, unless the event is the run's end.
pub(crate) fn before(run: &mut Run<'_>, task: WorkflowTask, event: EventType) {
    if !buffer::is_workflow_edge(event) {
        write(run, task);
    }
}

/// Something was written to the run that has no event: the task is written too.
pub(crate) fn settle(run: &mut Run<'_>) {
    let pending = run.volatile.speculation.task.is_some() && !run.has_speculated();
    if pending
        && run.is_open()
        && run.is_written()
        && let Some(task) = run.volatile.speculation.task.take()
    {
        write(run, task);
    }
}

/// From now on it is a task like any other.
pub(crate) fn write(run: &mut Run<'_>, task: WorkflowTask) {
    let from_normal = matches!(&task.stage, WorkflowTaskStage::Started(started) if !started.from_sticky);
    for event in start::unwritten_events(run, &task, &run.at.settings.limits) {
        run.append(event);
    }
    if from_normal {
        run.core.sticky = None;
    }
    if let Some(written) = &mut run.core.task {
        written.stage = task.stage;
    }
}

/// The queue on which the task stands or from which it was taken.
pub(crate) fn shown_on(execution: &Execution, task: &WorkflowTask) -> ScheduledOn {
    match (&task.stage, &execution.core.sticky) {
        (WorkflowTaskStage::Scheduled(on), _) => on.clone(),
        (WorkflowTaskStage::Started(started), Some(Sticky { queue, .. })) if started.from_sticky => {
            ScheduledOn::Sticky { queue: queue.clone(), give_up_at: Timestamp::MAX }
        }
        (WorkflowTaskStage::Started(_), Some(_) | None) => ScheduledOn::Normal,
    }
}

/// When a task that starts now has started: later than the last one that vanished with the same event numbers, so that
/// their tokens differ even if the clock stood still.
pub(super) fn started_at(run: &Run<'_>, task: &WorkflowTask) -> Timestamp {
    match &run.volatile.speculation.dropped {
        Some(dropped) if dropped.scheduled_event_id == task.scheduled_event_id => {
            run.now().max(dropped.started_at.after(Duration::from_nanos(1)))
        }
        Some(_) | None => run.now(),
    }
}

/// Until when a worker must have taken the task, or answered it.
pub(crate) fn due_at(task: &WorkflowTask, schedule_to_start: Duration) -> Timestamp {
    match &task.stage {
        WorkflowTaskStage::Scheduled(ScheduledOn::Normal) => task.scheduled_at.after(schedule_to_start),
        WorkflowTaskStage::Scheduled(ScheduledOn::Sticky { give_up_at, .. }) => *give_up_at,
        WorkflowTaskStage::Started(started) => started.at.after(task.timeout),
    }
}

/// Did nothing come of the task but rejected updates?
pub(crate) fn came_to_nothing(run: &Run<'_>, task: &WorkflowTask, body: &CompleteWorkflowTask) -> bool {
    let rejects = |message: &weft_protocol::api::protocol::Message| {
        message.body.as_ref().is_some_and(message::is::<update::Rejection>)
    };
    // Right after a completed task, the next event is two behind that task's Started.
    let shown = run.core.next_event_id.0 - run.core.last_completed_task.0 - 2;
    let may_be_shown_again =
        if body.capabilities.discard_speculative_with_events { run.at.settings.limits.speculative_events } else { 0 };
    task.kind == TaskKind::Speculative
        && body.commands.is_empty()
        && !body.force_new
        && shown <= may_be_shown_again
        && body.messages.iter().all(rejects)
}

/// The task vanishes; its updates are told why. A worker that has the run cached from now on is remembered.
pub(crate) fn vanish(run: &mut Run<'_>, body: &mut CompleteWorkflowTask) -> Result<Answer, BadCommand> {
    for message in core::mem::take(&mut body.messages) {
        message::receive(run, message)?;
    }
    run.volatile.speculation.task = None;
    message::reject_unprocessed(run);
    query::answer(run, core::mem::take(&mut body.query_results));
    remember_dropped(run, &body.token);
    let sticky = body.sticky.take().map(|(queue, schedule_to_start)| Sticky { queue, schedule_to_start });
    if run.core.sticky != sticky {
        run.core.sticky = sticky;
    }
    let reset_to = Some(run.core.last_completed_task);
    go_on(run, body);
    query::settle(run);
    let new_task = start::hand_over(run).map(Box::new);
    Ok(Answer::TaskCompleted(Box::new(TaskCompleted { new_task, reset_to, ..TaskCompleted::default() })))
}

/// Updates that came meanwhile want a task of their own. It is speculative if the worker takes it at once.
pub(crate) fn go_on(run: &mut Run<'_>, body: &CompleteWorkflowTask) {
    if run.volatile.admitted.is_empty() || run.is_paused() {
        return;
    }
    match &body.return_new {
        Some(request) => {
            want(run);
            let poller = super::complete::poller(body, request);
            start::begin(run, &poller, run.core.sticky.is_some(), Resend::All);
        }
        None => schedule::at_once(run),
    }
}

/// The worker did not take the task in time: it is written, and so is that.
pub(crate) fn timed_out(run: &mut Run<'_>) {
    let schedule_to_start = run.at.settings.speculative_schedule_to_start;
    let Some(task) = &run.volatile.speculation.task else { return };
    let waits = matches!(task.stage, WorkflowTaskStage::Scheduled(_));
    if !waits || due_at(task, schedule_to_start) > run.now() {
        return;
    }
    let task = task.clone();
    let problems = run.core.task_problems;
    let timeout = weft_protocol::api::enums::TimeoutType::ScheduleToStart;
    run.append(event::workflow_task::timed_out(&task, crate::ids::EventId::NONE, timeout));
    run.core.task_problems = problems;
    run.core.sticky = None;
    schedule::schedule(run, 1);
}
