//! Failures of activities that the server itself makes, and failures that are too large to keep.

use alloc::{boxed::Box, format, string::String};

use prost::Message;
use weft_protocol::api::{
    common::Payloads,
    enums::TimeoutType,
    failure::{Failure, ServerFailureInfo, TimeoutFailureInfo, failure::FailureInfo},
};

use crate::retry::timeout_name;

/// What was left of the time did not suffice for another attempt.
const NO_TIME: &str =
    "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying";

/// How deep the causes of a failure are kept that is cut.
const KEPT_CAUSES: usize = 5;

pub(super) fn timeout(kind: TimeoutType) -> Failure {
    timeout_saying(kind, format!("activity {} timeout", timeout_name(kind)))
}

pub(super) fn no_time_left() -> Failure {
    timeout_saying(TimeoutType::ScheduleToClose, NO_TIME.into())
}

fn timeout_saying(kind: TimeoutType, message: String) -> Failure {
    let info = TimeoutFailureInfo { timeout_type: kind as i32, last_heartbeat_details: None };
    server(message, FailureInfo::TimeoutFailureInfo(info))
}

/// What the worker sent is too large to be kept.
pub(super) fn too_large(message: &str) -> Failure {
    server(message.into(), FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable: true }))
}

fn server(message: String, info: FailureInfo) -> Failure {
    Failure { message, source: "Server".into(), failure_info: Some(info), ..Failure::default() }
}

/// A timeout with what the worker said last and with what ended the attempt before.
pub(super) fn with_facts(mut failure: Failure, heartbeat: Option<Payloads>, cause: Option<Failure>) -> Failure {
    if let Some(FailureInfo::TimeoutFailureInfo(info)) = &mut failure.failure_info {
        info.last_heartbeat_details = heartbeat;
    }
    Failure { cause: cause.map(Box::new), ..failure }
}

/// A failure of at most `limit` bytes as it is; of a larger one, no more than about `kept` bytes, as the cause of a failure
/// that says so.
pub(super) fn cut(failure: Failure, limit: usize, kept: usize, non_retryable: bool) -> Failure {
    if failure.encoded_len() <= limit {
        return failure;
    }
    let info = FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable });
    let room = kept / (2 * KEPT_CAUSES);
    Failure {
        cause: Some(Box::new(trimmed(&failure, room, KEPT_CAUSES))),
        ..server("Failure exceeds size limit.".into(), info)
    }
}

/// Message and source of a failure and of its causes, and nothing that may be large.
fn trimmed(failure: &Failure, room: usize, depth: usize) -> Failure {
    let cause = failure.cause.as_deref().filter(|_| depth > 1);
    Failure {
        message: head(&failure.message, room),
        source: head(&failure.source, room / 8),
        cause: cause.map(|cause| Box::new(trimmed(cause, room, depth - 1))),
        ..Failure::default()
    }
}

/// The first bytes of a text, cut between characters.
fn head(text: &str, bytes: usize) -> String {
    let end = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[..end].into()
}
