//! History batch: the events that one transition appended to one branch.
//!
//! ```text
//! key    slot | namespace id | workflow text | branch id | first event signed
//! value  01 | previous head, 32 bytes | first event i64 | count u32 | events
//! events { length varint | HistoryEvent, canonical }
//! ```
//!
//! Invariants: events are encoded once, by the leader, and copied ever after; their numbers are dense. The head of a
//! branch is SHA-256 over the previous head and the bytes of `events`, all zero before the first batch, so that no
//! batch can be changed, dropped or moved without all heads after it changing too.
//!
//! A branch that begins with a part of another one ([`Branch`]) has rows from there on only, and its chain goes on from the
//! head that the other branch had at that place. If the place is in the middle of a batch, that is the head that the branch
//! would have had if the batch had ended there: SHA-256 over the batch's previous head and the bytes of the events that
//! both branches have ([`head_before`]). Nothing of the batch is copied; whoever reads it for the new branch stops there
//! ([`decode_part`]).

mod audit;

use alloc::vec::Vec;
use core::ops::Range;

pub use audit::{Audit, Broken};

use prost::{Message, bytes::Bytes};
use sha2::{Digest, Sha256};
use weft_engine::{
    EventId, WorkflowKey,
    state::{Branch, BranchId, Hash},
};
use weft_protocol::{api::history::HistoryEvent, encode_canonical_into};

use super::HISTORY;
use crate::{
    Corrupt, Ops,
    key::{Scope, put_signed},
    ops::{put_length, take, take_length},
    value,
};

/// One batch as it is read back.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryBatch {
    pub first: EventId,
    pub events: Vec<HistoryEvent>,
    /// The head of the branch before this batch, as its row says.
    pub previous_head: Hash,
    /// The head of the branch after it, computed from its bytes.
    pub head: Hash,
}

/// What the keys of a branch begin with.
#[must_use]
pub fn branch_prefix(key: &WorkflowKey, branch: &BranchId) -> Vec<u8> {
    Scope::of(key).run(branch)
}

/// The key of the batch that begins with `first`.
#[must_use]
pub fn key(key: &WorkflowKey, branch: &BranchId, first: EventId) -> Vec<u8> {
    scoped_key(&Scope::of(key), branch, first)
}

pub(crate) fn scoped_key(scope: &Scope, branch: &BranchId, first: EventId) -> Vec<u8> {
    let mut key = scope.run(branch);
    put_signed(&mut key, first.0);
    key
}

/// All batches of a branch: from the first key up to but without the second.
#[must_use]
pub fn range(key: &WorkflowKey, branch: &BranchId) -> (Vec<u8>, Vec<u8>) {
    let first = branch_prefix(key, branch);
    let mut end = first.clone();
    // No event has a number that comes after this.
    put_signed(&mut end, i64::MAX);
    (first, end)
}

/// The rows of one stretch of a branch's history, and where the stretch ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub from: Vec<u8>,
    /// No key of the stretch.
    pub to: Vec<u8>,
    /// The first event that is not part of it, though the last batch may have it.
    pub end: EventId,
}

/// Where all events of a branch before `next` stand, from the first one on. Each stretch begins with a batch of its own;
/// the batches are to be read with [`decode_part`] up to its end.
#[must_use]
pub fn stretches(key: &WorkflowKey, branch: &Branch, next: EventId) -> Vec<Stretch> {
    let parts = branch.parts(EventId::FIRST, next).into_iter();
    let stretch = parts.map(|part| {
        let (from, to) = between(key, &part.branch, part.from, part.to);
        Stretch { from, to, end: part.to }
    });
    stretch.collect()
}

/// Batches that may hold events before `to`. Read backwards from its end, they begin with the newest; going on with
/// the first event of the last one read as `to` gives the page before.
#[must_use]
pub fn before(key: &WorkflowKey, branch: &BranchId, to: EventId) -> (Vec<u8>, Vec<u8>) {
    let scope = Scope::of(key);
    (scope.run(branch), scoped_key(&scope, branch, to))
}

/// Batches that begin with `from` or later and before `to`. The batch that holds `from` may begin before it: it is the
/// last one of [`before`] the event after `from`.
#[must_use]
pub fn between(key: &WorkflowKey, branch: &BranchId, from: EventId, to: EventId) -> (Vec<u8>, Vec<u8>) {
    let scope = Scope::of(key);
    (scoped_key(&scope, branch, from), scoped_key(&scope, branch, to.max(from)))
}

/// A batch and the head of the branch after it.
pub(crate) fn encode(previous: &Hash, first: EventId, events: &[HistoryEvent]) -> (Vec<u8>, Hash) {
    let mut value = header(previous, first, events.len(), events.iter().map(HistoryEvent::encoded_len).sum());
    for event in events {
        put_length(&mut value, event.encoded_len());
        encode_canonical_into(event, &mut value);
    }
    let head = head_after(previous, &value[HEADER_BYTES..]);
    (value, head)
}

/// Writes a batch of events that stand as bytes already, after the head and from the number that are given; gives the
/// head after it. Of a copied history, whose bytes are not to change.
pub fn copy(
    ops: &mut Ops,
    key: &WorkflowKey,
    branch: &BranchId,
    (previous, first): (Hash, EventId),
    events: &[Bytes],
) -> Hash {
    let mut value = header(&previous, first, events.len(), events.iter().map(Bytes::len).sum());
    for event in events {
        put_length(&mut value, event.len());
        value.extend_from_slice(event);
    }
    ops.put(HISTORY, &self::key(key, branch, first), &value);
    head_after(&previous, &value[HEADER_BYTES..])
}

fn header(previous: &Hash, first: EventId, count: usize, bytes: usize) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER_BYTES + 5 * count + bytes);
    value.push(value::FORMAT);
    value.extend_from_slice(previous);
    value.extend_from_slice(&first.0.to_be_bytes());
    value.extend_from_slice(&u32::try_from(count).expect("a batch has few events").to_be_bytes());
    value
}

/// Format, previous head, first event, count.
const HEADER_BYTES: usize = 1 + 32 + 8 + 4;

fn head_after(previous: &Hash, events: &[u8]) -> Hash {
    Sha256::new().chain_update(previous).chain_update(events).finalize().into()
}

/// The number of a batch's first event, and where the bytes of each of its events stand. Neither decodes an event nor
/// computes the head: this is how histories are read.
///
/// # Errors
/// When nobody wrote such a batch.
pub fn event_ranges(bytes: &[u8]) -> Result<(EventId, Vec<Range<usize>>), Corrupt> {
    let mut rest = value::body(HISTORY, bytes)?;
    let _previous_head: Hash = array(&mut rest)?;
    let first = EventId(i64::from_be_bytes(array(&mut rest)?));
    let count = u32::from_be_bytes(array(&mut rest)?);
    let mut ranges = Vec::new();
    while !rest.is_empty() {
        let event = take_length(&mut rest).and_then(|length| take(&mut rest, length)).ok_or_else(cut_short)?;
        let end = bytes.len() - rest.len();
        ranges.push(end - event.len()..end);
    }
    if ranges.len() as u64 != u64::from(count) || ranges.is_empty() {
        return Err(other_count());
    }
    Ok((first, ranges))
}

/// One of the events that [`event_ranges`] finds, as a message.
///
/// # Errors
/// When nobody wrote such an event.
pub fn decode_event(bytes: &[u8]) -> Result<HistoryEvent, Corrupt> {
    value::message(HISTORY, bytes)
}

/// The head of the branch before event `end`, from the batch that has the event before it.
///
/// # Errors
/// When nobody wrote such a batch, or it has no event before `end`.
pub fn head_before(bytes: &[u8], end: EventId) -> Result<Hash, Corrupt> {
    let (first, ranges) = event_ranges(bytes)?;
    let previous_head: Hash = array(&mut value::body(HISTORY, bytes)?)?;
    let kept = usize::try_from(end.0.saturating_sub(first.0)).unwrap_or(0);
    let last = ranges[..kept.min(ranges.len())].last();
    let last = last.ok_or_else(|| Corrupt::row(HISTORY, "a batch that begins after the event that was asked for"))?;
    Ok(head_after(&previous_head, &bytes[HEADER_BYTES..last.end]))
}

/// A batch as a branch has it that ends, or was divided, before event `end`.
///
/// # Errors
/// When nobody wrote such a batch, or it has no event before `end`.
pub fn decode_part(bytes: &[u8], end: EventId) -> Result<HistoryBatch, Corrupt> {
    let mut batch = decode_batch(bytes)?;
    let kept = usize::try_from(end.0.saturating_sub(batch.first.0)).unwrap_or(0);
    if kept < batch.events.len() {
        batch.head = head_before(bytes, end)?;
        batch.events.truncate(kept);
    }
    Ok(batch)
}

/// # Errors
/// When nobody wrote such a batch.
pub fn decode_batch(bytes: &[u8]) -> Result<HistoryBatch, Corrupt> {
    let mut rest = value::body(HISTORY, bytes)?;
    let previous_head: Hash = array(&mut rest)?;
    let first = EventId(i64::from_be_bytes(array(&mut rest)?));
    let count = u32::from_be_bytes(array(&mut rest)?);
    let head = head_after(&previous_head, rest);
    let mut events = Vec::new();
    while !rest.is_empty() {
        let event = take_length(&mut rest).and_then(|length| take(&mut rest, length)).ok_or_else(cut_short)?;
        events.push(value::message::<HistoryEvent>(HISTORY, event)?);
    }
    if events.len() as u64 != u64::from(count) || events.is_empty() {
        return Err(other_count());
    }
    let numbers = events.iter().map(|event| event.event_id);
    if !numbers.eq((first.0..).take(events.len())) {
        return Err(Corrupt::row(HISTORY, "events whose numbers do not follow each other"));
    }
    Ok(HistoryBatch { first, events, previous_head, head })
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Corrupt> {
    let (bytes, after) = rest.split_first_chunk().ok_or_else(cut_short)?;
    *rest = after;
    Ok(*bytes)
}

fn other_count() -> Corrupt {
    Corrupt::row(HISTORY, "another count of events than the batch says")
}

fn cut_short() -> Corrupt {
    Corrupt::row(HISTORY, "a batch is cut short")
}

#[cfg(test)]
mod tests;
