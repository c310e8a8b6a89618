//! Telling lists that a run's workflow tasks keep failing: a search attribute that no event sets, because only the first
//! failure in a row has one. It goes away with the next success.

use alloc::{borrow::ToOwned, collections::BTreeMap, format, string::String, sync::Arc};

use weft_protocol::api::{common::Payload, enums::WorkflowTaskFailedCause};

use crate::{change::Run, command};

/// The search attribute's name.
pub const REPORTED_PROBLEMS: &str = "TemporalReportedProblems";

/// Why the task ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Problem {
    Failed(WorkflowTaskFailedCause),
    TimedOut,
}

/// Says so once there were enough failures in a row.
pub(crate) fn report(run: &mut Run<'_>, problem: Problem) {
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

fn payload(problem: Problem) -> Payload {
    let text = match problem {
        Problem::Failed(cause) => {
            let cause = command::cause_name(cause);
            format!("[\"category=WorkflowTaskFailed\",\"cause=WorkflowTaskFailedCause{cause}\"]")
        }
        Problem::TimedOut => {
            "[\"category=WorkflowTaskTimedOut\",\"cause=WorkflowTaskTimedOutCauseStartToClose\"]".to_owned()
        }
    };
    let metadata = [("encoding", "json/plain"), ("type", "KeywordList")];
    let metadata = metadata.into_iter().map(|(name, value)| (String::from(name), value.as_bytes().to_vec()));
    Payload { metadata: metadata.collect(), data: text.into_bytes(), ..Payload::default() }
}
