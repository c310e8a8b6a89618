//! Failures made, read, chained, and there and back over the wire.

use weft_protocol::{api::failure as api, payload::json_plain};

use super::*;

#[derive(Debug, thiserror::Error)]
#[error("cannot pay")]
struct Unpaid(#[source] Declined);

#[derive(Debug, thiserror::Error)]
#[error("the card was declined")]
struct Declined;

fn messages(failure: &Failure) -> Vec<&str> {
    failure.chain().map(|failure| failure.message.as_str()).collect()
}

#[test]
fn an_application_failure_says_what_a_retry_policy_asks() {
    let failure = Failure::application("no stock").kind("NoStock").non_retryable().retry_after(Duration::from_secs(3));
    let expected = Application {
        kind: "NoStock".to_owned(),
        non_retryable: true,
        next_retry_delay: Some(Duration::from_secs(3)),
        ..Application::default()
    };
    assert_eq!(failure.as_application(), Some(&expected));
    assert_eq!(Failure::canceled("x").kind("y"), Failure::canceled("x"));
}

#[test]
fn details_are_typed() {
    let failure = Failure::application("x").with_details(&("a".to_owned(), 7_u8)).expect("they can be written");
    assert_eq!(failure.details::<(String, u8)>(), Ok(("a".to_owned(), 7)));
    assert!(failure.details::<u8>().is_err());
    assert_eq!(Failure::application("x").details::<Option<u8>>(), Ok(None));
}

#[test]
fn an_error_brings_its_causes_and_its_type() {
    let failure = Failure::of_error(Unpaid(Declined));
    assert_eq!(messages(&failure), ["cannot pay", "the card was declined"]);
    assert_eq!(failure.application_kind(), Some("Unpaid"));
    assert_eq!(failure.root().application_kind(), Some(""));
    let boxed: BoxError = "plain text".into();
    assert_eq!(messages(&Failure::from(boxed)), ["plain text"]);
}

#[derive(Debug, thiserror::Error)]
#[error("reading the price: {0}")]
struct Unread(#[source] std::num::ParseIntError);

#[test]
fn an_error_that_says_its_cause_says_it_once() {
    let why = "x".parse::<u8>().expect_err("no number");
    let failure = Failure::of_error(Unread(why));
    assert_eq!(failure.root().message, "invalid digit found in string");
    assert_eq!(failure.in_one_line(), "reading the price: invalid digit found in string");
    let other = Failure::application("the tax").caused_by("tax");
    assert_eq!(other.in_one_line(), "the tax: tax");
    // One that says its cause, which does not say its own.
    let inner = || Failure::application("b").caused_by("c");
    assert_eq!(Failure::application("a: b").caused_by(inner()).in_one_line(), "a: b: c");
    assert_eq!(Failure::application("a: b: c").caused_by(inner()).in_one_line(), "a: b: c");
    assert_eq!(Failure::application("b").caused_by(inner()).in_one_line(), "b: c");
    assert_eq!(Failure::application("ab").caused_by(inner()).in_one_line(), "ab: b: c");
}

#[test]
fn a_failure_among_errors_stays_what_it_was() {
    let failure = Failure::application("x").kind("X").caused_by("y");
    assert_eq!(Failure::of_error(failure.clone()), failure);
    let boxed: BoxError = Box::new(failure.clone());
    assert_eq!(Failure::from(boxed), failure);
}

#[test]
fn the_causes_of_a_failure_are_its_sources() {
    let failure = Failure::application("outer").caused_by(Failure::application("inner"));
    let source = StdError::source(&failure).map(ToString::to_string);
    assert_eq!((failure.to_string(), source), ("outer".to_owned(), Some("inner".to_owned())));
    assert_eq!(Failure::timeout("", TimeoutType::Heartbeat).to_string(), "timeout");
}

#[test]
fn who_waited_for_a_workflow_reads_the_whole_chain_and_hands_it_on() {
    let declined = Failure::application("card declined").kind("CardDeclined");
    let activity = Failure { info: FailureInfo::Activity(Box::default()), ..Failure::default() }.caused_by(declined);
    let error = WorkflowError::Failed(activity.clone());
    assert_eq!(error.to_string(), "the workflow failed: activity failed: card declined");
    let source = StdError::source(&error).and_then(|source| source.downcast_ref::<Failure>());
    assert_eq!(source.and_then(|failure| failure.root().application_kind()), Some("CardDeclined"));
    assert_eq!(in_one_line(&error), error.to_string(), "what it says itself is not said again");
    let handed_on = Failure::of_error(error);
    assert_eq!(handed_on.in_one_line(), "the workflow failed: activity failed: card declined");
    assert_eq!(handed_on.cause.as_deref(), Some(&activity));
    assert_eq!(handed_on.root().application_kind(), Some("CardDeclined"));
    assert_eq!(UpdateError::Failed(activity.clone()).to_string(), "the update failed: activity failed: card declined");
    assert_eq!(QueryError::Failed(activity).to_string(), "the query failed: activity failed: card declined");
}

#[test]
fn a_canceled_activity_is_a_cancellation() {
    let of = |cause| Failure {
        info: FailureInfo::Activity(Box::default()),
        cause: Some(Box::new(cause)),
        ..Failure::default()
    };
    assert!(of(Failure::canceled("x")).is_canceled());
    assert!(!of(Failure::application("x")).is_canceled());
}

/// One of each kind.
fn kinds() -> Vec<FailureInfo> {
    let details = vec![json_plain("1")];
    let text = |text: &str| text.to_owned();
    let application = Application {
        kind: text("k"),
        non_retryable: true,
        details: details.clone(),
        next_retry_delay: Some(Duration::from_millis(1500)),
        category: ApplicationErrorCategory::Benign,
    };
    let activity = ActivityFailure {
        activity_id: text("a"),
        activity_type: text("t"),
        scheduled_event_id: 5,
        started_event_id: 6,
        identity: text("i"),
        retry_state: RetryState::MaximumAttemptsReached,
    };
    let child = ChildWorkflowFailure {
        namespace: text("n"),
        workflow_id: text("w"),
        run_id: text("r"),
        workflow_type: text("t"),
        initiated_event_id: 5,
        started_event_id: 6,
        retry_state: RetryState::Timeout,
    };
    vec![
        FailureInfo::Application(Box::new(application)),
        FailureInfo::Timeout(Timeout { timeout: TimeoutType::Heartbeat, last_heartbeat_details: details.clone() }),
        FailureInfo::Canceled(Box::new(Canceled { details: details.clone(), identity: text("i") })),
        FailureInfo::Terminated { identity: text("i") },
        FailureInfo::Server { non_retryable: true },
        FailureInfo::ResetWorkflow { last_heartbeat_details: details },
        FailureInfo::Activity(Box::new(activity)),
        FailureInfo::ChildWorkflow(Box::new(child)),
        FailureInfo::NexusOperation(Box::new(NexusOperationFailureInfo { endpoint: text("e"), ..Default::default() })),
        FailureInfo::NexusHandler(Box::new(NexusHandlerFailureInfo {
            r#type: text("BAD_REQUEST"),
            ..Default::default()
        })),
        FailureInfo::Unknown,
    ]
}

#[test]
fn every_kind_survives_the_wire() {
    let mut whole = Failure::default();
    for info in kinds() {
        whole = Failure {
            message: "m".to_owned(),
            origin: "JavaSDK".to_owned(),
            stack_trace: "at".to_owned(),
            encoded_attributes: Some(Box::new(json_plain("{}"))),
            info,
            cause: Some(Box::new(whole)),
        };
        let wire = api::Failure::from(whole.clone());
        assert_eq!(Failure::from(wire), whole);
    }
    assert_eq!(whole.chain().count(), kinds().len() + 1);
}

#[test]
fn a_failure_is_small_enough_to_be_returned() {
    assert!(size_of::<Failure>() <= 120, "{}", size_of::<Failure>());
}

#[test]
fn a_sealed_failure_is_opened_and_another_is_not() {
    let sealed = |json: &str| {
        let encoded_attributes = Some(json_plain(json));
        let wire = api::Failure { message: "Encoded failure".to_owned(), encoded_attributes, ..Default::default() };
        Failure::from(wire)
    };
    let opened = sealed(r#"{"message":"secret","stack_trace":"at"}"#);
    assert_eq!((opened.message.as_str(), opened.stack_trace.as_str()), ("secret", "at"));
    assert_eq!(opened.encoded_attributes, None);
    let other = sealed(r#"{"something":"else"}"#);
    assert_eq!((other.message.as_str(), other.encoded_attributes.is_some()), ("Encoded failure", true));
}
