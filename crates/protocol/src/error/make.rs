//! One constructor for each kind of error that a server gives, with Temporal's wording where it holds values.
//!
//! The texts with values are those of `api-go`'s package `serviceerror` and of the history service's
//! `api/create_workflow_util.go`.

use tonic::Code;

use super::{Error, ErrorDetails, Exhausted, NAMESPACE_STATE_PREFIX, short_name, text};
use crate::api::enums::NamespaceState;
use crate::api::errordetails::multi_operation_execution_failure::OperationStatus;
use crate::api::errordetails::*;
use crate::api::failure::{Failure, MultiOperationExecutionAborted};

/// The execution that holds a workflow id.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    pub workflow_id: &'a str,
    pub run_id: &'a str,
    pub first_execution_run_id: &'a str,
    pub start_request_id: &'a str,
}

/// Why a held workflow id is not given to a new run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    Running,
    /// Closed, but not by a failure, and only failed ones may be repeated.
    FinishedSuccessfully,
    /// Closed, and no repetition is allowed.
    Finished,
}

impl Error {
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::plain(Code::InvalidArgument, message)
    }

    /// A workflow id that no new run is given, in Temporal's words for a start.
    pub fn workflow_id_too_long(bytes: usize, limit: usize) -> Self {
        Self::invalid_argument(format!("WorkflowId exceeds maximum allowed length ({bytes}/{limit})"))
    }

    pub fn failed_precondition(message: impl Into<String>) -> Self {
        Self::plain(Code::FailedPrecondition, message)
    }

    /// For everything transient: another leader, a moved shard, a node that stops. Clients retry it.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::plain(Code::Unavailable, message)
    }

    pub fn deadline_exceeded(message: impl Into<String>) -> Self {
        Self::plain(Code::DeadlineExceeded, message)
    }

    pub fn canceled(message: impl Into<String>) -> Self {
        Self::plain(Code::Cancelled, message)
    }

    pub fn unimplemented(message: impl Into<String>) -> Self {
        Self::plain(Code::Unimplemented, message)
    }

    /// For what was not done because of a conflict: clients try it again from the top.
    pub fn aborted(message: impl Into<String>) -> Self {
        Self::plain(Code::Aborted, message)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::plain(Code::Internal, message)
    }

    fn plain(code: Code, message: impl Into<String>) -> Self {
        Self::new(ErrorDetails::Plain(code), message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorDetails::NotFound(NotFoundFailure::default().into()), message)
    }

    /// No run was ever known under this workflow id.
    pub fn workflow_id_not_found(workflow_id: &str) -> Self {
        Self::not_found(format!("workflow not found for ID: {workflow_id}"))
    }

    /// The workflow id has run, but not under this run id.
    pub fn run_not_found(workflow_id: &str, run_id: &str) -> Self {
        let ids = format!("workflow ID {workflow_id:?} and run ID {run_id:?}");
        Self::not_found(format!("{} for {ids}", text::WORKFLOW_NOT_FOUND))
    }

    pub fn workflow_completed() -> Self {
        Self::not_found(text::WORKFLOW_COMPLETED)
    }

    pub fn workflow_task_not_found() -> Self {
        Self::not_found(text::WORKFLOW_TASK_NOT_FOUND)
    }

    pub fn activity_not_found() -> Self {
        Self::not_found(text::ACTIVITY_NOT_FOUND)
    }

    pub fn update_not_found(update_id: &str) -> Self {
        Self::not_found(format!("update {update_id:?} not found"))
    }

    pub fn namespace_not_found(namespace: &str) -> Self {
        let failure = NamespaceNotFoundFailure { namespace: namespace.to_owned() };
        Self::new(ErrorDetails::NamespaceNotFound(failure.into()), format!("Namespace {namespace} is not found."))
    }

    pub fn namespace_already_exists(message: impl Into<String>) -> Self {
        Self::new(ErrorDetails::NamespaceAlreadyExists(NamespaceAlreadyExistsFailure {}.into()), message)
    }

    pub fn workflow_already_started(holder: Holder<'_>, conflict: Conflict) -> Self {
        let ids = format!("WorkflowId: {}, RunId: {}.", holder.workflow_id, holder.run_id);
        let message = match conflict {
            Conflict::Running => format!("Workflow execution is already running. {ids}"),
            Conflict::FinishedSuccessfully => format!(
                "Workflow execution already finished successfully. {ids} Workflow Id reuse policy: \
                 allow duplicate workflow Id if last run failed."
            ),
            Conflict::Finished => format!(
                "Workflow execution already finished. {ids} Workflow Id reuse policy: reject duplicate workflow Id."
            ),
        };
        let failure = WorkflowExecutionAlreadyStartedFailure {
            start_request_id: holder.start_request_id.to_owned(),
            run_id: holder.run_id.to_owned(),
            first_execution_run_id: holder.first_execution_run_id.to_owned(),
        };
        Self::new(ErrorDetails::WorkflowAlreadyStarted(failure.into()), message)
    }

    /// Clients take this kind, without a run, for "the schedule is already running".
    pub fn schedule_already_exists(message: impl Into<String>) -> Self {
        Self::new(
            ErrorDetails::WorkflowAlreadyStarted(WorkflowExecutionAlreadyStartedFailure::default().into()),
            message,
        )
    }

    pub fn activity_already_started(
        failure: ActivityExecutionAlreadyStartedFailure,
        message: impl Into<String>,
    ) -> Self {
        Self::new(ErrorDetails::ActivityAlreadyStarted(failure.into()), message)
    }

    pub fn query_failed(message: impl Into<String>, failure: Option<Failure>) -> Self {
        Self::new(ErrorDetails::QueryFailed(QueryFailedFailure { failure }.into()), message)
    }

    pub fn workflow_not_ready(message: impl Into<String>) -> Self {
        Self::new(ErrorDetails::WorkflowNotReady(WorkflowNotReadyFailure {}.into()), message)
    }

    pub fn namespace_invalid_state(namespace: &str, state: NamespaceState, allowed: &[NamespaceState]) -> Self {
        let short = |state: &NamespaceState| short_name(state.as_str_name(), NAMESPACE_STATE_PREFIX);
        let must: Vec<String> = allowed.iter().map(short).collect();
        let message = format!("Namespace has invalid state: {}. Must be {}.", short(&state), must.join(" or "));
        let failure = NamespaceInvalidStateFailure {
            namespace: namespace.to_owned(),
            state: state.into(),
            allowed_states: allowed.iter().map(|&state| state.into()).collect(),
        };
        Self::new(ErrorDetails::NamespaceInvalidState(failure.into()), message)
    }

    pub fn namespace_not_active(failure: NamespaceNotActiveFailure) -> Self {
        let message = format!(
            "Namespace: {} is active in cluster: {}, while current cluster {} is a standby cluster.",
            failure.namespace, failure.active_cluster, failure.current_cluster
        );
        Self::new(ErrorDetails::NamespaceNotActive(failure.into()), message)
    }

    pub fn client_version_not_supported(failure: ClientVersionNotSupportedFailure) -> Self {
        let message = format!(
            "Client version {} is not supported. Server supports {} versions: {}",
            failure.client_version, failure.client_name, failure.supported_versions
        );
        Self::new(ErrorDetails::ClientVersionNotSupported(failure.into()), message)
    }

    pub fn server_version_not_supported(failure: ServerVersionNotSupportedFailure) -> Self {
        let message = format!(
            "Server version {} is not supported. Client supports server versions: {}",
            failure.server_version, failure.client_supported_server_versions
        );
        Self::new(ErrorDetails::ServerVersionNotSupported(failure.into()), message)
    }

    pub fn resource_exhausted(why: Exhausted, message: impl Into<String>) -> Self {
        let failure = ResourceExhaustedFailure { cause: why.cause.into(), scope: why.scope.into() };
        Self::new(ErrorDetails::ResourceExhausted(failure.into()), message)
    }

    pub fn permission_denied(message: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(ErrorDetails::PermissionDenied(PermissionDeniedFailure { reason: reason.into() }.into()), message)
    }

    /// A failed multi-operation: one outcome for each operation, in their order.
    pub fn multi_operation(message: impl Into<String>, outcomes: Vec<Result<(), Self>>) -> Self {
        let statuses = outcomes.into_iter().map(operation_status).collect();
        Self::new(ErrorDetails::MultiOperation(MultiOperationExecutionFailure { statuses }.into()), message)
    }

    /// The outcome of an operation that failed only because its neighbour did.
    pub fn multi_operation_aborted() -> Self {
        let details = ErrorDetails::MultiOperationAborted(MultiOperationExecutionAborted {}.into());
        Self::new(details, text::MULTI_OPERATION_ABORTED)
    }

    pub fn newer_build_exists(build_id: &str) -> Self {
        let failure = NewerBuildExistsFailure { default_build_id: build_id.to_owned() };
        let message = format!("Task queue has a newer compatible build: {build_id:?}");
        Self::new(ErrorDetails::NewerBuildExists(failure.into()), message)
    }

    pub fn completion_buffer_lost(message: impl Into<String>) -> Self {
        Self::new(ErrorDetails::CompletionBufferLost(WorkflowTaskCompletionBufferLostFailure {}.into()), message)
    }
}

fn operation_status(outcome: Result<(), Error>) -> OperationStatus {
    match outcome {
        Ok(()) => OperationStatus { code: Code::Ok.into(), ..Default::default() },
        Err(error) => OperationStatus {
            code: error.code().into(),
            details: error.details.to_any().into_iter().collect(),
            message: error.message,
        },
    }
}
