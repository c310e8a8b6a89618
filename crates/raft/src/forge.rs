//! Answers that no replica gave: what a [`crate::Transport`] needs to be one that lies. For the planted bugs of a
//! simulation, and nothing else (feature `testing`).

use bytes::Bytes;
use openraft::raft::{AppendEntriesResponse, VoteResponse};

use crate::codec::CodecError;
use crate::codec::message::{self, Request, Response};
use crate::codec::pulse;

/// What a message asks for, as far as a liar has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To append so many entries of a leader of this term.
    Append {
        term: u64,
        entries: usize,
    },
    /// To vote for the sender, or whether one would.
    Vote,
    /// To take a piece of a picture.
    Piece,
    Other,
}

/// # Errors
/// When it is no message.
pub fn asked(message: Bytes) -> Result<Asked, CodecError> {
    Ok(match message::read_request(message)? {
        Request::Append(append) => Asked::Append { term: append.vote.leader_id.term, entries: append.entries.len() },
        Request::Vote(_) | Request::PreVote(_) => Asked::Vote,
        Request::Piece(_) => Asked::Piece,
        Request::Transfer(_) | Request::ReadIndex => Asked::Other,
    })
}

/// The answer of a replica that does what it is asked for: one that has the entries, or votes for the sender. None to any
/// other message.
///
/// # Errors
/// When it is no message.
pub fn consent(message: Bytes) -> Result<Option<Bytes>, CodecError> {
    let response = match message::read_request(message)? {
        Request::Append(_) => Response::Appended(AppendEntriesResponse::Success),
        Request::Vote(vote) | Request::PreVote(vote) => {
            Response::Voted(VoteResponse { vote: vote.vote, vote_granted: true, last_log_id: vote.last_log_id })
        }
        Request::Transfer(_) | Request::ReadIndex | Request::Piece(_) => return Ok(None),
    };
    Ok(Some(message::response(&response)))
}

/// Whether it says that what was asked for is done.
#[must_use]
pub fn is_consent(response: Bytes) -> bool {
    match message::read_response(response) {
        Ok(Response::Appended(appended)) => matches!(appended, AppendEntriesResponse::Success),
        Ok(Response::Voted(voted)) => voted.vote_granted,
        Ok(Response::Transferred(_) | Response::ReadIndex(_) | Response::Piece(_)) | Err(_) => false,
    }
}

/// Whether it says that a picture has been installed.
#[must_use]
pub fn is_installed(response: Bytes) -> bool {
    matches!(message::read_response(response), Ok(Response::Piece(message::PieceTaken::Installed(_))))
}

/// The answer of a node all of whose groups follow whoever sent these heartbeats.
///
/// # Errors
/// When they are none.
pub fn consent_to_pulse(message: Bytes) -> Result<Bytes, CodecError> {
    let beats = pulse::read_request(message)?;
    let answers = beats.into_iter().map(|(_, beat)| consent(beat)).collect::<Result<Vec<_>, _>>()?;
    Ok(pulse::response(&answers))
}

/// Whether every group of a node that got heartbeats follows whoever sent them.
#[must_use]
pub fn is_consent_to_pulse(response: Bytes) -> bool {
    pulse::read_response(response).is_ok_and(|answers| answers.into_iter().all(|answer| answer.is_some_and(is_consent)))
}
