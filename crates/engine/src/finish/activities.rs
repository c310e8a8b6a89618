//! The rows of activities, and of their tasks.
//!
//! An activity that does not say how urgent it is is as urgent as its workflow, so its task moves when that changes.

use alloc::sync::Arc;

use weft_protocol::api::common::Priority;

use crate::{
    ids::{EventId, RunId},
    priority,
    state::{Activity, ActivityStage, Core, Execution},
    tracked::Changed,
    transition::{ActivityOffer, Effect, Fairness, RowChange, TaskRow, TaskRowKind, Transition, Urgency},
};

/// The activities that differ, and the tasks of all if their workflow is of another priority now.
pub(super) fn write(execution: &mut Execution, before: Option<&Core>, transition: &mut Transition) {
    let was = before.and_then(Core::priority);
    let moves = before.is_some() && !execution.activities.is_empty() && was != execution.core.priority();
    if !moves && !execution.activities.is_dirty() {
        return;
    }
    let differences = execution.activities.commit();
    let (run, priority) = (execution.core.run.clone(), execution.core.priority());
    if moves {
        let differs = |id: &EventId| {
            differences.iter().any(|(_, changed)| match changed {
                Changed::Put(changed, _) | Changed::Removed(changed) => changed == id,
            })
        };
        for (_, activity) in execution.activities.iter().filter(|(id, _)| !differs(id)) {
            let (old, new) = (task_of(&run, activity, was), task_of(&run, activity, priority));
            offer(old, new, Some(activity), transition);
        }
    }
    for (old, changed) in differences {
        let old_row = old.as_deref().and_then(|activity| task_of(&run, activity, was));
        let new = match &changed {
            Changed::Put(_, activity) => Some(activity),
            Changed::Removed(_) => None,
        };
        let new_row = new.and_then(|activity| task_of(&run, activity, priority));
        offer(old_row, new_row, new.map(Arc::as_ref), transition);
        transition.rows.push(match changed {
            Changed::Put(_, activity) => RowChange::PutActivity { run: run.clone(), activity },
            Changed::Removed(scheduled_event_id) => RowChange::RemoveActivity { run: run.clone(), scheduled_event_id },
        });
    }
}

/// The row of an activity's task while a worker may take it. `workflow` is the priority of its workflow.
fn task_of(run: &RunId, activity: &Activity, workflow: Option<&Priority>) -> Option<TaskRow> {
    let scheduled_at = match &activity.stage {
        ActivityStage::Scheduled { .. } if activity.is_held() => return None,
        ActivityStage::Scheduled { at } => *at,
        ActivityStage::Backoff { .. } | ActivityStage::Started { .. } => return None,
    };
    let priority = priority::merged(workflow, activity.priority.as_ref());
    Some(TaskRow {
        kind: TaskRowKind::Activity,
        queue: activity.queue.clone(),
        urgency: Urgency::of(priority.as_ref()),
        fairness: Fairness::of(priority.as_ref()),
        scheduled_at,
        run: run.clone(),
        scheduled_event_id: activity.scheduled_event_id,
        attempt: activity.attempt,
    })
}

/// The row and the offer of one activity's task.
fn offer(old: Option<TaskRow>, new: Option<TaskRow>, activity: Option<&Activity>, transition: &mut Transition) {
    if old == new {
        return;
    }
    transition.rows.extend(old.map(RowChange::RemoveTask));
    if let (Some(row), Some(activity)) = (new, activity) {
        transition.effects.push(Effect::OfferActivityTask(ActivityOffer {
            run: row.run.clone(),
            scheduled_event_id: activity.scheduled_event_id,
            attempt: activity.attempt,
            queue: activity.queue.clone(),
            scheduled_at: row.scheduled_at,
            urgency: row.urgency,
            fairness: row.fairness.clone(),
        }));
        transition.rows.push(RowChange::PutTask(row));
    }
}
