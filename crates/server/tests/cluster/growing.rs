//! A cluster that begins with one node: others come and go. Each has a data directory and real ports.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::transport::Endpoint;
use uuid::Uuid;
use weft_protocol::services::workflow_service_client::WorkflowServiceClient;
use weft_rows::{Level, Supported, member::MemberState};
use weft_server::{
    ClusterOptions, Server, StartError,
    node::{Options, Place},
};
use weft_store::datadir::{DataDir, Founding};

use crate::{PATIENCE, operations, trio::Client};

/// Few: each is a Raft group on every node.
const SHARDS: u16 = 4;

pub(crate) struct Growing {
    pub(crate) servers: BTreeMap<u32, Server>,
    /// Where each is for the others: the same whenever it starts again.
    internal: BTreeMap<u32, SocketAddr>,
    /// Of the first door of each.
    any: SocketAddr,
    dirs: TempDir,
    pub(crate) checkpoint_interval: Duration,
    /// Of the builds that start from now on.
    pub(crate) levels: Supported,
}

/// A build from before copies on some nodes: all have everything.
const EVERYWHERE: Supported = Supported { oldest: Level::FIRST, newest: Level::WRITTEN_DOWN };

/// An address of this machine whose ports nobody else draws, so that one whose node is down is free when it starts again.
pub(crate) fn own_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    if !cfg!(target_os = "linux") {
        return SocketAddr::from(([127, 0, 0, 1], 0));
    }
    let [.., second, third] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, second | 1 << 7, third, NEXT.fetch_add(1, Ordering::Relaxed)], 0))
}

/// To be called within a tokio runtime.
pub(crate) fn client(url: &str) -> Client {
    WorkflowServiceClient::new(Endpoint::from_shared(url.to_owned()).expect("an address").connect_lazy())
}

impl Growing {
    /// Node 1, which has founded a cluster alone. All that come have everything.
    pub(crate) async fn found() -> Self {
        Self::found_by(EVERYWHERE).await
    }

    /// The same, by such a build.
    pub(crate) async fn found_by(levels: Supported) -> Self {
        let mut growing = Self { levels, ..Self::nobody() };
        growing.start_first().await;
        growing
    }

    pub(crate) fn nobody() -> Self {
        let dirs = tempfile::tempdir().expect("a directory");
        let checkpoint_interval = Options::new(Place::Memory).checkpoint_interval;
        let levels = Supported::HERE;
        let (servers, internal, any) = (BTreeMap::new(), BTreeMap::new(), own_address());
        Self { servers, internal, any, dirs, checkpoint_interval, levels }
    }

    pub(crate) fn dir(&self, node: u32) -> PathBuf {
        self.dirs.path().join(format!("node-{node}"))
    }

    /// Node 1 as the only founder.
    pub(crate) async fn start_first(&mut self) {
        let server = self.try_first().await.expect("it starts");
        self.servers.insert(1, server);
    }

    pub(crate) async fn try_first(&mut self) -> Result<Server, StartError> {
        let (door, at) = self.door(1).await;
        self.start(1, Self::founding(at), Some(door)).await
    }

    /// Node 1 as one of its own, whose data are no cluster's.
    pub(crate) async fn start_alone(&mut self) {
        let server = self.start(1, ClusterOptions::default(), None).await.expect("it starts");
        self.servers.insert(1, server);
    }

    /// The data of a node that was stopped before the others had let it in, at the first format level.
    pub(crate) fn make_data(&self, node: u32) {
        let cluster = self.joining(SocketAddr::from(([127, 0, 0, 1], 1)), 1).id().expect("it is a cluster's");
        let (backend, joins) = (Options::new(Place::Memory).backend, Some(Uuid::from_u128(u128::from(node))));
        let founding = Founding { cluster, node, shards: SHARDS, backend, format: 1, joins };
        DataDir::open(&self.dir(node), &founding, &(1..=1)).expect("nobody has it");
    }

    /// Starts a node that joins, or has joined, by way of another one.
    pub(crate) async fn join(&mut self, node: u32, by: u32) {
        let server = self.try_join(node, by).await.expect("it is let in");
        self.servers.insert(node, server);
    }

    pub(crate) async fn try_join(&mut self, node: u32, by: u32) -> Result<Server, StartError> {
        let (door, at) = self.door(node).await;
        self.start(node, self.joining(at, by), Some(door)).await
    }

    /// Starts a node again on its data.
    pub(crate) async fn start_again(&mut self, node: u32) {
        match node {
            1 => self.start_first().await,
            other => {
                let by = self.servers.keys().copied().find(|by| *by != other).expect("one runs");
                self.join(other, by).await;
            }
        }
    }

    /// All stop, and start again at once.
    pub(crate) async fn start_all_again(&mut self) {
        let servers = std::mem::take(&mut self.servers);
        let nodes: Vec<u32> = servers.keys().copied().collect();
        futures::future::join_all(servers.into_values().map(Server::shutdown)).await;
        self.start_together(&nodes).await;
    }

    /// All stop as if they had lost their power before their first checkpoint: what was applied is gone, and the log is
    /// there. Starts some of them again on that.
    pub(crate) async fn start_from_logs(&mut self, nodes: &[u32]) {
        for node in nodes {
            // While it runs: at its end it makes a checkpoint.
            let (from, to) = (self.dir(*node), self.dirs.path().join(format!("log-of-{node}")));
            copy_logs(&from, &to).expect("there is room");
        }
        let servers = std::mem::take(&mut self.servers);
        futures::future::join_all(servers.into_values().map(Server::shutdown)).await;
        for node in nodes {
            std::fs::remove_dir_all(self.dir(*node)).expect("it is there");
            std::fs::rename(self.dirs.path().join(format!("log-of-{node}")), self.dir(*node)).expect("it was copied");
        }
        self.start_together(nodes).await;
    }

    async fn start_together(&mut self, nodes: &[u32]) {
        let mut doors = Vec::new();
        for node in nodes.iter().copied() {
            doors.push((node, self.door(node).await));
        }
        let this = &*self;
        let starting = doors.into_iter().map(|(node, (door, at))| async move {
            let cluster = if node == 1 { Self::founding(at) } else { this.joining(at, 1) };
            (node, this.start(node, cluster, Some(door)).await.expect("it starts again"))
        });
        self.servers = futures::future::join_all(starting).await.into_iter().collect();
    }

    /// The node that leads the metadata, as another one knows it.
    pub(crate) async fn driver(&self, at: u32) -> u32 {
        let mut leadership = self.servers[&at].node().metadata().leadership();
        let known = leadership.wait_for(|known| known.leader.is_some()).await.expect("it runs");
        known.leader.and_then(|leader| u32::try_from(leader.0).ok()).expect("somebody leads")
    }

    fn founding(at: SocketAddr) -> ClusterOptions {
        let members = BTreeMap::from([(1, at.to_string())]);
        ClusterOptions { name: "growing".to_owned(), members, ..ClusterOptions::default() }
    }

    fn joining(&self, at: SocketAddr, by: u32) -> ClusterOptions {
        let (join, advertise) = (vec![self.internal[&by].to_string()], at.to_string());
        ClusterOptions { name: "growing".to_owned(), join, advertise, ..ClusterOptions::default() }
    }

    async fn door(&mut self, node: u32) -> (TcpListener, SocketAddr) {
        let wanted = self.internal.get(&node).copied().unwrap_or(self.any);
        let door = TcpListener::bind(wanted).await.expect("the port is free");
        let at = door.local_addr().expect("it is bound");
        self.internal.insert(node, at);
        (door, at)
    }

    async fn start(&self, node: u32, cluster: ClusterOptions, door: Option<TcpListener>) -> Result<Server, StartError> {
        let mut options = Options::new(Place::Directory(self.dir(node)));
        (options.node, options.shards, options.cluster) = (node, SHARDS, cluster);
        (options.checkpoint_interval, options.levels) = (self.checkpoint_interval, self.levels);
        let any: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 0));
        let builder = Server::builder(options.place.clone()).options(options).listen(any).operations(any);
        match door {
            Some(door) => builder.internal(door).start().await,
            None => builder.start().await,
        }
    }

    pub(crate) async fn stop(&mut self, node: u32) {
        self.servers.remove(&node).expect("it runs").shutdown().await;
    }

    /// Where a node listens for clients.
    pub(crate) fn url(&self, node: u32) -> String {
        format!("http://{}", self.servers[&node].address())
    }

    pub(crate) fn client(&self, node: u32) -> Client {
        client(&self.url(node))
    }

    /// What the operations port of a node answers to a command.
    pub(crate) async fn command(&self, node: u32, command: &str) -> String {
        let address = self.servers[&node].operations().expect("it has the port");
        operations::ask(address, "POST", &format!("/admin/cluster/{command}")).await
    }

    /// What the operations port of a node says of the cluster.
    pub(crate) async fn status(&self, node: u32) -> Value {
        let address = self.servers[&node].operations().expect("it has the port");
        operations::get(address, "/admin/cluster").await
    }

    /// Waits until the cluster takes it.
    pub(crate) async fn wish(&self, at: u32, command: &str, told: &str) {
        let mut said = String::new();
        let wishing = async {
            while !said.contains(told) {
                said = self.command(at, command).await;
            }
        };
        tokio::time::timeout(PATIENCE, wishing).await.unwrap_or_else(|_| panic!("{command}: {said}"));
    }

    /// Waits until a node knows that another one is in a state.
    pub(crate) async fn until(&self, at: u32, node: u32, state: MemberState) {
        let metadata = self.servers[&at].node().metadata();
        let mut viewed = metadata.viewed();
        let waiting = async {
            while metadata.members().state(node) != Some(state) {
                viewed.changed().await.expect("it runs");
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            let (picture, members, status) = (self.picture(at), metadata.members(), self.status(at).await);
            panic!("node {node} is never {state:?}: {picture:?}, {members:?}, {status}");
        }
    }

    /// Who votes and who only has the log in each group, as a node knows it.
    pub(crate) fn picture(&self, at: u32) -> Vec<(Vec<u64>, Vec<u64>)> {
        let groups = self.servers[&at].node().raft().groups().map(|(_, group)| {
            let (voters, members) = (group.voters(), group.members());
            let learners = members.difference(&voters).map(|node| node.0).collect();
            (voters.iter().map(|node| node.0).collect(), learners)
        });
        groups.collect()
    }

    /// Waits until a node leads nothing, as all know.
    pub(crate) async fn until_leads_nothing(&self, node: u32) {
        let waiting = async {
            for server in self.servers.values() {
                for (_, group) in server.node().raft().groups() {
                    let leads =
                        |leader: Option<weft_raft::NodeId>| leader.is_none_or(|leader| leader.0 == u64::from(node));
                    let mut leadership = group.leadership();
                    leadership.wait_for(|known| !leads(known.leader)).await.expect("it runs");
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("others lead in the end");
    }

    pub(crate) async fn shutdown(self) {
        futures::future::join_all(self.servers.into_values().map(Server::shutdown)).await;
    }
}

/// All of a data directory but what can be made again from the log.
pub(crate) fn copy_logs(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && !name.starts_with("visibility.") {
            std::fs::copy(entry.path(), to.join(&name))?;
        } else if name == "log" {
            copy_logs(&entry.path(), &to.join(&name))?;
        }
    }
    Ok(())
}
