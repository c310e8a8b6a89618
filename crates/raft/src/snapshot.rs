//! Bringing a group's whole state to a replica that the log alone does not bring up to date: a picture of the state,
//! sent piece by piece.
//!
//! Invariants: a picture is the state at one entry; its pieces are kept apart by the receiver until all of them are
//! there, in order and each with its checksum, and only then replace its state, in one step that a crash cannot leave
//! half done ([`crate::Machine::install`]). Pieces of two transfers are never mixed: a transfer is named by its leader's
//! vote, which belongs to one run of one node, and a number.
//!
//! One piece is under way at a time, and the next one is read meanwhile; a link that fails costs a repetition of that
//! piece, and a receiver that started again gets the whole again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use openraft::errors::Unreachable;
use openraft::raft::SnapshotResponse;
use openraft::{Snapshot, SnapshotMeta};
use parking_lot::Mutex;

use crate::codec::message::{Piece, PieceTaken, Request, Response};
use crate::codec::{self, CodecError};
use crate::group::Group;
use crate::machine::MachineError;
use crate::network::{Peer, backoff};
use crate::receive::ReceiveError;
use crate::types::{Leader, NodeId, Types, Vote};

/// How often a piece is sent before the transfer is given up; with the waits between it about ten seconds.
const TRIES_MAX: usize = 32;

/// How long a peer may leave a piece unanswered before the transfer is given up, and begun again from a new picture. One that is
/// held keeps in memory what was written since, whichever group wrote it.
const UNANSWERED_MAX: Duration = Duration::from_secs(20);

/// How long a piece, and the installation behind the last one, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A consistent picture of a machine's state. Held as long as it is being sent.
pub trait Picture: Send + Sync + 'static {
    /// The mark of the last entry that it includes.
    fn mark(&self) -> Bytes;

    /// The piece at a cursor: empty for the first, and else what came with the one before. The same cursor gives the
    /// same piece.
    fn piece(&self, cursor: Bytes) -> BoxFuture<'_, Result<PictureOf, MachineError>>;
}

/// A piece of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureOf {
    /// Bounded in size: it is in memory as a whole.
    pub bytes: Bytes,
    /// Where the next piece begins; nothing after the last one.
    pub next: Option<Bytes>,
}

/// What openraft carries for a snapshot.
#[derive(Clone)]
pub(crate) enum Data {
    /// Nothing but the claim that the state up to there is durable.
    Claim,
    /// To be sent.
    Picture(Arc<Held>),
    /// Received: so many pieces are kept by the machine.
    Staged { pieces: u64 },
}

/// Which pictures are being sent: the log behind them is needed when they have arrived.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    next: Mutex<(u64, BTreeMap<u64, u64>)>,
}

impl Holds {
    /// Up to where the log may be purged.
    pub(crate) fn limit(&self) -> u64 {
        self.next.lock().1.values().copied().min().unwrap_or(u64::MAX)
    }
}

/// A picture, and the log behind it.
pub(crate) struct Held {
    picture: Arc<dyn Picture>,
    holds: Arc<Holds>,
    number: u64,
}

impl Held {
    pub(crate) fn new(picture: Arc<dyn Picture>, holds: Arc<Holds>, index: u64) -> Self {
        let mut next = holds.next.lock();
        next.0 += 1;
        let number = next.0;
        next.1.insert(number, index);
        drop(next);
        Self { picture, holds, number }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.holds.next.lock().1.remove(&self.number);
    }
}

type Meta = SnapshotMeta<Leader, NodeId, ()>;

/// Sends a whole picture.
pub(crate) async fn send(peer: &Peer, vote: Vote, held: &Held) -> Result<SnapshotResponse<Types>, Unreachable<Types>> {
    let picture = held.picture.as_ref();
    let mark = picture.mark();
    let (mut piece, mut number) = (picture.piece(Bytes::new()).await, 0);
    loop {
        let PictureOf { bytes, next } = piece.map_err(|error| Unreachable::from_string(error.to_string()))?;
        let last = next.is_none();
        let sent = Piece { vote, mark: mark.clone(), transfer: held.number, number, last, bytes };
        let sent = Request::Piece(sent);
        // Behind the last one of many all rows are replaced.
        let within = if last && number > 0 { Duration::MAX } else { UNANSWERED_MAX };
        // The next one is read while this one is under way.
        let read = async { Some(picture.piece(next?).await) };
        let (taken, read) = futures::join!(insist(peer, &sent, within), read);
        match (taken?, read) {
            (PieceTaken::HigherVote(vote) | PieceTaken::Installed(vote), _) => return Ok(SnapshotResponse::new(vote)),
            (PieceTaken::Next(expected), Some(read)) if expected == number + 1 => (piece, number) = (read, expected),
            // It has forgotten what it had, or took another transfer in between.
            (PieceTaken::Next(_), _) => (piece, number) = (picture.piece(Bytes::new()).await, 0),
        }
    }
}

async fn insist(peer: &Peer, request: &Request, within: Duration) -> Result<PieceTaken, Unreachable<Types>> {
    let asking = async {
        let mut waits = backoff().take(TRIES_MAX);
        loop {
            let failed = match peer.ask(request, PATIENCE).await {
                Ok(Response::Piece(taken)) => return Ok(taken),
                Ok(other) => Unreachable::from_string(format!("an answer to another question: {other:?}")),
                Err(unreachable) => unreachable,
            };
            let Some(wait) = waits.next() else { return Err(failed) };
            tokio::time::sleep(wait).await;
        }
    };
    let unanswered = |_| Err(Unreachable::from_string(format!("no answer to a piece of a picture within {within:?}")));
    tokio::time::timeout(within, asking).await.unwrap_or_else(unanswered)
}

/// A transfer that is coming in.
#[derive(Debug)]
pub(crate) struct Incoming {
    vote: Vote,
    transfer: u64,
    next: u64,
    /// The last piece is here and the state is replaced; the answer that said so may be lost.
    installed: bool,
}

impl Group {
    /// Takes a piece of the leader's picture; the last one replaces the state.
    pub(crate) async fn take_piece(&self, piece: Piece) -> Result<PieceTaken, ReceiveError> {
        let meta = meta(&piece)?;
        // One at a time, the installation included: a piece that comes late must not change what is being installed.
        let mut incoming = self.incoming().lock().await;
        let known = self.vote();
        if known > piece.vote {
            return Ok(PieceTaken::HigherVote(known));
        }
        let same = |incoming: &Incoming| (incoming.vote, incoming.transfer) == (piece.vote, piece.transfer);
        if piece.number == 0 && !incoming.as_ref().is_some_and(same) {
            *incoming = Some(Incoming { vote: piece.vote, transfer: piece.transfer, next: 0, installed: false });
        }
        let Some(current) = incoming.as_mut().filter(|incoming| same(incoming)) else {
            return Ok(PieceTaken::Next(0));
        };
        if current.installed {
            return Ok(PieceTaken::Installed(known));
        }
        if piece.number != current.next {
            return Ok(PieceTaken::Next(current.next));
        }
        self.machine().stage(piece.number, piece.bytes).await?;
        current.next += 1;
        let pieces = current.next;
        if !piece.last {
            return Ok(PieceTaken::Next(pieces));
        }
        let (vote, transfer) = (piece.vote, piece.transfer);
        let snapshot = Snapshot { meta, snapshot: Data::Staged { pieces } };
        let installed = self.raft().install_full_snapshot(vote, snapshot).await;
        *incoming = installed.is_ok().then_some(Incoming { vote, transfer, next: pieces, installed: true });
        Ok(PieceTaken::Installed(installed?.vote))
    }
}

fn meta(piece: &Piece) -> Result<Meta, CodecError> {
    let mark = codec::read_mark(piece.mark.clone())?;
    // Nobody has applied what a later leader wrote.
    if mark.applied.leader_id.term > piece.vote.leader_id.term || !piece.vote.committed {
        return Err(CodecError::Value { record: "piece", found: mark.applied.leader_id.term });
    }
    Ok(SnapshotMeta { last_log_id: Some(mark.applied), last_membership: mark.membership })
}
