//! How values are written: a first byte that says the format of the row (rule 18), then a protobuf message of our own.
//!
//! Invariants: a row of a format that this build does not know is refused, never half read; Temporal's messages stand
//! inside as their canonical bytes; there are no floats and no maps in hash order.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::time::Duration;

use prost::{Message, Name};
use weft_engine::Timestamp;
use weft_protocol::{api::common::Payload, encode_canonical};

use crate::Corrupt;

/// The one format there is so far, of every row.
pub(crate) const FORMAT: u8 = 1;

/// A value whose key says it all.
pub(crate) const MARK: [u8; 1] = [FORMAT];

/// A span of time; absent is zero.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Span {
    #[prost(uint64, tag = "1")]
    seconds: u64,
    #[prost(uint32, tag = "2")]
    nanos: u32,
}

pub(crate) fn encode<M: Message>(message: &M) -> Vec<u8> {
    let mut value = Vec::with_capacity(1 + message.encoded_len());
    value.push(FORMAT);
    message.encode_raw(&mut value);
    value
}

/// The format byte and a message of Temporal's.
pub(crate) fn encode_foreign<M: Message + Name>(message: &M) -> Vec<u8> {
    let mut value = Vec::from(MARK);
    weft_protocol::encode_canonical_into(message, &mut value);
    value
}

pub(crate) fn decode<M: Message + Default>(table: u8, value: &[u8]) -> Result<M, Corrupt> {
    message(table, body(table, value)?)
}

/// What comes after the format byte.
pub(crate) fn body(table: u8, value: &[u8]) -> Result<&[u8], Corrupt> {
    match value {
        [FORMAT, body @ ..] => Ok(body),
        [format, ..] => Err(Corrupt::row(table, alloc::format!("format {format}, this build reads format {FORMAT}"))),
        [] => Err(Corrupt::row(table, "an empty value")),
    }
}

pub(crate) fn check_mark(table: u8, value: &[u8]) -> Result<(), Corrupt> {
    match body(table, value)? {
        [] => Ok(()),
        [..] => Err(Corrupt::row(table, "bytes where none belong")),
    }
}

pub(crate) fn message<M: Message + Default>(table: u8, bytes: &[u8]) -> Result<M, Corrupt> {
    M::decode(bytes).map_err(|error| Corrupt::row(table, error))
}

pub(crate) fn foreign<M: Message + Name>(message: Option<&M>) -> Option<Vec<u8>> {
    message.map(encode_canonical)
}

pub(crate) fn read_foreign<M: Message + Default>(table: u8, bytes: Option<Vec<u8>>) -> Result<Option<M>, Corrupt> {
    bytes.map(|bytes| message(table, &bytes)).transpose()
}

pub(crate) fn fields(payloads: &BTreeMap<String, Payload>) -> BTreeMap<String, Vec<u8>> {
    payloads.iter().map(|(name, payload)| (name.clone(), encode_canonical(payload))).collect()
}

pub(crate) fn read_fields(table: u8, fields: BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, Payload>, Corrupt> {
    fields.into_iter().map(|(name, bytes)| Ok((name, message(table, &bytes)?))).collect()
}

pub(crate) fn span(span: Duration) -> Option<Span> {
    (!span.is_zero()).then(|| Span { seconds: span.as_secs(), nanos: span.subsec_nanos() })
}

pub(crate) fn read_span(table: u8, span: Option<Span>) -> Result<Duration, Corrupt> {
    let Some(Span { seconds, nanos }) = span else { return Ok(Duration::ZERO) };
    if nanos >= 1_000_000_000 {
        return Err(Corrupt::row(table, "a span of time with more than a second of nanoseconds"));
    }
    Ok(Duration::new(seconds, nanos))
}

pub(crate) fn time(at: Option<Timestamp>) -> Option<i64> {
    at.map(|at| at.0)
}

pub(crate) fn read_time(at: Option<i64>) -> Option<Timestamp> {
    at.map(Timestamp)
}

pub(crate) fn unknown(table: u8, what: &str, number: u32) -> Corrupt {
    Corrupt::row(table, alloc::format!("unknown {what} {number}"))
}
