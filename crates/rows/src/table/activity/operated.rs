//! What operators did to a pending activity: a part of its row that most rows do not have.

use alloc::{boxed::Box, string::String, vec::Vec};

use prost::Message;
use weft_engine::{
    Timestamp,
    state::{ActivityOptions, ActivityPause, Operated},
};

use super::{ACTIVITY, RetryRow, read_retry, retry_row};
use crate::{
    Corrupt,
    value::{self, Span},
};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Row {
    #[prost(message, optional, tag = "1")]
    paused: Option<PauseRow>,
    #[prost(bool, tag = "2")]
    held: bool,
    #[prost(bool, tag = "3")]
    reset: bool,
    #[prost(bool, tag = "4")]
    forgets_heartbeat: bool,
    #[prost(message, optional, tag = "5")]
    suspended: Option<Span>,
    #[prost(message, optional, tag = "6")]
    attempt_suspended: Option<Span>,
    #[prost(message, optional, tag = "7")]
    original: Option<OptionsRow>,
}

#[derive(Clone, PartialEq, Message)]
struct PauseRow {
    #[prost(sfixed64, tag = "1")]
    at: i64,
    #[prost(string, tag = "2")]
    identity: String,
    #[prost(string, tag = "3")]
    reason: String,
    #[prost(string, tag = "4")]
    request: String,
}

#[derive(Clone, PartialEq, Message)]
struct OptionsRow {
    #[prost(string, tag = "1")]
    queue: String,
    #[prost(message, optional, tag = "2")]
    schedule_to_close: Option<Span>,
    #[prost(message, optional, tag = "3")]
    schedule_to_start: Option<Span>,
    #[prost(message, optional, tag = "4")]
    start_to_close: Option<Span>,
    #[prost(message, optional, tag = "5")]
    heartbeat_timeout: Option<Span>,
    #[prost(message, optional, tag = "6")]
    retry: Option<RetryRow>,
    #[prost(bytes = "vec", optional, tag = "7")]
    priority: Option<Vec<u8>>,
}

pub(super) fn row(operated: &Operated) -> Row {
    let Operated { paused, held, reset, forgets_heartbeat, suspended, attempt_suspended, original } = operated;
    Row {
        paused: paused.as_ref().map(pause_row),
        held: *held,
        reset: *reset,
        forgets_heartbeat: *forgets_heartbeat,
        suspended: value::span(*suspended),
        attempt_suspended: value::span(*attempt_suspended),
        original: original.as_deref().map(options_row),
    }
}

pub(super) fn read(row: Row) -> Result<Operated, Corrupt> {
    let Row { paused, held, reset, forgets_heartbeat, suspended, attempt_suspended, original } = row;
    let operated = Operated {
        paused: paused.map(read_pause),
        held,
        reset,
        forgets_heartbeat,
        suspended: value::read_span(ACTIVITY, suspended)?,
        attempt_suspended: value::read_span(ACTIVITY, attempt_suspended)?,
        original: original.map(read_options).transpose()?.map(Box::new),
    };
    if operated == Operated::default() {
        return Err(Corrupt::row(ACTIVITY, "operated on, but nothing was done"));
    }
    Ok(operated)
}

fn pause_row(pause: &ActivityPause) -> PauseRow {
    let ActivityPause { at, identity, reason, request } = pause;
    PauseRow { at: at.0, identity: identity.as_str().into(), reason: reason.clone(), request: request.clone() }
}

fn read_pause(row: PauseRow) -> ActivityPause {
    let PauseRow { at, identity, reason, request } = row;
    ActivityPause { at: Timestamp(at), identity: identity.into(), reason, request }
}

fn options_row(options: &ActivityOptions) -> OptionsRow {
    let ActivityOptions { queue, schedule_to_close, schedule_to_start, start_to_close, .. } = options;
    let ActivityOptions { heartbeat_timeout, retry, priority, .. } = options;
    OptionsRow {
        queue: queue.as_str().into(),
        schedule_to_close: value::span(*schedule_to_close),
        schedule_to_start: value::span(*schedule_to_start),
        start_to_close: value::span(*start_to_close),
        heartbeat_timeout: value::span(*heartbeat_timeout),
        retry: Some(retry_row(retry)),
        priority: value::foreign(priority.as_ref()),
    }
}

fn read_options(row: OptionsRow) -> Result<ActivityOptions, Corrupt> {
    Ok(ActivityOptions {
        queue: row.queue.into(),
        schedule_to_close: value::read_span(ACTIVITY, row.schedule_to_close)?,
        schedule_to_start: value::read_span(ACTIVITY, row.schedule_to_start)?,
        start_to_close: value::read_span(ACTIVITY, row.start_to_close)?,
        heartbeat_timeout: value::read_span(ACTIVITY, row.heartbeat_timeout)?,
        retry: read_retry(row.retry.ok_or_else(|| Corrupt::missing(ACTIVITY, "original retry policy"))?)?,
        priority: value::read_foreign(ACTIVITY, row.priority)?,
    })
}
