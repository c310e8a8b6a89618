//! The internal port: who may come in, and where it goes from there.
//!
//! Invariant: what comes in is of this cluster, and from one of its members, from one that wants to be one, or from a replica
//! that this node has not heard of yet; or it is refused before it is looked at. Who was removed is heard no more. What was
//! forwarded here is answered here: it is not forwarded again.

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Stream, StreamExt, future::BoxFuture};
use http::HeaderMap;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
};
use tonic::{
    Request, Status,
    body::Body,
    service::Routes,
    transport::{
        Server,
        server::{Connected, TcpIncoming},
    },
};
use tower::Service;
use uuid::Uuid;
use weft_env::Clock;
use weft_protocol::internal::{
    RaftRequest,
    backup_service_server::BackupServiceServer,
    cluster_service_server::{ClusterService as _, ClusterServiceServer},
    link_service_server::LinkServiceServer,
    matching_service_server::MatchingServiceServer,
    members_service_server::MembersServiceServer,
    visibility_service_server::VisibilityServiceServer,
};

use crate::{
    access::{self, Mutual, Throttle},
    connections::Connections,
};

use super::{
    Inbox, MembersDesk, Network, Peers,
    backup_desk::BackupDesk,
    expulsion::expelling,
    link::{self, LINK},
    peers::{Acquaintance, CLUSTER, DIRECTORY, MESSAGE_BYTES_MAX, NODE},
    visibility_desk::VisibilityDesk,
};

/// Calls of the internal API begin so; all others are forwarded calls of the public one.
const INTERNAL: &str = "/weft.internal.";
/// The one call that is taken of strangers.
const JOIN: &str = "/weft.internal.v1.MembersService/Join";
/// A replica may hear of a new node only by what that node sends it, which may lead the metadata. It takes
/// that by its term, whoever sends it: certificates keep strangers who know the cluster's id from this port. Of what comes
/// by a link each call is looked at.
const REPLICAS: [&str; 3] = [RAFT, "/weft.internal.v1.ClusterService/Pulse", LINK];
const RAFT: &str = "/weft.internal.v1.ClusterService/Raft";
/// Each waiting poll that was forwarded is a stream.
const STREAMS_PER_CONNECTION_MAX: u32 = 100_000;

/// The door of the internal port.
#[derive(Clone)]
pub(crate) struct Gate {
    doors: Doors,
    link: Routes,
}

/// What is behind it, for calls that come alone and for those that come by a link.
#[derive(Clone)]
pub(crate) struct Doors {
    cluster: Uuid,
    peers: Peers,
    inbox: Inbox,
    internal: Routes,
    /// The public API, once the node is put together.
    public: Arc<OnceLock<Routes>>,
    clock: Arc<dyn Clock>,
    throttle: Arc<Throttle>,
}

impl Gate {
    /// Its links end when the node is `closing`.
    pub(crate) fn new(peers: &Peers, inbox: Inbox, clock: Arc<dyn Clock>, closing: watch::Receiver<bool>) -> Self {
        let matching = MatchingServiceServer::new(inbox.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let members = MembersServiceServer::new(MembersDesk(inbox.clone(), peers.clone()));
        let cluster = ClusterServiceServer::new(inbox.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let visibility = VisibilityServiceServer::new(VisibilityDesk(inbox.clone()))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let backup = BackupServiceServer::new(BackupDesk(inbox.clone()))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let internal = Routes::new(cluster)
            .add_service(matching)
            .add_service(members)
            .add_service(visibility)
            .add_service(backup)
            .prepare();
        let (peers, public, throttle) = (peers.clone(), Arc::default(), Arc::default());
        let doors = Doors { cluster: peers.cluster, peers, inbox, internal, public, clock, throttle };
        let link = LinkServiceServer::new(link::Desk { doors: doors.clone(), closing })
            .max_decoding_message_size(link::LINK_BYTES_MAX)
            .max_encoding_message_size(link::LINK_BYTES_MAX);
        Self { doors, link: Routes::new(link).prepare() }
    }

    /// From now on forwarded calls are answered.
    pub(crate) fn open(&self, public: Routes) {
        // A node is put together once.
        let _ = self.doors.public.set(public.prepare());
    }

    #[cfg(test)]
    pub(super) fn peers(&self) -> &Peers {
        &self.doors.peers
    }

    #[cfg(test)]
    pub(super) fn doors(&self) -> Doors {
        self.doors.clone()
    }
}

impl Doors {
    /// Whether a call with this path may come in, of whoever introduces itself so. Where a client's call is carried out, no
    /// refusal is final to the client.
    pub(super) fn admit(&self, path: &str, headers: &HeaderMap) -> Result<(), Status> {
        self.recognise(path, headers).map_err(|refusal| {
            if let Some(unsaid) = self.throttle.speak(self.clock.monotonic()) {
                tracing::warn!(%refusal, unsaid, "a call on the internal port was refused");
            }
            let is_carried = !path.starts_with(INTERNAL);
            if is_carried { Status::unavailable(refusal.message()) } else { refusal }
        })
    }

    fn recognise(&self, path: &str, headers: &HeaderMap) -> Result<(), Status> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (cluster, node) = (text(CLUSTER), text(NODE));
        if cluster.parse() != Ok(self.cluster) {
            return Err(Status::permission_denied(format!(
                "this is the internal port of cluster {}, and the call is of cluster {cluster:?}: \
                 look at the addresses of the members, and at the cluster's name, on both sides",
                self.cluster
            )));
        }
        self.peers.check_meant(text(DIRECTORY))?;
        let known = node.parse().map(|node| self.peers.acquaintance(node)).unwrap_or(Acquaintance::Stranger);
        match known {
            Acquaintance::Member => Ok(()),
            // Whoever wants to become one, or has started again, is told more than this there.
            Acquaintance::Removed | Acquaintance::Stranger if path == JOIN => Ok(()),
            Acquaintance::Stranger if REPLICAS.contains(&path) => Ok(()),
            Acquaintance::Removed => Err(expelling(format!(
                "node {node} was removed from this cluster, and its number is not used again: wipe its data directory \
                 and let it join under a new number"
            ))),
            Acquaintance::Stranger => {
                let members = self.peers.members();
                Err(Status::permission_denied(format!("node {node:?} is not a member: they are {members:?}")))
            }
        }
    }

    /// Brings a message of a replica of whoever introduces itself so to that of the same group here.
    pub(super) async fn raft(&self, headers: &HeaderMap, group: u32, message: Bytes) -> Result<Bytes, Status> {
        self.admit(RAFT, headers)?;
        let answered = self.inbox.raft(Request::new(RaftRequest { group, message })).await;
        answered.map(|answer| answer.into_inner().message)
    }

    /// Answers a call that was admitted.
    pub(super) fn answer(&self, request: http::Request<Body>) -> BoxFuture<'static, Answer> {
        if request.uri().path().starts_with(INTERNAL) {
            return Box::pin(self.internal.clone().call(request));
        }
        match self.public.get() {
            Some(public) => Box::pin(public.clone().call(request)),
            None => Box::pin(std::future::ready(Ok(Status::unavailable("this node is starting").into_http()))),
        }
    }
}

type Answer = Result<http::Response<Body>, Infallible>;

impl Service<http::Request<Body>> for Gate {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if let Err(refusal) = self.doors.admit(request.uri().path(), request.headers()) {
            return Box::pin(std::future::ready(Ok(refusal.into_http())));
        }
        if request.uri().path() == LINK {
            return Box::pin(self.link.call(request));
        }
        self.doors.answer(request)
    }
}

/// Serves the internal port until the node stops; with certificates to those who have one.
pub(crate) async fn listen(
    gate: Gate,
    listener: TcpListener,
    tls: Option<Mutual>,
    connections: Connections,
    stopping: watch::Receiver<bool>,
) {
    match tls {
        Some(tls) => {
            let incoming = access::incoming(listener, tls.server(), access::NODES, Arc::clone(&gate.doors.clock));
            serve(gate, incoming, connections, stopping).await;
        }
        None => serve(gate, TcpIncoming::from(listener).with_nodelay(Some(true)), connections, stopping).await,
    }
}

/// Serves those who come by a network of their own, until the node stops.
pub(crate) async fn listen_within(
    gate: Gate,
    network: Arc<dyn Network>,
    connections: Connections,
    stopping: watch::Receiver<bool>,
) {
    serve(gate, network.incoming().map(Ok), connections, stopping).await;
}

async fn serve<I>(
    gate: Gate,
    incoming: impl Stream<Item = io::Result<I>>,
    connections: Connections,
    mut stopping: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    // A sender that is gone means the same as one that says so.
    let stop = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
    let server = Server::builder().max_concurrent_streams(STREAMS_PER_CONNECTION_MAX);
    let incoming = incoming.map(move |came| came.map(|connection| connections.take(connection)));
    if let Err(error) = server.serve_with_incoming_shutdown(gate, incoming, stop).await {
        tracing::error!(%error, "serving the internal port failed");
    }
}
