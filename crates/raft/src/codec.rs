//! The bytes that a group writes to the log and hands to its machine, all big-endian, version first:
//!
//! ```text
//! entry       [1] [kind u8] [term u64] [payload …]         kind 0 blank, 1 batch (raw bytes), 2 membership
//! vote        [1] [term u64] [node u64] [committed u8]
//! place       [1] [term u64] [index u64]                   committed and purged marks
//! mark        [1] [place] [0, or 1 and the place of the membership] [membership]
//! membership  [sets u16] { [voters u16] { [node u64] } } [nodes u16] { [node u64] }
//! ```
//!
//! The index of an entry is the write-ahead log's; inside of a place it counts from 1 as everywhere outside of
//! openraft. The golden bytes below are on disks: a change is a new version, never an edit.
//!
//! It deliberately does no checksums: the log and the store have theirs. What does not decode is an error that names
//! the record, never a panic.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::types::{self, Batch, Entry, EntryPayload, LogId, Membership, NodeId, StoredMembership, Vote};

const VERSION: u8 = 1;

const KIND_BLANK: u8 = 0;
const KIND_BATCH: u8 = 1;
const KIND_MEMBERSHIP: u8 = 2;

const ENTRY_HEADER: usize = 10;
const PLACE: usize = 16;

/// Bytes that this build did not write, or that were damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("a raft {record} of {bytes} bytes is cut short or has bytes that do not belong to it")]
    Length { record: &'static str, bytes: usize },
    #[error("a raft {record} has version {found}, this build reads version {VERSION}")]
    Version { record: &'static str, found: u8 },
    #[error("a raft {record} holds {found} where only a few values make sense")]
    Value { record: &'static str, found: u64 },
    #[error("a raft {record} does not have the checksum that came with it")]
    Checksum { record: &'static str },
}

pub(crate) fn entry(entry: &Entry) -> Bytes {
    let room = match &entry.payload {
        EntryPayload::Blank => 0,
        EntryPayload::Normal(batch) => batch.0.len(),
        EntryPayload::Membership(_) => 64,
    };
    let mut out = BytesMut::with_capacity(ENTRY_HEADER + room);
    put_entry(&mut out, entry);
    out.freeze()
}

fn put_entry(out: &mut BytesMut, entry: &Entry) {
    out.put_u8(VERSION);
    out.put_u8(match &entry.payload {
        EntryPayload::Blank => KIND_BLANK,
        EntryPayload::Normal(_) => KIND_BATCH,
        EntryPayload::Membership(_) => KIND_MEMBERSHIP,
    });
    out.put_u64(entry.log_id.leader_id.term);
    match &entry.payload {
        EntryPayload::Blank => {}
        EntryPayload::Normal(batch) => out.put_slice(&batch.0),
        EntryPayload::Membership(membership) => put_membership(out, membership),
    }
}

/// The entry that the log keeps at `raft_index`. A batch shares the memory of `bytes`.
pub(crate) fn read_entry(raft_index: u64, bytes: Bytes) -> Result<Entry, CodecError> {
    let mut input = Input::new("entry", bytes)?;
    let kind = input.u8()?;
    let log_id = types::log_id(input.u64()?, raft_index);
    let payload = match kind {
        KIND_BLANK => EntryPayload::Blank,
        KIND_BATCH => EntryPayload::Normal(Batch(input.rest())),
        KIND_MEMBERSHIP => EntryPayload::Membership(input.membership()?),
        unknown => return Err(input.value(unknown.into())),
    };
    input.end()?;
    Ok(Entry { log_id, payload })
}

/// The term of the entry without reading the rest of it.
pub(crate) fn read_term(bytes: &Bytes) -> Result<u64, CodecError> {
    let mut input = Input::new("entry", bytes.clone())?;
    input.u8()?;
    input.u64()
}

pub(crate) fn vote(vote: &Vote) -> Bytes {
    let mut out = BytesMut::with_capacity(18);
    out.put_u8(VERSION);
    put_vote(&mut out, vote);
    out.freeze()
}

fn put_vote(out: &mut BytesMut, vote: &Vote) {
    out.put_u64(vote.leader_id.term);
    out.put_u64(vote.leader_id.voted_for.0);
    out.put_u8(vote.committed.into());
}

pub(crate) fn read_vote(bytes: Bytes) -> Result<Vote, CodecError> {
    let mut input = Input::new("vote", bytes)?;
    let vote = input.vote()?;
    input.end()?;
    Ok(vote)
}

pub(crate) fn place(id: &LogId) -> Bytes {
    let mut out = BytesMut::with_capacity(1 + PLACE);
    out.put_u8(VERSION);
    put_place(&mut out, id);
    out.freeze()
}

pub(crate) fn read_place(bytes: Bytes) -> Result<LogId, CodecError> {
    let mut input = Input::new("place", bytes)?;
    let id = input.place()?;
    input.end()?;
    Ok(id)
}

/// How far a machine has come and the membership that holds there: what openraft needs to go on from its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) applied: LogId,
    pub(crate) membership: StoredMembership,
}

/// A mark as bytes; `membership` comes from [`stored_membership`], which rarely changes.
pub(crate) fn mark(applied: &LogId, membership: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(1 + PLACE + membership.len());
    out.put_u8(VERSION);
    put_place(&mut out, applied);
    out.put_slice(membership);
    out.freeze()
}

pub(crate) fn stored_membership(stored: &StoredMembership) -> Bytes {
    let mut out = BytesMut::new();
    match stored.log_id() {
        None => out.put_u8(0),
        Some(id) => {
            out.put_u8(1);
            put_place(&mut out, id);
        }
    }
    put_membership(&mut out, stored.membership());
    out.freeze()
}

pub(crate) fn read_mark(bytes: Bytes) -> Result<Mark, CodecError> {
    let mut input = Input::new("mark", bytes)?;
    let applied = input.place()?;
    let at = if input.flag()? { Some(input.place()?) } else { None };
    let membership = StoredMembership::new(at, input.membership()?);
    input.end()?;
    Ok(Mark { applied, membership })
}

fn put_place(out: &mut BytesMut, id: &LogId) {
    out.put_u64(id.leader_id.term);
    out.put_u64(types::index(id.index));
}

/// openraft's index of the entry that follows this one.
fn place_after(id: Option<&LogId>) -> u64 {
    id.map_or(0, |id| id.index + 1)
}

fn put_membership(out: &mut BytesMut, membership: &Membership) {
    let sets = membership.get_joint_config();
    put_count(out, sets.len());
    for voters in sets {
        put_count(out, voters.len());
        voters.iter().for_each(|node| out.put_u64(node.0));
    }
    put_count(out, membership.nodes().count());
    membership.nodes().for_each(|(node, ())| out.put_u64(node.0));
}

fn put_count(out: &mut BytesMut, count: usize) {
    out.put_u16(u16::try_from(count).expect("a cluster has far fewer than 65536 nodes"));
}

/// A reader that knows what it reads, so that its errors say so.
struct Input {
    record: &'static str,
    size: usize,
    bytes: Bytes,
}

impl Input {
    fn new(record: &'static str, bytes: Bytes) -> Result<Self, CodecError> {
        let mut input = Self { record, size: bytes.len(), bytes };
        match input.u8()? {
            VERSION => Ok(input),
            found => Err(CodecError::Version { record, found }),
        }
    }

    fn length(&self) -> CodecError {
        CodecError::Length { record: self.record, bytes: self.size }
    }

    fn value(&self, found: u64) -> CodecError {
        CodecError::Value { record: self.record, found }
    }

    fn u8(&mut self) -> Result<u8, CodecError> {
        self.bytes.try_get_u8().map_err(|_| self.length())
    }

    fn u16(&mut self) -> Result<u16, CodecError> {
        self.bytes.try_get_u16().map_err(|_| self.length())
    }

    fn u32(&mut self) -> Result<u32, CodecError> {
        self.bytes.try_get_u32().map_err(|_| self.length())
    }

    fn u64(&mut self) -> Result<u64, CodecError> {
        self.bytes.try_get_u64().map_err(|_| self.length())
    }

    /// The next bytes, in the memory of the whole.
    fn slice(&mut self, size: u32) -> Result<Bytes, CodecError> {
        let size = size as usize;
        if size > self.bytes.len() { Err(self.length()) } else { Ok(self.bytes.split_to(size)) }
    }

    fn vote(&mut self) -> Result<Vote, CodecError> {
        let (term, node) = (self.u64()?, NodeId(self.u64()?));
        Ok(if self.flag()? { Vote::new_committed(term, node) } else { Vote::new(term, node) })
    }

    fn flag(&mut self) -> Result<bool, CodecError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(self.value(found.into())),
        }
    }

    fn place(&mut self) -> Result<LogId, CodecError> {
        let (term, index) = (self.u64()?, self.u64()?);
        types::raft_index(index).map(|at| types::log_id(term, at)).ok_or_else(|| self.value(index))
    }

    fn nodes(&mut self) -> Result<BTreeSet<NodeId>, CodecError> {
        let count = self.u16()?;
        (0..count).map(|_| self.u64().map(NodeId)).collect()
    }

    fn membership(&mut self) -> Result<Membership, CodecError> {
        let count = self.u16()?;
        let sets: Vec<_> = (0..count).map(|_| self.nodes()).collect::<Result<_, _>>()?;
        let nodes = self.nodes()?;
        // Before a group is initialised its membership is empty, which openraft's checked constructor refuses.
        if sets.is_empty() && nodes.is_empty() {
            return Ok(Membership::default());
        }
        let count = nodes.len() as u64;
        let nodes: BTreeMap<NodeId, ()> = nodes.into_iter().map(|node| (node, ())).collect();
        Membership::new(sets, nodes).map_err(|_| self.value(count))
    }

    fn rest(&mut self) -> Bytes {
        self.bytes.split_to(self.bytes.len())
    }

    fn end(&self) -> Result<(), CodecError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(self.length()) }
    }
}

pub(crate) mod message;
pub(crate) mod pulse;
#[cfg(test)]
mod tests;
