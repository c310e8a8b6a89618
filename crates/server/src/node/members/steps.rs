//! A step in changing a group, made by its leader.
//!
//! Invariant: a step that is done again changes nothing more, and one that takes long is given up: whoever drives asks
//! again.

use std::{collections::BTreeSet, time::Duration};

use tonic::Status;
use weft_protocol::internal::{ChangeReplicasRequest, Voters, change_replicas_request::Step as Wire};
use weft_raft::{GroupId, MembershipError, NodeId};

use super::{super::NodeInner, plan::Step};
use crate::node::leader::Leader;

/// How long a step may take: a replica that is to vote gets what it lacks meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

impl NodeInner {
    /// Makes a step here, or at the leader of its group.
    pub(super) async fn step(&self, group: u32, step: &Step) -> Result<(), Status> {
        let request = ChangeReplicasRequest { group, step: Some(wire(step)) };
        self.change_replicas(request, true).await
    }

    /// Makes a step if this node leads the group; else, unless it has come from another node, whoever does is asked.
    pub(crate) async fn change_replicas(
        &self,
        request: ChangeReplicasRequest,
        may_pass_on: bool,
    ) -> Result<(), Status> {
        let nobody = || Status::unavailable(format!("group {} has no leader here now: try again", request.group));
        let group = self.raft.group(GroupId(request.group));
        let group = group.ok_or_else(|| Status::not_found(format!("there is no shard {}", request.group)))?;
        let leader = Leader::of(&group.leadership().borrow());
        match leader {
            Leader::Here => {}
            Leader::Node(node) if may_pass_on => {
                let mut leader = self.peers.members_service(node).ok_or_else(nobody)?;
                let asked = self.in_time(leader.change_replicas(request)).await?;
                return asked.map(drop);
            }
            Leader::Node(_) | Leader::Nobody => return Err(nobody()),
        }
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
        match self.shards.iter().find(|shard| shard.id().0 == group) {
            Some(shard) => shard.hand_over(to).await,
            None => self.metadata.hand_over(to).await,
        }
    }
}

fn wire(step: &Step) -> Wire {
    match step {
        Step::Add(node) => Wire::Add(*node),
        Step::Forget(node) => Wire::Forget(*node),
        Step::Lead(node) => Wire::Lead(*node),
        Step::Voters { from, to } => {
            Wire::Voters(Voters { from: from.iter().copied().collect(), to: to.iter().copied().collect() })
        }
    }
}

fn id(node: u32) -> NodeId {
    NodeId(u64::from(node))
}

fn ids(nodes: Vec<u32>) -> BTreeSet<NodeId> {
    nodes.into_iter().map(id).collect()
}
