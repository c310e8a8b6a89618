//! What workers owe a run: tasks that they have, or are to take now.
//!
//! Not among them: an activity that waits for its next attempt, and what is paused and not handed out.

use crate::state::{ActivityStage, Execution, WorkflowTaskStage};

/// What workers owe a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    pub workflow_task: bool,
    pub activities: usize,
}

/// What workers have of a run, or are to take.
#[must_use]
pub fn owed(execution: &Execution) -> Owed {
    if !execution.is_open() {
        return Owed::default();
    }
    let workflow_task = execution.task().is_some_and(|task| match task.stage {
        WorkflowTaskStage::Started(_) => true,
        WorkflowTaskStage::Scheduled(_) => !execution.stands_still(),
    });
    let activities = execution.activities.values().filter(|activity| match activity.stage {
        ActivityStage::Started { .. } => true,
        ActivityStage::Scheduled { .. } => !activity.is_held(),
        ActivityStage::Backoff { .. } => false,
    });
    Owed { workflow_task, activities: activities.count() }
}
