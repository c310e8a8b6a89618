//! From a change to its transition: what differs becomes rows, tasks become offers, growth is told.
//!
//! Invariant (rule 10): rows are found by comparison with what was there before the request, so state and rows cannot
//! drift apart. Nothing here can fail, and nothing decides.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::time::Duration;

use crate::{
    change::{Change, Draft},
    ids::EventId,
    job,
    state::{BranchId, Core, Execution, ScheduledOn, WorkflowTask, WorkflowTaskStage},
    time::Timestamp,
    tracked::Changed,
    transition::{
        Appended, Effect, Fairness, RowChange, TaskRow, TaskRowKind, Transition, Urgency, VisibilityChange,
        WorkflowTaskOffer,
    },
    visibility,
    workflow_task::speculative::due_at,
};

mod activities;

impl Change<'_> {
    /// Ends an accepted request.
    pub(crate) fn finish(mut self) -> Transition {
        let mut transition = Transition { effects: core::mem::take(&mut self.effects), ..Transition::default() };
        let schedule_to_start = self.at.settings.speculative_schedule_to_start;
        for (run, draft) in core::mem::take(&mut self.drafts) {
            let Some(execution) = self.workflow.runs.get_mut(&run) else { continue };
            if draft.removed {
                remove(execution, &draft, &mut transition);
                self.workflow.runs.remove(&run);
            } else {
                speculative(execution, &draft, schedule_to_start, &mut transition.effects);
                write(&self.workflow.key, execution, draft, &mut transition);
            }
        }
        self.messages(&mut transition);
        for (old, changed) in self.workflow.job.commit() {
            let old = old.as_deref().and_then(Option::as_ref);
            let new = match &changed {
                Changed::Put((), job) => job.as_ref().as_ref(),
                Changed::Removed(()) => None,
            };
            job::written(&self.workflow.key, old, new, &mut transition);
        }
        self.write_schedule(&mut transition);
        if self.workflow.current != self.current_before {
            transition.rows.push(match &self.workflow.current {
                Some(current) => RowChange::PutCurrent(Box::new(current.clone())),
                None => RowChange::RemoveCurrent,
            });
        }
        transition
    }
}

impl Change<'_> {
    /// What goes to other workflow ids, and what was said to them.
    fn messages(&mut self, transition: &mut Transition) {
        let (put, settled): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.outbox).into_iter().partition(|(_, message)| message.is_some());
        // What follows from a reply stands in the queue before the message that it replies to leaves it.
        for (id, message) in put.into_iter().filter_map(|(id, message)| Some((id, message?))) {
            transition.rows.push(RowChange::PutMessage { id: id.clone(), message: Arc::clone(&message) });
            transition.effects.push(Effect::Deliver { id, message });
        }
        for (id, _) in settled {
            transition.rows.push(RowChange::RemoveMessage(id.clone()));
            transition.effects.push(Effect::Settled(id));
        }
        let rows = &mut transition.rows;
        rows.extend(self.workflow.receipts.commit().into_iter().map(|(_, changed)| match changed {
            Changed::Put(origin, reply) => RowChange::PutReceipt { origin, reply },
            Changed::Removed(origin) => RowChange::RemoveReceipt(origin),
        }));
        rows.extend(core::mem::take(&mut self.forgotten).into_iter().map(RowChange::RemoveReceipt));
    }
}

/// Everything of one run that differs.
fn write(key: &crate::ids::WorkflowKey, execution: &mut Execution, draft: Draft, transition: &mut Transition) {
    execution.volatile.queries.commit();
    execution.volatile.admitted.commit();
    let before = draft.before.as_ref();
    let core_changed = before.is_none_or(|before| !execution.core.unchanged_since(before));
    if core_changed {
        transition.rows.push(RowChange::PutExecution(Box::new(execution.core.clone())));
        task(&execution.core, before, transition);
        wake(&execution.core, before, draft.woke, transition);
        if visibility::differs(&execution.core, before) {
            transition.visibility.push(VisibilityChange::Upsert(Box::new(visibility::info(key, execution))));
        }
    }
    if before.is_none() {
        let references = references(&execution.core);
        transition.rows.extend(references.map(|(branch, by)| RowChange::PutReference { branch, by }));
    }
    parts(execution, before, transition);
    let core = &execution.core;
    if draft.adopted {
        transition.rows.push(RowChange::KeepBranch(core.branch.id.clone()));
    }
    if let Some(first) = draft.events.first() {
        let first_event_id = EventId(first.event_id);
        let (run, branch, status) = (core.run.clone(), core.branch.id.clone(), execution.status());
        transition.events.push(Appended { run: run.clone(), branch, first_event_id, events: draft.events });
        transition.effects.push(Effect::HistoryGrew { run, next_event_id: core.next_event_id, status });
    }
}

/// The branches that the run's branch begins with, each with the branch that needs it.
fn references(core: &Core) -> impl Iterator<Item = (BranchId, BranchId)> {
    let by = &core.branch.id;
    core.branch.ancestors.iter().map(|ancestor| (ancestor.branch.clone(), by.clone()))
}

/// The rows that stand beside the core.
fn parts(execution: &mut Execution, before: Option<&Core>, transition: &mut Transition) {
    let run = execution.core.run.clone();
    activities::write(execution, before, transition);
    let rows = &mut transition.rows;
    rows.extend(execution.timers.commit().into_iter().map(|(_, changed)| match changed {
        Changed::Put(id, timer) => RowChange::PutTimer { run: run.clone(), id, timer },
        Changed::Removed(id) => RowChange::RemoveTimer { run: run.clone(), id },
    }));
    rows.extend(execution.children.commit().into_iter().map(|(_, changed)| match changed {
        Changed::Put(initiated_event_id, child) => RowChange::PutChild { run: run.clone(), initiated_event_id, child },
        Changed::Removed(initiated_event_id) => RowChange::RemoveChild { run: run.clone(), initiated_event_id },
    }));
    rows.extend(execution.external.commit().into_iter().map(|(_, changed)| match changed {
        Changed::Put(initiated_event_id, external) => {
            RowChange::PutExternal { run: run.clone(), initiated_event_id, external }
        }
        Changed::Removed(initiated_event_id) => RowChange::RemoveExternal { run: run.clone(), initiated_event_id },
    }));
    rows.extend(execution.buffered.commit().into_iter().map(|(_, changed)| match changed {
        Changed::Put(order, event) => RowChange::PutBuffered { run: run.clone(), order, event },
        Changed::Removed(order) => RowChange::RemoveBuffered { run: run.clone(), order },
    }));
    rows.extend(execution.updates.commit().into_iter().map(|(_, changed)| match changed {
        Changed::Put(id, update) => RowChange::PutUpdate { run: run.clone(), id, update },
        Changed::Removed(id) => RowChange::RemoveUpdate { run: run.clone(), id },
    }));
    rows.extend(execution.signal_requests.commit().into_iter().map(|(_, changed)| match changed {
        Changed::Put(request, _) => RowChange::PutSignalRequest { run: run.clone(), request },
        Changed::Removed(request) => RowChange::RemoveSignalRequest { run: run.clone(), request },
    }));
}

/// A speculative task is offered when it is made, and again when it comes to another queue. It has no row to be found by,
/// and none that wakes the run for it.
fn speculative(execution: &Execution, draft: &Draft, schedule_to_start: Duration, effects: &mut Vec<Effect>) {
    let Some(task) = &execution.volatile.speculation.task else { return };
    if draft.speculation.task.as_ref() == Some(task) {
        return;
    }
    let core = &execution.core;
    let at = due_at(task, schedule_to_start);
    if at < Timestamp::MAX {
        effects.push(Effect::Remind { run: core.run.clone(), at });
    }
    if let WorkflowTaskStage::Scheduled(on) = &task.stage {
        effects.push(Effect::OfferWorkflowTask(workflow_task_offer(core, task, on)));
    }
}

/// The row and the offer of the pending workflow task. One that was speculative is offered again when it gets its row:
/// whoever had no room for it before may have looked for it among the rows.
fn task(core: &Core, before: Option<&Core>, transition: &mut Transition) {
    let old = before.and_then(|before| waiting(before));
    let new = waiting(core);
    let old_row = before.and_then(|before| Some(task_row(before, waiting(before)?.0)));
    let new_row = new.map(|(task, _)| task_row(core, task));
    let row_differs = old_row != new_row;
    if row_differs {
        transition.rows.extend(old_row.map(RowChange::RemoveTask));
        transition.rows.extend(new_row.clone().map(RowChange::PutTask));
    }
    if let Some((task, on)) = new
        && (row_differs || old.is_none_or(|(_, was)| was != on))
    {
        transition.effects.push(Effect::OfferWorkflowTask(workflow_task_offer(core, task, on)));
    }
}

fn waiting(core: &Core) -> Option<(&WorkflowTask, &ScheduledOn)> {
    match core.task.as_ref().map(|task| (task, &task.stage)) {
        Some((task, WorkflowTaskStage::Scheduled(on))) => Some((task, on)),
        Some((_, WorkflowTaskStage::Started(_))) | None => None,
    }
}

fn task_row(core: &Core, task: &WorkflowTask) -> TaskRow {
    TaskRow {
        kind: TaskRowKind::Workflow,
        queue: core.start.queue.clone(),
        urgency: Urgency::of(core.priority()),
        fairness: Fairness::of(core.priority()),
        scheduled_at: task.scheduled_at,
        run: core.run.clone(),
        scheduled_event_id: task.scheduled_event_id,
        attempt: task.attempt,
    }
}

/// What matching is told of a workflow task that waits.
fn workflow_task_offer(core: &Core, task: &WorkflowTask, on: &ScheduledOn) -> WorkflowTaskOffer {
    let normal = core.start.queue.clone();
    let (queue, sticky_of) = match on {
        ScheduledOn::Normal => (normal, None),
        ScheduledOn::Sticky { queue, .. } => (queue.clone(), Some(normal)),
    };
    WorkflowTaskOffer {
        run: core.run.clone(),
        scheduled_event_id: task.scheduled_event_id,
        attempt: task.attempt,
        queue,
        sticky_of,
        scheduled_at: task.scheduled_at,
        urgency: Urgency::of(core.priority()),
        fairness: Fairness::of(core.priority()),
    }
}

/// The row in the wake index. One that fired while more was due than one wake does is told of again.
fn wake(core: &Core, before: Option<&Core>, woke: bool, transition: &mut Transition) {
    let old = before.and_then(|before| before.wake_at);
    let run = &core.run;
    if old != core.wake_at {
        transition.rows.extend(old.map(|at| RowChange::RemoveWake { run: run.clone(), at }));
        transition.rows.extend(core.wake_at.map(|at| RowChange::PutWake { run: run.clone(), at }));
    }
    if let Some(at) = core.wake_at
        && (woke || old != core.wake_at)
    {
        transition.effects.push(Effect::WakeAt { run: run.clone(), at });
    }
}

/// A run that goes away takes every row of its own with it.
fn remove(execution: &mut Execution, draft: &Draft, transition: &mut Transition) {
    let Some(before) = &draft.before else { return };
    execution.core.task = None;
    execution.core.wake_at = None;
    execution.activities.clear();
    execution.timers.clear();
    execution.children.clear();
    execution.external.clear();
    execution.buffered.clear();
    execution.signal_requests.clear();
    execution.updates.clear();
    task(&execution.core, Some(before), transition);
    wake(&execution.core, Some(before), false, transition);
    parts(execution, Some(before), transition);
    let run = before.run.clone();
    let last_event_id = EventId(before.next_event_id.0 - 1);
    transition.rows.extend(references(before).map(|(branch, by)| RowChange::RemoveReference { branch, by }));
    transition.rows.push(RowChange::RemoveExecution { run: run.clone(), branch: before.branch.clone(), last_event_id });
    transition.visibility.push(VisibilityChange::Remove(run.clone()));
    let (next_event_id, status) = (execution.core.next_event_id, execution.status());
    transition.effects.push(Effect::HistoryGrew { run: run.clone(), next_event_id, status });
    transition.effects.push(Effect::Removed { run });
}
