//! Every kind of error keeps its code and details over the wire, and a stranger's status is never misread.

use super::*;
use crate::api::enums::NamespaceState;
use crate::api::errordetails::*;
use crate::api::failure::Failure;

const HOLDER: Holder<'_> = Holder { workflow_id: "w", run_id: "r", first_execution_run_id: "f", start_request_id: "q" };

/// One of each kind, with the code and the detail's type that the API promises.
fn every_kind() -> Vec<(Error, Code, &'static str)> {
    let failure = Failure { message: "no handler".to_owned(), ..Default::default() };
    let outcomes = || vec![Err(Error::multi_operation_aborted()), Err(Error::invalid_argument("bad update"))];
    vec![
        (Error::workflow_completed(), Code::NotFound, "NotFoundFailure"),
        (Error::namespace_not_found("n"), Code::NotFound, "NamespaceNotFoundFailure"),
        (Error::namespace_already_exists("n"), Code::AlreadyExists, "NamespaceAlreadyExistsFailure"),
        (
            Error::workflow_already_started(HOLDER, Conflict::Running),
            Code::AlreadyExists,
            "WorkflowExecutionAlreadyStartedFailure",
        ),
        (Error::schedule_already_exists("s"), Code::AlreadyExists, "WorkflowExecutionAlreadyStartedFailure"),
        (
            Error::activity_already_started(ActivityExecutionAlreadyStartedFailure::default(), "a"),
            Code::AlreadyExists,
            "ActivityExecutionAlreadyStartedFailure",
        ),
        (Error::query_failed("q", Some(failure)), Code::InvalidArgument, "QueryFailedFailure"),
        (Error::workflow_not_ready("w"), Code::FailedPrecondition, "WorkflowNotReadyFailure"),
        (
            Error::namespace_invalid_state("n", NamespaceState::Deleted, &[NamespaceState::Registered]),
            Code::FailedPrecondition,
            "NamespaceInvalidStateFailure",
        ),
        (
            Error::namespace_not_active(NamespaceNotActiveFailure::default()),
            Code::FailedPrecondition,
            "NamespaceNotActiveFailure",
        ),
        (
            Error::client_version_not_supported(ClientVersionNotSupportedFailure::default()),
            Code::FailedPrecondition,
            "ClientVersionNotSupportedFailure",
        ),
        (
            Error::server_version_not_supported(ServerVersionNotSupportedFailure::default()),
            Code::FailedPrecondition,
            "ServerVersionNotSupportedFailure",
        ),
        (
            Error::resource_exhausted(Exhausted::BUSY_WORKFLOW, text::WORKFLOW_BUSY),
            Code::ResourceExhausted,
            "ResourceExhaustedFailure",
        ),
        (Error::permission_denied("no", "because"), Code::PermissionDenied, "PermissionDeniedFailure"),
        (Error::multi_operation("m", outcomes()), Code::InvalidArgument, "MultiOperationExecutionFailure"),
        (Error::newer_build_exists("b"), Code::OutOfRange, "NewerBuildExistsFailure"),
        (Error::completion_buffer_lost("lost"), Code::Aborted, "WorkflowTaskCompletionBufferLostFailure"),
    ]
}

#[test]
fn every_kind_survives_the_wire_under_its_code() {
    for (error, code, name) in every_kind() {
        let status = Status::from(error.clone());
        // Through headers, as a client gets it.
        let headers = status.into_http::<()>();
        let received = Status::from_header_map(headers.headers()).expect("a status stands in the headers");
        assert_eq!(received.code(), code, "{error:?}");
        assert_eq!(Error::from_status(&received), error);

        let details = rpc::Status::decode(received.details()).expect("google.rpc.Status");
        let type_url = format!("type.googleapis.com/temporal.api.errordetails.v1.{name}");
        assert_eq!((details.code, &details.message), (i32::from(code), &error.message));
        assert_eq!(details.details.iter().map(|any| &any.type_url).collect::<Vec<_>>(), [&type_url]);
    }
}

#[test]
fn an_error_without_details_is_only_its_code_and_message() {
    let status = Status::from(Error::unavailable(text::SHARD_UNAVAILABLE));
    assert_eq!((status.code(), status.details()), (Code::Unavailable, &[][..]));
    assert_eq!(ErrorDetails::from_status(&status), ErrorDetails::Plain(Code::Unavailable));
}

#[test]
fn a_throttled_call_says_why_in_its_headers() {
    let status = Status::from(Error::resource_exhausted(Exhausted::BUSY_WORKFLOW, "busy"));
    let header = |name| status.metadata().get(name).map(|value| value.to_str().expect("ascii").to_owned());
    assert_eq!(header(RESOURCE_EXHAUSTED_CAUSE).as_deref(), Some("BusyWorkflow"));
    assert_eq!(header(RESOURCE_EXHAUSTED_SCOPE).as_deref(), Some("Namespace"));
}

#[test]
fn details_that_are_broken_or_contradict_the_code_are_not_believed() {
    let garbage = Status::with_details(Code::NotFound, "x", vec![0xff, 1].into());
    assert_eq!(ErrorDetails::from_status(&garbage), ErrorDetails::Plain(Code::NotFound));

    let detail = Error::namespace_not_found("n").details.to_any().expect("has a detail");
    let status = rpc::Status { details: vec![detail], ..Default::default() };
    let contradicting = Status::with_details(Code::Internal, "x", status.encode_to_vec().into());
    assert_eq!(ErrorDetails::from_status(&contradicting), ErrorDetails::Plain(Code::Internal));

    let unknown = crate::Any { type_url: "type.googleapis.com/some.Other".to_owned(), value: vec![] };
    let status = rpc::Status { details: vec![unknown], ..Default::default() };
    let unknown = Status::with_details(Code::NotFound, "x", status.encode_to_vec().into());
    assert_eq!(ErrorDetails::from_status(&unknown), ErrorDetails::Plain(Code::NotFound));
}

#[test]
fn a_multi_operation_has_the_code_of_the_operation_to_blame() {
    let aborted = Error::multi_operation("m", vec![Err(Error::multi_operation_aborted())]);
    assert_eq!(aborted.code(), Code::Aborted);
    let blamed = Error::multi_operation("m", vec![Ok(()), Err(Error::workflow_completed())]);
    assert_eq!(blamed.code(), Code::NotFound);
    let ErrorDetails::MultiOperation(failure) = blamed.details else { panic!("{blamed:?}") };
    assert_eq!(
        failure.statuses[1].details[0].type_url,
        "type.googleapis.com/temporal.api.errordetails.v1.NotFoundFailure"
    );
    let innocent = Error::multi_operation_aborted().details.to_any().expect("has a detail");
    assert_eq!(innocent.type_url, "type.googleapis.com/temporal.api.failure.v1.MultiOperationExecutionAborted");
}

#[test]
fn texts_with_values_read_as_temporals() {
    let check = |error: Error, expected: &str| assert_eq!(error.message, expected);
    check(Error::namespace_not_found("n"), "Namespace n is not found.");
    check(
        Error::workflow_already_started(HOLDER, Conflict::Running),
        "Workflow execution is already running. WorkflowId: w, RunId: r.",
    );
    check(
        Error::workflow_already_started(HOLDER, Conflict::FinishedSuccessfully),
        "Workflow execution already finished successfully. WorkflowId: w, RunId: r. \
         Workflow Id reuse policy: allow duplicate workflow Id if last run failed.",
    );
    check(
        Error::workflow_already_started(HOLDER, Conflict::Finished),
        "Workflow execution already finished. WorkflowId: w, RunId: r. \
         Workflow Id reuse policy: reject duplicate workflow Id.",
    );
    let allowed = [NamespaceState::Registered, NamespaceState::Deprecated];
    check(
        Error::namespace_invalid_state("n", NamespaceState::Deleted, &allowed),
        "Namespace has invalid state: Deleted. Must be Registered or Deprecated.",
    );
}

#[test]
fn a_long_message_is_cut_between_characters() {
    let status = Status::from(Error::invalid_argument("\u{e4}".repeat(3000)));
    assert!(status.message().len() <= MESSAGE_BYTES_MAX, "{}", status.message().len());
    assert!(status.message().ends_with(CUT));
}
