//! Failures and their causes, one line each.

use weft_client::api::failure::{Failure, failure::FailureInfo};

use super::names;

/// The failure in one line, without its causes.
pub(crate) fn line(failure: &Failure) -> String {
    let Failure { message, .. } = failure;
    match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => {
            let kind = if info.r#type.is_empty() { "" } else { &format!("{}: ", info.r#type) };
            let last = if info.non_retryable { " (not retryable)" } else { "" };
            format!("{kind}{message}{last}")
        }
        Some(FailureInfo::ActivityFailureInfo(info)) => {
            let kind = info.activity_type.as_ref().map_or("", |it| &it.name);
            let why = names::retry_state(info.retry_state);
            format!("activity {kind} (id {}) failed, {why}: {message}", info.activity_id)
        }
        Some(FailureInfo::ChildWorkflowExecutionFailureInfo(info)) => {
            let kind = info.workflow_type.as_ref().map_or("", |it| &it.name);
            let id = info.workflow_execution.as_ref().map_or("", |it| &it.workflow_id);
            format!("child workflow {kind} (id {id}) failed: {message}")
        }
        Some(FailureInfo::TimeoutFailureInfo(info)) => {
            format!("timeout {}: {message}", names::timeout(info.timeout_type))
        }
        Some(FailureInfo::CanceledFailureInfo(_)) => format!("canceled: {message}"),
        Some(FailureInfo::TerminatedFailureInfo(_)) => format!("terminated: {message}"),
        Some(FailureInfo::ServerFailureInfo(_)) => format!("server: {message}"),
        Some(
            FailureInfo::ResetWorkflowFailureInfo(_)
            | FailureInfo::NexusOperationExecutionFailureInfo(_)
            | FailureInfo::NexusHandlerFailureInfo(_),
        )
        | None => message.clone(),
    }
}

/// The failure and what caused it, each on its line.
pub(crate) fn chain(failure: &Failure) -> String {
    let causes = std::iter::successors(failure.cause.as_deref(), |failure| failure.cause.as_deref());
    let causes = causes.map(|cause| format!("\n  caused by: {}", line(cause)));
    line(failure) + &causes.collect::<String>()
}

/// The deepest cause is what somebody wrote into the program.
pub(crate) fn root(failure: &Failure) -> String {
    let all = std::iter::successors(Some(failure), |failure| failure.cause.as_deref());
    all.last().map(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use weft_client::api::{
        common::ActivityType,
        enums::RetryState,
        failure::{ActivityFailureInfo, ApplicationFailureInfo},
    };

    use super::*;

    #[test]
    fn a_chain_says_who_failed_and_why() {
        let application = ApplicationFailureInfo { r#type: "OutOfStock".to_owned(), ..Default::default() };
        let cause = Failure {
            message: "no boots".to_owned(),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(application)),
            ..Failure::default()
        };
        let activity = ActivityFailureInfo {
            activity_type: Some(ActivityType { name: "reserve".to_owned() }),
            activity_id: "1".to_owned(),
            retry_state: RetryState::MaximumAttemptsReached.into(),
            ..Default::default()
        };
        let failure = Failure {
            message: "activity error".to_owned(),
            cause: Some(Box::new(cause)),
            failure_info: Some(FailureInfo::ActivityFailureInfo(activity)),
            ..Failure::default()
        };
        let expected = "activity reserve (id 1) failed, MaximumAttemptsReached: activity error\n  \
                        caused by: OutOfStock: no boots";
        assert_eq!(chain(&failure), expected);
        assert_eq!(root(&failure), "OutOfStock: no boots");
    }
}
