//! Who votes in a group, and how that changes: a node first gets the log, then a vote when it has caught up, and loses
//! both at once.
//!
//! Invariants: only the leader changes anything, one change at a time; a node gets no vote before it has what the log
//! had when that was asked for, so that a group is never left waiting for a newcomer; sets of voters follow each other
//! through one in which both must agree (openraft's joint membership), so a crash in the middle leaves one that works.
//!
//! It deliberately does not choose: whoever keeps the table of nodes does.

use std::collections::BTreeSet;

use openraft::ChangeMembers;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError};

use crate::group::Group;
use crate::types::{self, NodeId, Types};

/// Why the members of a group are not changed, or may not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    #[error("this node does not lead the group")]
    NotLeader { leader: Option<NodeId> },
    #[error("node {0} does not get the group's log: add it as a learner first")]
    NoLearner(NodeId),
    #[error("another change of the group's members is not finished yet")]
    InProgress,
    #[error("others vote in the group by now: {0:?}")]
    Changed(BTreeSet<NodeId>),
    #[error("a group needs a voter")]
    NoVoterLeft,
    #[error("the change is not possible: {0}")]
    Refused(String),
    /// Leadership was lost meanwhile: the change may have been made, or half of it.
    #[error("the outcome of the change is unknown")]
    Unknown,
    #[error("the group has stopped")]
    Stopped,
}

type Failed = RaftError<Types, ClientWriteError<Types>>;

impl Group {
    /// Lets a node get the group's log, without a vote. It may have it already.
    pub async fn add_learner(&self, node: NodeId) -> Result<(), MembershipError> {
        if self.members().contains(&node) {
            return self.leads();
        }
        self.raft().add_learner(node, (), false).await.map(drop).map_err(failed)
    }

    /// Gives a vote to a learner as soon as it has what the log had when this was called, however long that takes: who
    /// has no patience drops it. It may have one already.
    pub async fn promote(&self, node: NodeId) -> Result<(), MembershipError> {
        if self.voters().contains(&node) {
            return self.leads();
        }
        self.catch_up(node).await?;
        self.change(ChangeMembers::AddVoterIds(BTreeSet::from([node]))).await
    }

    /// Gives the votes of the group to these, if those of `from` have them, as soon as the new ones have what the log had
    /// when this was called. Whoever loses its vote still gets the log. Done again it ends what was begun.
    pub async fn set_voters(&self, from: &BTreeSet<NodeId>, to: BTreeSet<NodeId>) -> Result<(), MembershipError> {
        if self.voter_sets() == [to.clone()] {
            return self.leads();
        }
        self.leads()?;
        for node in to.difference(from) {
            self.catch_up(*node).await?;
        }
        let voters = self.voters();
        if voters != *from {
            return Err(MembershipError::Changed(voters));
        }
        self.raft().change_membership(ChangeMembers::ReplaceAllVoters(to), true).await.map(drop).map_err(failed)
    }

    /// Takes its vote and the log from a node. A leader that removes itself leaves the others to elect another one, and the
    /// last voter that is left to stand by itself. A node that is removed may be added again with what it had; with nothing
    /// only if it is sure that no vote of its own counts any more.
    pub async fn remove(&self, node: NodeId) -> Result<(), MembershipError> {
        if !self.members().contains(&node) {
            return self.leads();
        }
        let nodes = BTreeSet::from([node]);
        let voter = self.voters().contains(&node);
        self.change(if voter { ChangeMembers::RemoveVoters(nodes) } else { ChangeMembers::RemoveNodes(nodes) }).await
    }

    fn leads(&self) -> Result<(), MembershipError> {
        let known = *self.leadership().borrow();
        if known.mine { Ok(()) } else { Err(MembershipError::NotLeader { leader: known.leader }) }
    }

    async fn catch_up(&self, node: NodeId) -> Result<(), MembershipError> {
        let target = self.last_log_index();
        let mut metrics = self.raft().metrics();
        loop {
            {
                let now = metrics.borrow_watched();
                let Some(replication) = &now.replication else {
                    return Err(MembershipError::NotLeader { leader: now.current_leader });
                };
                let Some(matched) = replication.get(&node) else { return Err(MembershipError::NoLearner(node)) };
                if matched.map_or(0, |id| types::index(id.index)) >= target {
                    return Ok(());
                }
            }
            metrics.changed().await.map_err(|_| MembershipError::Stopped)?;
        }
    }

    async fn change(&self, change: ChangeMembers<NodeId, ()>) -> Result<(), MembershipError> {
        self.raft().change_membership(change, false).await.map(drop).map_err(failed)
    }
}

fn failed(error: Failed) -> MembershipError {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => {
            MembershipError::NotLeader { leader: forward.leader_id }
        }
        RaftError::APIError(ClientWriteError::ChangeMembershipError(refused)) => match refused {
            ChangeMembershipError::InProgress(_) => MembershipError::InProgress,
            ChangeMembershipError::EmptyMembership(_) => MembershipError::NoVoterLeft,
            ChangeMembershipError::LearnerNotFound(missing) => MembershipError::NoLearner(missing.node_id),
            // A new leader's first entry has to be committed before.
            ChangeMembershipError::UncommittedLeaderLog(_) => MembershipError::InProgress,
            ChangeMembershipError::UnsupportedMembershipTransition(_)
            | ChangeMembershipError::NodeMetadataChanged(_) => MembershipError::Refused(refused.to_string()),
        },
        // What was asked for in two steps may have lost the second.
        RaftError::APIError(ClientWriteError::LogEntryDiscarded(_) | ClientWriteError::PreconditionFailed(_)) => {
            MembershipError::Unknown
        }
        RaftError::Fatal(_) => MembershipError::Stopped,
    }
}
