//! The groups of one node, all on one write-ahead log: started together, ready together, stopped together.
//!
//! Invariant: every group's randomness comes from the node's seed and the group's id, whatever the order in which the
//! groups start.
//!
//! It deliberately does not choose which groups a node has, nor who votes in them; the metadata group will.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use weft_store::wal::{GroupId, Wal};

use crate::group::{Group, GroupConfig, StartError, Timing};
use crate::heart::Heart;
use crate::machine::Machine;
use crate::proposal::ReadError;
use crate::pulse::Pulses;
use crate::receive::ReceiveError;
use crate::transport::{Alone, Transport};
use crate::types::NodeId;

/// What the groups of a node keep of their logs, in bytes, for replicas that are behind: with the load of a busy machine
/// what comes in a minute or two. Whoever was away for longer gets a picture.
pub const KEPT_BYTES: u64 = 1 << 30;

/// How the groups of a node behave.
#[derive(Clone)]
pub struct NodeConfig {
    pub node: NodeId,
    pub seed: u64,
    pub timing: Timing,
    /// The way to the other nodes.
    pub transport: Arc<dyn Transport>,
    /// The voters of groups that do not exist yet, the same on each of them: this node alone for one node. Empty: this
    /// node waits until others add it.
    pub founders: BTreeSet<NodeId>,
    /// What all groups together keep of their logs for replicas that are behind, each an equal share; see [`KEPT_BYTES`].
    pub kept_bytes: u64,
}

impl NodeConfig {
    /// For a node without others.
    #[must_use]
    pub fn alone(node: NodeId, seed: u64) -> Self {
        let (transport, founders) = (Arc::new(Alone), BTreeSet::from([node]));
        Self { node, seed, timing: Timing::default(), transport, founders, kept_bytes: KEPT_BYTES }
    }
}

impl fmt::Debug for NodeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, seed, timing, transport: _, founders, kept_bytes } = self;
        let mut out = f.debug_struct("NodeConfig");
        out.field("node", node).field("seed", seed).field("timing", timing).field("founders", founders);
        out.field("kept_bytes", kept_bytes);
        out.finish_non_exhaustive()
    }
}

/// The running groups of a node. Clones are handles to the same groups.
#[derive(Clone)]
pub struct Node {
    groups: Arc<BTreeMap<GroupId, Group>>,
    heart: Arc<Heart>,
    timing: Timing,
}

impl Node {
    /// Starts all groups at once, so that their writes share syncs. If one cannot start, none stays.
    pub async fn start(
        config: &NodeConfig,
        wal: &Wal,
        machines: impl IntoIterator<Item = (GroupId, Arc<dyn Machine>)>,
    ) -> Result<Self, StartError> {
        let pulses = Pulses::new(Arc::clone(&config.transport), config.timing);
        let machines: Vec<_> = machines.into_iter().collect();
        let kept_bytes = config.kept_bytes / (machines.len() as u64).max(1);
        let started = machines.into_iter().map(|(id, machine)| {
            let group = config.group(id, kept_bytes, &pulses);
            async move { Group::start(&group, wal.group(id), machine).await.map(|group| (id, group)) }
        });
        let groups = try_join_all(started).await?;
        let groups = Arc::new(groups.into_iter().collect());
        let heart = Arc::new(Heart::start(config.node, config.seed, config.timing, pulses, &groups));
        Ok(Self { groups, heart, timing: config.timing })
    }

    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(&id)
    }

    pub fn groups(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.groups.iter().map(|(&id, group)| (id, group))
    }

    /// A message of another node's group came in: what its [`Transport`] sent here.
    pub async fn receive(&self, group: GroupId, message: Bytes) -> Result<Bytes, ReceiveError> {
        self.group(group).ok_or(ReceiveError::NoGroup(group))?.receive(message).await
    }

    /// How long the heartbeats of another node may wait for those of them that are not answered: those that are have to be
    /// back there before the next beat.
    pub(crate) fn pulse_patience(&self) -> Duration {
        Duration::from_millis(self.timing.heartbeat_ms / 2)
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.heart.has_stopped()
    }

    /// Waits until every group knows a leader, and until those led here have applied all that was committed before. With
    /// other voters this can take an election, and needs a majority.
    pub async fn ready(&self) -> Result<(), ReadError> {
        try_join_all(self.groups.values().map(group_ready)).await.map(|_| ())
    }

    /// Why a group failed, if one did: the node has to stop.
    pub fn fault(&self) -> Option<Arc<str>> {
        self.groups.values().find_map(Group::fault)
    }

    /// Stops all groups. The log stays open.
    pub async fn shutdown(&self) {
        self.heart.stop();
        join_all(self.groups.values().map(Group::shutdown)).await;
    }
}

impl NodeConfig {
    fn group(&self, id: GroupId, kept_bytes: u64, pulses: &Arc<Pulses>) -> GroupConfig {
        // Any mixing that keeps the groups' elections from falling on the same moments does.
        let seed = self.seed.wrapping_add(u64::from(id.0).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        GroupConfig {
            group: id,
            node: self.node,
            seed,
            timing: self.timing,
            transport: Arc::clone(&self.transport),
            founders: self.founders.clone(),
            kept_bytes,
            pulses: Arc::clone(pulses),
        }
    }
}

async fn group_ready(group: &Group) -> Result<(), ReadError> {
    let mut leadership = group.leadership();
    loop {
        let known = leadership.wait_for(|known| known.leader.is_some()).await.map_err(|_| ReadError::Stopped)?;
        if !known.mine {
            return Ok(());
        }
        let term = known.term;
        drop(known);
        match group.confirm(term).await {
            Ok(index) => return group.wait_applied(index).await,
            Err(ReadError::Stopped) => return Err(ReadError::Stopped),
            // Leadership was lost meanwhile, and the news of it is on its way.
            Err(ReadError::NotLeader { .. }) => tokio::task::yield_now().await,
        }
    }
}

#[cfg(test)]
mod tests;
