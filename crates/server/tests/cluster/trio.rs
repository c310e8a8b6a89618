//! Three servers of one cluster in this process, in memory, each with real ports for clients and for the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use tokio::{net::TcpListener, task::JoinHandle};
use tonic::transport::{Channel, Endpoint};
use weft_engine::{NamespaceId, WorkflowKey};
use weft_matching::{QueueKey, QueueKind};
use weft_protocol::services::workflow_service_client::WorkflowServiceClient;
use weft_raft::NodeId;
use weft_server::{
    ClusterOptions, Server,
    node::{Options, Place},
};

use crate::in_time;

pub(crate) type Client = WorkflowServiceClient<Channel>;

/// The servers that run, by their places.
pub(crate) struct Trio {
    servers: BTreeMap<usize, Server>,
    addresses: Vec<SocketAddr>,
    internal: Vec<SocketAddr>,
}

impl Trio {
    /// All three have started and lead as many groups each, or one more: nothing moves any more by itself.
    pub(crate) async fn start() -> Self {
        let mut doors = Vec::new();
        for _ in 0..3 {
            doors.push(TcpListener::bind("127.0.0.1:0").await.expect("there is a free port"));
        }
        let internal: Vec<SocketAddr> = doors.iter().map(|door| door.local_addr().expect("it is bound")).collect();
        let members: BTreeMap<u32, String> = (1_u32..).zip(internal.iter().map(ToString::to_string)).collect();
        let starting = (1_u32..).zip(doors).map(|(node, door)| {
            let mut options = Options::new(Place::Memory);
            options.node = node;
            options.shards = 6;
            options.cluster =
                ClusterOptions { name: "trio".to_owned(), members: members.clone(), ..ClusterOptions::default() };
            let address = "127.0.0.1:0".parse().expect("an address");
            Server::builder(Place::Memory).options(options).listen(address).operations(address).internal(door).start()
        });
        let servers = futures::future::try_join_all(starting).await.expect("they start");
        let addresses = servers.iter().map(Server::address).collect();
        let trio = Self { servers: servers.into_iter().enumerate().collect(), addresses, internal };
        trio.evenly_led().await;
        trio
    }

    /// A client of each, in order. To be called within a tokio runtime.
    pub(crate) fn clients(&self) -> Vec<Client> {
        let channel = |address: &SocketAddr| {
            Endpoint::from_shared(format!("http://{address}")).expect("an address").connect_lazy()
        };
        self.addresses.iter().map(|address| WorkflowServiceClient::new(channel(address))).collect()
    }

    /// Where a server listens for clients.
    pub(crate) fn url(&self, place: usize) -> String {
        format!("http://{}", self.addresses[place])
    }

    /// Where a server listens for operators.
    pub(crate) fn operations(&self, place: usize) -> SocketAddr {
        self.servers[&place].operations().expect("it was asked for")
    }

    /// Where a server listens for the others.
    pub(crate) fn internal(&self, place: usize) -> SocketAddr {
        self.internal[place]
    }

    /// Has leadership of the metadata go around, until it is aborted.
    pub(crate) fn passing_the_metadata_on(&self) -> JoinHandle<()> {
        let nodes: Vec<_> = self.servers.values().map(|server| server.node().clone()).collect();
        tokio::spawn(async move {
            for to in (1..=3).map(NodeId).cycle() {
                for node in &nodes {
                    node.metadata().hand_over(to).await;
                }
                // Whoever is elected gets to answer, before it has to hand that over too.
                while nodes[0].metadata().confirmed().await.is_err() {
                    tokio::task::yield_now().await;
                }
            }
        })
    }

    /// The nodes that lead any shard, as the first server that runs knows it.
    pub(crate) fn leaders(&self) -> BTreeSet<u64> {
        let (_, server) = self.servers.first_key_value().expect("one runs");
        let leader = |shard: &weft_shard::Shard| shard.leadership().borrow().leader.map(|node| node.0);
        server.node().shards().iter().filter_map(leader).collect()
    }

    /// Waits until each server that runs knows that those that run lead as many groups each, or one more.
    pub(crate) async fn evenly_led(&self) {
        for server in self.servers.values() {
            let mut news: Vec<_> = server.node().raft().groups().map(|(_, group)| group.leadership()).collect();
            let evened = async {
                loop {
                    let leads = self.servers.values().map(|server| u64::from(server.node().options().node));
                    let led = |node| news.iter().filter(|of| of.borrow().leader.map(|it| it.0) == Some(node)).count();
                    let counts: Vec<usize> = leads.map(led).collect();
                    let (least, most) = (counts.iter().min().copied(), counts.iter().max().copied());
                    if counts.iter().sum::<usize>() == news.len() && most <= least.map(|least| least + 1) {
                        break;
                    }
                    let changes = news.iter_mut().map(|of| Box::pin(of.changed()));
                    futures::future::select_all(changes).await.0.expect("the server runs");
                }
            };
            in_time("to lead as many each", evened).await;
        }
    }

    /// A name that begins so, of a workflow or a task queue, whose shard this server leads. All are to run.
    pub(crate) fn name_led_by(&self, place: usize, prefix: &str) -> String {
        let node = self.servers[&place].node();
        let namespace = self.namespace();
        let is_led = |name: &String| {
            let key = WorkflowKey { namespace: namespace.clone(), workflow: name.as_str().into() };
            node.shard(&key).leadership().borrow().mine
        };
        let mut names = (0..10_000).map(|number| format!("{prefix}-of-{place}-{number}"));
        names.find(is_led).expect("each leads some shard")
    }

    pub(crate) fn namespace(&self) -> NamespaceId {
        let (_, server) = self.servers.first_key_value().expect("one runs");
        server.node().metadata().facts("default").expect("it is registered").id.clone()
    }

    /// Waits until a poll waits at a queue of this name, at whatever server, and the queue's owner knows of it.
    pub(crate) async fn until_polled(&self, queue: &str) {
        let has_polls = |server: &Server, key: &QueueKey| server.node().polls_waiting_at(key) > 0;
        let is_awaited = |server: &Server, key: &QueueKey| server.node().matching().is_awaited(key);
        self.until("a poll", || self.any(queue, has_polls) && self.any(queue, is_awaited)).await;
    }

    /// Waits until no poll waits there.
    pub(crate) async fn until_unpolled(&self, queue: &str) {
        let has_polls = |server: &Server, key: &QueueKey| server.node().polls_waiting_at(key) > 0;
        self.until("the end of a poll", || !self.any(queue, has_polls)).await;
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let waiting = async {
            while !is_so() {
                tokio::task::yield_now().await;
            }
        };
        in_time(what, waiting).await;
    }

    /// At some server this is so of the queue of this name, or of the worker's own one.
    fn any(&self, queue: &str, is_so: impl Fn(&Server, &QueueKey) -> bool) -> bool {
        let namespace = self.namespace();
        let keys = [
            QueueKey::normal(namespace.as_str(), queue, QueueKind::Workflow),
            QueueKey::sticky(namespace.as_str(), queue),
        ];
        self.servers.values().any(|server| keys.iter().any(|key| is_so(server, key)))
    }

    /// The polls of a queue that wait at this server.
    pub(crate) fn polls_at(&self, place: usize, queue: &QueueKey) -> usize {
        self.servers[&place].node().polls_waiting_at(queue)
    }

    /// Polls that wait at this server for a queue of another one are given tasks of the shards that it leads.
    pub(crate) fn gives_by_itself(&self, place: usize, queue: &QueueKey) -> bool {
        self.servers[&place].node().gives_by_itself(queue)
    }

    /// From now on this server lists what is of these shards as if it had no copy of them.
    pub(crate) fn leave_to_others(&self, place: usize, shards: impl IntoIterator<Item = u32>) {
        self.servers[&place].node().lists().leave_to_others(shards.into_iter().collect());
    }

    /// How often this server has asked another one for a part of a list.
    pub(crate) fn parts_asked(&self, place: usize) -> u64 {
        self.servers[&place].node().lists().parts_asked()
    }

    /// One of them goes, and does not come back.
    pub(crate) async fn lose(&mut self, place: usize) {
        self.servers.remove(&place).expect("it runs").shutdown().await;
    }

    pub(crate) async fn shutdown(self) {
        futures::future::join_all(self.servers.into_values().map(Server::shutdown)).await;
    }
}
