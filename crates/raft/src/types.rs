//! The types that this crate gives to openraft, and the names that it gives to openraft's.
//!
//! Invariants: a term has at most one leader (`leader_id_std`), so the identity of an entry is its term and its place.
//! openraft counts places from 0; everything outside of this crate, the write-ahead log included, counts from 1, so
//! that 0 can mean "nothing". Only [`index`] and [`raft_index`] translate.
//!
//! It deliberately says nothing about bytes: see `codec`.

use std::fmt;

use bytes::Bytes;
use openraft::impls::leader_id_std;
use openraft::{OptionalSend, RaftTypeConfig};

use crate::responder::Answer;
use crate::runtime::Runtime;

/// A node of the cluster. Never given to another node, also not after this one was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u64> for NodeId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

/// What is proposed: opaque here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch(pub(crate) Bytes);

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What the machine answered to a batch: opaque here.
#[derive(Clone, Debug)]
pub(crate) struct Reply(pub(crate) Bytes);

/// openraft's compile-time configuration for every group of Weft.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Types;

impl RaftTypeConfig for Types {
    type D = Batch;
    type R = Reply;
    type NodeId = NodeId;
    // Where a node can be reached is the metadata group's knowledge, not the log's.
    type Node = ();
    type Term = u64;
    type LeaderId = leader_id_std::LeaderId<u64, NodeId>;
    type Vote = openraft::impls::Vote<Self::LeaderId>;
    type Payload = EntryPayload;
    type Entry = Entry;
    type AsyncRuntime = Runtime;
    type Responder<T>
        = Answer<T>
    where
        T: OptionalSend + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: OptionalSend + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

pub(crate) type EntryPayload = openraft::EntryPayload<Batch, NodeId, ()>;
pub(crate) type Entry = openraft::Entry<Leader, EntryPayload>;
pub(crate) type Leader = openraft::type_config::alias::CommittedLeaderIdOf<Types>;
pub(crate) type LogId = openraft::LogId<Leader>;
pub(crate) type Vote = openraft::type_config::alias::VoteOf<Types>;
pub(crate) type Membership = openraft::Membership<NodeId, ()>;
pub(crate) type StoredMembership = openraft::StoredMembership<Leader, NodeId, ()>;

/// The index that everybody else sees for openraft's `raft_index`.
pub(crate) fn index(raft_index: u64) -> u64 {
    raft_index + 1
}

/// openraft's index of an entry that everybody else calls `index`; nothing for "nothing".
pub(crate) fn raft_index(index: u64) -> Option<u64> {
    index.checked_sub(1)
}

/// The identity of the entry of this term at this place.
pub(crate) fn log_id(term: u64, raft_index: u64) -> LogId {
    LogId { leader_id: Leader::new(term), index: raft_index }
}
