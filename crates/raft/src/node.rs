//! The groups of one node, all on one write-ahead log: those that a node begins with are started together and ready together;
//! others come and go while it runs.
//!
//! Invariant: every group's randomness comes from the node's seed and the group's id, whatever the order in which the
//! groups start. A group that stops here keeps what it has in the log until that is forgotten, which is asked apart.
//!
//! It deliberately does not choose which groups a node has, nor who votes in them; the metadata group will.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use weft_store::wal::{GroupId, Wal};

use crate::floor;
use crate::group::{Group, GroupConfig, StartError, Timing};
use crate::groups::Groups;
use crate::heart::Heart;
use crate::log;
use crate::machine::{Machine, MachineError};
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
    /// As many groups as may run here at the same time: what a share goes by.
    pub groups_max: usize,
}

impl NodeConfig {
    /// For a node without others.
    #[must_use]
    pub fn alone(node: NodeId, seed: u64) -> Self {
        let (transport, founders) = (Arc::new(Alone), BTreeSet::from([node]));
        Self { node, seed, timing: Timing::default(), transport, founders, kept_bytes: KEPT_BYTES, groups_max: 1 }
    }
}

impl fmt::Debug for NodeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, seed, timing, transport: _, founders, kept_bytes, groups_max } = self;
        let mut out = f.debug_struct("NodeConfig");
        out.field("node", node).field("seed", seed).field("timing", timing).field("founders", founders);
        out.field("kept_bytes", kept_bytes).field("groups_max", groups_max);
        out.finish_non_exhaustive()
    }
}

/// The running groups of a node. Clones are handles to the same groups.
#[derive(Clone)]
pub struct Node {
    groups: Arc<Groups>,
    heart: Arc<Heart>,
    config: NodeConfig,
    pulses: Arc<Pulses>,
    wal: Wal,
    /// Held while a group comes or goes: two of one id would write one log.
    changing: Arc<tokio::sync::Mutex<()>>,
}

impl Node {
    /// Starts all groups at once, so that their writes share syncs. If one cannot start, none stays.
    pub async fn start(
        config: &NodeConfig,
        wal: &Wal,
        machines: impl IntoIterator<Item = (GroupId, Arc<dyn Machine>)>,
    ) -> Result<Self, StartError> {
        let pulses = Pulses::new(Arc::clone(&config.transport), config.timing);
        let started = machines.into_iter().map(|(id, machine)| {
            let group = config.group(id, config.founders.clone(), &pulses);
            async move { Group::start(&group, wal.group(id), machine).await.map(|group| (id, group)) }
        });
        let groups = try_join_all(started).await?;
        let groups = Arc::new(Groups::new(groups.into_iter().collect()));
        let heart = Arc::new(Heart::start(config.node, config.seed, config.timing, Arc::clone(&pulses), &groups));
        let changing = Arc::default();
        Ok(Self { groups, heart, config: config.clone(), pulses, wal: wal.clone(), changing })
    }

    /// Starts one more group, which founds nothing: it goes on with what this node has of it, or waits until a leader fills
    /// it. Nothing happens to one that runs.
    pub async fn add(&self, id: GroupId, machine: Arc<dyn Machine>) -> Result<Group, StartError> {
        let _turn = self.changing.lock().await;
        if let Some(running) = self.group(id) {
            return Ok(running);
        }
        let config = self.config.group(id, BTreeSet::new(), &self.pulses);
        let group = Group::start(&config, self.wal.group(id), machine).await?;
        self.groups.insert(id, group.clone());
        Ok(group)
    }

    /// Stops one group here, if it runs; what this node has of it stays. Gives what has to be known of it for ever once that
    /// is forgotten, with what is known of it already: see [`crate::Recovered::floor`].
    ///
    /// # Errors
    /// When the log or what is known cannot be read.
    pub async fn remove(&self, id: GroupId, known: Option<Bytes>) -> Result<Option<Bytes>, MachineError> {
        let _turn = self.changing.lock().await;
        if let Some(group) = self.groups.remove(id) {
            group.shutdown().await;
        }
        let last = log::last_place(&self.wal.group(id)).map_err(MachineError::new)?;
        Ok(floor::encode(last.max(floor::decode(known).map_err(MachineError::new)?)))
    }

    /// Drops all that the log has of a group that does not run here, but whom it voted for.
    ///
    /// # Errors
    /// When the log cannot write that.
    pub async fn forget(wal: &Wal, id: GroupId) -> Result<(), MachineError> {
        log::forget(&wal.group(id)).await.map_err(MachineError::new)
    }

    pub fn group(&self, id: GroupId) -> Option<Group> {
        self.groups.get(id)
    }

    pub fn groups(&self) -> impl Iterator<Item = (GroupId, Group)> + use<> {
        let groups: Vec<_> = self.groups.now().iter().map(|(&id, group)| (id, group.clone())).collect();
        groups.into_iter()
    }

    /// A message of another node's group came in: what its [`Transport`] sent here.
    pub async fn receive(&self, group: GroupId, message: Bytes) -> Result<Bytes, ReceiveError> {
        self.group(group).ok_or(ReceiveError::NoGroup(group))?.receive(message).await
    }

    /// How long the heartbeats of another node may wait for those of them that are not answered: those that are have to be
    /// back there before the next beat.
    pub(crate) fn pulse_patience(&self) -> Duration {
        Duration::from_millis(self.config.timing.heartbeat_ms / 2)
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.heart.has_stopped()
    }

    /// Waits until every group knows a leader, and until those led here have applied all that was committed before. With
    /// other voters this can take an election, and needs a majority.
    pub async fn ready(&self) -> Result<(), ReadError> {
        let groups = self.groups.now();
        try_join_all(groups.values().map(group_ready)).await.map(|_| ())
    }

    /// The same of one group, if it runs here.
    ///
    /// # Errors
    /// When it has stopped.
    pub async fn group_ready(&self, id: GroupId) -> Result<(), ReadError> {
        match self.group(id) {
            Some(group) => group_ready(&group).await,
            None => Ok(()),
        }
    }

    /// Why a group failed, if one did: the node has to stop.
    pub fn fault(&self) -> Option<Arc<str>> {
        self.groups.now().values().find_map(Group::fault)
    }

    /// Stops all groups. The log stays open.
    pub async fn shutdown(&self) {
        self.heart.stop();
        let groups = self.groups.now();
        join_all(groups.values().map(Group::shutdown)).await;
    }
}

impl NodeConfig {
    fn group(&self, id: GroupId, founders: BTreeSet<NodeId>, pulses: &Arc<Pulses>) -> GroupConfig {
        let kept_bytes = self.kept_bytes / (self.groups_max as u64).max(1);
        // Any mixing that keeps the groups' elections from falling on the same moments does.
        let seed = self.seed.wrapping_add(u64::from(id.0).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        GroupConfig {
            group: id,
            node: self.node,
            seed,
            timing: self.timing,
            transport: Arc::clone(&self.transport),
            founders,
            kept_bytes,
            pulses: Arc::clone(pulses),
        }
    }
}

async fn group_ready(group: &Group) -> Result<(), ReadError> {
    let mut leadership = group.leadership();
    loop {
        let known = *leadership.wait_for(|known| known.leader.is_some()).await.map_err(|_| ReadError::Stopped)?;
        if !known.mine {
            return Ok(());
        }
        match group.confirm(known.term).await {
            Ok(index) => return group.wait_applied(index).await,
            Err(ReadError::Stopped) => return Err(ReadError::Stopped),
            // Leadership was lost meanwhile, and the news of it is on its way.
            Err(ReadError::NotLeader { .. }) => tokio::task::yield_now().await,
        }
    }
}

#[cfg(test)]
mod tests;
