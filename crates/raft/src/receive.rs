//! What a group does with a message of one of its replicas on another node.
//!
//! Invariant: an answer that promises something (a vote, an append) leaves when this node's own log has it on disk;
//! openraft keeps that. A message that nobody wrote changes nothing and is an error that says what is wrong with it.

use bytes::Bytes;
use openraft::errors::{Fatal, RaftError};
use openraft::raft::{AppendEntriesResponse, VoteResponse};
use weft_store::wal::GroupId;

use crate::codec::CodecError;
use crate::codec::message::{self, Request, Response};
use crate::group::Group;
use crate::machine::MachineError;
use crate::types::Types;

/// Why a message has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReceiveError {
    #[error("this node has no group {}", .0.0)]
    NoGroup(GroupId),
    #[error("the message cannot be read: {0}")]
    Message(#[from] CodecError),
    #[error("the state machine cannot take it: {0}")]
    Machine(#[from] MachineError),
    #[error("the group has stopped")]
    Stopped,
}

impl From<Fatal<Types>> for ReceiveError {
    fn from(_: Fatal<Types>) -> Self {
        Self::Stopped
    }
}

impl From<RaftError<Types>> for ReceiveError {
    fn from(error: RaftError<Types>) -> Self {
        match error {
            RaftError::Fatal(fatal) => fatal.into(),
            RaftError::APIError(never) => match never {},
        }
    }
}

impl Group {
    /// Does what a replica of this group on another node asks for.
    pub async fn receive(&self, message: Bytes) -> Result<Bytes, ReceiveError> {
        let raft = self.raft();
        let response = match message::read_request(message)? {
            Request::Append(append) => {
                let appended = raft.append_entries(append).await?;
                if !matches!(appended, AppendEntriesResponse::HigherVote(_)) {
                    self.hearing().promise(self.timing().election_max_ms);
                }
                Response::Appended(appended)
            }
            Request::Vote(vote) | Request::PreVote(vote) if self.may_have_had_more_than(vote.last_log_id) => {
                Response::Voted(VoteResponse::new(self.vote(), self.floor(), false))
            }
            Request::Vote(vote) => {
                let voted = raft.vote(vote).await?;
                if voted.vote_granted {
                    // Whoever has it needs time to lead.
                    self.hearing().promise(self.timing().election_min_ms);
                }
                Response::Voted(voted)
            }
            Request::PreVote(vote) => Response::Voted(raft.pre_vote(vote).await?),
            Request::Transfer(transfer) => Response::Transferred(raft.handle_transfer_leader(transfer).await?),
            // Only from the leader itself: who asked will ask again, and messages do not go in circles.
            Request::ReadIndex => {
                let confirmed = self.confirmed_index().await;
                self.tell_followers();
                Response::ReadIndex(confirmed)
            }
            Request::Piece(piece) => {
                let group = self.clone();
                // On a task of its own: whoever sent the last piece may lose patience, and the installation must not
                // be left alone half way.
                let taken = tokio::spawn(async move { group.take_piece(piece).await }).await;
                Response::Piece(taken.map_err(|_panicked| ReceiveError::Stopped)??)
            }
        };
        Ok(message::response(&response))
    }
}
