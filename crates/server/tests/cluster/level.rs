//! The cluster's format level: it is raised when every node supports it, and not before; whoever does not support it is
//! kept out from then on; and what is guarded by it is written by no node before.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use weft_engine::NamespaceId;
use weft_rows::{Level, Supported, member::MemberState, namespace::NamespaceRow, table};
use weft_server::{
    ClusterOptions, Server, StartError,
    node::{Options, Place},
};
use weft_shard::{Metadata, Namespaces};
use weft_store::state::{KeyRange, Order};

use crate::{
    PATIENCE,
    growing::{copy_logs, own_address},
    operations, start,
};

/// A level that no build has.
const NEXT: Level = Supported::HERE.newest.next();
/// A build that comes after this one.
const NEXT_BUILD: Supported = Supported { oldest: Level::FIRST, newest: NEXT };

/// A build that comes before this one.
const EARLIER: Supported = Supported { oldest: Level::FIRST, newest: Level::WRITTEN_DOWN };

/// Nodes with disks, of whatever build.
struct Mixed {
    dirs: TempDir,
    internal: BTreeMap<u32, SocketAddr>,
    /// Of the first door of each.
    any: SocketAddr,
    servers: BTreeMap<u32, Server>,
}

impl Mixed {
    /// Three nodes found a cluster.
    async fn found(levels: [Supported; 3]) -> Self {
        let dirs = tempfile::tempdir().expect("a directory");
        let mut mixed = Self { dirs, internal: BTreeMap::new(), any: own_address(), servers: BTreeMap::new() };
        let mut doors = Vec::new();
        for node in 1..=3 {
            doors.push(mixed.door(node).await);
        }
        let starting = (1..).zip(doors).zip(levels).map(|((node, door), levels)| mixed.start(node, levels, door));
        let servers = futures::future::try_join_all(starting).await.expect("they start");
        mixed.servers = (1..).zip(servers).collect();
        mixed
    }

    async fn door(&mut self, node: u32) -> TcpListener {
        let wanted = self.internal.get(&node).copied().unwrap_or(self.any);
        let door = TcpListener::bind(wanted).await.expect("the port is free");
        self.internal.insert(node, door.local_addr().expect("it is bound"));
        door
    }

    async fn start(&self, node: u32, levels: Supported, door: TcpListener) -> Result<Server, StartError> {
        let mut options = Options::new(Place::Directory(self.dir(node)));
        (options.node, options.shards, options.levels) = (node, 2, levels);
        // The log keeps all, for whoever starts with nothing else.
        options.checkpoint_interval = Duration::from_secs(24 * 3600);
        let address = |node: &u32| self.internal[node].to_string();
        let mut cluster = ClusterOptions { name: "mixed".to_owned(), ..ClusterOptions::default() };
        if node <= 3 {
            cluster.members = (1..=3).map(|node| (node, address(&node))).collect();
        } else {
            (cluster.join, cluster.advertise) = (self.servers.keys().map(address).collect(), address(&node));
        }
        options.cluster = cluster;
        let any: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 0));
        let builder = Server::builder(options.place.clone()).options(options).listen(any).operations(any);
        tokio::time::timeout(PATIENCE, builder.internal(door).start()).await.expect("it starts or is refused soon")
    }

    /// Starts a node of this build.
    async fn run(&mut self, node: u32, levels: Supported) {
        let door = self.door(node).await;
        let server = self.start(node, levels, door).await.expect("it starts");
        self.servers.insert(node, server);
    }

    /// Why a node of this build does not start.
    async fn refused(&mut self, node: u32, levels: Supported) -> String {
        let door = self.door(node).await;
        self.start(node, levels, door).await.err().map(|error| error.to_string()).expect("it does not fit")
    }

    /// Stops a node. Nothing holds its data when this returns.
    async fn stop(&mut self, node: u32) {
        self.servers.remove(&node).expect("it runs").shutdown().await;
    }

    /// All stop, this one as if it had lost its power before its first checkpoint, and with it that its data directory was
    /// closed to earlier builds: that stands in its log alone.
    async fn stop_and_leave_the_log(&mut self, node: u32) {
        let (dir, log) = (self.dir(node), self.dirs.path().join("log"));
        // While it runs: at its end it makes a checkpoint.
        copy_logs(&dir, &log).expect("there is room");
        futures::future::join_all(std::mem::take(&mut self.servers).into_values().map(Server::shutdown)).await;
        std::fs::remove_dir_all(&dir).expect("it is there");
        std::fs::rename(&log, &dir).expect("it was copied");
        let identity = std::fs::read_to_string(dir.join("weft.toml")).expect("it has data");
        let raised = format!("format = {NEXT}\n");
        assert!(identity.contains(&raised), "{identity}");
        std::fs::write(dir.join("weft.toml"), identity.replace(&raised, "format = 1\n")).expect("there is room");
    }

    fn dir(&self, node: u32) -> PathBuf {
        self.dirs.path().join(format!("node-{node}"))
    }

    /// The program of a node is replaced.
    async fn replace(&mut self, node: u32, levels: Supported) {
        self.stop(node).await;
        self.run(node, levels).await;
    }

    fn operations(&self, node: u32) -> SocketAddr {
        self.servers[&node].operations().expect("it was asked for")
    }

    /// Asks this node to raise the level until an operator is told so.
    async fn finalize(&self, node: u32, told: &str) {
        let mut last = String::new();
        let asking = async {
            // A node that was away a moment ago does not answer at once, and there may be no leader.
            while !last.contains(told) {
                last = operations::post(self.operations(node), "/admin/cluster/finalize").await.to_string();
            }
        };
        let asked = tokio::time::timeout(PATIENCE, asking).await;
        assert!(asked.is_ok(), "nobody says {told:?}: {last}");
    }

    /// Waits until all nodes know the level.
    async fn until_at(&self, level: Level) {
        for server in self.servers.values() {
            let metadata = server.node().metadata();
            let mut viewed = metadata.viewed();
            let waiting = async {
                while !metadata.writes(level) {
                    viewed.changed().await.expect("it runs");
                }
            };
            tokio::time::timeout(PATIENCE, waiting).await.expect("it is told");
        }
    }

    /// The node that leads the metadata writes a namespace, with something that only level `NEXT` may hold if that may be
    /// written.
    async fn write_guarded(&self, name: &str) {
        let writing = async {
            loop {
                for server in self.servers.values() {
                    let metadata = server.node().metadata();
                    let decide = |known: &Namespaces| Ok::<_, Infallible>((vec![guarded(metadata, known, name)], ()));
                    if metadata.change(decide).await.is_ok() {
                        return;
                    }
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, writing).await.expect("somebody leads in the end");
    }

    /// Whether each replica has what is guarded. Their namespaces are the same, to the byte.
    async fn have_guarded(&self) -> bool {
        let mut rows = Vec::new();
        for server in self.servers.values() {
            let current = async { while server.node().metadata().confirmed().await.is_err() {} };
            tokio::time::timeout(PATIENCE, current).await.expect("somebody leads in the end");
            let all = KeyRange::all();
            rows.push(
                server.node().store().scan(table::NAMESPACE, &all, Order::Ascending, usize::MAX).expect("it reads"),
            );
        }
        assert!(rows.iter().all(|other| *other == rows[0]), "replicas differ");
        let is_guarded = |value: &[u8]| value.windows(7).any(|window| window == b"guarded");
        rows[0].iter().any(|(_, value)| is_guarded(value))
    }

    async fn shutdown(self) {
        futures::future::join_all(self.servers.into_values().map(Server::shutdown)).await;
    }
}

/// A namespace with something that only level `NEXT` may hold, if that may be written.
fn guarded(metadata: &Metadata, known: &Namespaces, name: &str) -> NamespaceRow {
    let mut row = NamespaceRow::clone(known.by_name("default").expect("it is there"));
    (row.id, row.name) = (NamespaceId::from(name), name.to_owned());
    if metadata.writes(NEXT) {
        row.data.insert("guarded".to_owned(), NEXT.to_string());
    }
    row
}

/// The level that a node shows to operators, and what it says that each node supports.
async fn shown(at: SocketAddr) -> (u64, BTreeMap<u64, Option<(u64, u64)>>) {
    let status = operations::get(at, "/admin/cluster").await;
    let supports = |member: &Value| {
        let levels = &member["levels"];
        let both = levels["oldest"].as_u64().zip(levels["newest"].as_u64());
        (member["node"].as_u64().expect("a number"), both)
    };
    let members = status["members"].as_array().expect("a list").iter().map(supports).collect();
    (status["level"].as_u64().expect("a number"), members)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_level_is_raised_when_every_node_supports_it_and_whoever_does_not_is_kept_out() {
    let here = Supported::HERE;
    let mut mixed = Mixed::found([NEXT_BUILD, NEXT_BUILD, here]).await;
    // They begin at what the oldest build among them supports.
    mixed.until_at(here.newest).await;
    mixed.write_guarded("before").await;
    mixed.finalize(1, &format!("level {NEXT} is not supported by node 3 (levels {here})")).await;

    // Nothing was written by being refused: a node may step back.
    mixed.stop(1).await;
    mixed.finalize(2, "node 1 does not say what it supports").await;
    mixed.run(1, here).await;
    mixed.replace(1, NEXT_BUILD).await;
    mixed.replace(3, NEXT_BUILD).await;
    assert!(!mixed.have_guarded().await, "it was written before it may be");
    assert_eq!(shown(mixed.operations(1)).await.0, u64::from(here.newest.number()));

    // Whichever node is asked, the one that leads the metadata does it.
    mixed.finalize(2, &format!("is at level {NEXT}")).await;
    mixed.until_at(NEXT).await;
    mixed.write_guarded("after").await;
    assert!(mixed.have_guarded().await, "it may be written now");
    mixed.finalize(3, &format!("is at level {NEXT}, the newest that its nodes know")).await;

    // This build reads nothing of it, on data of the cluster or on none.
    mixed.stop(3).await;
    let refused = mixed.refused(3, here).await;
    assert!(refused.contains(&format!("has format level {NEXT}")), "{refused}");
    let refused = mixed.refused(4, here).await;
    assert!(refused.contains(&format!("at format level {NEXT}")) && refused.contains("start a newer one"), "{refused}");
    mixed.run(3, NEXT_BUILD).await;
    mixed.run(4, NEXT_BUILD).await;
    mixed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raised_level_outlives_restarts_and_reaches_nodes_that_join() {
    let mut mixed = Mixed::found([EARLIER, Supported::HERE, EARLIER]).await;
    mixed.until_at(EARLIER.newest).await;
    for node in 1..=3 {
        mixed.replace(node, Supported::HERE).await;
    }
    assert_eq!(shown(mixed.operations(1)).await.0, u64::from(EARLIER.newest.number()), "nothing raises it by itself");
    let mut client = crate::growing::client(&format!("http://{}", mixed.servers[&1].address()));
    start(&mut client, "order").await.expect("it starts");
    let newest = Supported::HERE.newest;
    mixed.finalize(1, &format!("is at level {newest}")).await;
    mixed.until_at(newest).await;
    for node in 1..=3 {
        mixed.replace(node, Supported::HERE).await;
    }
    mixed.run(4, Supported::HERE).await;
    mixed.until_at(newest).await;
    let identity = std::fs::read_to_string(mixed.dir(4).join("weft.toml")).expect("it has data");
    assert!(identity.contains(&format!("format = {newest}\n")), "{identity}");
    let all: BTreeSet<u64> = (1..=4).collect();
    let supports = Some((1, u64::from(newest.number())));
    let settled = async {
        loop {
            let (level, members) = shown(mixed.operations(4)).await;
            assert_eq!(level, u64::from(newest.number()));
            if members.keys().copied().collect::<BTreeSet<_>>() == all && members.values().all(|it| *it == supports) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.expect("all have said what they support");
    let metadata = mixed.servers[&1].node().metadata();
    let mut viewed = metadata.viewed();
    while metadata.members().state(4) != Some(MemberState::Member) {
        viewed.changed().await.expect("it runs");
    }
    mixed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_reads_of_a_level_in_its_log_does_not_wait_for_others_to_be_refused() {
    let mut mixed = Mixed::found([NEXT_BUILD; 3]).await;
    // New clusters begin at the newest level, and all of their data are closed to earlier builds by then.
    mixed.until_at(NEXT).await;
    // With these entries comes that what was before them is committed.
    for name in ["first", "second"] {
        mixed.write_guarded(name).await;
        assert!(mixed.have_guarded().await);
    }
    mixed.stop_and_leave_the_log(3).await;
    let refused = mixed.refused(3, Supported::HERE).await;
    assert!(refused.contains(&format!("at format level {NEXT}")), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_its_own_begins_at_the_newest_level_and_is_raised_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = async |levels| {
        let mut options = Options::new(Place::Directory(dir.path().join("data")));
        (options.shards, options.levels) = (2, levels);
        let any: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 0));
        Server::builder(options.place.clone()).options(options).listen(any).operations(any).start().await
    };
    let newest = Supported::HERE.newest;
    let server = open(Supported::HERE).await.expect("it starts");
    assert!(server.node().metadata().writes(newest));
    server.shutdown().await;
    let refused = open(EARLIER).await.err().map(|error| error.to_string()).expect("it does not know the level");
    assert!(refused.contains(&format!("has format level {newest}")), "{refused}");
    let server = open(NEXT_BUILD).await.expect("it starts");
    let at = server.operations().expect("it was asked for");
    let supports = BTreeMap::from([(1, Some((1, u64::from(NEXT.number()))))]);
    assert_eq!(shown(at).await, (u64::from(newest.number()), supports), "nothing raises it by itself");
    let answer = operations::post(at, "/admin/cluster/finalize").await;
    assert!(answer["said"].as_str().is_some_and(|said| said.contains(&format!("at level {NEXT}"))), "{answer}");
    assert!(server.node().metadata().writes(NEXT));
    server.shutdown().await;
    let refused = open(Supported::HERE).await.err().map(|error| error.to_string()).expect("it does not know the level");
    assert!(refused.contains(&format!("has format level {NEXT}")), "{refused}");
    let server = open(NEXT_BUILD).await.expect("it does");
    assert!(server.node().metadata().writes(NEXT));
    server.shutdown().await;
}
