//! The way to the same group on other nodes, as this crate needs it: somebody else implements it.
//!
//! Invariant: messages are opaque bytes; one may be lost, delayed, doubled or come late, and nothing here depends on
//! any other behaviour. A peer that cannot be reached never counts as one that agreed.
//!
//! It deliberately knows no address: where a node can be reached is the metadata group's knowledge.

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use weft_store::wal::GroupId;

use crate::types::NodeId;

/// The way to the same group on other nodes. Messages are opaque bytes; a message may be lost, delayed, doubled or come
/// late.
pub trait Transport: Send + Sync + 'static {
    /// Brings a message to a group of another node, to [`crate::Node::receive`] there, and its answer back. Must give up
    /// by itself in bounded time. Messages that are under way at once may overtake each other.
    fn send(&self, to: NodeId, group: GroupId, message: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>>;

    /// Brings the heartbeats of all groups that lead here to another node, to [`crate::Node::receive_pulse`] there, and
    /// the answer back. Must give up by itself in bounded time.
    fn pulse(&self, to: NodeId, message: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>>;
}

/// Why a message was not answered. It may have arrived all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// The transport of a node that is alone: nobody can be reached.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Transport for Alone {
    fn send(&self, to: NodeId, _group: GroupId, message: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        self.pulse(to, message)
    }

    fn pulse(&self, to: NodeId, _message: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        let error = Unreachable(format!("no way to node {to}: this node was started without others"));
        std::future::ready(Err(error)).boxed()
    }
}
