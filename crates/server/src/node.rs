//! One node put together: data directory, log, store, Raft groups, shards, matching and lists.
//!
//! Invariant: what is opened first is closed last; nothing serves before every shard that this node leads has opened its
//! epoch. The frontend sees a [`Node`] and nothing below it.

mod background;
mod checkpoint;
pub(crate) mod copies;
pub(crate) mod copy;
pub(crate) mod crossing;
mod current;
mod dispatch;
mod feed;
pub(crate) mod hold;
mod jobs;
mod joining;
pub(crate) mod leader;
mod leadership;
mod lists;
pub(crate) mod members;
mod mend;
mod notes;
mod open;
mod options;
pub(crate) mod point;
mod post;
pub(crate) mod postmark;
mod queries;
mod queue_configs;
mod removal;
pub mod tasks;
pub(crate) mod views;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;
use weft_engine::{Answer, Request, Settings, WorkflowKey};
use weft_env::{Clock, Ids, Pool};
use weft_matching::{QueueKey, Service, Workers};
use weft_raft as raft;
use weft_shard::{Dispatch, Failure, Metadata, Shard, TaskRef, Waiting};
use weft_store::{state::StateStore, wal::Wal};

pub use jobs::Jobs;
pub use lists::{ListError, Lists};
pub use notes::Notes;
pub use open::{OpenError, World};
pub use options::{JobOptions, NamespaceSeed, Options, Place};
pub use queries::Queries;
pub use weft_store::datadir::Backend;

use crate::{
    cluster::Peers,
    exchange::{Branches, Lent, Outgoing, Returned},
};

pub(crate) use dispatch::poller_of;
pub(crate) use lists::{type_of, wire_type};
pub(crate) use removal::{DELETER, remove_here};

use checkpoint::Checkpointer;
use dispatch::ToPollers;
use mend::Mender;
use removal::Removal;
use tasks::{Started, StartedTask, Work};

/// A running node. Clones are handles to the same one.
#[derive(Clone)]
pub struct Node(Arc<NodeInner>);

pub(crate) struct NodeInner {
    pub(crate) options: Options,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) copies: copies::Copies,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) matching: Service<Work>,
    /// What branches at other nodes have of it.
    pub(crate) lent_tasks: Lent,
    /// The way to matching, wherever a task's queue is owned.
    pub(crate) dispatch: Arc<ToPollers>,
    /// Held from reading what is set for a queue until matching has it, so that of two changes the later one holds.
    telling: Mutex<()>,
    pub(crate) workers: Workers,
    pub(crate) lists: Lists,
    pub(crate) queries: Queries,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) raft: raft::Node,
    pub(crate) peers: Peers,
    /// What goes from one workflow id to another.
    pub(crate) crossings: crossing::Crossings,
    /// What others read here of the backups that they make.
    lent: views::Lent,
    /// Room for who reads a backup.
    pub(crate) backups: Arc<Semaphore>,
    heard: Arc<leadership::Heard>,
    /// Nothing was here of a cluster when it started.
    is_founding: bool,
    /// What a change of the cluster waits for, while this node drives it.
    pub(crate) waits: Mutex<Vec<String>>,
    pub(crate) wal: Wal,
    pub(crate) store: Arc<dyn StateStore>,
    pub(crate) pool: Pool,
    pub(crate) stopping: watch::Receiver<bool>,
    stop: watch::Sender<bool>,
    checkpointer: Checkpointer,
    mender: Mender,
    removal: Removal,
    pub(crate) cluster: Uuid,
    /// Holds the data directory's lock for as long as the node lives.
    pub(crate) hold: Arc<hold::Hold>,
}

impl Node {
    /// The shard that a workflow id belongs to, with a copy here or without.
    #[must_use]
    pub fn shard(&self, key: &WorkflowKey) -> Shard {
        self.0.shard(key)
    }

    /// Those that have a copy here.
    #[must_use]
    pub fn shards(&self) -> Vec<Shard> {
        self.0.copies.here()
    }

    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    #[must_use]
    pub fn matching(&self) -> &Service<Work> {
        &self.0.matching
    }

    /// Polls that wait at this node now, over all queues.
    #[must_use]
    pub fn polls_waiting(&self) -> usize {
        self.0.matching.polls_waiting() + self.0.branches().map_or(0, |branches| branches.polls().polls_waiting())
    }

    /// Polls that wait at this node for a queue now, whoever owns it.
    #[must_use]
    pub fn polls_waiting_at(&self, queue: &QueueKey) -> usize {
        self.0.matching.waiting(queue) + self.0.branches().map_or(0, |branches| branches.polls().waiting(queue))
    }

    /// Polls that wait here for a queue of another node are given the tasks of the shards that this one leads: nothing waits at
    /// the queue's owner.
    #[must_use]
    pub fn gives_by_itself(&self, queue: &QueueKey) -> bool {
        self.0.branches().is_some_and(|branches| branches.is_open(queue))
    }

    /// The workers that sent heartbeats.
    #[must_use]
    pub fn workers(&self) -> &Workers {
        &self.0.workers
    }

    #[must_use]
    pub fn lists(&self) -> &Lists {
        &self.0.lists
    }

    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    #[must_use]
    pub fn ids(&self) -> &Arc<dyn Ids> {
        &self.0.ids
    }

    #[must_use]
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.options.settings
    }

    #[must_use]
    pub fn wal(&self) -> &Wal {
        &self.0.wal
    }

    #[must_use]
    pub fn store(&self) -> &Arc<dyn StateStore> {
        &self.0.store
    }

    /// The cluster's id, made with its data directory.
    #[must_use]
    pub fn cluster(&self) -> Uuid {
        self.0.cluster
    }

    pub(crate) fn peers(&self) -> &Peers {
        &self.0.peers
    }

    #[must_use]
    pub fn raft(&self) -> &raft::Node {
        &self.0.raft
    }

    /// Becomes true when the node stops: long polls answer empty.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stopping.clone()
    }

    /// The node stops, and others of its cluster go on: what waits here is to wait there.
    pub(crate) fn leaves(&self) -> bool {
        !self.0.peers.is_alone() && *self.0.stopping.borrow()
    }

    #[must_use]
    pub fn queries(&self) -> &Queries {
        &self.0.queries
    }

    /// The batch jobs that this node works on.
    #[must_use]
    pub fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// Gives back a started task whose poller has gone.
    pub fn give_back(&self, task: &StartedTask) {
        self.give_back_started(task.started());
    }

    /// The same, by its names.
    pub(crate) fn give_back_started(&self, started: Started) {
        let node = Arc::clone(&self.0);
        tokio::spawn(async move { node.give_back(Returned::Undelivered(started)).await });
    }

    /// How many tasks of a queue wait for a worker, over all shards.
    ///
    /// # Errors
    /// `Storage` when the rows of a shard cannot be read.
    pub async fn waiting(&self, queue: weft_rows::task::Queue) -> Result<Waiting, Failure> {
        self.0.waiting(&queue).await
    }

    /// Offers a task again that was taken but not started.
    pub fn offer_again(&self, key: &WorkflowKey, task: &TaskRef) {
        // A sticky queue whose poller has gone: the task's sticky timeout brings it to the normal queue.
        let _ = self.0.dispatch.offer(self.shard(key).id(), key, task.clone());
    }

    /// Why the node cannot go on, if it cannot: it has to stop.
    #[must_use]
    pub fn fault(&self) -> Option<Arc<str>> {
        let of_log = || self.0.wal.fault().map(|fault| fault.to_string().into());
        let of_level = || members::level::misfit(self.0.metadata.members().level, self.0.options.levels).map(Arc::from);
        self.0.raft.fault().or_else(of_log).or_else(|| self.0.peers.expulsion.reason()).or_else(of_level)
    }

    /// Has a member of the cluster removed; any of its nodes may be asked. Answers with what an operator is told.
    ///
    /// # Errors
    /// `FailedPrecondition` when it cannot be removed, `Unavailable` when nobody decides it now.
    pub async fn remove_member(&self, node: u32) -> Result<String, tonic::Status> {
        self.0.remove_member(node).await
    }

    /// What a change of the cluster waits for, while this node drives it.
    #[must_use]
    pub fn waits(&self) -> Vec<String> {
        self.0.waits.lock().clone()
    }

    /// Raises the cluster's format level to the newest that its nodes know; any of them may be asked.
    ///
    /// # Errors
    /// `FailedPrecondition` when a node does not support it, `Unavailable` when it was not raised now.
    pub async fn finalize(&self) -> Result<String, tonic::Status> {
        self.0.raise_level(false).await
    }

    /// Has a vote in a shard, and with it its copy, moved from one node to another; any of them may be asked.
    ///
    /// # Errors
    /// `FailedPrecondition` when it cannot be moved, `Unavailable` when nobody decides it now.
    pub async fn move_shard(&self, group: u32, from: u32, to: u32) -> Result<String, tonic::Status> {
        self.0.move_shard(group, from, to).await
    }

    /// Makes a checkpoint now.
    pub(crate) async fn checkpoint(&self) {
        self.0.checkpointer.run_once(&self.0).await;
    }

    /// Ends all long polls; calls are still served.
    pub fn stop_polls(&self) {
        self.0.stop.send_replace(true);
        self.0.matching.shutdown();
        if let Some(branches) = self.0.branches() {
            branches.polls().shutdown();
        }
    }

    /// Stops: long polls end, what is under way is written, a checkpoint is made, and the log is closed.
    pub async fn shutdown(&self) {
        self.stop_polls();
        // What came here since it was handed over while calls were taken.
        self.0.hand_over().await;
        self.0.checkpointer.run_once(&self.0).await;
        self.0.raft.shutdown().await;
        let wal = self.0.wal.clone();
        // A panic while closing has been reported by the pool already.
        let _ = self.0.pool.call(move || wal.close()).await;
    }
}

impl From<Arc<NodeInner>> for Node {
    fn from(inner: Arc<NodeInner>) -> Self {
        Self(inner)
    }
}

impl NodeInner {
    /// The ways to the other nodes' matching, if there are others.
    pub(crate) fn outgoing(&self) -> Option<&Outgoing> {
        self.dispatch.away.as_ref().map(|away| &*away.ways)
    }

    /// Where polls wait whose queues other nodes own, if there are others.
    pub(crate) fn branches(&self) -> Option<&Branches> {
        self.dispatch.away.as_ref().map(|away| &*away.branches)
    }

    pub(crate) fn shard(&self, key: &WorkflowKey) -> Shard {
        self.copies.of_key(key)
    }

    pub(crate) async fn ask(&self, key: WorkflowKey, request: Request) -> Result<Answer, Failure> {
        use weft_shard::Directory;
        let Some(namespace) = self.metadata.namespace(&key.namespace) else {
            return Err(Failure::Unavailable("the namespace is not known here yet"));
        };
        self.shard(&key).ask(key, namespace, request).await
    }
}
