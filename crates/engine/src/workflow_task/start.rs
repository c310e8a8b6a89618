//! Handing a workflow task to a worker, and taking it back from one that has gone.

use alloc::{boxed::Box, collections::BTreeMap, vec, vec::Vec};

use weft_protocol::api::{enums::TimeoutType, history::HistoryEvent};

use super::{named, schedule, speculative, token_of};
use crate::{
    answer::{Answer, StartedWorkflowTask},
    change::{Change, Run},
    event::{self, workflow_task::Seen},
    ids::{EventId, RequestId, TaskQueueName},
    limits::Limits,
    refusal::Refusal,
    request::{Poller, StartWorkflowTask, WorkflowTaskToken},
    state::{Execution, ScheduledOn, StartedStage, TaskKind, WorkflowTask, WorkflowTaskStage},
    update::carry::{self, Resend},
};

/// Hands the scheduled task over; the same hand-over again gives the same task (rule 13).
pub(crate) fn start(change: &mut Change<'_>, body: &StartWorkflowTask) -> Result<Answer, Refusal> {
    let mut run = change.run(&body.run).ok_or(Refusal::TaskGone)?;
    let task = run.task().ok_or(Refusal::TaskGone)?;
    let offered = task.scheduled_event_id == body.scheduled_event_id && task.attempt == body.attempt;
    match &task.stage {
        WorkflowTaskStage::Started(started) if started.request == body.poller.request => {}
        WorkflowTaskStage::Started(_) => return Err(if offered { Refusal::TaskTaken } else { Refusal::TaskGone }),
        WorkflowTaskStage::Scheduled(on) if offered && may_take(on, body.sticky_queue.as_ref()) => {
            begin(&mut run, &body.poller, body.sticky_queue.is_some(), Resend::All);
        }
        WorkflowTaskStage::Scheduled(_) => return Err(Refusal::TaskGone),
    }
    hand_over(&run).map(|task| Answer::WorkflowTask(Box::new(task))).ok_or(Refusal::TaskGone)
}

/// A sticky poller gets no task that has left its queue.
fn may_take(on: &ScheduledOn, sticky_queue: Option<&TaskQueueName>) -> bool {
    match (sticky_queue, on) {
        (None, ScheduledOn::Normal | ScheduledOn::Sticky { .. }) => true,
        (Some(polled), ScheduledOn::Sticky { queue, .. }) => polled == queue,
        (Some(_), ScheduledOn::Normal) => false,
    }
}

/// The scheduled task is a worker's from now on.
pub(crate) fn begin(run: &mut Run<'_>, poller: &Poller, from_sticky: bool, resend: Resend) {
    if !from_sticky && run.core.task.is_some() {
        run.core.sticky = None;
    }
    if outdated(run) {
        // Something was written since the retry was scheduled: it is a task of its own now, not the same again.
        schedule::as_first_attempt(run);
    }
    let limits = &run.at.settings.limits;
    let Some(task) = run.task().cloned() else { return };
    let too_many_updates = carry::count(run) >= limits.suggest_continue_as_new_updates;
    // What this request itself has written does not count yet.
    let bytes = run.before().map_or(0, |before| before.history_bytes);
    let seen = Seen { events: run.core.next_event_id.0, bytes, too_many_updates };
    let event_id = match task.kind {
        TaskKind::Normal => run.append(event::workflow_task::started(task.scheduled_event_id, poller, &seen, limits)),
        TaskKind::Transient | TaskKind::Speculative => task.scheduled_event_id.next(),
    };
    let stage = StartedStage {
        event_id,
        at: speculative::started_at(run, &task),
        identity: poller.identity.clone(),
        request: poller.request.clone(),
        from_sticky,
        suggest_continue_as_new: seen.suggests_continue_as_new(limits),
        too_many_updates,
        history_bytes: seen.bytes,
    };
    if let Some(task) = run.task_mut() {
        task.stage = WorkflowTaskStage::Started(stage);
    }
    crate::query::carry(run, event_id);
    carry::carry(run, event_id, resend);
}

/// A retry that waits, and whose place in history was taken by something else.
fn outdated(execution: &Execution) -> bool {
    execution.core.task.as_ref().is_some_and(|task| {
        task.kind == TaskKind::Transient
            && matches!(task.stage, WorkflowTaskStage::Scheduled(_))
            && task.scheduled_event_id != execution.core.next_event_id
    })
}

/// The started task as its worker gets it.
pub(crate) fn hand_over(run: &Run<'_>) -> Option<StartedWorkflowTask> {
    let core = &run.core;
    let task = run.task()?;
    let WorkflowTaskStage::Started(started) = &task.stage else { return None };
    let carried = run.volatile.queries.iter().filter(|(_, query)| query.carried_by == Some(started.event_id));
    Some(StartedWorkflowTask {
        token: token_of(run, task, started),
        branch: core.branch.clone(),
        workflow_type: core.start.workflow_type.clone(),
        queue: core.start.queue.clone(),
        previous_started_event_id: core.last_completed_task,
        scheduled_at: task.scheduled_at,
        first_event: if started.from_sticky { core.last_completed_task.next() } else { EventId::FIRST },
        next_event: core.next_event_id,
        suffix: run.transient_events(&run.at.settings.limits),
        queries: carried.map(|(id, query)| (*id, query.query.clone())).collect::<BTreeMap<_, _>>(),
        messages: carry::messages(run, started.event_id),
    })
}

impl Execution {
    /// The events of a pending retry, or of a speculative task, that are shown after the history and not stored:
    /// Scheduled, and Started if it is. None of a retry whose place was taken: it gets another when it starts.
    #[must_use]
    pub fn transient_events(&self, limits: &Limits) -> Vec<HistoryEvent> {
        match self.task() {
            Some(task) if task.kind != TaskKind::Normal && !outdated(self) => unwritten_events(self, task, limits),
            Some(_) | None => Vec::new(),
        }
    }
}

pub(super) fn unwritten_events(execution: &Execution, task: &WorkflowTask, limits: &Limits) -> Vec<HistoryEvent> {
    let queue = &execution.core.start.queue;
    let on = match task.kind {
        TaskKind::Speculative => speculative::shown_on(execution, task),
        TaskKind::Normal | TaskKind::Transient => ScheduledOn::Normal,
    };
    let mut scheduled = event::workflow_task::scheduled(queue, &on, task.timeout, task.attempt);
    scheduled.event_time = Some(task.scheduled_at.wire());
    let mut events = vec![scheduled];
    if let WorkflowTaskStage::Started(stage) = &task.stage {
        let poller = Poller {
            identity: stage.identity.clone(),
            request: stage.request.clone(),
            version: None,
            deployment: None,
        };
        let too_many_updates = stage.too_many_updates;
        let seen = Seen { events: task.scheduled_event_id.0, bytes: stage.history_bytes, too_many_updates };
        let mut started = event::workflow_task::started(task.scheduled_event_id, &poller, &seen, limits);
        started.event_time = Some(stage.at.wire());
        events.push(started);
    }
    for (event, id) in events.iter_mut().zip(task.scheduled_event_id.0..) {
        event.event_id = id;
        event.task_id = id;
    }
    events
}

/// The poller to which the task was handed has gone. A retry goes back as it was, and so does a speculative task. A first
/// attempt has its Started event in history already; its end is written as a timeout, and the same attempt is scheduled
/// anew.
pub(crate) fn give_back(
    change: &mut Change<'_>,
    token: &WorkflowTaskToken,
    request: &RequestId,
) -> Result<Answer, Refusal> {
    let mut run = change.run(&token.run).ok_or(Refusal::WorkflowTaskNotFound)?;
    let (task, started) = named(&run, token)?;
    if started.request != *request {
        return Err(Refusal::WorkflowTaskNotFound);
    }
    let (task, event_id) = (task.clone(), started.event_id);
    let problems = run.core.task_problems;
    match task.kind {
        TaskKind::Normal => {
            run.append(event::workflow_task::timed_out(&task, event_id, TimeoutType::StartToClose));
        }
        TaskKind::Transient => run.core.task = None,
        TaskKind::Speculative => {
            run.volatile.speculation.task = None;
            speculative::want(&mut run);
            return Ok(Answer::Done);
        }
    }
    run.core.task_problems = problems;
    run.core.sticky = None;
    super::fail::again(&mut run, task.attempt);
    Ok(Answer::Done)
}
