//! Several nodes in one process, each with a disk of its own, over a [`Net`], under paused time.
//!
//! What it checks by itself: [`Cluster::check`] holds what the nodes have applied against each other and against what
//! was acknowledged; the [`Recorder`]s panic at an entry that comes twice, out of order, or before its node has it on
//! disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weft_env::Lane;
use weft_env::disk::SimDisk;
use weft_store::wal::{GroupLog, Wal};

use super::net::Net;
use super::{GROUP, Recorder, open};
use crate::{Committed, Group, KEPT_BYTES, Machine, Node, NodeConfig, NodeId, ProposeError, Timing};

/// How long anything that must happen may take, in virtual time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running node.
pub(crate) struct Member {
    pub(crate) disk: SimDisk,
    wal: Wal,
    pub(crate) machine: Recorder,
    pub(crate) node: Node,
}

impl Member {
    pub(crate) fn group(&self) -> Group {
        self.node.group(GROUP).expect("every node has the group")
    }

    pub(crate) fn log(&self) -> GroupLog {
        self.wal.group(GROUP)
    }
}

/// What is left of a node that is down.
struct Rest {
    disk: SimDisk,
    machine: Recorder,
}

pub(crate) struct Cluster {
    pub(crate) net: Net,
    seed: u64,
    kept_bytes: u64,
    founders: BTreeSet<NodeId>,
    running: BTreeMap<NodeId, Member>,
    down: BTreeMap<NodeId, Rest>,
    /// What proposers were told is there, in the order of the answers.
    pub(crate) acknowledged: Vec<Bytes>,
}

impl Cluster {
    /// Starts nodes 1 to `size`, which found the group together.
    pub(crate) async fn start(seed: u64, size: u64) -> Self {
        Self::keeping(KEPT_BYTES, seed, size).await
    }

    /// The same, with so many bytes of its log for whoever is behind.
    pub(crate) async fn keeping(kept_bytes: u64, seed: u64, size: u64) -> Self {
        let mut cluster = Self {
            net: Net::new(seed),
            seed,
            kept_bytes,
            founders: (1..=size).map(NodeId).collect(),
            running: BTreeMap::new(),
            down: BTreeMap::new(),
            acknowledged: Vec::new(),
        };
        for id in cluster.founders.clone() {
            let rest = cluster.empty(id);
            cluster.boot(id, rest, cluster.founders.clone()).await;
        }
        cluster
    }

    fn empty(&self, id: NodeId) -> Rest {
        let disk = SimDisk::new(self.seed.wrapping_mul(100) + id.0);
        let machine = Recorder::new(open(&disk, Lane::inline()).group(GROUP));
        Rest { disk, machine }
    }

    /// A node that runs gives up its replica, and comes back with one that knows nothing but where it once was.
    pub(crate) async fn give_up_and_return(&mut self, id: NodeId) {
        self.give_up(id, true).await;
    }

    /// The same; with `keeps_floor` false it does not even know that.
    pub(crate) async fn give_up(&mut self, id: NodeId, keeps_floor: bool) {
        let member = self.running.get_mut(&id).expect("the node runs");
        let known = member.machine.floor();
        // What follows may fail the first time, and then it is asked for again.
        member.node.remove(GROUP, known.clone()).await.expect("its log is read");
        let floor = member.node.remove(GROUP, known).await.expect("its log is read");
        assert!(floor.is_some() && member.node.group(GROUP).is_none());
        Node::forget(&member.wal, GROUP).await.expect("its log is written");
        member.machine = Recorder::forgotten(member.wal.group(GROUP), floor.filter(|_| keeps_floor));
        member.node.add(GROUP, Arc::new(member.machine.clone())).await.expect("it starts");
    }

    /// Starts a node that has nothing and founds nothing. If one of this name is down, it is wiped.
    pub(crate) async fn add_empty(&mut self, id: NodeId) {
        self.down.remove(&id);
        let rest = self.empty(id);
        self.boot(id, rest, BTreeSet::new()).await;
    }

    async fn boot(&mut self, id: NodeId, rest: Rest, founders: BTreeSet<NodeId>) {
        let Rest { disk, machine } = rest;
        let wal = open(&disk, Lane::inline());
        let machine = machine.over(wal.group(GROUP));
        let config = NodeConfig {
            node: id,
            seed: self.seed.wrapping_mul(1000) + id.0,
            timing: Timing::default(),
            transport: self.net.transport(id),
            founders,
            kept_bytes: self.kept_bytes,
            groups_max: 1,
        };
        let given: Arc<dyn Machine> = Arc::new(machine.clone());
        let node = Node::start(&config, &wal, [(GROUP, given)]).await.expect("the node starts");
        self.net.join(id, node.clone());
        self.running.insert(id, Member { disk, wal, machine, node });
    }

    /// The power goes: the node keeps only what it made durable.
    pub(crate) async fn crash(&mut self, id: NodeId) {
        let Member { disk, machine, node, .. } = self.running.remove(&id).expect("the node runs");
        self.net.leave(id);
        disk.crash();
        let machine = machine.durable();
        node.shutdown().await;
        self.down.insert(id, Rest { disk, machine });
    }

    pub(crate) async fn restart(&mut self, id: NodeId) {
        let rest = self.down.remove(&id).expect("the node is down");
        self.boot(id, rest, self.founders.clone()).await;
    }

    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.running.keys().copied().collect()
    }

    pub(crate) fn down(&self) -> Vec<NodeId> {
        self.down.keys().copied().collect()
    }

    pub(crate) fn member(&self, id: NodeId) -> &Member {
        self.running.get(&id).expect("the node runs")
    }

    pub(crate) fn group(&self, id: NodeId) -> Group {
        self.member(id).group()
    }

    /// Parts a node from all others.
    pub(crate) fn isolate(&self, id: NodeId) {
        self.founders.iter().filter(|other| **other != id).for_each(|other| self.net.part(id, *other));
    }

    /// Who says that it leads, of the latest term.
    pub(crate) fn leader_now(&self) -> Option<NodeId> {
        let known = self.running.iter().map(|(id, member)| (*member.group().leadership().borrow(), *id));
        known.filter(|(known, _)| known.mine).max_by_key(|(known, _)| known.term).map(|(_, id)| id)
    }

    /// Waits until one of the nodes has confirmed that it leads.
    pub(crate) async fn leader(&self) -> NodeId {
        let found = async {
            loop {
                if let Some(id) = self.leader_now() {
                    let term = self.group(id).leadership().borrow().term;
                    if self.group(id).confirm(term).await.is_ok() {
                        return id;
                    }
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("somebody is elected")
    }

    /// Waits until all running nodes have applied what was committed when this was called.
    pub(crate) async fn settle(&self) {
        let leader = self.leader().await;
        let index = self.group(leader).read_index().await.expect("the leader may read");
        for member in self.running.values() {
            let applied = tokio::time::timeout(PATIENCE, member.group().wait_applied(index)).await;
            applied.expect("a node that runs catches up").expect("its group runs");
        }
    }

    /// Makes a checkpoint on each running node.
    pub(crate) async fn checkpoint(&self) {
        for member in self.running.values() {
            let mark = member.machine.checkpoint();
            member.group().checkpointed(mark).await.expect("a checkpoint of what is applied");
        }
    }

    /// Proposes through whoever leads until somebody takes it; what was of unknown outcome may be there twice then.
    pub(crate) async fn commit(&mut self, text: &str) {
        let batch = Bytes::copy_from_slice(text.as_bytes());
        let done = async {
            loop {
                let leader = self.leader().await;
                match tokio::time::timeout(Duration::from_secs(2), self.group(leader).propose(batch.clone())).await {
                    Ok(Ok(_)) => return,
                    Ok(Err(ProposeError::Fatal(error))) => panic!("{error}"),
                    Ok(Err(
                        ProposeError::NotLeader { .. }
                        | ProposeError::LeaseExpired
                        | ProposeError::Unknown
                        | ProposeError::Full,
                    ))
                    | Err(_) => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, done).await.unwrap_or_else(|_| panic!("{text} is committed"));
        self.acknowledged.push(batch);
    }

    /// Proposes many, a thousand at a time, while nothing goes wrong.
    pub(crate) async fn commit_many(&mut self, count: u64) {
        let leader = self.leader().await;
        for start in (0..count).step_by(1000) {
            let batches: Vec<_> = (start..count.min(start + 1000)).map(|n| Bytes::from(format!("many {n}"))).collect();
            let proposed = batches.iter().map(|batch| self.group(leader).propose(batch.clone()));
            let replies = futures::future::join_all(proposed).await;
            assert!(replies.iter().all(Result::is_ok), "the leader commits");
            self.acknowledged.extend(batches);
        }
    }

    /// Proposes so many batches of so many bytes each, and sees them committed.
    pub(crate) async fn commit_large(&mut self, count: u64, bytes: usize) {
        let leader = self.leader().await;
        for n in 0..count {
            let mut batch = format!("large {n} ").into_bytes();
            batch.resize(bytes, b'.');
            let batch = Bytes::from(batch);
            self.group(leader).propose(batch.clone()).await.expect("the leader commits");
            self.acknowledged.push(batch);
        }
    }

    /// A node that is down has the durable state of another machine, and its own log.
    pub(crate) fn replace_state(&mut self, id: NodeId, machine: &Recorder) {
        let rest = self.down.get_mut(&id).expect("the node is down");
        rest.machine = machine.as_installed();
    }

    /// The same once, through whoever seems to lead now; it may well fail.
    pub(crate) async fn try_commit(&mut self, text: &str, patience: Duration) {
        let Some(leader) = self.leader_now() else { return };
        let batch = Bytes::copy_from_slice(text.as_bytes());
        let proposed = tokio::time::timeout(patience, self.group(leader).propose(batch.clone())).await;
        if let Ok(Ok(_)) = proposed {
            self.acknowledged.push(batch);
        }
    }

    /// All nodes have applied the same entries, as far as each has come.
    pub(crate) fn agree(&self) {
        let all: Vec<Vec<Committed>> = self.running.values().map(|member| member.machine.entries()).collect();
        let longest = all.iter().max_by_key(|entries| entries.len()).expect("a node runs");
        for entries in &all {
            for (one, other) in entries.iter().zip(longest) {
                assert_eq!((one.term, one.index, &one.payload), (other.term, other.index, &other.payload));
            }
        }
    }

    /// The same, and nothing that was acknowledged is missing from any node, or in another order: for nodes that have
    /// settled.
    pub(crate) fn check(&self) {
        self.agree();
        for (id, member) in &self.running {
            let mut rest = member.machine.batches().into_iter();
            for batch in &self.acknowledged {
                assert!(rest.any(|found| found == batch), "{batch:?} was acknowledged and node {id} lost it");
            }
        }
    }
}
