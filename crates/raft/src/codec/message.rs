//! The messages between the replicas of a group, and the answers to them, all big-endian, version first:
//!
//! ```text
//! request     [1] [kind u8] …
//!   1 append        [vote] [place?: the entry before] [place?: committed] [entries u32] { [bytes u32] [entry] }
//!   2 vote          [vote] [place?: last entry] [transfer u8]
//!   3 pre-vote      the same
//!   4 transfer      [vote] [to u64] [place?: last entry]
//!   5 read index
//!   6 piece         [vote] [bytes u32] [mark] [transfer u64] [number u64] [last u8] [crc32 u32] [bytes …]
//! response    [1] [kind u8] …
//!   1 appended      0, or 1 and [place?: up to here], or 2 for a conflict, or 3 and [vote]: a higher one
//!   2 voted         [vote] [granted u8] [place?: last entry]
//!   4 transferred   0, or 1 and [vote] [vote]: expected, found, or 2 and [place?] [place?]: expected, found
//!   5 read index    0 and [index u64], or 1 and [leader u64, 0 for unknown], or 2: stopped
//!   6 piece         0 and [next u64], or 1 and [vote]: a higher one, or 2 and [vote]: installed
//!
//! vote        [term u64] [node u64] [committed u8]
//! place?      0, or 1 and [place]
//! ```
//!
//! Entries are contiguous, so an entry is what the log keeps, without its index. The golden bytes in the tests are
//! spoken between nodes of different builds: a change is a new version or kind, never an edit.
//!
//! Invariant: what is decoded shares the memory of the message; a batch is copied once, when it is sent.

use bytes::{BufMut, Bytes, BytesMut};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};

use super::{CodecError, Input, VERSION, place_after, put_entry, put_place, put_vote, read_entry};
use crate::proposal::ReadError;
use crate::types::{EntryPayload, LogId, NodeId, Types, Vote};

const APPEND: u8 = 1;
const VOTE: u8 = 2;
const PRE_VOTE: u8 = 3;
const TRANSFER: u8 = 4;
const READ_INDEX: u8 = 5;
const PIECE: u8 = 6;

/// Room for everything of a message but batches.
const ROOM: usize = 128;

/// What one replica asks of another one.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Append(AppendEntriesRequest<Types>),
    Vote(VoteRequest<Types>),
    PreVote(VoteRequest<Types>),
    Transfer(TransferLeaderRequest<Types>),
    /// What a read here has to wait for.
    ReadIndex,
    Piece(Piece),
}

/// A piece of a picture of the leader's state; see `snapshot`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) vote: Vote,
    /// Of the last entry that the picture includes.
    pub(crate) mark: Bytes,
    /// Tells the transfers of one leader apart.
    pub(crate) transfer: u64,
    /// From 0.
    pub(crate) number: u64,
    pub(crate) last: bool,
    pub(crate) bytes: Bytes,
}

/// What became of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceTaken {
    /// This piece is waited for now.
    Next(u64),
    /// The sender leads no more.
    HigherVote(Vote),
    /// It was the last one, and the state is replaced. By then the vote may be higher too.
    Installed(Vote),
}

/// What it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    Appended(AppendEntriesResponse<Types>),
    Voted(VoteResponse<Types>),
    Transferred(TransferLeaderResponse<Types>),
    ReadIndex(Result<u64, ReadError>),
    Piece(PieceTaken),
}

pub(crate) fn request(request: &Request) -> Bytes {
    match request {
        Request::Append(append) => put_append(append),
        Request::Vote(vote) => put_vote_request(VOTE, vote),
        Request::PreVote(vote) => put_vote_request(PRE_VOTE, vote),
        Request::Transfer(transfer) => {
            let mut out = begin(TRANSFER, ROOM);
            put_vote(&mut out, transfer.from_leader());
            out.put_u64(transfer.to_node_id().0);
            put_optional_place(&mut out, transfer.last_log_id());
            out.freeze()
        }
        Request::ReadIndex => begin(READ_INDEX, 2).freeze(),
        Request::Piece(piece) => put_piece(piece),
    }
}

pub(crate) fn read_request(bytes: Bytes) -> Result<Request, CodecError> {
    let mut input = Input::new("request", bytes)?;
    let request = match input.u8()? {
        APPEND => Request::Append(input.append()?),
        VOTE => Request::Vote(input.vote_request()?),
        PRE_VOTE => Request::PreVote(input.vote_request()?),
        TRANSFER => {
            let (vote, to) = (input.vote()?, NodeId(input.u64()?));
            Request::Transfer(TransferLeaderRequest::new(vote, to, input.optional_place()?))
        }
        READ_INDEX => Request::ReadIndex,
        PIECE => Request::Piece(input.piece()?),
        unknown => return Err(input.value(unknown.into())),
    };
    input.end()?;
    Ok(request)
}

pub(crate) fn response(response: &Response) -> Bytes {
    match response {
        Response::Appended(appended) => put_appended(appended),
        Response::Voted(voted) => {
            let mut out = begin(VOTE, ROOM);
            put_vote(&mut out, &voted.vote);
            out.put_u8(voted.vote_granted.into());
            put_optional_place(&mut out, voted.last_log_id.as_ref());
            out.freeze()
        }
        Response::Transferred(transferred) => put_transferred(transferred),
        Response::ReadIndex(read) => {
            let mut out = begin(READ_INDEX, 16);
            match read {
                Ok(index) => {
                    out.put_u8(0);
                    out.put_u64(*index);
                }
                Err(ReadError::NotLeader { leader }) => {
                    out.put_u8(1);
                    out.put_u64(leader.map_or(0, |leader| leader.0));
                }
                Err(ReadError::Stopped) => out.put_u8(2),
            }
            out.freeze()
        }
        Response::Piece(taken) => {
            let mut out = begin(PIECE, 32);
            match taken {
                PieceTaken::Next(next) => {
                    out.put_u8(0);
                    out.put_u64(*next);
                }
                PieceTaken::HigherVote(vote) => {
                    out.put_u8(1);
                    put_vote(&mut out, vote);
                }
                PieceTaken::Installed(vote) => {
                    out.put_u8(2);
                    put_vote(&mut out, vote);
                }
            }
            out.freeze()
        }
    }
}

pub(crate) fn read_response(bytes: Bytes) -> Result<Response, CodecError> {
    let mut input = Input::new("response", bytes)?;
    let response = match input.u8()? {
        APPEND => Response::Appended(input.appended()?),
        VOTE => {
            let (vote, granted) = (input.vote()?, input.flag()?);
            Response::Voted(VoteResponse { vote, vote_granted: granted, last_log_id: input.optional_place()? })
        }
        TRANSFER => Response::Transferred(input.transferred()?),
        READ_INDEX => Response::ReadIndex(match input.u8()? {
            0 => Ok(input.u64()?),
            1 => Err(ReadError::NotLeader { leader: Some(NodeId(input.u64()?)).filter(|leader| leader.0 != 0) }),
            2 => Err(ReadError::Stopped),
            unknown => return Err(input.value(unknown.into())),
        }),
        PIECE => Response::Piece(match input.u8()? {
            0 => PieceTaken::Next(input.u64()?),
            1 => PieceTaken::HigherVote(input.vote()?),
            2 => PieceTaken::Installed(input.vote()?),
            unknown => return Err(input.value(unknown.into())),
        }),
        unknown => return Err(input.value(unknown.into())),
    };
    input.end()?;
    Ok(response)
}

fn begin(kind: u8, room: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(room);
    out.put_u8(VERSION);
    out.put_u8(kind);
    out
}

fn put_append(append: &AppendEntriesRequest<Types>) -> Bytes {
    let batch = |payload: &EntryPayload| match payload {
        EntryPayload::Normal(batch) => batch.0.len(),
        EntryPayload::Blank => 0,
        EntryPayload::Membership(_) => ROOM,
    };
    let room = append.entries.iter().map(|entry| 16 + batch(&entry.payload)).sum::<usize>();
    let mut out = begin(APPEND, ROOM + room);
    put_vote(&mut out, &append.vote);
    put_optional_place(&mut out, append.prev_log_id.as_ref());
    put_optional_place(&mut out, append.leader_commit.as_ref());
    put_u32(&mut out, append.entries.len());
    for entry in &append.entries {
        let at = out.len();
        out.put_u32(0);
        put_entry(&mut out, entry);
        let size = u32::try_from(out.len() - at - 4).expect("an entry is far smaller than 4 GiB");
        out[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    out.freeze()
}

fn put_piece(piece: &Piece) -> Bytes {
    let Piece { vote, mark, transfer, number, last, bytes } = piece;
    let mut out = begin(PIECE, ROOM + mark.len() + bytes.len());
    put_vote(&mut out, vote);
    put_u32(&mut out, mark.len());
    out.put_slice(mark);
    out.put_u64(*transfer);
    out.put_u64(*number);
    out.put_u8((*last).into());
    out.put_u32(crc32fast::hash(bytes));
    out.put_slice(bytes);
    out.freeze()
}

fn put_u32(out: &mut BytesMut, count: usize) {
    out.put_u32(u32::try_from(count).expect("counts and marks are far below 4 billion"));
}

fn put_vote_request(kind: u8, request: &VoteRequest<Types>) -> Bytes {
    let mut out = begin(kind, ROOM);
    put_vote(&mut out, &request.vote);
    put_optional_place(&mut out, request.last_log_id.as_ref());
    out.put_u8(request.leadership_transfer.into());
    out.freeze()
}

fn put_appended(appended: &AppendEntriesResponse<Types>) -> Bytes {
    let mut out = begin(APPEND, 32);
    match appended {
        AppendEntriesResponse::Success => out.put_u8(0),
        AppendEntriesResponse::PartialSuccess(upto) => {
            out.put_u8(1);
            put_optional_place(&mut out, upto.as_ref());
        }
        AppendEntriesResponse::Conflict => out.put_u8(2),
        AppendEntriesResponse::HigherVote(vote) => {
            out.put_u8(3);
            put_vote(&mut out, vote);
        }
    }
    out.freeze()
}

fn put_transferred(transferred: &TransferLeaderResponse<Types>) -> Bytes {
    let mut out = begin(TRANSFER, ROOM);
    match transferred {
        Ok(()) => out.put_u8(0),
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            out.put_u8(1);
            put_vote(&mut out, expected);
            put_vote(&mut out, actual);
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            out.put_u8(2);
            put_optional_place(&mut out, expected.as_ref());
            put_optional_place(&mut out, actual.as_ref());
        }
    }
    out.freeze()
}

fn put_optional_place(out: &mut BytesMut, id: Option<&LogId>) {
    out.put_u8(id.is_some().into());
    if let Some(id) = id {
        put_place(out, id);
    }
}

impl Input {
    fn optional_place(&mut self) -> Result<Option<LogId>, CodecError> {
        if self.flag()? { self.place().map(Some) } else { Ok(None) }
    }

    fn append(&mut self) -> Result<AppendEntriesRequest<Types>, CodecError> {
        let (vote, prev_log_id, leader_commit) = (self.vote()?, self.optional_place()?, self.optional_place()?);
        let count = self.u32()?;
        let mut next = place_after(prev_log_id.as_ref());
        // The count is a stranger's: room is made as entries are found.
        let mut entries = Vec::new();
        for _ in 0..count {
            let (at, size) = (next, self.u32()?);
            next = at.checked_add(1).ok_or_else(|| self.value(at))?;
            entries.push(read_entry(at, self.slice(size)?)?);
        }
        Ok(AppendEntriesRequest { vote, prev_log_id, entries, leader_commit })
    }

    fn piece(&mut self) -> Result<Piece, CodecError> {
        let (vote, size) = (self.vote()?, self.u32()?);
        let mark = self.slice(size)?;
        let (transfer, number, last, crc) = (self.u64()?, self.u64()?, self.flag()?, self.u32()?);
        let bytes = self.rest();
        if crc32fast::hash(&bytes) != crc {
            return Err(CodecError::Checksum { record: "piece" });
        }
        Ok(Piece { vote, mark, transfer, number, last, bytes })
    }

    fn vote_request(&mut self) -> Result<VoteRequest<Types>, CodecError> {
        let (vote, last_log_id, leadership_transfer) = (self.vote()?, self.optional_place()?, self.flag()?);
        Ok(VoteRequest { vote, last_log_id, leadership_transfer })
    }

    fn appended(&mut self) -> Result<AppendEntriesResponse<Types>, CodecError> {
        Ok(match self.u8()? {
            0 => AppendEntriesResponse::Success,
            1 => AppendEntriesResponse::PartialSuccess(self.optional_place()?),
            2 => AppendEntriesResponse::Conflict,
            3 => AppendEntriesResponse::HigherVote(self.vote()?),
            unknown => return Err(self.value(unknown.into())),
        })
    }

    fn transferred(&mut self) -> Result<TransferLeaderResponse<Types>, CodecError> {
        Ok(match self.u8()? {
            0 => Ok(()),
            1 => Err(TransferLeaderError::VoteChanged { expected: self.vote()?, actual: self.vote()? }),
            2 => Err(TransferLeaderError::LogNotFlushed {
                expected: self.optional_place()?,
                actual: self.optional_place()?,
            }),
            unknown => return Err(self.value(unknown.into())),
        })
    }
}

#[cfg(test)]
mod tests;
