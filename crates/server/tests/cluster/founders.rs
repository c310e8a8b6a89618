//! Three nodes with disks found a cluster; one of them loses its disk, and is started as at first.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use weft_server::{
    Builder, ClusterOptions, Server, StartError,
    node::{Options, Place},
};

use crate::{PATIENCE, growing, operations, run_of, start};

struct Founders {
    dirs: TempDir,
    internal: BTreeMap<u32, SocketAddr>,
}

impl Founders {
    /// Their doors are theirs from here on.
    async fn new() -> (Self, BTreeMap<u32, TcpListener>) {
        let (mut doors, any) = (BTreeMap::new(), growing::own_address());
        for node in 1..=3 {
            doors.insert(node, TcpListener::bind(any).await.expect("there is a free port"));
        }
        let internal = doors.iter().map(|(node, door)| (*node, door.local_addr().expect("it is bound"))).collect();
        (Self { dirs: tempfile::tempdir().expect("a directory"), internal }, doors)
    }

    fn dir(&self, node: u32) -> PathBuf {
        self.dirs.path().join(format!("node-{node}"))
    }

    async fn start(&self, node: u32, door: TcpListener) -> Result<Server, StartError> {
        self.builder(node, 2, door).start().await
    }

    fn builder(&self, node: u32, shards: u16, door: TcpListener) -> Builder {
        let members = self.internal.iter().map(|(node, address)| (*node, address.to_string())).collect();
        let mut options = Options::new(Place::Directory(self.dir(node)));
        options.cluster = ClusterOptions { name: "founders".to_owned(), members, ..ClusterOptions::default() };
        (options.node, options.shards) = (node, shards);
        let any: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 0));
        Server::builder(options.place.clone()).options(options).listen(any).internal(door)
    }

    async fn start_again(&self, node: u32) -> Result<Server, StartError> {
        let door = TcpListener::bind(self.internal[&node]).await.expect("the port is free");
        self.start(node, door).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_founder_that_lost_its_disk_does_not_vote_again() {
    let (founders, doors) = Founders::new().await;
    let starting = doors.into_iter().map(|(node, door)| founders.start(node, door));
    let servers = futures::future::try_join_all(starting).await.expect("they start");
    let mut servers: BTreeMap<u32, Server> = (1..).zip(servers).collect();
    let mut client = growing::client(&format!("http://{}", servers[&1].address()));
    let run = start(&mut client, "order").await.expect("it starts");

    // With its data it comes back alone, whoever runs.
    for node in [2, 3] {
        servers.remove(&node).expect("it runs").shutdown().await;
    }
    servers.insert(2, founders.start_again(2).await.expect("it has its data"));
    // Two of three are a majority. The third one comes with nothing, when only one that knows it runs.
    std::fs::remove_dir_all(founders.dir(3)).expect("it is there");
    servers.remove(&2).expect("it runs").shutdown().await;
    let starting = tokio::time::timeout(PATIENCE, founders.start_again(3)).await.expect("it is told soon");
    let refused = starting.err().map(|error| error.to_string()).expect("it has forgotten its votes");
    assert!(refused.contains("another data directory"), "{refused}");
    assert!(refused.contains("wfctl cluster remove 3") && refused.contains("--join"), "{refused}");

    servers.insert(2, founders.start_again(2).await.expect("it has its data"));
    let mut client = growing::client(&format!("http://{}", servers[&2].address()));
    assert_eq!(run_of(&mut client, "order").await.expect("it is there"), run);
    futures::future::join_all(servers.into_values().map(Server::shutdown)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn founders_vote_when_all_of_them_were_there_once() {
    let (founders, mut doors) = Founders::new().await;
    let mut open = |node| doors.remove(&node).expect("it is there");
    let (first, second, third) = (open(1), open(2), open(3));
    let two = async { tokio::join!(founders.start(1, first), founders.start(2, second)) };
    let mut two = std::pin::pin!(two);
    let asked = async {
        // Both know each other, and still wait.
        let known = |node: u32| std::fs::read_to_string(founders.dir(node).join("founders.toml")).unwrap_or_default();
        while [1, 2].iter().any(|node| known(*node).lines().filter(|line| line.contains(" = \"")).count() < 2) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = &mut two => panic!("they founded it without the third"),
        asked = tokio::time::timeout(PATIENCE, asked) => asked.expect("they ask each other"),
    }
    let ((one, two), three) = tokio::join!(two, founders.start(3, third));
    let servers = [one, two, three].map(|server| server.expect("it starts"));
    futures::future::join_all(servers.map(Server::shutdown)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn founders_that_were_told_of_different_numbers_of_shards_do_not_start() {
    let (founders, mut doors) = Founders::new().await;
    let mut open = |node, shards| founders.builder(node, shards, doors.remove(&node).expect("it is there")).start();
    let (two, four, third) = (open(1, 2), open(2, 4), open(3, 2));
    let started = async {
        tokio::select! {
            started = two => started,
            started = four => started,
            started = third => started,
        }
    };
    let started = tokio::time::timeout(PATIENCE, started).await.expect("they tell each other");
    let refused = started.err().map(|error| error.to_string()).expect("a workflow id would be in two groups");
    assert!(refused.contains("has 2 shards") || refused.contains("has 4 shards"), "{refused}");
    assert!(refused.contains("storage.shards"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_founder_that_waits_for_the_others_tells_that_it_lives_and_is_not_ready() {
    let (founders, mut doors) = Founders::new().await;
    let mut door = |node| doors.remove(&node).expect("it is there");
    // Nothing else is bound at this test's own address.
    let port = TcpListener::bind(growing::own_address()).await.and_then(|bound| bound.local_addr());
    let port = port.expect("there is a free port");
    let first = tokio::spawn(founders.builder(1, 2, door(1)).operations(port).start());
    let is_bound = async {
        while TcpStream::connect(port).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, is_bound).await.expect("it listens before it has met anybody");
    assert_eq!(operations::ask(port, "GET", "/livez").await, "ok\n");
    for asked in ["/readyz", "/healthz", "/metrics", "/admin/cluster"] {
        let answer = operations::ask(port, "GET", asked).await;
        assert!(answer.contains("the node is starting"), "{asked}: {answer}");
    }

    let (second, third) = tokio::join!(founders.start(2, door(2)), founders.start(3, door(3)));
    let first = first.await.expect("it does not panic");
    assert_eq!(operations::ask(port, "GET", "/livez").await, "ok\n");
    assert!(operations::get(port, "/admin/cluster").await["error"].is_null());
    let servers = [first, second, third].map(|server| server.expect("it starts"));
    futures::future::join_all(servers.map(Server::shutdown)).await;
    assert!(TcpStream::connect(port).await.is_err(), "the port is closed");
}
