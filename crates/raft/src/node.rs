//! The groups of one node, all on one write-ahead log: started together, ready together, stopped together.
//!
//! Invariant: every group's randomness comes from the node's seed and the group's id, whatever the order in which the
//! groups start.
//!
//! It deliberately does not choose which groups a node has; the metadata group will.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::{join_all, try_join_all};
use weft_store::wal::{GroupId, Wal};

use crate::group::{Group, GroupConfig, StartError, Timing};
use crate::machine::Machine;
use crate::proposal::ReadError;
use crate::types::NodeId;

/// How the groups of a node behave.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    pub node: NodeId,
    pub seed: u64,
    pub timing: Timing,
}

/// The running groups of a node. Clones are handles to the same groups.
#[derive(Clone)]
pub struct Node {
    groups: Arc<BTreeMap<GroupId, Group>>,
}

impl Node {
    /// Starts all groups at once, so that their writes share syncs. If one cannot start, none stays.
    pub async fn start(
        config: &NodeConfig,
        wal: &Wal,
        machines: impl IntoIterator<Item = (GroupId, Arc<dyn Machine>)>,
    ) -> Result<Self, StartError> {
        let started = machines.into_iter().map(|(id, machine)| {
            let group = config.group(id);
            async move { Group::start(&group, wal.group(id), machine).await.map(|group| (id, group)) }
        });
        let groups = try_join_all(started).await?;
        Ok(Self { groups: Arc::new(groups.into_iter().collect()) })
    }

    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(&id)
    }

    pub fn groups(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.groups.iter().map(|(&id, group)| (id, group))
    }

    /// Waits until every group has a leader, and until those led here have applied all that was committed before.
    pub async fn ready(&self) -> Result<(), ReadError> {
        try_join_all(self.groups.values().map(group_ready)).await.map(|_| ())
    }

    /// Why a group failed, if one did: the node has to stop.
    pub fn fault(&self) -> Option<Arc<str>> {
        self.groups.values().find_map(Group::fault)
    }

    /// Stops all groups. The log stays open.
    pub async fn shutdown(&self) {
        join_all(self.groups.values().map(Group::shutdown)).await;
    }
}

impl NodeConfig {
    fn group(&self, id: GroupId) -> GroupConfig {
        // Any mixing that keeps the groups' elections from falling on the same moments does.
        let seed = self.seed.wrapping_add(u64::from(id.0).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        GroupConfig { node: self.node, seed, timing: self.timing }
    }
}

async fn group_ready(group: &Group) -> Result<(), ReadError> {
    let mut leadership = group.leadership();
    let known = leadership.wait_for(|known| known.leader.is_some()).await.map_err(|_| ReadError::Stopped)?;
    if !known.mine {
        return Ok(());
    }
    drop(known);
    let index = group.read_index().await?;
    group.wait_applied(index).await
}

#[cfg(test)]
mod tests;
