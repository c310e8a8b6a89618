//! What becomes of a proposal and of a read: the answers that a proposer can get, made from openraft's.
//!
//! Invariant: `NotLeader`, `LeaseExpired` and `Full` mean that nothing was written and nothing ever will be; every doubt is
//! `Unknown`.
//!
//! It deliberately retries nothing: only the proposer knows whether its batch may be proposed again.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use openraft::RaftMetrics;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ClientWriteError, Fatal, ForwardReason, ForwardToLeader, LinearizableReadError, RaftError};
use openraft::raft::ClientWriteResult;
use openraft::type_config::alias::WatchReceiverOf;
use tokio::sync::oneshot;

use crate::machine::{Adapter, Shared};
use crate::types::{NodeId, Types};

pub(crate) type Raft = openraft::Raft<Types, Adapter>;

/// Why a proposal has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Nothing was written. The leader may be known.
    #[error("this node does not lead the group")]
    NotLeader { leader: Option<NodeId> },
    /// Nothing was written: this node leads as far as it knows, but no majority has answered it for so long that another
    /// may have been elected (openraft's `LeaseExpired`). Confirming leadership tells.
    #[error("no majority has answered this leader lately")]
    LeaseExpired,
    /// Nothing was written: too many proposals wait already.
    #[error("the group has no room for another proposal")]
    Full,
    /// Leadership was lost or the group was shut down meanwhile: the batch may have been written, or may yet be.
    #[error("the outcome of the proposal is unknown")]
    Unknown,
    /// The group failed and the node has to stop. The outcome is unknown.
    #[error("the group has failed: {0}")]
    Fatal(Arc<str>),
}

/// Why a read may not be answered here now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("this node does not lead the group, or could not confirm that it does")]
    NotLeader { leader: Option<NodeId> },
    #[error("the group has stopped")]
    Stopped,
}

/// Why leadership is not handed over. It may have moved elsewhere meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    #[error("this node does not lead the group")]
    NotLeader { leader: Option<NodeId> },
    #[error("node {0} has no vote in the group")]
    NoVoter(NodeId),
    #[error("node {0} did not take over in time")]
    TimedOut(NodeId),
    #[error("the group has stopped")]
    Stopped,
}

pub(crate) async fn outcome(
    raft: &Raft,
    shared: &Shared,
    answer: oneshot::Receiver<ClientWriteResult<Types>>,
) -> Result<Bytes, ProposeError> {
    match answer.await {
        Ok(Ok(written)) => Ok(written.data.0),
        Ok(Err(ClientWriteError::ForwardToLeader(forward))) => Err(match forward.reason {
            ForwardReason::LeaseExpired => ProposeError::LeaseExpired,
            ForwardReason::NotLeader | ForwardReason::LeadershipTransfer => {
                ProposeError::NotLeader { leader: forward.leader_id }
            }
        }),
        // A batch has no preconditions and changes no membership.
        Ok(Err(
            ClientWriteError::LogEntryDiscarded(_)
            | ClientWriteError::ChangeMembershipError(_)
            | ClientWriteError::PreconditionFailed(_),
        )) => Err(ProposeError::Unknown),
        Err(_dropped) => Err(unanswered(raft, shared)),
    }
}

/// Whether a group goes on.
pub(crate) enum Health {
    Running,
    Stopped,
    Failed(Arc<str>),
}

/// Known before any answer is dropped because of it.
pub(crate) fn health(raft: &Raft, shared: &Shared) -> Health {
    if let Some(fault) = shared.fault.get() {
        return Health::Failed(Arc::clone(fault));
    }
    let mut metrics = raft.metrics();
    // Asked first: openraft's task says why it stops before it ends.
    let ended = has_ended(&mut metrics);
    match &metrics.borrow_watched().running_state {
        Ok(()) if ended => Health::Failed("openraft panicked".into()),
        Ok(()) => Health::Running,
        Err(Fatal::Stopped) => Health::Stopped,
        Err(error @ (Fatal::StorageError(_) | Fatal::Panicked)) => Health::Failed(error.to_string().into()),
    }
}

fn has_ended(metrics: &mut WatchReceiverOf<Types, RaftMetrics<Types>>) -> bool {
    loop {
        match tokio::task::unconstrained(metrics.changed()).now_or_never() {
            Some(Ok(())) => {}
            Some(Err(_)) => return true,
            None => return false,
        }
    }
}

/// What a proposer learns whose answer was dropped.
pub(crate) fn unanswered(raft: &Raft, shared: &Shared) -> ProposeError {
    match health(raft, shared) {
        Health::Running | Health::Stopped => ProposeError::Unknown,
        Health::Failed(fault) => ProposeError::Fatal(fault),
    }
}

/// What a proposer learns whose proposal found no way in.
pub(crate) fn refused(raft: &Raft, shared: &Shared) -> ProposeError {
    match health(raft, shared) {
        Health::Running => ProposeError::Full,
        Health::Stopped => ProposeError::Unknown,
        Health::Failed(fault) => ProposeError::Fatal(fault),
    }
}

pub(crate) fn read_error(error: RaftError<Types, LinearizableReadError<Types>>) -> ReadError {
    match error {
        RaftError::APIError(LinearizableReadError::ForwardToLeader(ForwardToLeader { leader_id, .. })) => {
            ReadError::NotLeader { leader: leader_id }
        }
        RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)) => ReadError::NotLeader { leader: None },
        RaftError::Fatal(_) => ReadError::Stopped,
    }
}
