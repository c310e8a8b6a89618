//! A step in changing a group, made by its leader.
//!
//! Invariant: a step that is done again changes nothing more, and one that takes long is given up: whoever drives asks
//! again.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tonic::Status;
use weft_protocol::internal::{ChangeReplicasRequest, GiveUpRequest, Voters, change_replicas_request::Step as Wire};
use weft_raft::{GroupId, MembershipError, NodeId};
use weft_shard::ShardId;

use super::{super::NodeInner, plan::Step};
use crate::node::leader::Leader;

/// How long a step may take: a replica that is to vote gets what it lacks meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

impl NodeInner {
    /// Makes a step here, or at the leader of its group.
    pub(super) async fn step(self: &Arc<Self>, group: u32, step: &Step) -> Result<(), Status> {
        match step {
            Step::GiveUp(node) => self.give_up_at(*node, group).await,
            Step::Add(node) => self.change(group, Wire::Add(*node)).await,
            Step::Forget(node) => self.change(group, Wire::Forget(*node)).await,
            Step::Lead(node) => self.change(group, Wire::Lead(*node)).await,
            Step::Voters { from, to } => {
                let (from, to) = (from.iter().copied().collect(), to.iter().copied().collect());
                self.change(group, Wire::Voters(Voters { from, to })).await
            }
        }
    }

    async fn change(&self, group: u32, step: Wire) -> Result<(), Status> {
        self.change_replicas(ChangeReplicasRequest { group, step: Some(step) }, true).await
    }

    async fn give_up_at(self: &Arc<Self>, node: u32, group: u32) -> Result<(), Status> {
        if node == self.peers.node {
            return self.in_time(self.give_up_copy(group)).await?;
        }
        let nobody = || Status::unavailable(format!("node {node} is not known here now"));
        let mut peer = self.peers.members_service(node).ok_or_else(nobody)?;
        self.in_time(peer.give_up(GiveUpRequest { group })).await?.map(drop)
    }

    /// Makes a step if this node leads the group; else, unless it has come from another node, whoever does is asked.
    pub(crate) async fn change_replicas(
        &self,
        request: ChangeReplicasRequest,
        may_pass_on: bool,
    ) -> Result<(), Status> {
        let nobody = || Status::unavailable(format!("group {} has no leader here now: try again", request.group));
        let known = self.copies.known(request.group);
        let known = known.ok_or_else(|| Status::not_found(format!("there is no shard {}", request.group)))?;
        let leader = Leader::of(&known.leadership.borrow());
        match leader {
            Leader::Here => {}
            Leader::Node(node) if may_pass_on => {
                let mut leader = self.peers.members_service(node).ok_or_else(nobody)?;
                let asked = self.in_time(leader.change_replicas(request)).await?;
                return asked.map(drop);
            }
            Leader::Node(_) | Leader::Nobody => return Err(nobody()),
        }
        let group = self.raft.group(GroupId(request.group)).ok_or_else(nobody)?;
        let made = async {
            match request.step.clone() {
                Some(Wire::Add(node)) => group.add_learner(id(node)).await,
                Some(Wire::Forget(node)) if group.voters().contains(&id(node)) => {
                    Err(MembershipError::Refused(format!("node {node} votes")))
                }
                Some(Wire::Forget(node)) => group.remove(id(node)).await,
                Some(Wire::Lead(node)) => {
                    self.lead_elsewhere(request.group, id(node)).await;
                    Ok(())
                }
                Some(Wire::Voters(Voters { from, to })) => group.set_voters(&ids(from), ids(to)).await,
                None => Err(MembershipError::Refused("it is no step that this version knows".to_owned())),
            }
        };
        self.in_time(made).await?.map_err(|error| Status::unavailable(error.to_string()))
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Status> {
        tokio::select! {
            done = work => Ok(done),
            () = self.clock.sleep_until(self.clock.monotonic() + PATIENCE) => {
                Err(Status::unavailable("a step in changing a group takes long: it goes on"))
            }
        }
    }

    /// Hands over the leadership of a group between its calls.
    pub(crate) async fn lead_elsewhere(&self, group: u32, to: NodeId) {
        match self.copies.shard(ShardId(group)) {
            Some(shard) => shard.hand_over(to).await,
            None => self.metadata.hand_over(to).await,
        }
    }
}

fn id(node: u32) -> NodeId {
    NodeId(u64::from(node))
}

fn ids(nodes: Vec<u32>) -> BTreeSet<NodeId> {
    nodes.into_iter().map(id).collect()
}
