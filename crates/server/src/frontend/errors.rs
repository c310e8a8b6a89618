//! Refusals and failures as gRPC statuses with Temporal's error details: the one place where they are mapped.
//!
//! Invariant: whatever may succeed when tried again is `UNAVAILABLE` or `RESOURCE_EXHAUSTED`; a final answer never has
//! one of the codes that SDKs retry, and a transient one never has one that they take as final.

use tonic::Status;
use weft_engine::{Refusal, Target, WorkflowKey};
use weft_protocol::error::{Conflict, Error, Exhausted, Holder, text};
use weft_shard::Failure;

use crate::node::ListError;

/// A shard's failure as the caller of the API sees it.
pub(crate) fn of_failure(failure: Failure, key: &WorkflowKey) -> Status {
    match failure {
        Failure::Refused(refusal) => of_refusal(refusal, key),
        Failure::NotLeader => not_leader(),
        Failure::Unavailable(why) => Error::unavailable(why).into(),
        // Of messages between shards alone.
        failure @ Failure::Postmark(_) => Error::unavailable(failure.to_string()).into(),
        Failure::Overloaded => Error::resource_exhausted(
            Exhausted::SYSTEM_OVERLOADED,
            "too many requests wait for this shard: try again later",
        )
        .into(),
        Failure::DiskFull => Error::resource_exhausted(
            Exhausted::STORAGE_LIMIT,
            "the server's disk is full: writes are refused until there is room",
        )
        .into(),
        Failure::Quarantined(why) => Error::failed_precondition(format!(
            "workflow {} is quarantined because an invariant of it broke ({why}); \
             an operator can look at it with `wfctl quarantine list` and clear it with `wfctl quarantine clear`",
            key.workflow
        ))
        .into(),
        Failure::Outgrown(why) => Error::invalid_argument(why).into(),
        Failure::Storage(why) => {
            tracing::error!(workflow = %key.workflow, %why, "stored state cannot be read");
            Error::internal("the stored state of this workflow cannot be read: see the server's log").into()
        }
    }
}

/// Says of an answer that nothing was done, and that another node is to be asked.
pub(crate) const NOT_LEADER: &str = "weft-not-leader";

/// Nothing was done: the leader is to be asked, which routing does for clients.
pub(crate) fn not_leader() -> Status {
    let mut status: Status = Error::unavailable("this node does not lead the shard: try again").into();
    status.metadata_mut().insert(NOT_LEADER, tonic::metadata::MetadataValue::from_static("1"));
    status
}

/// Why rows that belong to no one workflow cannot be read.
pub(crate) fn of_reading(failure: Failure) -> Status {
    tracing::error!(%failure, "reading rows failed");
    Error::unavailable("the stored tasks cannot be read now: try again").into()
}

/// A shard's failure for a caller that named a run, or the first run of a chain.
pub(crate) fn about(failure: Failure, key: &WorkflowKey, target: &Target) -> Status {
    match (failure, target) {
        (Failure::Refused(Refusal::WorkflowNotFound), Target { first_run: Some(_), .. }) => {
            Error::not_found(text::WORKFLOW_NOT_FOUND).into()
        }
        (Failure::Refused(Refusal::WorkflowNotFound), Target { run: Some(run), first_run: None }) => {
            Error::run_not_found(key.workflow.as_str(), run.as_str()).into()
        }
        (failure, _) => of_failure(failure, key),
    }
}

fn of_refusal(refusal: Refusal, key: &WorkflowKey) -> Status {
    let error = match refusal {
        Refusal::WorkflowNotFound => Error::workflow_id_not_found(key.workflow.as_str()),
        Refusal::WorkflowClosed => Error::workflow_completed(),
        Refusal::WorkflowTaskNotFound => Error::workflow_task_not_found(),
        Refusal::ActivityNotFound | Refusal::ActivityNotStarted => Error::activity_not_found(),
        Refusal::NoSuchActivity => Error::not_found(text::PENDING_ACTIVITY_NOT_FOUND),
        Refusal::Precondition(why) => Error::failed_precondition(why),
        Refusal::TaskGone | Refusal::TaskTaken => Error::not_found("the task is not there any more"),
        Refusal::AlreadyStarted { run, first_run, request, conflict } => Error::workflow_already_started(
            Holder {
                workflow_id: key.workflow.as_str(),
                run_id: run.as_str(),
                first_execution_run_id: first_run.as_str(),
                start_request_id: request.as_str(),
            },
            match conflict {
                weft_engine::StartConflict::Running => Conflict::Running,
                weft_engine::StartConflict::FinishedSuccessfully => Conflict::FinishedSuccessfully,
                weft_engine::StartConflict::Finished => Conflict::Finished,
            },
        ),
        Refusal::InvalidArgument(why) => Error::invalid_argument(why),
        Refusal::NotReady(why) => Error::workflow_not_ready(why),
        Refusal::Busy(why) => Error::resource_exhausted(Exhausted::BUSY_WORKFLOW, why),
        Refusal::UpdateNotFound(update) => Error::update_not_found(update.as_str()),
        Refusal::UpdatesInFlight(why) => Error::resource_exhausted(Exhausted::CONCURRENT_LIMIT, why),
        Refusal::UpdatesExhausted(why) => Error::failed_precondition(why),
        Refusal::OfUpdate(refusal) => return of_refusal(*refusal, key),
        Refusal::ScheduleNotFound => Error::not_found("schedule not found"),
        Refusal::ScheduleExists => {
            Error::schedule_already_exists(format!("schedule {:?} is already registered", key.workflow.as_str()))
        }
        Refusal::ScheduleConflict => Error::failed_precondition("mismatched conflict token"),
        Refusal::HistoryGrew => Error::unavailable("the workflow's history grew meanwhile: try again"),
        Refusal::NotStarted => Error::unavailable("Workflow was not started: StartDeduped"),
        Refusal::Broken { run, what } => Error::internal(format!("run {run} broke an invariant: {what}")),
    };
    error.into()
}

/// Why a list cannot be given.
pub(crate) fn of_list(error: ListError) -> Status {
    match error {
        ListError::NoLeader
        | ListError::Rebuilding
        | ListError::NotHere(_)
        | ListError::Behind
        | ListError::Nobody { .. } => Error::unavailable(error.to_string()).into(),
        ListError::Index(weft_visibility::Error::Token(_)) => Error::invalid_argument(text::PAGE_TOKEN_INVALID).into(),
        ListError::Index(error @ (weft_visibility::Error::GroupedList | weft_visibility::Error::TooManyGroups)) => {
            Error::invalid_argument(format!("invalid query: {error}")).into()
        }
        ListError::Index(error) => {
            tracing::error!(%error, "listing failed");
            Error::unavailable("the visibility index cannot be read now: try again").into()
        }
        ListError::Writer(error) => {
            tracing::error!(%error, "indexing failed");
            Error::unavailable("the visibility index cannot be written now: try again").into()
        }
        ListError::Panicked => Error::internal("listing failed: see the server's log").into(),
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use weft_engine::StartConflict;
    use weft_protocol::error::ErrorDetails;

    use super::*;

    fn key() -> WorkflowKey {
        WorkflowKey { namespace: "ns".into(), workflow: "w".into() }
    }

    fn check(failure: Failure, code: Code, message: &str) {
        let status = of_failure(failure, &key());
        assert_eq!((status.code(), status.message()), (code, message));
    }

    #[test]
    fn what_may_succeed_later_has_a_code_that_is_retried() {
        check(Failure::Unavailable("no leader"), Code::Unavailable, "no leader");
        for failure in [Failure::Overloaded, Failure::DiskFull, Failure::Refused(Refusal::Busy("b".into()))] {
            let status = of_failure(failure, &key());
            assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
            assert!(status.metadata().contains_key("x-resource-exhausted-cause"), "{status}");
        }
    }

    #[test]
    fn what_is_final_has_a_code_that_is_not_retried() {
        let refused = Failure::Refused;
        check(refused(Refusal::WorkflowNotFound), Code::NotFound, "workflow not found for ID: w");
        check(refused(Refusal::WorkflowClosed), Code::NotFound, "workflow execution already completed");
        check(refused(Refusal::WorkflowTaskNotFound), Code::NotFound, "Workflow task not found.");
        check(refused(Refusal::InvalidArgument("why".into())), Code::InvalidArgument, "why");
        check(refused(Refusal::NotReady("why".into())), Code::FailedPrecondition, "why");
        let quarantined = of_failure(Failure::Quarantined("broken".into()), &key());
        assert_eq!(quarantined.code(), Code::FailedPrecondition);
    }

    #[test]
    fn a_run_that_is_not_there_is_named_as_it_was_asked_for() {
        let not_found = || Failure::Refused(Refusal::WorkflowNotFound);
        let check = |run: Option<&str>, first_run: Option<&str>, expected: &str| {
            let target = Target { run: run.map(Into::into), first_run: first_run.map(Into::into) };
            assert_eq!(about(not_found(), &key(), &target).message(), expected);
        };
        check(None, None, "workflow not found for ID: w");
        check(Some("r"), None, "workflow execution not found for workflow ID \"w\" and run ID \"r\"");
        check(Some("r"), Some("f"), "workflow execution not found");
    }

    #[test]
    fn who_holds_the_workflow_id_is_told() {
        let (run, first_run, request) = ("r".into(), "f".into(), "q".into());
        let refusal = Refusal::AlreadyStarted { run, first_run, request, conflict: StartConflict::Running };
        let status = of_failure(Failure::Refused(refusal), &key());
        assert_eq!(status.code(), Code::AlreadyExists);
        assert_eq!(status.message(), "Workflow execution is already running. WorkflowId: w, RunId: r.");
        let ErrorDetails::WorkflowAlreadyStarted(holder) = Error::from_status(&status).details else {
            panic!("{status} has other details");
        };
        assert_eq!((&*holder.run_id, &*holder.first_execution_run_id, &*holder.start_request_id), ("r", "f", "q"));
    }

    #[test]
    fn what_a_list_refuses_is_the_callers_to_mend() {
        let list = |error| of_list(ListError::Index(error)).code();
        assert_eq!(list(weft_visibility::Error::GroupedList), Code::InvalidArgument);
        assert_eq!(list(weft_visibility::Error::Token("t")), Code::InvalidArgument);
        assert_eq!(of_list(ListError::NoLeader).code(), Code::Unavailable);
    }
}
