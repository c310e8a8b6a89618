//! The replicated state of a group: what its owner implements ([`Machine`]), and the adapter that feeds it from
//! openraft.
//!
//! Invariants: entries are applied in order, each once per run; none is applied before this node's own log has it on
//! disk, so the machine's state is never ahead of the log; every proposer gets its answer only after its entry was
//! applied. What nobody waits for may be applied a little later (see `later`). A snapshot that openraft "builds" is only
//! a claim: "up to here my state is durable", which is what lets it purge the log; a picture of the state is taken when a
//! replica needs one, and only then (see `snapshot`).

mod later;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{OptionalSend, RaftSnapshotBuilder, Snapshot, SnapshotMeta};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use weft_store::wal::GroupLog;

use crate::codec::{self, Mark};
use crate::snapshot::{Data, Held, Holds, Picture};
use crate::types::{self, Entry, EntryPayload, Leader, LogId, NodeId, StoredMembership, Types};
pub(crate) use later::Applier;

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

    /// How long an entry that nobody waits for may wait for others, to be applied together with them. Asked once.
    fn may_wait(&self) -> Duration {
        Duration::ZERO
    }

    /// A picture of the state after the last entry that was applied.
    fn picture(&self) -> BoxFuture<'_, Result<Arc<dyn Picture>, MachineError>>;

    /// Keeps a piece of another replica's picture, apart from the state. Pieces come in order, from 0; one that came
    /// before is replaced. May be called while [`Machine::apply`] runs, but not while [`Machine::install`] does.
    fn stage(&self, number: u64, piece: Bytes) -> BoxFuture<'_, Result<(), MachineError>>;

    /// Replaces the state by the picture of so many staged pieces, whose mark this is, durably. A crash at any moment
    /// leaves the old state or the new one, or what [`Machine::recover`] makes the new one of before it answers; until
    /// then the state is neither read nor written.
    fn install(&self, pieces: u64, mark: Bytes) -> BoxFuture<'_, Result<(), MachineError>>;
}

/// Marks that a machine was given with its entries, as it found them again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Of the last entry that was applied; nothing for an empty state.
    pub applied: Option<Bytes>,
    /// Of the last entry that survives a power loss, by the published checkpoint.
    pub checkpoint: Option<Bytes>,
    /// Of the last picture that was installed: the log may not know of it yet.
    pub installed: Option<Bytes>,
    /// What [`crate::Node::remove`] gave when this node gave the group up before, if it did.
    pub floor: Option<Bytes>,
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
    /// Up to which entry somebody waits for it to be applied.
    awaited: AtomicU64,
    hastened: Notify,
    /// Up to where the machine's state is durable.
    pub(crate) checkpoint: Mutex<Option<Mark>>,
    /// Why the machine cannot go on.
    pub(crate) fault: OnceLock<Arc<str>>,
    /// The group has started: whoever asks for a snapshot now wants to send it.
    pub(crate) started: AtomicBool,
    /// The pictures that are being sent.
    pub(crate) holds: Arc<Holds>,
}

impl Shared {
    /// Somebody waits for the entries up to this one: none of them is kept.
    pub(crate) fn hasten(&self, index: u64) {
        if *self.applied.borrow() < index {
            self.awaited.fetch_max(index, Ordering::Release);
            self.hastened.notify_one();
        }
    }

    fn fail(&self, error: &io::Error) {
        let _ = self.fault.set(error.to_string().into());
        // Whoever waits for an entry hears that it does not come.
        self.applied.send_modify(|_| ());
    }
}

/// openraft's state machine over a [`Machine`].
pub(crate) struct Adapter {
    applier: Arc<Applier>,
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
        let shared = Arc::new(Shared {
            applied: watch::Sender::new(index),
            awaited: AtomicU64::new(0),
            hastened: Notify::new(),
            checkpoint: Mutex::new(checkpoint),
            fault: OnceLock::new(),
            started: AtomicBool::new(false),
            holds: Arc::default(),
        });
        let applier = Applier::new(machine, log, Arc::clone(&shared));
        Self { applier, shared, applied, membership, membership_bytes }
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    pub(crate) fn applier(&self) -> &Arc<Applier> {
        &self.applier
    }

    /// Takes what is ready from the stream, within bounds, and has it applied.
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
        self.applier.take(gathered).await
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

    fn has_room_for(&self, other: &Self) -> bool {
        self.entries.len() + other.entries.len() <= APPLY_ENTRIES_MAX && self.bytes + other.bytes <= APPLY_BYTES_MAX
    }

    fn append(&mut self, mut other: Self) {
        self.entries.append(&mut other.entries);
        self.responders.append(&mut other.responders);
        self.bytes += other.bytes;
    }
}

impl RaftStateMachine<Types> for Adapter {
    type SnapshotData = Data;
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
                self.shared.fail(&error);
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

    async fn install_snapshot(&mut self, meta: &Meta, data: Data) -> io::Result<()> {
        let installed = self.install(meta, data).await;
        if let Err(error) = &installed {
            self.shared.fail(error);
        }
        installed
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot<Leader, NodeId, (), Data>>> {
        if !self.shared.started.load(Ordering::Acquire) {
            return Ok(self.shared.claim());
        }
        // Nothing more is applied meanwhile: this is called in turn with it.
        let Some(applied) = self.applied else { return Ok(None) };
        self.applier.flush().await?;
        let picture = self.applier.machine.picture().await.map_err(io::Error::other)?;
        let held = Held::new(picture, Arc::clone(&self.shared.holds), types::index(applied.index));
        let meta = SnapshotMeta { last_log_id: Some(applied), last_membership: self.membership.clone() };
        Ok(Some(Snapshot { meta, snapshot: Data::Picture(Arc::new(held)) }))
    }
}

impl Adapter {
    async fn install(&mut self, meta: &Meta, data: Data) -> io::Result<()> {
        let (Some(applied), Data::Staged { pieces }) = (meta.last_log_id, data) else {
            return Err(io::Error::other("openraft installs a snapshot that nobody sent"));
        };
        let membership_bytes = codec::stored_membership(&meta.last_membership);
        let mark = codec::mark(&applied, &membership_bytes);
        self.applier.flush().await?;
        self.applier.machine.install(pieces, mark).await.map_err(io::Error::other)?;
        (self.applied, self.membership, self.membership_bytes) =
            (Some(applied), meta.last_membership.clone(), membership_bytes);
        *self.shared.checkpoint.lock() = Some(Mark { applied, membership: self.membership.clone() });
        self.shared.applied.send_replace(types::index(applied.index));
        Ok(())
    }
}

type Meta = SnapshotMeta<Leader, NodeId, ()>;

impl Shared {
    fn claim(&self) -> Option<Snapshot<Leader, NodeId, (), Data>> {
        let mark = self.checkpoint.lock().clone()?;
        let meta = SnapshotMeta { last_log_id: Some(mark.applied), last_membership: mark.membership };
        Some(Snapshot { meta, snapshot: Data::Claim })
    }
}

/// "Builds" a snapshot: names the published checkpoint.
pub(crate) struct Claim {
    shared: Arc<Shared>,
}

impl RaftSnapshotBuilder<Types> for Claim {
    type SnapshotData = Data;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot<Leader, NodeId, (), Data>> {
        self.shared.claim().ok_or_else(|| io::Error::other("a snapshot was asked for before the first checkpoint"))
    }
}

#[cfg(test)]
mod tests;
