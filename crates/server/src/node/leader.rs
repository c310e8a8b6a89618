//! Who leads what, as this node knows it.
//!
//! Invariant: this is a hint that says whom to ask. Whoever is asked finds out by itself whether it leads.

use std::sync::Arc;

use tokio::sync::watch;
use weft_engine::{NamespaceId, WorkflowId, WorkflowKey};
use weft_matching::QueueKey;
use weft_raft::Leadership;
use weft_shard::Shard;

use super::{Node, NodeInner};

/// The leader of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leader {
    Here,
    Node(u32),
    Nobody,
}

impl Leader {
    pub(crate) fn of(known: &Leadership) -> Self {
        match known.leader {
            _ if known.mine => Self::Here,
            Some(node) => u32::try_from(node.0).map_or(Self::Nobody, Self::Node),
            None => Self::Nobody,
        }
    }
}

impl NodeInner {
    /// Who owns a task queue: whoever leads the shard that a workflow of the queue's name would belong to. So owners move
    /// with leaders, and all nodes agree on them as they agree on leaders.
    pub(crate) fn owner_of(&self, namespace: &NamespaceId, queue: &str) -> watch::Receiver<Leadership> {
        self.leadership_of(&WorkflowKey { namespace: namespace.clone(), workflow: WorkflowId::from(queue) })
    }

    /// Who leads the shard of a workflow id, and news of it.
    pub(crate) fn leadership_of(&self, key: &WorkflowKey) -> watch::Receiver<Leadership> {
        self.copies.leadership(&self.shard(key))
    }

    /// The leader of a workflow id's shard, for whoever asks it now.
    pub(crate) fn leader_of(&self, key: &WorkflowKey) -> Leader {
        self.leader_of_shard(&self.shard(key))
    }

    /// The leader of a shard. A node without others is always asked, also while it elects itself.
    pub(crate) fn leader_of_shard(&self, shard: &Shard) -> Leader {
        if self.peers.is_alone() { Leader::Here } else { Leader::of(&self.copies.led(shard.id().0)) }
    }

    /// Whether another node leads a shard.
    pub(crate) fn is_shard_led_by(&self, node: u32, shard: u32) -> bool {
        Leader::of(&self.copies.led(shard)) == Leader::Node(node)
    }

    /// The owner of a task queue, for whoever brings something to it now. A node without others owns all.
    pub(crate) fn owner(&self, queue: &QueueKey) -> Leader {
        if self.peers.is_alone() {
            return Leader::Here;
        }
        Leader::of(&self.owner_of(&NamespaceId::from(&*queue.namespace), &queue.name).borrow())
    }
}

impl Node {
    /// The leader of the shard that a workflow id belongs to.
    pub(crate) fn leader_of(&self, key: &WorkflowKey) -> Leader {
        self.0.leader_of(key)
    }

    /// Who leads the shard of a workflow id, and news of it.
    pub(crate) fn leadership_of(&self, key: &WorkflowKey) -> watch::Receiver<Leadership> {
        self.0.leadership_of(key)
    }

    pub(crate) fn inner(&self) -> &Arc<NodeInner> {
        &self.0
    }

    /// Who owns a task queue, and news of it: whoever leads the shard that a workflow of the queue's name would belong to.
    pub(crate) fn owner(&self, namespace: &NamespaceId, queue: &str) -> watch::Receiver<Leadership> {
        self.0.owner_of(namespace, queue)
    }
}
