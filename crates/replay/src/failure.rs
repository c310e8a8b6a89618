//! The failures that replay itself makes; all others come from history or from the program.

use alloc::{
    boxed::Box,
    string::{String, ToString},
};

use weft_protocol::api::{
    common::ActivityType,
    failure::{
        ActivityFailureInfo, ApplicationFailureInfo, CanceledFailureInfo, ChildWorkflowExecutionFailureInfo, Failure,
        failure::FailureInfo,
    },
};

/// Who made a failure, as histories have it.
pub(crate) const SOURCE: &str = "WeftRust";

/// A cancellation.
#[must_use]
pub fn canceled(message: &str) -> Box<Failure> {
    of(message, FailureInfo::CanceledFailureInfo(CanceledFailureInfo::default()))
}

/// A failure of the application, of this type.
#[must_use]
pub fn application(message: impl Into<String>, kind: &str, non_retryable: bool) -> Box<Failure> {
    let info = ApplicationFailureInfo { r#type: kind.to_string(), non_retryable, ..ApplicationFailureInfo::default() };
    of(&message.into(), FailureInfo::ApplicationFailureInfo(info))
}

/// What a workflow that awaits an activity sees when it no longer waits for it.
pub(crate) fn activity_canceled(activity_id: &str, activity_type: &str) -> Box<Failure> {
    let info = ActivityFailureInfo {
        activity_id: activity_id.to_string(),
        activity_type: Some(ActivityType { name: activity_type.to_string() }),
        ..ActivityFailureInfo::default()
    };
    caused(of("activity canceled", FailureInfo::ActivityFailureInfo(info)), canceled("canceled"))
}

/// The same of a child.
pub(crate) fn child_canceled(info: ChildWorkflowExecutionFailureInfo) -> Box<Failure> {
    let failure = of("child workflow canceled", FailureInfo::ChildWorkflowExecutionFailureInfo(info));
    caused(failure, canceled("canceled"))
}

pub(crate) fn of(message: &str, info: FailureInfo) -> Box<Failure> {
    Box::new(Failure {
        message: message.to_string(),
        source: SOURCE.to_string(),
        failure_info: Some(info),
        ..Failure::default()
    })
}

pub(crate) fn caused(mut failure: Box<Failure>, cause: Box<Failure>) -> Box<Failure> {
    failure.cause = Some(cause);
    failure
}

/// What an event that says nothing of its failure means to the one who waits.
pub(crate) fn unexplained() -> Box<Failure> {
    application("the history does not say why", "Unexplained", false)
}
