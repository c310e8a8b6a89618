//! Telling lists that a run's workflow tasks keep failing: a search attribute that no event sets, because only the first
//! failure in a row has one. It goes away with the next success.

use alloc::{borrow::ToOwned, collections::BTreeMap, format, sync::Arc};

use weft_protocol::api::{
    common::Payload,
    enums::{TimeoutType, WorkflowTaskFailedCause},
};

use crate::{change::Run, command, keywords, retry, state::TaskProblem};

/// The search attribute's name.
pub const REPORTED_PROBLEMS: &str = "TemporalReportedProblems";

/// Says so once there were enough failures in a row. What is told is the last one that is in history.
pub(crate) fn report(run: &mut Run<'_>) {
    let Some(problem) = run.core.last_problem else { return };
    if run.core.task_problems < run.at.settings.reported_problems_after {
        return;
    }
    let value = payload(problem);
    if run.core.search_attributes.get(REPORTED_PROBLEMS) != Some(&value) {
        Arc::make_mut(&mut run.core.search_attributes).insert(REPORTED_PROBLEMS.to_owned(), value);
    }
}

/// A task went well.
pub(crate) fn clear(run: &mut Run<'_>) {
    if run.core.search_attributes.contains_key(REPORTED_PROBLEMS) {
        let mut fields = BTreeMap::clone(&run.core.search_attributes);
        fields.remove(REPORTED_PROBLEMS);
        run.core.search_attributes = Arc::new(fields);
    }
}

fn payload(problem: TaskProblem) -> Payload {
    match problem {
        TaskProblem::Failed(cause) => {
            let cause = WorkflowTaskFailedCause::try_from(cause).unwrap_or(WorkflowTaskFailedCause::Unspecified);
            let cause = command::cause_name(cause);
            keywords::list(&["category=WorkflowTaskFailed", &format!("cause=WorkflowTaskFailedCause{cause}")])
        }
        TaskProblem::TimedOut(kind) => {
            let kind = retry::timeout_name(TimeoutType::try_from(kind).unwrap_or(TimeoutType::Unspecified));
            keywords::list(&["category=WorkflowTaskTimedOut", &format!("cause=WorkflowTaskTimedOutCause{kind}")])
        }
    }
}
