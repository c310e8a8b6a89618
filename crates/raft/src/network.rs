//! What openraft is told when it wants to reach a group's replica on another node: there is no way yet.
//!
//! Invariant: a peer that cannot be reached never counts as one that agreed. openraft's own default would count a
//! missing pre-vote as granted.
//!
//! It deliberately carries no message: with one voter per group openraft has nobody to send to.

use std::future::Future;

use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory, RaftNetworkV2, Snapshot};

use crate::types::{Leader, NodeId, Types, Vote};

/// A node without others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alone;

/// The way to one other node, which does not exist.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoWay {
    to: NodeId,
}

impl NoWay {
    fn error(self) -> Unreachable<Types> {
        Unreachable::from_string(format!("no way to node {}: every group has one voter", self.to))
    }
}

impl RaftNetworkFactory<Types> for Alone {
    type Network = NoWay;

    async fn new_client(&mut self, target: NodeId, (): &()) -> NoWay {
        NoWay { to: target }
    }
}

impl RaftNetworkV2<Types> for NoWay {
    type SnapshotData = ();

    async fn append_entries(
        &mut self,
        _request: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        Err(self.error().into())
    }

    async fn vote(
        &mut self,
        _request: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Err(self.error().into())
    }

    async fn pre_vote(
        &mut self,
        _request: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Err(self.error().into())
    }

    async fn full_snapshot(
        &mut self,
        _vote: Vote,
        _snapshot: Snapshot<Leader, NodeId, (), ()>,
        _cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        Err(self.error().into())
    }

    async fn transfer_leader(
        &mut self,
        _request: TransferLeaderRequest<Types>,
        _option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        Err(self.error().into())
    }
}
