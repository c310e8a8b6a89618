//! What must hold of an execution between requests.
//!
//! A broken invariant quarantines the one execution (rule 12): the request is refused and nothing is written.

use alloc::{format, string::String};

use crate::{
    ids::EventId,
    state::{ActivityStage, Execution, ScheduledOn, StartedStage, TaskKind, WorkflowTask, WorkflowTaskStage},
};

impl Execution {
    /// Does every invariant hold?
    ///
    /// # Errors
    /// What is broken, in words.
    pub fn check(&self) -> Result<(), String> {
        check(self)
    }
}

pub(crate) fn check(execution: &Execution) -> Result<(), String> {
    let core = &execution.core;
    ensure(core.next_event_id > EventId::FIRST, || "a run has at least its start event".into())?;
    ensure(core.wake_is_early_enough(execution), || {
        format!("the wake row {:?} is later than a deadline", core.wake_at)
    })?;
    match &core.closed {
        Some(closed) => check_closed(execution, closed.event_id),
        None => check_open(execution),
    }
}

fn check_closed(execution: &Execution, event: EventId) -> Result<(), String> {
    ensure(event.next() == execution.core.next_event_id, || format!("close event {event} is not the last"))?;
    let waits_elsewhere = execution.children.len() + execution.external.len();
    let pending = execution.activities.len() + execution.timers.len() + execution.buffered.len() + waits_elsewhere;
    let waiting = execution.volatile.admitted.len();
    ensure(execution.task().is_none() && pending + waiting == 0, || "a closed run has something pending".into())
}

fn check_open(execution: &Execution) -> Result<(), String> {
    let core = &execution.core;
    ensure(execution.buffered.is_empty() || execution.has_started_task(), || {
        "events wait although no worker has a task".into()
    })?;
    ensure(core.task.is_none() || execution.volatile.speculation.task.is_none(), || "two workflow tasks".into())?;
    ensure(core.task.as_ref().is_none_or(|task| task.kind != TaskKind::Speculative), || {
        "a speculative workflow task has rows".into()
    })?;
    if let Some(task) = execution.task() {
        check_task(task, core.next_event_id)?;
    }
    for (id, update) in execution.updates.iter() {
        ensure(!execution.volatile.admitted.contains(id), || format!("update {id} is admitted and accepted"))?;
        let last = update.completed_event_id.unwrap_or(update.accepted_event_id);
        ensure(update.accepted_event_id <= last && last < core.next_event_id, || {
            format!("update {id} names an event to come")
        })?;
    }
    for (key, activity) in execution.activities.iter() {
        ensure(*key == activity.scheduled_event_id && *key < core.next_event_id, || {
            format!("activity {key} is filed under a number that is not its own")
        })?;
        ensure(activity.attempt > 0, || format!("activity {key} has no attempt"))?;
        if let ActivityStage::Started { at, heartbeat_at, .. } = &activity.stage {
            ensure(heartbeat_at >= at, || format!("activity {key} was heard of before it started"))?;
        }
    }
    for initiated in execution.children.keys().chain(execution.external.keys()) {
        ensure(*initiated < core.next_event_id, || format!("request {initiated} names an event to come"))?;
    }
    for (id, timer) in execution.timers.iter() {
        ensure(timer.started_event_id < core.next_event_id, || format!("timer {id} names an event to come"))?;
    }
    Ok(())
}

fn check_task(task: &WorkflowTask, next: EventId) -> Result<(), String> {
    ensure(task.attempt > 0, || "a workflow task has no attempt".into())?;
    let unwritten = task.kind != TaskKind::Normal;
    ensure((task.kind == TaskKind::Transient) == (task.attempt > 1), || {
        format!("workflow task {} is of the wrong kind", task.scheduled_event_id)
    })?;
    match &task.stage {
        WorkflowTaskStage::Scheduled(ScheduledOn::Normal | ScheduledOn::Sticky { .. }) => {
            let in_place = task.kind != TaskKind::Speculative || task.scheduled_event_id == next;
            ensure(in_place, || "a speculative workflow task is out of place".into())?;
            ensure(task.scheduled_event_id <= next, || "a workflow task names an event to come".into())
        }
        WorkflowTaskStage::Started(StartedStage { event_id, .. }) if unwritten => {
            ensure(task.scheduled_event_id == next && *event_id == next.next(), || {
                format!("unwritten workflow task {} is out of place before event {next}", task.scheduled_event_id)
            })
        }
        WorkflowTaskStage::Started(StartedStage { event_id, .. }) => {
            ensure(task.scheduled_event_id < *event_id && event_id.next() == next, || {
                format!("something was written after workflow task {event_id} started")
            })
        }
    }
}

impl crate::state::Core {
    fn wake_is_early_enough(&self, execution: &Execution) -> bool {
        match (self.wake_at, crate::deadline::earliest(execution)) {
            (Some(wake), Some((at, _))) => wake <= at,
            (None, Some(_)) => false,
            (_, None) => true,
        }
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
