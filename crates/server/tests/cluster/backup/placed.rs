//! Backups of a cluster whose nodes have copies of some shards each: the node that is asked reads the rest from the others.

use std::{
    io::{self, Read},
    path::PathBuf,
    sync::mpsc,
};

use tokio::{net::TcpSocket, sync::oneshot};
use weft_engine::{WorkflowId, WorkflowKey};
use weft_protocol::api::common::{Payload, Payloads};
use weft_rows::member::CopyState;

use super::*;
use crate::{growing::Growing, placement::runs_at};

/// Together more than a connection and all before it have room for while nobody reads.
const LARGE: usize = 64;
const LARGE_BYTES: usize = 256 << 10;
const RECEIVE_BYTES: u32 = 64 << 10;

/// Reads some, and then nothing until it is told to.
struct Paused<R> {
    input: R,
    left: usize,
    reached: Option<oneshot::Sender<()>>,
    go_on: mpsc::Receiver<()>,
}

impl<R: Read> Read for Paused<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            if let Some(reached) = self.reached.take() {
                reached.send(()).expect("it is waited for");
                self.go_on.recv().expect("it is told");
            }
            return self.input.read(buffer);
        }
        let most = buffer.len().min(self.left);
        let read = self.input.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

/// A backup that has begun to be read.
struct Begun {
    go_on: mpsc::Sender<()>,
    saved: JoinHandle<Result<backup::Manifest, String>>,
}

impl Begun {
    /// The node sends, and is in the midst of it.
    async fn by(operations: SocketAddr, dir: PathBuf) -> Self {
        let socket = TcpSocket::new_v4().expect("there are sockets");
        socket.set_recv_buffer_size(RECEIVE_BYTES).expect("it may be small");
        let stream = socket.connect(operations).await.expect("it listens").into_std().expect("it is one");
        stream.set_nonblocking(false).expect("it can wait");
        let ((go_on, told), (reached, is_reached)) = (mpsc::channel(), oneshot::channel());
        let saved = tokio::task::spawn_blocking(move || {
            let input = sent_by(stream, "")?;
            let paused = Paused { input, left: 1 << 10, reached: Some(reached), go_on: told };
            backup::save(&dir, paused).map_err(|error| error.to_string())
        });
        is_reached.await.expect("it is sent");
        Self { go_on, saved }
    }

    async fn end(self) -> Result<backup::Manifest, String> {
        self.go_on.send(()).expect("it waits");
        self.saved.await.expect("it does not panic")
    }
}

fn operations_of(growing: &Growing, node: u32) -> SocketAddr {
    growing.servers[&node].operations().expect("it was asked for")
}

/// The shard that a node of four has no copy of.
fn elsewhere_of(growing: &Growing, node: u32) -> u32 {
    let (server, here) = (&growing.servers[&node], runs_at(&growing.servers[&node]));
    let elsewhere: Vec<u32> =
        (1..=u32::from(server.node().options().shards)).filter(|shard| !here.contains(shard)).collect();
    assert_eq!(elsewhere.len(), 1, "twelve copies on four nodes");
    elsewhere[0]
}

/// Large workflows, all of them of one shard.
async fn large_ones(growing: &Growing, shard: u32) -> BTreeSet<String> {
    let node = growing.servers[&1].node();
    let namespace = node.metadata().facts(NAMESPACE).expect("it is registered").id.clone();
    let is_there = |id: &String| {
        let key = WorkflowKey { namespace: namespace.clone(), workflow: WorkflowId::from(id.as_str()) };
        node.shard(&key).id().0 == shard
    };
    let ids: BTreeSet<String> = (0..).map(|number| format!("large-{number}")).filter(is_there).take(LARGE).collect();
    let client = growing.client(1);
    for id in &ids {
        let input = Payload { data: vec![7; LARGE_BYTES], ..Payload::default() };
        let request = StartWorkflowExecutionRequest {
            namespace: NAMESPACE.to_owned(),
            workflow_id: id.clone(),
            workflow_type: Some(WorkflowType { name: "Large".to_owned() }),
            task_queue: normal(QUEUE),
            input: Some(Payloads { payloads: vec![input] }),
            request_id: id.clone(),
            ..Default::default()
        };
        again(async || client.clone().start_workflow_execution(request.clone()).await).await;
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_have_some_shards_each_send_backups_of_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let growing = Growing::placed(5).await;
    growing.until_at_rest(1).await;
    let clients: Vec<Client> = (1..=5).map(|node| growing.client(node)).collect();
    let players = under_load(&clients).await;
    let mut backups = Vec::new();
    for node in [2, 5] {
        assert!(runs_at(&growing.servers[&node]).len() < 4, "node {node} has a copy of every shard");
        let backup = folder.path().join(format!("by-{node}"));
        let saved = saved_by(operations_of(&growing, node), &backup).await;
        assert_eq!((saved.source.node, saved.source.level, saved.groups.len()), (node, 3, 5));
        backups.push(backup);
        rounds_more(&clients[0], &parent(1)).await;
    }
    players.iter().for_each(JoinHandle::abort);
    growing.shutdown().await;

    for backup in backups {
        let server = restored(&backup, &backup.with_extension("data")).await;
        goes_on(&server).await;
        server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_moves_away_in_the_middle_is_sent_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let growing = Growing::placed(4).await;
    growing.until_at_rest(1).await;
    let shard = elsewhere_of(&growing, 2);
    let ids = large_ones(&growing, shard).await;
    let backup = folder.path().join("backup");
    let begun = Begun::by(operations_of(&growing, 2), backup.clone()).await;
    // What node 2 has not got it reads from the next one.
    growing.wish(1, &format!("move-shard?shard={shard}&from=3&to=2"), "as soon as that has its log").await;
    let is_moved = |members: &weft_shard::Members| {
        let nodes = &members.copies[&shard].nodes;
        nodes.get(&2) == Some(&CopyState::Held) && !nodes.contains_key(&3)
    };
    growing.until_copies(3, "moved", is_moved).await;
    assert!(!runs_at(&growing.servers[&3]).contains(&shard), "it has gone");
    begun.end().await.expect("its rows are kept until they are sent");
    growing.shutdown().await;

    let server = restored(&backup, &folder.path().join("data")).await;
    let client = client_of(&server).await;
    for id in &ids {
        assert_eq!(history(&client, id).await.len(), 2, "{id}");
        verify(&server, id).await;
    }
    server.shutdown().await;
}

/// Node 2 of four is asked for a backup, and node 3, which lends it rows, stops in the midst of it.
async fn without_the_lender(dir: &Path, comes_back: bool) -> (Growing, String) {
    let mut growing = Growing::placed(4).await;
    growing.until_at_rest(1).await;
    large_ones(&growing, elsewhere_of(&growing, 2)).await;
    // One that is silent is not asked for rows.
    let all_answer = async || {
        let status = growing.status(2).await;
        status["members"].as_array().expect("a list").iter().all(|member| member["answers"] == true)
    };
    in_time("an answer of all", async { while !all_answer().await {} }).await;
    let backup = dir.join("backup");
    let begun = Begun::by(operations_of(&growing, 2), backup.clone()).await;
    growing.stop(3).await;
    if comes_back {
        growing.start_again(3).await;
    }
    let refused = begun.end().await.expect_err("nobody else has rows of that moment");
    assert!(!backup.exists(), "{refused}");
    (growing, refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_in_the_middle_is_named_and_nothing_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let (growing, refused) = without_the_lender(folder.path(), false).await;
    assert!(refused.contains("node 3, which has rows of this backup, does not answer any more"), "{refused}");
    let refused = backed_up_by(operations_of(&growing, 2), &folder.path().join("without")).await;
    let refused = refused.expect_err("a node is gone");
    assert!(refused.contains("node 3 did not hold messages back"), "{refused}");
    growing.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_again_in_the_middle_has_lost_what_it_lent() {
    let folder = tempfile::tempdir().expect("a folder");
    let (growing, refused) = without_the_lender(folder.path(), true).await;
    // On a slow machine it is away for longer than it is asked again.
    let is_right = |why: &&str| refused.contains(*why);
    let right =
        ["node 3 has lost rows that it had for this backup", "node 3, which has rows of this backup, does not answer"];
    assert!(right.iter().any(is_right), "{refused}");
    growing.shutdown().await;
}
