//! Failures that the server itself makes, and failures that are too large to keep.

use alloc::{boxed::Box, format, string::String};

use prost::Message;
use weft_protocol::api::{
    common::Payloads,
    enums::TimeoutType,
    failure::{ApplicationFailureInfo, Failure, ServerFailureInfo, TimeoutFailureInfo, failure::FailureInfo},
};

use crate::retry::timeout_name;

/// What was left of the time did not suffice for another attempt.
const NO_TIME: &str =
    "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying";

/// How deep the causes of a failure are kept that is cut.
const KEPT_CAUSES: usize = 20;

pub(crate) fn timeout(kind: TimeoutType) -> Failure {
    timeout_saying(kind, format!("activity {} timeout", timeout_name(kind)))
}

pub(crate) fn no_time_left() -> Failure {
    timeout_saying(TimeoutType::ScheduleToClose, NO_TIME.into())
}

fn timeout_saying(kind: TimeoutType, message: String) -> Failure {
    let info = TimeoutFailureInfo { timeout_type: kind as i32, last_heartbeat_details: None };
    server(message, FailureInfo::TimeoutFailureInfo(info))
}

/// A child that a run waits for after a reset is not there any more, and nobody knows how it ended.
pub(crate) fn child_not_found() -> Failure {
    application("weft.ChildNotFound", "The child workflow is not there any more: how it ended is not known.")
}

/// A run that a reset made waits for a child no more, because whoever reset it wanted it so.
pub(crate) fn child_left() -> Failure {
    application("weft.ChildLeft", "The child workflow was left to the run that was reset: it may run on.")
}

/// Not to be tried again: it would fail again.
fn application(kind: &str, message: &str) -> Failure {
    let info = ApplicationFailureInfo { r#type: kind.into(), non_retryable: true, ..ApplicationFailureInfo::default() };
    server(message.into(), FailureInfo::ApplicationFailureInfo(info))
}

/// What the worker sent is too large to be kept.
pub(crate) fn too_large(message: &str) -> Failure {
    let info = FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable: true });
    Failure { message: message.into(), failure_info: Some(info), ..Failure::default() }
}

fn server(message: String, info: FailureInfo) -> Failure {
    Failure { message, source: "Server".into(), failure_info: Some(info), ..Failure::default() }
}

/// A timeout with what the worker said last and with what ended the attempt before.
pub(crate) fn with_facts(mut failure: Failure, heartbeat: Option<Payloads>, cause: Option<Failure>) -> Failure {
    if let Some(FailureInfo::TimeoutFailureInfo(info)) = &mut failure.failure_info {
        info.last_heartbeat_details = heartbeat;
    }
    Failure { cause: cause.map(Box::new), ..failure }
}

/// A failure of at most `limit` bytes as it is; of a larger one, no more than about `kept` bytes, as the cause of a failure
/// that says so.
pub(crate) fn cut(failure: Failure, limit: usize, kept: usize, non_retryable: bool) -> Failure {
    if failure.encoded_len() <= limit {
        return failure;
    }
    let info = FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable });
    let cause = trimmed(&failure, Room(kept), KEPT_CAUSES);
    let message = "Failure exceeds size limit.".into();
    Failure { message, cause: Some(Box::new(cause)), failure_info: Some(info), ..Failure::default() }
}

/// Bytes that may still be kept. What is asked for first gets most.
struct Room(usize);

impl Room {
    fn take(&mut self, bytes: usize) {
        self.0 = self.0.saturating_sub(bytes);
    }

    /// As much of a text as there is room for.
    fn text(&mut self, text: &str) -> String {
        let kept = head(text, self.0);
        if !kept.is_empty() {
            self.take(kept.len() + 4);
        }
        kept
    }
}

/// What kind of failure it is, its texts and its causes, and nothing else that may be large.
fn trimmed(failure: &Failure, mut room: Room, depth: usize) -> Failure {
    let failure_info = match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => {
            let r#type = room.text(&info.r#type);
            room.take(8);
            let non_retryable = info.non_retryable;
            Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                r#type,
                non_retryable,
                ..Default::default()
            }))
        }
        Some(FailureInfo::ServerFailureInfo(info)) => {
            room.take(4);
            Some(FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable: info.non_retryable }))
        }
        _ => None,
    };
    let (source, message) = (room.text(&failure.source), room.text(&failure.message));
    let stack_trace = room.text(&failure.stack_trace);
    let cause = failure.cause.as_deref().filter(|_| room.0 > 4 && depth > 0);
    let cause = cause.map(|cause| Box::new(trimmed(cause, Room(room.0 - 4), depth - 1)));
    Failure { failure_info, source, message, stack_trace, cause, ..Failure::default() }
}

/// The first bytes of a text, cut between characters.
fn head(text: &str, bytes: usize) -> String {
    let end = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[..end].into()
}
