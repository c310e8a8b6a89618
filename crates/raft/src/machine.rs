//! The replicated state of a group: what its owner implements ([`Machine`]), and the adapter that feeds it from
//! openraft.
//!
//! Invariants: entries are applied in order, each once per run; none is applied before this node's own log has it on
//! disk, so the machine's state is never ahead of the log; every proposer gets its answer only after its entry was
//! applied. A snapshot is only a claim: "up to here my state is durable", which is what lets openraft purge the log.
//!
//! It deliberately cannot receive a snapshot from another node: with one voter per group nobody sends one, and an
//! install that half works would lose data.

use std::io;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{OptionalSend, RaftSnapshotBuilder, Snapshot, SnapshotMeta};
use parking_lot::Mutex;
use tokio::sync::watch;
use weft_store::wal::GroupLog;

use crate::codec::{self, Mark};
use crate::log;
use crate::types::{self, Entry, EntryPayload, Leader, LogId, NodeId, Reply, StoredMembership, Types};

/// Bounds of what one call of [`Machine::apply`] gets.
const APPLY_ENTRIES_MAX: usize = 256;
const APPLY_BYTES_MAX: usize = 4 << 20;

/// The replicated state of one group. Its calls come from one task, one after the other.
pub trait Machine: Send + Sync + 'static {
    /// What the state says of itself, read once when the group starts.
    fn recover(&self) -> BoxFuture<'_, Result<Recovered, MachineError>>;

    /// Applies the entries in order and gives one reply for each. The mark of the last one must be stored in the same
    /// atomic write as what it does: after a crash the machine is fed from the entry behind the mark that it recovers.
    fn apply(&self, entries: Vec<Committed>) -> BoxFuture<'_, Result<Vec<Bytes>, MachineError>>;
}

/// Marks that a machine was given with its entries, as it found them again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Of the last entry that was applied; nothing for an empty state.
    pub applied: Option<Bytes>,
    /// Of the last entry that survives a power loss, by the published checkpoint.
    pub checkpoint: Option<Bytes>,
}

/// An entry that a majority has and that will never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub index: u64,
    pub term: u64,
    /// Where the machine stands after this entry. Opaque.
    pub mark: Bytes,
    pub payload: Payload,
}

/// What an entry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A new leader's first entry.
    Blank,
    /// Who votes has changed; the mark has it.
    Membership,
    /// What was proposed.
    Batch(Bytes),
}

/// A machine that cannot go on: its group stops, and with it the node.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct MachineError(pub Arc<str>);

impl MachineError {
    pub fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string().into())
    }
}

/// What the adapter and the group's handle both see.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Index of the last entry that the machine has applied.
    pub(crate) applied: watch::Sender<u64>,
    /// Up to where the machine's state is durable.
    pub(crate) checkpoint: Mutex<Option<Mark>>,
    /// Why the machine cannot go on.
    pub(crate) fault: OnceLock<Arc<str>>,
}

/// openraft's state machine over a [`Machine`].
pub(crate) struct Adapter {
    machine: Arc<dyn Machine>,
    log: GroupLog,
    shared: Arc<Shared>,
    applied: Option<LogId>,
    membership: StoredMembership,
    /// `membership` as every mark repeats it.
    membership_bytes: Bytes,
}

impl Adapter {
    pub(crate) fn new(
        machine: Arc<dyn Machine>,
        log: GroupLog,
        applied: Option<Mark>,
        checkpoint: Option<Mark>,
    ) -> Self {
        let index = applied.as_ref().map_or(0, |mark| types::index(mark.applied.index));
        let (applied, membership) = applied.map(|mark| (mark.applied, mark.membership)).unzip();
        let membership: StoredMembership = membership.unwrap_or_default();
        let membership_bytes = codec::stored_membership(&membership);
        let shared =
            Shared { applied: watch::Sender::new(index), checkpoint: Mutex::new(checkpoint), fault: OnceLock::new() };
        Self { machine, log, shared: Arc::new(shared), applied, membership, membership_bytes }
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Takes what is ready from the stream, within bounds, and applies it.
    async fn apply_ready<S>(&mut self, first: EntryResponder<Types>, entries: &mut S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin,
    {
        let mut gathered = Gathered::default();
        gathered.push(self, first);
        while gathered.has_room() {
            // What is not ready now is worth no waiting: its proposers wait for what is.
            let Some(Some(next)) = entries.next().now_or_never() else { break };
            gathered.push(self, next?);
        }
        self.apply_gathered(gathered).await
    }

    async fn apply_gathered(&mut self, gathered: Gathered) -> io::Result<()> {
        let Gathered { entries, responders, .. } = gathered;
        let (count, Some(last)) = (entries.len(), entries.last().map(|entry| entry.index)) else { return Ok(()) };
        log::wait_durable(&self.log, last).await?;
        let replies = self.machine.apply(entries).await.map_err(io::Error::other)?;
        if replies.len() != count {
            return Err(io::Error::other(format!("{count} entries were applied but {} answered", replies.len())));
        }
        self.shared.applied.send_replace(last);
        for (responder, reply) in responders.into_iter().zip(replies) {
            if let Some(responder) = responder {
                responder.send(Reply(reply));
            }
        }
        Ok(())
    }

    fn committed(&mut self, entry: Entry) -> Committed {
        let id = entry.log_id;
        let payload = match entry.payload {
            EntryPayload::Blank => Payload::Blank,
            EntryPayload::Normal(batch) => Payload::Batch(batch.0),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(id), membership);
                self.membership_bytes = codec::stored_membership(&self.membership);
                Payload::Membership
            }
        };
        self.applied = Some(id);
        let mark = codec::mark(&id, &self.membership_bytes);
        Committed { index: types::index(id.index), term: id.leader_id.term, mark, payload }
    }
}

/// The entries of one call, and who waits for each.
#[derive(Default)]
struct Gathered {
    entries: Vec<Committed>,
    responders: Vec<Option<ApplyResponder<Types>>>,
    bytes: usize,
}

impl Gathered {
    fn push(&mut self, adapter: &mut Adapter, (entry, responder): EntryResponder<Types>) {
        let committed = adapter.committed(entry);
        if let Payload::Batch(bytes) = &committed.payload {
            self.bytes += bytes.len();
        }
        self.entries.push(committed);
        self.responders.push(responder);
    }

    fn has_room(&self) -> bool {
        self.entries.len() < APPLY_ENTRIES_MAX && self.bytes < APPLY_BYTES_MAX
    }
}

impl RaftStateMachine<Types> for Adapter {
    type SnapshotData = ();
    type SnapshotBuilder = Claim;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        while let Some(first) = entries.next().await {
            let applied = match first {
                Ok(first) => self.apply_ready(first, &mut entries).await,
                Err(error) => Err(error),
            };
            if let Err(error) = applied {
                // Said before the answers are dropped, so that their proposers find it.
                let _ = self.shared.fault.set(error.to_string().into());
                return Err(error);
            }
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<Claim> {
        let claimable = force || self.shared.checkpoint.lock().is_some();
        claimable.then(|| Claim { shared: self.shared() })
    }

    async fn get_snapshot_builder(&mut self) -> Claim {
        Claim { shared: self.shared() }
    }

    async fn install_snapshot(&mut self, meta: &Meta, (): ()) -> io::Result<()> {
        let error = format!("this build installs no snapshots, and one up to {:?} was offered", meta.last_log_id);
        Err(io::Error::new(io::ErrorKind::Unsupported, error))
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot<Leader, NodeId, (), ()>>> {
        Ok(self.shared.claim())
    }
}

type Meta = SnapshotMeta<Leader, NodeId, ()>;

impl Shared {
    fn claim(&self) -> Option<Snapshot<Leader, NodeId, (), ()>> {
        let mark = self.checkpoint.lock().clone()?;
        let meta = SnapshotMeta { last_log_id: Some(mark.applied), last_membership: mark.membership };
        Some(Snapshot { meta, snapshot: () })
    }
}

/// "Builds" a snapshot: names the published checkpoint.
pub(crate) struct Claim {
    shared: Arc<Shared>,
}

impl RaftSnapshotBuilder<Types> for Claim {
    type SnapshotData = ();

    async fn build_snapshot(&mut self) -> io::Result<Snapshot<Leader, NodeId, (), ()>> {
        self.shared.claim().ok_or_else(|| io::Error::other("a snapshot was asked for before the first checkpoint"))
    }
}

#[cfg(test)]
mod tests;
