//! What differs in a schedule after a request: its rows, its wake and its entry in lists.

use alloc::{boxed::Box, sync::Arc};

use super::show;
use crate::{
    change::Change,
    state::schedule::Schedule,
    transition::{Effect, RowChange, ScheduleRow, Transition, VisibilityChange},
};

impl Change<'_> {
    pub(crate) fn write_schedule(&mut self, transition: &mut Transition) {
        let (before, after) = (self.schedule_before.get(), self.workflow.schedule.get());
        let (key, now) = (&self.workflow.key, self.at.now);
        match (before, after) {
            (None, None) => {}
            (Some(before), None) => remove(before, transition),
            (before, Some(after)) => {
                if put(before, after, transition) {
                    let entry = Box::new(show::entry(key, after, now));
                    transition.visibility.push(VisibilityChange::Upsert(entry));
                }
                wake(before, after, transition);
            }
        }
    }

    /// Puts back what was there before the request.
    pub(crate) fn undo_schedule(&mut self) {
        self.workflow.schedule.clone_from(&self.schedule_before);
    }
}

/// Says whether anything differs.
fn put(before: Option<&Schedule>, after: &Schedule, transition: &mut Transition) -> bool {
    let plan = before.is_none_or(|before| before.plan != after.plan);
    let progress = before.is_none_or(|before| before.progress != after.progress);
    if plan {
        transition.rows.push(RowChange::Schedule(ScheduleRow::PutPlan(Arc::clone(&after.plan))));
    }
    if progress {
        transition.rows.push(RowChange::Schedule(ScheduleRow::PutProgress(Arc::clone(&after.progress))));
    }
    plan || progress
}

fn wake(before: Option<&Schedule>, after: &Schedule, transition: &mut Transition) {
    let (old, new) = (before.and_then(|before| before.progress.wake_at), after.progress.wake_at);
    if old == new {
        return;
    }
    transition.rows.extend(old.map(|at| RowChange::Schedule(ScheduleRow::RemoveWake(at))));
    if let Some(at) = new {
        transition.rows.push(RowChange::Schedule(ScheduleRow::PutWake(at)));
        transition.effects.push(Effect::WakeAt { run: after.plan.incarnation.clone(), at });
    }
}

fn remove(before: &Schedule, transition: &mut Transition) {
    transition.rows.push(RowChange::Schedule(ScheduleRow::RemovePlan));
    transition.rows.push(RowChange::Schedule(ScheduleRow::RemoveProgress));
    transition.rows.extend(before.progress.wake_at.map(|at| RowChange::Schedule(ScheduleRow::RemoveWake(at))));
    transition.visibility.push(VisibilityChange::Remove(before.plan.incarnation.clone()));
}
