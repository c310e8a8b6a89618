//! Bugs on purpose, between the node and its simulated disk and store: the oracle must find each.
//!
//! Invariant: [`Plant::Nothing`] passes every call on as it is; only counts are kept.
//!
//! A replica that applies a batch of another epoch, or out of its place (rule 3), is planted too, though no task of a
//! simulated node is ever late by itself: proposals that reach openraft late are made in `cluster/late.rs`. Nodes tell how
//! many rows a void batch has, and the trace of a seed keeps those that have any (`cluster/told.rs`).

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use weft_env::disk::{Disk, DiskFile, OpenMode, SECTOR_BYTES, SimDisk};
use weft_rows::table;
use weft_store::state::{
    KeyRange, MemoryStore, Op, Order, Row, StateStore, StateView, StoreError, StoreStats, WriteBatch,
};

mod early;

/// What is wrong with the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    Nothing,
    /// One sync of a file or directory does nothing, now and then, and the power goes soon after.
    SkippedSync,
    /// One sync of a directory does nothing, and the power goes soon after.
    SkippedDirSync,
    /// The sync that follows a frame is missing from the program.
    NoFrameSync,
    /// The sync of a new segment's name is missing from the program.
    NoDirSync,
    /// A sync makes durable only what was written before the sync before it.
    EarlySync,
    /// A checkpoint publishes its marks without making the store durable.
    LyingCheckpoint,
    /// Messages between workflows are not stored: they are delivered from memory alone.
    NoMessage,
    /// Nobody remembers that a run's history begins with a part of another's.
    NoReference,
    /// Request ids are forgotten: what is asked for again is done again.
    NoRequestId,
    /// Updates that were accepted are not stored beside their events.
    NoUpdate,
    /// What changes of a pending activity is not stored: its attempts, and that it is paused.
    NoActivityChange,
    /// How far a batch job has come is not stored, nor that there is one.
    NoJob,
    /// A leader counts an entry as replicated when it is on its way: what it says is not committed yet.
    EarlyCommit,
    /// A candidate counts one vote more than it has.
    WrongQuorum,
    /// What is said to be applied is there when the next thing is: answers are given before they can be read.
    LateApply,
    /// What was said to messages of other workflows is not stored: one that comes again does its work again.
    NoReceipt,
    /// Timers are read as if they were to fire earlier than they are: they do once they are read from their rows.
    EarlyTimer,
    /// A leader takes it for granted that others follow it when it is asked for what it knows.
    StaleRead,
    /// Replicas apply any batch, whatever its epoch and its place in it.
    NoEpoch,
}

/// Where a bug sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    Nowhere,
    /// In the disk: it skips one sync of a file or directory.
    File,
    /// In the disk: it skips one sync of a directory.
    Folder,
    /// In what a node does with its disk and its store.
    Program,
    /// In what a leader, or who wants to be one, believes of the others.
    Leader,
}

impl Plant {
    /// The one that is called so, of those that a cluster can have.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [
            Self::Nothing,
            Self::NoFrameSync,
            Self::EarlySync,
            Self::EarlyCommit,
            Self::WrongQuorum,
            Self::LateApply,
            Self::NoReceipt,
            Self::EarlyTimer,
            Self::StaleRead,
            Self::NoEpoch,
        ];
        all.into_iter().find(|plant| format!("{plant:?}") == name)
    }

    pub(crate) fn site(self) -> Site {
        match self {
            Self::Nothing => Site::Nowhere,
            Self::SkippedSync => Site::File,
            Self::SkippedDirSync => Site::Folder,
            Self::NoFrameSync
            | Self::NoDirSync
            | Self::EarlySync
            | Self::LyingCheckpoint
            | Self::NoMessage
            | Self::LateApply
            | Self::NoReference
            | Self::NoRequestId
            | Self::NoUpdate
            | Self::NoActivityChange
            | Self::NoJob
            | Self::NoReceipt
            | Self::EarlyTimer
            | Self::NoEpoch => Site::Program,
            Self::EarlyCommit | Self::WrongQuorum | Self::StaleRead => Site::Leader,
        }
    }
}

/// When the power goes because a sync was skipped: a lie that costs nothing shows nothing.
#[derive(Debug, Default)]
pub(crate) struct AfterSkip {
    /// The change or sync during which it goes, counted from the moment when the lie begins to matter.
    nth: Mutex<Option<u64>>,
}

impl AfterSkip {
    pub(crate) fn cut_during(nth: u64) -> Arc<Self> {
        Arc::new(Self { nth: Mutex::new(Some(nth)) })
    }

    fn matters(&self, disk: &SimDisk) {
        if let Some(nth) = self.nth.lock().take() {
            disk.cut_power_during(nth);
        }
    }
}

/// The disk as the node sees it.
#[derive(Debug)]
pub(crate) struct PlantedDisk {
    disk: SimDisk,
    after_skip: Arc<AfterSkip>,
    plant: Plant,
    /// Writes that are acknowledged and not made, by file ([`Plant::EarlySync`]).
    late: Arc<Mutex<BTreeMap<PathBuf, Late>>>,
    segments: Arc<Mutex<BTreeSet<PathBuf>>>,
    recycled: Arc<AtomicU64>,
    refused: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Late {
    /// To be made by the next sync.
    ripe: Vec<(u64, Vec<u8>)>,
    /// To be made by the one after it.
    fresh: Vec<(u64, Vec<u8>)>,
}

#[derive(Debug)]
struct PlantedFile {
    file: Box<dyn DiskFile>,
    disk: SimDisk,
    after_skip: Arc<AfterSkip>,
    path: PathBuf,
    plant: Plant,
    late: Arc<Mutex<BTreeMap<PathBuf, Late>>>,
    segments: Arc<Mutex<BTreeSet<PathBuf>>>,
    recycled: Arc<AtomicU64>,
    refused: Arc<AtomicBool>,
}

impl PlantedDisk {
    pub(crate) fn new(disk: SimDisk, plant: Plant, after_skip: Arc<AfterSkip>) -> Self {
        let (late, segments) = (Arc::default(), Arc::default());
        Self { disk, after_skip, plant, late, segments, recycled: Arc::default(), refused: Arc::default() }
    }

    /// Whether the node was told that something failed, or that room is limited; that the power is out it cannot tell.
    pub(crate) fn refused(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.refused)
    }

    /// How many segments were begun in files that had been segments before.
    pub(crate) fn recycled(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.recycled)
    }
}

impl Disk for PlantedDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        if mode == OpenMode::Create {
            self.change();
        }
        Ok(Box::new(PlantedFile {
            file: noted(&self.refused, self.disk.open(path, mode))?,
            disk: self.disk.clone(),
            after_skip: Arc::clone(&self.after_skip),
            path: path.to_owned(),
            plant: self.plant,
            late: Arc::clone(&self.late),
            segments: Arc::clone(&self.segments),
            recycled: Arc::clone(&self.recycled),
            refused: Arc::clone(&self.refused),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change();
        noted(&self.refused, self.disk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change();
        noted(&self.refused, self.disk.remove(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change();
        let synced = if self.plant == Plant::NoDirSync { missing(&self.disk) } else { self.disk.sync_dir(dir) };
        noted(&self.refused, synced)
    }

    fn available(&self, path: &Path) -> io::Result<u64> {
        let available = self.disk.available(path)?;
        if available < u64::MAX {
            self.refused.store(true, Ordering::Relaxed);
        }
        Ok(available)
    }
}

impl PlantedDisk {
    fn change(&self) {
        change(self.plant, &self.disk, &self.after_skip);
    }
}

/// Something is about to change.
fn change(plant: Plant, disk: &SimDisk, after_skip: &AfterSkip) {
    if plant == Plant::SkippedSync && disk.has_skipped() {
        after_skip.matters(disk);
    }
}

/// A call that is missing from the program: nothing is done, and nothing is wrong while there is power.
fn missing(disk: &SimDisk) -> io::Result<()> {
    if disk.is_out() { Err(io::Error::other("the power is cut")) } else { Ok(()) }
}

impl PlantedFile {
    fn change(&self) {
        change(self.plant, &self.disk, &self.after_skip);
    }

    fn count(&self, bytes: &[u8], offset: u64) {
        // A segment begins with its header and its first frame in one write; a header alone is written by an opening.
        let begins_segment = offset == 0 && bytes.len() > SECTOR_BYTES && bytes.first() != Some(&0);
        let begins_segment = begins_segment && bytes.iter().take(SECTOR_BYTES).any(|byte| *byte != 0);
        // If the name of the segment was not synced, now is the time.
        if begins_segment && self.plant == Plant::SkippedDirSync && self.disk.has_skipped() {
            self.after_skip.matters(&self.disk);
        }
        if begins_segment && !self.segments.lock().insert(self.path.clone()) {
            self.recycled.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn sync_early(&self) -> io::Result<()> {
        let mut late = self.late.lock();
        let late = late.entry(self.path.clone()).or_default();
        for (offset, bytes) in std::mem::take(&mut late.ripe) {
            self.file.write_at(&bytes, offset)?;
        }
        late.ripe = std::mem::take(&mut late.fresh);
        self.file.sync_data()
    }
}

impl DiskFile for PlantedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut read = self.file.read_at(buffer, offset)?;
        let late = self.late.lock();
        let Some(late) = late.get(&self.path) else { return Ok(read) };
        for (at, bytes) in late.ripe.iter().chain(&late.fresh) {
            let (from, upto) = (offset.max(*at), (offset + buffer.len() as u64).min(at + bytes.len() as u64));
            if from < upto {
                let (to, source) = ((from - offset) as usize, (from - at) as usize);
                let len = (upto - from) as usize;
                buffer[to..to + len].copy_from_slice(&bytes[source..source + len]);
                read = read.max(to + len);
            }
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change();
        self.count(bytes, offset);
        if self.plant == Plant::EarlySync {
            missing(&self.disk)?;
            let mut late = self.late.lock();
            late.entry(self.path.clone()).or_default().fresh.push((offset, bytes.to_vec()));
            return Ok(());
        }
        noted(&self.refused, self.file.write_at(bytes, offset))
    }

    fn len(&self) -> io::Result<u64> {
        let len = self.file.len()?;
        let late = self.late.lock();
        let writes = late.get(&self.path).into_iter().flat_map(|late| late.ripe.iter().chain(&late.fresh));
        Ok(writes.map(|(at, bytes)| at + bytes.len() as u64).fold(len, u64::max))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change();
        noted(&self.refused, self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change();
        let synced = match self.plant {
            Plant::NoFrameSync => missing(&self.disk),
            Plant::EarlySync => self.sync_early(),
            Plant::Nothing
            | Plant::SkippedSync
            | Plant::SkippedDirSync
            | Plant::NoDirSync
            | Plant::LyingCheckpoint
            | Plant::NoMessage
            | Plant::NoReference
            | Plant::NoRequestId
            | Plant::NoUpdate
            | Plant::NoActivityChange
            | Plant::NoJob
            | Plant::EarlyCommit
            | Plant::WrongQuorum
            | Plant::LateApply
            | Plant::NoReceipt
            | Plant::EarlyTimer
            | Plant::StaleRead
            | Plant::NoEpoch => self.file.sync_data(),
        };
        noted(&self.refused, synced)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// What the disk said to the node, which is remembered if it is an error; that there is no such file is none.
fn noted<T>(refused: &AtomicBool, said: io::Result<T>) -> io::Result<T> {
    if said.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
        refused.store(true, Ordering::Relaxed);
    }
    said
}

fn without(batch: &WriteBatch, table: u8) -> WriteBatch {
    kept(batch, |op| op.table != table || op.value.is_none())
}

/// The writes of a batch that are wanted.
fn kept(batch: &WriteBatch, is_wanted: impl Fn(&Op) -> bool) -> WriteBatch {
    let mut kept = WriteBatch::new();
    for op in batch.ops().iter().filter(|op| is_wanted(op)) {
        match &op.value {
            Some(value) => kept.put(op.table, op.key.clone(), value.clone()),
            None => kept.delete(op.table, op.key.clone()),
        }
    }
    kept
}

/// Somebody who is told of what is written to a store.
pub(crate) type Watch = Box<dyn Fn(&WriteBatch) + Send + Sync>;

/// The store as the node sees it.
pub(crate) struct PlantedStore {
    store: MemoryStore,
    plant: Plant,
    watch: Option<Watch>,
    writes: Arc<AtomicU64>,
    persists: Arc<AtomicU64>,
    /// What is said to be applied and is not ([`Plant::LateApply`]).
    late: Mutex<Option<WriteBatch>>,
}

impl PlantedStore {
    pub(crate) fn new(store: MemoryStore, plant: Plant) -> Self {
        Self { store, plant, watch: None, writes: Arc::default(), persists: Arc::default(), late: Mutex::default() }
    }

    /// Somebody is told of what is written, as the store gets it, or is to get it when it is late.
    pub(crate) fn watched(self, watch: Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// How often rows were written.
    pub(crate) fn writes(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.writes)
    }

    /// How often the store was made durable; a checkpoint does it twice.
    pub(crate) fn persists(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.persists)
    }
}

impl PlantedStore {
    /// The batch without new values of the rows that a table has.
    fn unchanged(&self, batch: &WriteBatch, table: u8) -> Result<WriteBatch, StoreError> {
        let mut there = BTreeSet::new();
        for op in batch.ops().iter().filter(|op| op.table == table && op.value.is_some()) {
            if self.store.get(table, &op.key)?.is_some() {
                there.insert(op.key.clone());
            }
        }
        Ok(kept(batch, |op| op.table != table || op.value.is_none() || !there.contains(&op.key)))
    }
}

impl StateView for PlantedStore {
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<bytes::Bytes>, StoreError> {
        self.store.get(table, key)
    }

    fn scan(&self, table: u8, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        let rows = self.store.scan(table, range, order, limit)?;
        if self.plant == Plant::EarlyTimer { early::hastened(&self.store, table, rows) } else { Ok(rows) }
    }
}

impl StateStore for PlantedStore {
    fn apply(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let batch = match self.plant {
            Plant::NoMessage => without(&batch, table::OUTBOX),
            Plant::NoReference => without(&batch, table::REFERENCE),
            Plant::NoRequestId => without(&batch, table::REQUEST_ID),
            Plant::NoUpdate => without(&batch, table::UPDATE),
            Plant::NoJob => without(&batch, table::JOB),
            Plant::NoReceipt => without(&batch, table::RECEIPT),
            Plant::NoActivityChange => self.unchanged(&batch, table::ACTIVITY)?,
            Plant::Nothing
            | Plant::SkippedSync
            | Plant::SkippedDirSync
            | Plant::NoFrameSync
            | Plant::NoDirSync
            | Plant::EarlySync
            | Plant::LyingCheckpoint
            | Plant::EarlyCommit
            | Plant::WrongQuorum
            | Plant::LateApply
            | Plant::EarlyTimer
            | Plant::StaleRead
            | Plant::NoEpoch => batch,
        };
        if let Some(watch) = &self.watch {
            watch(&batch);
        }
        let batch = if self.plant == Plant::LateApply { self.late.lock().replace(batch) } else { Some(batch) };
        batch.map_or(Ok(()), |batch| self.store.apply(batch))
    }

    fn persist(&self) -> Result<(), StoreError> {
        self.persists.fetch_add(1, Ordering::Relaxed);
        let late = self.late.lock().take();
        late.map_or(Ok(()), |batch| self.store.apply(batch))?;
        if self.plant == Plant::LyingCheckpoint { Ok(()) } else { self.store.persist() }
    }

    fn view(&self) -> Result<Box<dyn StateView>, StoreError> {
        self.store.view()
    }

    fn close(&self) -> Result<(), StoreError> {
        self.persist()
    }

    fn stats(&self) -> StoreStats {
        self.store.stats()
    }
}
