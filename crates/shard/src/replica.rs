//! One replica of a group: applies committed batches to the store. Leaders and followers alike.
//!
//! Invariants (rules 3 and 4): apply decides nothing but "is this the next batch?"; what it writes is absolute puts and
//! point deletes, one atomic write for all that is applied together; any other batch writes nothing and is answered
//! `Void`. It never runs the engine. The applied row is stored by checkpoints only: after a power loss each table may
//! have lost a different part of what was not synced, so an applied row that was written with a batch could claim more
//! than the other tables have. Replay begins at the last checkpoint, and being blind it converges.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use parking_lot::Mutex;
use weft_env::Lane;
use weft_raft::{Committed, Machine, MachineError, Payload, Picture, Recovered};
use weft_rows::{
    applied::{self, AppliedRow},
    batch,
    picture::{Note, Owns},
    table,
};
use weft_store::state::{StateStore, StateView, StoreError, WriteBatch};

use crate::dispatch::Feed;

mod backup;
mod given_up;
mod picture;

pub use backup::{GroupView, group_views};
pub use given_up::GivenUp;
use picture::{Clearing, Installation, View};

/// How long a shard's entries that nobody waits for wait for others. Longer wrote less, and was no faster (docs/results).
const TOGETHER: Duration = Duration::from_millis(50);

/// What became of a proposed batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Applied,
    /// Another leader's, or not the next one: nothing was done.
    Void,
}

impl Outcome {
    pub(crate) fn from_reply(reply: &[u8]) -> Self {
        if reply == [1] { Self::Applied } else { Self::Void }
    }

    fn reply(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Applied => &[1],
            Self::Void => &[0],
        })
    }
}

/// One group's replica on this node.
pub struct Replica {
    group: u32,
    owns: Owns,
    store: Arc<dyn StateStore>,
    /// Store writes run on a thread of their own (rule 5).
    lane: Lane,
    feed: Arc<dyn Feed>,
    applied: Arc<Mutex<AppliedRow>>,
    /// This node gives the group up: nothing is written for it any more. Looked at on the lane, so that what comes there
    /// after it was set finds it.
    closed: Arc<AtomicBool>,
}

impl Replica {
    /// Reads where the group stands, after ending the installation of a picture that a crash has interrupted. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read or written, or what it says of the group is corrupt.
    pub fn open(
        group: u32,
        owns: Owns,
        store: Arc<dyn StateStore>,
        lane: Lane,
        feed: Arc<dyn Feed>,
    ) -> Result<Arc<Self>, MachineError> {
        if let Some(installation) = Installation::interrupted(&store, group, owns)? {
            tracing::warn!(group, "a picture of the group was being installed: going on with it");
            installation.run()?;
        }
        // Whoever was sending them begins anew.
        Clearing::pieces(group).all(store.as_ref())?;
        let row = stored_row(store.as_ref(), group)?;
        let (applied, closed) = (Arc::new(Mutex::new(row)), Arc::default());
        Ok(Arc::new(Self { group, owns, store, lane, feed, applied, closed }))
    }

    /// This node gives the group up: what is on its way to its rows is refused.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Does what writes, in turn with all that does, if the group is not given up.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, MachineError> + Send + 'static,
    ) -> Result<T, MachineError> {
        let closed = Arc::clone(&self.closed);
        let work = move || match closed.load(Ordering::Acquire) {
            true => Err(MachineError::new("this node gives the group up")),
            false => work(),
        };
        self.lane.call(work).await.map_err(MachineError::new)?
    }

    /// Where this replica stands. The store has it, though not durably.
    #[must_use]
    pub fn applied(&self) -> AppliedRow {
        self.applied.lock().clone()
    }

    /// How far the group was applied, and the store as it was then or a little later. Blocking.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn moment(&self) -> Result<(u64, Arc<dyn StateView>), StoreError> {
        let index = self.applied.lock().index;
        Ok((index, Arc::from(self.store.view()?)))
    }

    /// Stores where a checkpoint found the group, after it has made durable all that this claims; not durably itself.
    /// Never backwards: the rows may have been replaced since by a picture, whose installation stores where it ends.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn store_checkpoint(&self, row: AppliedRow) -> Result<(), MachineError> {
        let (group, store) = (self.group, Arc::clone(&self.store));
        // On the lane, as an installation is.
        let work = move || {
            if stored_row(store.as_ref(), group)?.index <= row.index {
                let mut write = WriteBatch::new();
                write.put(table::APPLIED, applied::key(group), row.encode());
                store.apply(write).map_err(MachineError::new)?;
            }
            Ok(())
        };
        self.write(work).await
    }
}

/// Where the last checkpoint says that a group stands. Blocking.
///
/// # Errors
/// When the store cannot be read or the row is corrupt.
pub fn stored_row(store: &dyn StateStore, group: u32) -> Result<AppliedRow, MachineError> {
    match store.get(table::APPLIED, &applied::key(group)).map_err(MachineError::new)? {
        Some(bytes) => AppliedRow::decode(&bytes).map_err(MachineError::new),
        None => Ok(AppliedRow::default()),
    }
}

impl Machine for Replica {
    fn recover(&self) -> BoxFuture<'_, Result<Recovered, MachineError>> {
        let row = self.applied();
        let mark = (!row.mark.is_empty()).then(|| Bytes::from(row.mark));
        let (group, store) = (self.group, Arc::clone(&self.store));
        async move {
            let read = move || Ok((picture::note(store.as_ref(), group)?, given_up::floor(store.as_ref(), group)?));
            let (note, floor) = self.lane.call(read).await.map_err(MachineError::new)??;
            let installed = match note {
                Some(Note::Installed { mark }) => Some(Bytes::from(mark)),
                Some(Note::Installing { .. }) => return Err(MachineError::new("the group's rows are half replaced")),
                Some(Note::Removing) => return Err(MachineError::new("the group's rows are half removed")),
                None => None,
            };
            // The row was stored by a checkpoint.
            Ok(Recovered { applied: mark.clone(), checkpoint: mark, installed, floor })
        }
        .boxed()
    }

    fn apply(&self, entries: Vec<Committed>) -> BoxFuture<'_, Result<Vec<Bytes>, MachineError>> {
        let (group, store) = (self.group, Arc::clone(&self.store));
        let (feed, applied) = (Arc::clone(&self.feed), Arc::clone(&self.applied));
        let work = move || {
            let mut row = applied.lock().clone();
            let applying = Applying::of(&mut row, entries)?;
            if !applying.write.is_empty() {
                store.apply(applying.write).map_err(MachineError::new)?;
            }
            let row_index = row.index;
            *applied.lock() = row;
            feed.feed(group, row_index, applying.visibility);
            Ok(applying.replies)
        };
        self.write(work).boxed()
    }

    fn may_wait(&self) -> Duration {
        match self.owns {
            // Nodes act on what the metadata say.
            Owns::Metadata => Duration::ZERO,
            Owns::Slots(_) => TOGETHER,
        }
    }

    fn picture(&self) -> BoxFuture<'_, Result<Arc<dyn Picture>, MachineError>> {
        let (group, owns, lane) = (self.group, self.owns, self.lane.clone());
        let (store, applied) = (Arc::clone(&self.store), Arc::clone(&self.applied));
        // On the lane: nothing is applied meanwhile, so the rows are as the applied row says.
        let work = move || {
            let row = applied.lock().clone();
            let view = Arc::from(store.view().map_err(MachineError::new)?);
            let picture: Arc<dyn Picture> = Arc::new(View { group, owns, row, view, lane });
            Ok(picture)
        };
        async move { self.lane.call(work).await.map_err(MachineError::new)? }.boxed()
    }

    fn stage(&self, number: u64, piece: Bytes) -> BoxFuture<'_, Result<(), MachineError>> {
        let (group, store) = (self.group, Arc::clone(&self.store));
        let work = move || picture::stage(store.as_ref(), group, number, piece);
        self.write(work).boxed()
    }

    fn install(&self, pieces: u64, mark: Bytes) -> BoxFuture<'_, Result<(), MachineError>> {
        let (group, owns, store) = (self.group, self.owns, Arc::clone(&self.store));
        let installation = Arc::new(Installation { group, owns, store, pieces, mark: mark.to_vec() });
        async move {
            // Step by step, so that other groups' writes pass in between.
            for number in 0..pieces {
                self.step(&installation, move |installation| installation.check(number)).await?;
            }
            self.step(&installation, Installation::begin).await?;
            installation.clearing().by_steps(&self.store, |step| self.write(step)).await?;
            for number in 0..pieces {
                self.step(&installation, move |installation| installation.put(number)).await?;
            }
            let row = self.step(&installation, Installation::end).await?;
            let index = row.index;
            *self.applied.lock() = row;
            let (feed, group) = (Arc::clone(&self.feed), self.group);
            self.lane.call(move || feed.replaced(group, index)).await.map_err(MachineError::new)?;
            Clearing::pieces(group).by_steps(&self.store, |step| self.write(step)).await
        }
        .boxed()
    }
}

impl Replica {
    async fn step<T: Send + 'static>(
        &self,
        installation: &Arc<Installation>,
        step: impl FnOnce(&Installation) -> Result<T, MachineError> + Send + 'static,
    ) -> Result<T, MachineError> {
        let installation = Arc::clone(installation);
        self.write(move || step(&installation)).await
    }
}

/// What a run of entries does together.
struct Applying {
    write: WriteBatch,
    visibility: Vec<Vec<u8>>,
    replies: Vec<Bytes>,
}

impl Applying {
    fn of(row: &mut AppliedRow, entries: Vec<Committed>) -> Result<Self, MachineError> {
        let mut applying =
            Self { write: WriteBatch::new(), visibility: Vec::new(), replies: Vec::with_capacity(entries.len()) };
        for entry in entries {
            let outcome = match &entry.payload {
                Payload::Blank | Payload::Membership => Outcome::Void,
                Payload::Batch(bytes) => applying.batch(row, bytes)?,
            };
            row.index = entry.index;
            row.mark = entry.mark.to_vec();
            applying.replies.push(outcome.reply());
        }
        Ok(applying)
    }

    fn batch(&mut self, row: &mut AppliedRow, bytes: &Bytes) -> Result<Outcome, MachineError> {
        let view = batch::decode(bytes).map_err(MachineError::new)?;
        if !row.accepts(&view.header) {
            let batch::BatchHeader { leader, epoch, sequence, .. } = view.header;
            let rows = view.ops().count();
            tracing::debug!(leader, epoch, sequence, rows, "a batch is void: it is not the next one");
            return Ok(Outcome::Void);
        }
        row.advance(&view.header);
        self.visibility.extend(view.visibility().map(<[u8]>::to_vec));
        for op in view.ops() {
            match op.value {
                Some(value) => self.write.put(op.table, bytes.slice_ref(op.key), bytes.slice_ref(value)),
                None => self.write.delete(op.table, bytes.slice_ref(op.key)),
            }
        }
        Ok(Outcome::Applied)
    }
}
