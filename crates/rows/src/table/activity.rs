//! Pending activity: one row each, so that a step of a workflow with thousands of them writes only those it changed.
//!
//! ```text
//! key    slot | namespace id | workflow text | run id | scheduled event signed
//! value  01 | Row
//! ```

mod operated;

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

use prost::Message;
use weft_engine::{
    EventId, RunId, Timestamp,
    state::{Activity, ActivityStage, Heartbeat, RetryPolicy},
};

use super::ACTIVITY;
use crate::{
    Corrupt,
    key::{Reader, Scope, put_signed},
    value::{self, Span},
};

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    activity_type: String,
    #[prost(string, tag = "3")]
    queue: String,
    #[prost(sfixed64, tag = "4")]
    scheduled_at: i64,
    #[prost(uint32, tag = "5")]
    attempt: u32,
    /// Exactly one of these three is there.
    #[prost(sfixed64, optional, tag = "6")]
    offered_at: Option<i64>,
    #[prost(sfixed64, optional, tag = "7")]
    backoff_until: Option<i64>,
    #[prost(message, optional, tag = "8")]
    started: Option<StartedRow>,
    #[prost(int64, optional, tag = "9")]
    cancel_requested: Option<i64>,
    #[prost(message, optional, tag = "10")]
    schedule_to_close: Option<Span>,
    #[prost(message, optional, tag = "11")]
    schedule_to_start: Option<Span>,
    #[prost(message, optional, tag = "12")]
    start_to_close: Option<Span>,
    #[prost(message, optional, tag = "13")]
    heartbeat_timeout: Option<Span>,
    #[prost(message, optional, tag = "14")]
    retry: Option<RetryRow>,
    #[prost(bytes = "vec", optional, tag = "15")]
    last_failure: Option<Vec<u8>>,
    #[prost(message, optional, tag = "16")]
    heartbeat: Option<HeartbeatRow>,
    #[prost(string, tag = "17")]
    last_identity: String,
    #[prost(sfixed64, optional, tag = "18")]
    last_attempt_ended_at: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "19")]
    priority: Option<Vec<u8>>,
    #[prost(message, optional, tag = "20")]
    operated: Option<operated::Row>,
}

#[derive(Clone, PartialEq, Message)]
struct StartedRow {
    #[prost(sfixed64, tag = "1")]
    at: i64,
    #[prost(string, tag = "2")]
    identity: String,
    #[prost(string, tag = "3")]
    request: String,
    #[prost(sfixed64, tag = "4")]
    heartbeat_at: i64,
    #[prost(sfixed64, tag = "5")]
    offered_at: i64,
}

#[derive(Clone, PartialEq, Message)]
struct HeartbeatRow {
    #[prost(sfixed64, tag = "1")]
    at: i64,
    #[prost(bytes = "vec", optional, tag = "2")]
    details: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryRow {
    #[prost(message, optional, tag = "1")]
    initial: Option<Span>,
    /// The bits of the IEEE 754 number that the client gave: our own rows hold no floats.
    #[prost(fixed64, tag = "2")]
    coefficient_bits: u64,
    #[prost(message, optional, tag = "3")]
    max_interval: Option<Span>,
    #[prost(uint32, tag = "4")]
    max_attempts: u32,
    #[prost(string, repeated, tag = "5")]
    non_retryable_types: Vec<String>,
}

pub(crate) fn key(scope: &Scope, run: &RunId, scheduled: EventId) -> Vec<u8> {
    let mut key = scope.run(run);
    put_signed(&mut key, scheduled.0);
    key
}

/// Which activity a row found under the prefix of its run is about.
pub(crate) fn decode_key(prefix: &[u8], key: &[u8]) -> Result<EventId, Corrupt> {
    let mut reader = Reader::after(ACTIVITY, prefix, key)?;
    let scheduled = reader.event()?;
    reader.end()?;
    Ok(scheduled)
}

pub(crate) fn encode(activity: &Activity) -> Vec<u8> {
    // The scheduled event is the key's.
    let Activity { scheduled_event_id: _, id, activity_type, queue, scheduled_at, attempt, stage, .. } = activity;
    let Activity { cancel_requested, schedule_to_close, schedule_to_start, start_to_close, .. } = activity;
    let Activity { heartbeat_timeout, retry, last_failure, heartbeat, last_identity, .. } = activity;
    let Activity { last_attempt_ended_at, priority, operated, .. } = activity;
    let mut row = Row {
        id: id.as_str().into(),
        activity_type: String::from(&**activity_type),
        queue: queue.as_str().into(),
        scheduled_at: scheduled_at.0,
        attempt: *attempt,
        offered_at: None,
        backoff_until: None,
        started: None,
        cancel_requested: cancel_requested.map(|event| event.0),
        schedule_to_close: value::span(*schedule_to_close),
        schedule_to_start: value::span(*schedule_to_start),
        start_to_close: value::span(*start_to_close),
        heartbeat_timeout: value::span(*heartbeat_timeout),
        retry: Some(retry_row(retry)),
        last_failure: value::foreign(last_failure.as_deref()),
        heartbeat: heartbeat.as_ref().map(heartbeat_row),
        last_identity: last_identity.as_str().into(),
        last_attempt_ended_at: value::time(*last_attempt_ended_at),
        priority: value::foreign(priority.as_ref()),
        operated: operated.as_deref().map(operated::row),
    };
    match stage {
        ActivityStage::Scheduled { at } => row.offered_at = Some(at.0),
        ActivityStage::Backoff { until } => row.backoff_until = Some(until.0),
        ActivityStage::Started { at, offered_at, identity, request, heartbeat_at } => {
            row.started = Some(StartedRow {
                at: at.0,
                identity: identity.as_str().into(),
                request: request.as_str().into(),
                heartbeat_at: heartbeat_at.0,
                offered_at: offered_at.0,
            });
        }
    }
    value::encode(&row)
}

pub(crate) fn decode(scheduled_event_id: EventId, bytes: &[u8]) -> Result<Activity, Corrupt> {
    let row: Row = value::decode(ACTIVITY, bytes)?;
    let stage = match (row.offered_at, row.backoff_until, row.started) {
        (Some(at), None, None) => ActivityStage::Scheduled { at: Timestamp(at) },
        (None, Some(until), None) => ActivityStage::Backoff { until: Timestamp(until) },
        (None, None, Some(StartedRow { at, identity, request, heartbeat_at, offered_at })) => ActivityStage::Started {
            at: Timestamp(at),
            offered_at: Timestamp(offered_at),
            identity: identity.into(),
            request: request.into(),
            heartbeat_at: Timestamp(heartbeat_at),
        },
        _ => return Err(Corrupt::row(ACTIVITY, "not exactly one stage")),
    };
    Ok(Activity {
        scheduled_event_id,
        id: row.id.into(),
        activity_type: row.activity_type.into(),
        queue: row.queue.into(),
        scheduled_at: Timestamp(row.scheduled_at),
        attempt: row.attempt,
        stage,
        cancel_requested: row.cancel_requested.map(EventId),
        schedule_to_close: value::read_span(ACTIVITY, row.schedule_to_close)?,
        schedule_to_start: value::read_span(ACTIVITY, row.schedule_to_start)?,
        start_to_close: value::read_span(ACTIVITY, row.start_to_close)?,
        heartbeat_timeout: value::read_span(ACTIVITY, row.heartbeat_timeout)?,
        retry: read_retry(row.retry.ok_or_else(|| Corrupt::missing(ACTIVITY, "retry policy"))?)?,
        last_failure: value::read_foreign(ACTIVITY, row.last_failure)?.map(Arc::new),
        heartbeat: row.heartbeat.map(read_heartbeat).transpose()?,
        last_identity: row.last_identity.into(),
        last_attempt_ended_at: value::read_time(row.last_attempt_ended_at),
        priority: value::read_foreign(ACTIVITY, row.priority)?,
        operated: row.operated.map(operated::read).transpose()?.map(Box::new),
    })
}

fn heartbeat_row(heartbeat: &Heartbeat) -> HeartbeatRow {
    let Heartbeat { at, details } = heartbeat;
    HeartbeatRow { at: at.0, details: value::foreign(details.as_deref()) }
}

fn read_heartbeat(row: HeartbeatRow) -> Result<Heartbeat, Corrupt> {
    let HeartbeatRow { at, details } = row;
    Ok(Heartbeat { at: Timestamp(at), details: value::read_foreign(ACTIVITY, details)?.map(Arc::new) })
}

fn retry_row(retry: &RetryPolicy) -> RetryRow {
    let RetryPolicy { initial, coefficient, max_interval, max_attempts, non_retryable_types } = retry;
    RetryRow {
        initial: value::span(*initial),
        coefficient_bits: coefficient.to_bits(),
        max_interval: value::span(*max_interval),
        max_attempts: *max_attempts,
        non_retryable_types: non_retryable_types.clone(),
    }
}

fn read_retry(row: RetryRow) -> Result<RetryPolicy, Corrupt> {
    let RetryRow { initial, coefficient_bits, max_interval, max_attempts, non_retryable_types } = row;
    Ok(RetryPolicy {
        initial: value::read_span(ACTIVITY, initial)?,
        coefficient: f64::from_bits(coefficient_bits),
        max_interval: value::read_span(ACTIVITY, max_interval)?,
        max_attempts,
        non_retryable_types,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        let activity = sample::activity();
        golden::check("pending activity key", &key(&Scope::of(&sample::key()), &sample::run(), EventId(5)));
        golden::check("pending activity value, started", &encode(&activity));
        let offered = Activity { stage: ActivityStage::Scheduled { at: Timestamp(10) }, ..activity.clone() };
        golden::check("pending activity value, offered", &encode(&offered));
        let backing_off = Activity { stage: ActivityStage::Backoff { until: Timestamp(10) }, ..activity };
        golden::check("pending activity value, backing off", &encode(&backing_off));
        let operated = Activity { operated: Some(Box::new(sample::operated())), ..sample::activity() };
        golden::check("pending activity value, operated", &encode(&operated));
    }

    proptest! {
        #[test]
        fn rows_come_back(workflow in generate::key(), run in generate::run(), activity in generate::activity()) {
            let scope = Scope::of(&workflow);
            let scheduled = decode_key(&scope.run(&run), &key(&scope, &run, activity.scheduled_event_id));
            prop_assert_eq!(&scheduled, &Ok(activity.scheduled_event_id));
            prop_assert_eq!(decode(activity.scheduled_event_id, &encode(&activity)), Ok(activity));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = (decode_key(&[], &bytes), decode(EventId(1), &bytes));
        }
    }
}
