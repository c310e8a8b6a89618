//! The floor of a group: up to where this node once had its log, before it forgot it.
//!
//! A replica that was given up and comes back begins with an empty log. Whom it voted for is kept by the log. But a vote says
//! also that the candidate has all that the voter acknowledged, and an empty log would let it say so of anybody: one that
//! missed the change by which the replica lost its vote still counts on it, and could win with it what others have since
//! committed otherwise. So could the replica itself, while it reads old entries in which it votes.
//!
//! Invariants: a replica that has a floor votes for no candidate whose log ends before that, for as long as it has it. While
//! its own log ends before its floor, it does not stand. Once its log has come so far, every candidate that Raft lets it vote
//! for, whose log ends no earlier than its own, has the floor too: it is as one that was never given up, and only slow.

use bytes::Bytes;

use crate::codec::{self, CodecError};
use crate::types::LogId;

/// As it is kept by the machine; nothing of a group that never had a log here.
pub(crate) fn encode(floor: Option<LogId>) -> Option<Bytes> {
    floor.map(|floor| codec::place(&floor))
}

pub(crate) fn decode(bytes: Option<Bytes>) -> Result<Option<LogId>, CodecError> {
    bytes.map(codec::read_place).transpose()
}
