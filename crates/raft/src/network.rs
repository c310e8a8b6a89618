//! How a group reaches its replicas on other nodes: openraft's calls as messages over the [`Transport`].
//!
//! Invariants: every call ends in bounded time, whatever the transport does; a peer that cannot be reached or answers
//! nonsense never counts as one that agreed (openraft's own default would count a missing pre-vote as granted).
//!
//! It deliberately sends one append at a time to each peer (heartbeats overtake it: see `pulse`) and retries nothing:
//! openraft does, and waits in between.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::future::{BoxFuture, Either};
use futures::stream::BoxStream;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{Backoff, RPCOption, stream_append_sequential};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory, RaftNetworkV2, Snapshot};
use tokio::sync::watch;
use weft_store::wal::GroupId;

use crate::codec::message::{self, Request, Response};
use crate::group::Timing;
use crate::late;
use crate::pulse::Pulses;
use crate::snapshot::{self, Data};
use crate::transport::Transport;
use crate::types::{Leader, NodeId, Types, Vote};

/// How long a peer that could not be reached is left alone, the first time and at most.
const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_millis(320);

/// What a follower answers to each append of a session.
type Appended<'s> = BoxStream<'s, Result<StreamAppendResult<Types>, RPCError<Types>>>;

/// The ways of one group to all others.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) group: GroupId,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) timing: Timing,
    pub(crate) pulses: Arc<Pulses>,
    /// Changes when somebody waits to hear what is committed.
    pub(crate) wanted: Arc<watch::Sender<()>>,
}

/// The way of one group to one other node.
#[derive(Clone)]
pub(crate) struct Peer {
    to: NodeId,
    network: Network,
    /// What goes this way are heartbeats: they leave with those of other groups.
    beats: bool,
}

impl Network {
    pub(crate) fn peer(&self, to: NodeId) -> Peer {
        Peer { to, network: self.clone(), beats: false }
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: NodeId, (): &()) -> Peer {
        self.peer(target)
    }

    async fn new_heartbeat_client(&mut self, target: NodeId, (): &()) -> Peer {
        Peer { beats: true, ..self.peer(target) }
    }
}

impl Peer {
    /// Asks the peer and gives up after `patience`.
    pub(crate) async fn ask(&self, request: &Request, patience: Duration) -> Result<Response, Unreachable<Types>> {
        let Self { to, network, beats } = self;
        let message = message::request(request);
        let sent = async {
            if *beats {
                network.pulses.send(*to, network.group, message).await
            } else {
                network.transport.send(*to, network.group, message).await
            }
        };
        let unreachable = |why: String| Unreachable::from_string(format!("node {to}: {why}"));
        let answered = tokio::time::timeout(patience, sent).await;
        let answer = answered.map_err(|_| unreachable(format!("no answer within {patience:?}")))?;
        let answer = answer.map_err(|error| unreachable(error.to_string()))?;
        message::read_response(answer).map_err(|error| unreachable(error.to_string()))
    }

    /// An append ends on the disk of the peer, which may be slow; whoever waits for less has a timeout of its own.
    fn append_patience(&self) -> Duration {
        Duration::from_millis(self.network.timing.election_max_ms)
    }
}

/// What a peer answered that was asked something else.
fn nonsense(response: &Response) -> RPCError<Types> {
    RPCError::Network(NetworkError::from_string(format!("an answer to another question: {response:?}")))
}

impl RaftNetworkV2<Types> for Peer {
    type SnapshotData = Data;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        match self.ask(&Request::Append(request), self.append_patience()).await? {
            Response::Appended(appended) => Ok(appended),
            other => Err(nonsense(&other)),
        }
    }

    fn stream_append<'s, S>(
        &'s mut self,
        appends: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<Appended<'s>, RPCError<Types>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        let appends = late::with_entries(appends, self.network.wanted.subscribe());
        stream_append_sequential(self, appends, option)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        match self.ask(&Request::Vote(request), option.soft_ttl()).await? {
            Response::Voted(voted) => Ok(voted),
            other => Err(nonsense(&other)),
        }
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        match self.ask(&Request::PreVote(request), option.soft_ttl()).await? {
            Response::Voted(voted) => Ok(voted),
            other => Err(nonsense(&other)),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot<Leader, NodeId, (), Data>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let Data::Picture(held) = snapshot.snapshot else {
            return Err(Unreachable::<Types>::from_string("there is no picture of the state to send").into());
        };
        let (cancelled, sent) = (std::pin::pin!(cancel), std::pin::pin!(snapshot::send(self, vote, &held)));
        match futures::future::select(cancelled, sent).await {
            Either::Left((closed, _)) => Err(closed.into()),
            Either::Right((sent, _)) => Ok(sent?),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        match self.ask(&Request::Transfer(request), option.soft_ttl()).await? {
            Response::Transferred(transferred) => Ok(transferred),
            other => Err(nonsense(&other)),
        }
    }

    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(backoff()))
    }
}

/// The waits between tries to reach a peer, without end.
pub(crate) fn backoff() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(BACKOFF_MIN), |wait| Some((*wait * 2).min(BACKOFF_MAX)))
}
