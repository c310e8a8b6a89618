//! The ways to the other nodes: one pooled connection to each, made when it is first needed and again when it broke.
//!
//! Invariants: a call to a node that cannot be reached ends by itself, soon, and is never taken as an answer. Who the
//! others are is what the metadata says as this node last saw it; before it has seen any, what it was told at its start.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderValue};
use parking_lot::RwLock;
use tonic::{
    Request, Status,
    body::Body,
    client::GrpcService,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
    transport::{Channel, Endpoint},
};
use uuid::Uuid;
use weft_protocol::internal::{
    PulseRequest, backup_service_client::BackupServiceClient, cluster_service_client::ClusterServiceClient,
    matching_service_client::MatchingServiceClient, members_service_client::MembersServiceClient,
    visibility_service_client::VisibilityServiceClient,
};
use weft_raft::{GroupId, NodeId, Transport, Unreachable};

use super::{
    ClusterOptions, Reach,
    expulsion::Expulsion,
    link::{Alone, Failed, Link},
    network::Connect,
};

/// The cluster that a message is of.
pub(crate) const CLUSTER: &str = "weft-cluster";
/// The node that sent a message.
pub(crate) const NODE: &str = "weft-node";
/// The data directory of the node that it is sent to, where that is known.
pub(crate) const DIRECTORY: &str = "weft-directory";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A peer that does not answer to pings for so long is gone, though its connection is not closed.
const PING_INTERVAL: Duration = Duration::from_secs(2);
const PING_TIMEOUT: Duration = Duration::from_secs(3);
/// Large entries of the log come in one piece.
pub(crate) const MESSAGE_BYTES_MAX: usize = 128 << 20;
/// As much as a replica may lag behind in one message without waiting for its reader.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// The other nodes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Peers {
    pub(crate) node: u32,
    pub(crate) cluster: Uuid,
    /// This node is all there is, and stays so.
    alone: bool,
    introduction: Introduction,
    reach: Reach,
    known: Arc<RwLock<Known>>,
    pub(crate) expulsion: Expulsion,
}

#[derive(Default)]
struct Known {
    ways: BTreeMap<u32, Ways>,
    removed: BTreeSet<u32>,
    /// This node's data directory, if the others may know it.
    own: Option<Uuid>,
    /// Those of the founders, if this node is one of them and was told.
    founders: BTreeMap<u32, Uuid>,
}

/// Where a member is, and whose data it has; an empty name says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) address: String,
    pub(crate) directory: String,
}

/// The ways to one node. What replicas say has a connection of its own: a large answer would hold it up.
struct Ways {
    address: String,
    /// Whose data it has: an empty name says nothing.
    directory: String,
    replicas: Link,
    calls: Link,
}

/// What a node is to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acquaintance {
    Member,
    Removed,
    Stranger,
}

/// Says of each call which cluster and node it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Introduction {
    cluster: MetadataValue<Ascii>,
    node: MetadataValue<Ascii>,
    /// Of whom is called.
    directory: Option<MetadataValue<Ascii>>,
}

impl Interceptor for Introduction {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert(CLUSTER, self.cluster.clone());
        request.metadata_mut().insert(NODE, self.node.clone());
        if let Some(directory) = &self.directory {
            request.metadata_mut().insert(DIRECTORY, directory.clone());
        }
        Ok(request)
    }
}

impl Introduction {
    /// In place of what a client may have said: its word is not a node's.
    pub(super) fn introduce(&self, headers: &mut HeaderMap) {
        Self::forget(headers);
        let directory = self.directory.iter().map(|directory| (DIRECTORY, directory));
        for (name, value) in [(CLUSTER, &self.cluster), (NODE, &self.node)].into_iter().chain(directory) {
            if let Ok(value) = HeaderValue::from_bytes(value.as_encoded_bytes()) {
                headers.insert(name, value);
            }
        }
    }

    /// Takes from a call what only the stream it goes by may say.
    pub(super) fn forget(headers: &mut HeaderMap) {
        for name in [CLUSTER, NODE, DIRECTORY] {
            headers.remove(name);
        }
    }
}

impl Peers {
    /// Nobody is called yet. To be called within a tokio runtime.
    pub(crate) fn new(node: u32, cluster: Uuid, options: &ClusterOptions, reach: &Reach) -> Self {
        let introduction =
            cluster.to_string().parse().map(|cluster| Introduction { cluster, node: node.into(), directory: None });
        let introduction = introduction.expect("a UUID is ASCII");
        let (alone, reach) = (options.is_alone(), reach.clone());
        let (known, expulsion) = (Arc::default(), Expulsion::default());
        let peers = Self { node, cluster, alone, introduction, reach, known, expulsion };
        let at =
            |(node, address): (&u32, &String)| (*node, Address { address: address.clone(), directory: String::new() });
        peers.set(options.members.iter().map(at).collect(), BTreeSet::new());
        peers
    }

    /// Who the nodes of the cluster are from now on. Ways to those that are where they were stay as they are. To be called
    /// within a tokio runtime.
    pub(crate) fn set(&self, members: BTreeMap<u32, Address>, removed: BTreeSet<u32>) {
        let mut known = self.known.write();
        let mut old = std::mem::take(&mut known.ways);
        for (node, Address { address, directory }) in members.into_iter().filter(|(node, _)| *node != self.node) {
            let kept = old.remove(&node).filter(|ways| ways.address == address && ways.directory == directory);
            if let Some(ways) = kept.or_else(|| self.open(node, address, directory)) {
                known.ways.insert(node, ways);
            }
        }
        known.removed = removed;
    }

    fn open(&self, node: u32, address: String, directory: String) -> Option<Ways> {
        let (replicas, calls) = (self.link(node, &address, &directory)?, self.link(node, &address, &directory)?);
        Some(Ways { address, directory, replicas, calls })
    }

    /// A way with a connection of its own.
    fn link(&self, node: u32, address: &str, directory: &str) -> Option<Link> {
        // Addresses were checked when they were given, so this is one.
        let endpoint = endpoint(address)?;
        // With the number: another node may answer at the address by now.
        let meant = format!("{node}:{directory}").parse().ok().filter(|_| !directory.is_empty());
        let introduction = Introduction { directory: meant, ..self.introduction.clone() };
        Some(Link::new(channel(endpoint, node, &self.reach), introduction))
    }

    /// This node is all there is, and no other can come.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone
    }

    /// This node's data directory, and those of the founders of its cluster, as far as they are known.
    pub(crate) fn set_directories(&self, own: Option<Uuid>, founders: BTreeMap<u32, Uuid>) {
        let mut known = self.known.write();
        (known.own, known.founders) = (own, founders);
    }

    /// The data directory of a founder.
    pub(crate) fn directory_of_founder(&self, node: u32) -> Option<Uuid> {
        self.known.read().founders.get(&node).copied()
    }

    /// Refuses what is meant for another node, or for data of this one that are lost, and notes then that the others know
    /// it no more. Whoever says nothing means any.
    pub(crate) fn check_meant(&self, meant: &str) -> Result<(), Status> {
        if meant.is_empty() {
            return Ok(());
        }
        let read =
            meant.split_once(':').and_then(|(node, directory)| Some((node.parse().ok()?, directory.parse().ok()?)));
        let Some((node, directory)): Option<(u32, Uuid)> = read else {
            return Err(Status::invalid_argument(format!("{meant:?} is no number of a node with its data directory")));
        };
        if node != self.node {
            return Err(Status::unavailable(format!("this is node {}, and the call is for node {node}", self.node)));
        }
        if self.known.read().own.is_none_or(|own| own == directory) {
            return Ok(());
        }
        let why = format!(
            "the others know node {node} with another data directory, which is lost: it has forgotten its votes and must \
             not come back under its number. Remove it (wfctl cluster remove {node}), and start this one with an empty data \
             directory, --join and a number that no node ever had"
        );
        self.expulsion.note(&why);
        Err(Status::permission_denied(why))
    }

    /// What a node that calls is to this one.
    pub(crate) fn acquaintance(&self, node: u32) -> Acquaintance {
        let known = self.known.read();
        if known.removed.contains(&node) {
            Acquaintance::Removed
        } else if node == self.node || known.ways.contains_key(&node) {
            Acquaintance::Member
        } else {
            Acquaintance::Stranger
        }
    }

    /// The way for calls to another node; none to one that is not a member.
    pub(crate) fn way(&self, node: u32) -> Option<Link> {
        Some(self.known.read().ways.get(&node)?.calls.clone())
    }

    /// The way to whoever answers at an address, which may be no node that is known.
    pub(crate) fn way_to(&self, address: &str) -> Option<Link> {
        Some(Link::alone(channel(endpoint(address)?, 0, &self.reach), self.introduction.clone()))
    }

    /// Brings a call of the public API to another node, as it is.
    ///
    /// # Errors
    /// When no answer came. None for a node that is not a member.
    pub(crate) fn forward(
        &self,
        node: u32,
        call: http::Request<Body>,
    ) -> Option<impl Future<Output = Result<http::Response<Body>, Failed>> + Send + use<>> {
        let calls = self.way(node)?;
        Some(async move { calls.send(call).await })
    }

    /// The members, this node among them.
    pub(crate) fn members(&self) -> BTreeSet<u32> {
        self.others().chain([self.node]).collect()
    }

    /// What is asked of another node about task queues.
    pub(crate) fn matching_service(&self, node: u32) -> Option<MatchingServiceClient<Link>> {
        let client = MatchingServiceClient::new(self.way(node)?);
        Some(client.max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX))
    }

    /// What is asked of another node's visibility index. By the link a page would hold up the pings that go by it.
    pub(crate) fn visibility_service(&self, node: u32) -> Option<VisibilityServiceClient<Alone>> {
        let client = VisibilityServiceClient::new(self.way(node)?.past());
        Some(client.max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX))
    }

    /// What a backup asks of another node, by a way of its own: its rows hold up nobody. To be called within a tokio runtime.
    pub(crate) fn backup_service(&self, node: u32) -> Option<BackupServiceClient<Link>> {
        let known = self.known.read();
        let Ways { address, directory, .. } = known.ways.get(&node)?;
        let client = BackupServiceClient::new(self.link(node, address, directory)?);
        Some(client.max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX))
    }

    /// The other members.
    pub(crate) fn others(&self) -> impl Iterator<Item = u32> + use<> {
        let others: Vec<u32> = self.known.read().ways.keys().copied().collect();
        others.into_iter()
    }

    /// What is asked of another node about who the nodes are.
    pub(crate) fn members_service(&self, node: u32) -> Option<MembersServiceClient<Link>> {
        Some(MembersServiceClient::new(self.way(node)?))
    }

    /// The way for what replicas say to those of another node.
    fn replicas(&self, to: NodeId) -> Result<Link, Unreachable> {
        let node = u32::try_from(to.0).ok();
        let replicas = node.and_then(|node| Some(self.known.read().ways.get(&node)?.replicas.clone()));
        replicas.ok_or_else(|| Unreachable(format!("node {to} is not a member")))
    }

    #[cfg(test)]
    pub(super) fn is_linked_for_replicas(&self, node: u64) -> bool {
        self.replicas(NodeId(node)).is_ok_and(|link| link.stands())
    }

    /// What is asked of another node of the cluster.
    pub(crate) fn cluster_service(&self, node: u32) -> Option<ClusterServiceClient<Link>> {
        Some(cluster_service(self.way(node)?))
    }
}

fn endpoint(address: &str) -> Option<Endpoint> {
    Endpoint::from_shared(format!("http://{address}")).ok()
}

pub(super) fn cluster_service<W>(way: W) -> ClusterServiceClient<W>
where
    W: GrpcService<Body, ResponseBody = Body, Error = Status>,
{
    let client = ClusterServiceClient::new(way);
    client.max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX)
}

fn channel(endpoint: Endpoint, node: u32, reach: &Reach) -> Channel {
    let endpoint = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    match reach {
        Reach::Tcp => endpoint.connect_lazy(),
        Reach::Tls(connector) => endpoint.connect_with_connector_lazy(connector.clone()),
        Reach::Network(network) => endpoint.connect_with_connector_lazy(Connect { network: Arc::clone(network), node }),
    }
}

/// Why no answer came; whoever refused may have said that this node is out.
fn unreachable(expulsion: &Expulsion, node: NodeId, status: &Status) -> Unreachable {
    expulsion.heed(status);
    Unreachable(format!("node {node}: {}", status.message()))
}

impl Transport for Peers {
    fn send(&self, to: NodeId, group: GroupId, message: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        let (replicas, expulsion) = (self.replicas(to), self.expulsion.clone());
        async move { replicas?.raft(group.0, message).await.map_err(|status| unreachable(&expulsion, to, &status)) }
            .boxed()
    }

    fn pulse(&self, to: NodeId, message: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        let (replicas, expulsion) = (self.replicas(to), self.expulsion.clone());
        async move {
            let sent = cluster_service(replicas?).pulse(PulseRequest { message }).await;
            sent.map(|answer| answer.into_inner().message).map_err(|status| unreachable(&expulsion, to, &status))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[tokio::test]
    async fn a_node_at_the_address_of_a_removed_one_takes_no_calls_for_that_one_for_its_own() {
        let peers = Peers::new(4, Uuid::from_u128(1), &ClusterOptions::default(), &Reach::Tcp);
        let (own, lost) = (Uuid::from_u128(2), Uuid::from_u128(3));
        peers.set_directories(Some(own), BTreeMap::new());
        let check = |meant: &str| peers.check_meant(meant).map_err(|refusal| refusal.code());
        assert_eq!([check(""), check(&format!("4:{own}"))], [Ok(()), Ok(())]);
        assert_eq!([check("4:x"), check("x"), check(":")], [Err(Code::InvalidArgument); 3]);
        assert_eq!(check(&format!("1:{lost}")), Err(Code::Unavailable));
        assert_eq!(peers.expulsion.reason(), None, "whoever calls learns of the new node soon");
        assert_eq!(check(&format!("4:{lost}")), Err(Code::PermissionDenied));
        assert!(peers.expulsion.reason().is_some());
    }
}
