//! The default backend: fjall, one database per node and one keyspace per table.
//!
//! A batch goes to fjall's journal without an fsync; `persist` is the fsync. Keyspaces are made when their table is
//! first written, or by `prepare` in the background, because each costs some twenty fsyncs and a node must start at
//! once on an empty directory; until then the table reads as empty. A keyspace is named by its table's number, so renaming a table loses nothing.
//!
//! fjall blocks in writes when its compaction is behind, and after any failed write it refuses all later ones
//! ([`StoreError::Faulted`]) until it is opened again.

mod moment;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
use parking_lot::Mutex;

use moment::Moment;

use super::counters::{Counters, Tally};
use super::range::Bounds;
use super::{KeyRange, Order, Row, StateStore, StateView, StoreError, StoreStats, Table, Tables, WriteBatch};

/// Values up to this size are copied out of the cache's blocks; larger ones keep their block alive instead.
const COPY_BYTES_MAX: usize = 1024;

const MIB: u64 = 1024 * 1024;

/// How much memory and disk fjall may use for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FjallOptions {
    /// Cache for blocks read from disk, for all tables together.
    pub(super) cache_bytes: u64,
    /// A table's newest rows are kept in memory up to this size.
    pub(super) memtable_bytes: u64,
    /// When sealed journals exceed this, tables that hold them back are written out. At least 64 MiB.
    pub(super) journal_bytes: u64,
    /// Threads for writing out and compaction.
    pub(super) threads: usize,
}

impl Default for FjallOptions {
    fn default() -> Self {
        Self { cache_bytes: 8 * MIB, memtable_bytes: 16 * MIB, journal_bytes: 64 * MIB, threads: 2 }
    }
}

/// The applied state in fjall.
pub(super) struct FjallStore {
    keyspaces: Arc<Keyspaces>,
    database: Database,
    counters: Counters,
    /// Why writes fail from now on: the first failure that fjall reported.
    fault: Mutex<Option<String>>,
}

/// The keyspaces of all tables, by the table's number.
struct Keyspaces {
    tables: Tables,
    slots: Vec<OnceLock<Keyspace>>,
    memtable_bytes: u64,
    /// Held while a keyspace is made.
    making: Mutex<()>,
}

impl FjallStore {
    /// Opens or creates the store in `dir`.
    pub(super) fn open(dir: &Path, tables: &[Table], options: FjallOptions) -> Result<Self, StoreError> {
        let keyspaces = Keyspaces::new(tables, options.memtable_bytes)?;
        let database = Database::builder(dir)
            .cache_size(options.cache_bytes)
            .max_journaling_size(options.journal_bytes.max(64 * MIB))
            .worker_threads(options.threads.max(1))
            .open()
            .map_err(from_fjall)?;
        for table in tables {
            if database.keyspace_exists(&keyspace_name(table.id)) {
                keyspaces.make(&database, table.id)?;
            }
        }
        Ok(Self { keyspaces: Arc::new(keyspaces), database, counters: Counters::default(), fault: Mutex::new(None) })
    }

    /// Remembers why fjall stopped, because it only tells once.
    fn failed(&self, error: fjall::Error) -> StoreError {
        if matches!(error, fjall::Error::Poisoned) {
            let unknown = || "its background work failed".to_owned();
            return StoreError::Faulted { cause: self.fault.lock().clone().unwrap_or_else(unknown) };
        }
        let error = from_fjall(error);
        self.fault.lock().get_or_insert_with(|| match &error {
            StoreError::Io { source } | StoreError::Full { source } => source.to_string(),
            StoreError::Corrupt { .. }
            | StoreError::Locked
            | StoreError::Faulted { .. }
            | StoreError::NotBuilt { .. }
            | StoreError::Misuse { .. } => error.to_string(),
        });
        error
    }
}

impl StateView for FjallStore {
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let Some(keyspace) = self.keyspaces.get(table)? else { return Ok(None) };
        Ok(keyspace.get(key).map_err(from_fjall)?.map(into_bytes))
    }

    fn scan(&self, table: u8, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        let Some(keyspace) = self.keyspaces.get(table)? else { return Ok(Vec::new()) };
        // Through a snapshot: a keyspace's own iterator may see half of a batch that is just being applied.
        let snapshot = self.database.snapshot();
        rows(range, order, limit, |bounds| snapshot.range::<&[u8], _>(keyspace, bounds), row)
    }
}

impl StateStore for FjallStore {
    fn apply(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.keyspaces.tables.check_batch(&batch)?;
        let mut writes = self.database.batch().durability(None);
        let mut tally = Tally::default();
        // fjall gives all writes of a batch one sequence number, so each key may occur once.
        for op in batch.last_writes() {
            tally.count(op);
            let keyspace = self.keyspaces.make(&self.database, op.table)?;
            // Copied: a row must not keep the whole log entry alive that it came with.
            match &op.value {
                Some(value) => writes.insert(keyspace, op.key.as_ref(), value.as_ref()),
                None => writes.remove(keyspace, op.key.as_ref()),
            }
        }
        writes.commit().map_err(|error| self.failed(error))?;
        self.counters.applied(&tally);
        Ok(())
    }

    fn persist(&self) -> Result<(), StoreError> {
        self.database.persist(PersistMode::SyncAll).map_err(|error| self.failed(error))?;
        self.counters.persisted();
        Ok(())
    }

    fn view(&self) -> Result<Box<dyn StateView>, StoreError> {
        Ok(Box::new(Moment::of(Arc::clone(&self.keyspaces), self.database.snapshot())?))
    }

    fn prepare(&self) -> Result<(), StoreError> {
        let tables = (0..=u8::MAX).filter(|table| self.keyspaces.tables.check(*table).is_ok());
        tables.map(|table| self.keyspaces.make(&self.database, table)).try_for_each(|made| made.map(drop))
    }

    fn close(&self) -> Result<(), StoreError> {
        self.persist()?;
        // What is in sorted files need not be read from the journal again by the next opening.
        let used = || self.keyspaces.slots.iter().filter_map(OnceLock::get);
        for keyspace in used() {
            keyspace.rotate_memtable().map_err(|error| self.failed(error))?;
        }
        while used().any(|keyspace| keyspace.sealed_memtable_count() > 0) {
            // Fails if the threads that should write out have died; else this would wait for ever.
            self.database.persist(PersistMode::Buffer).map_err(|error| self.failed(error))?;
            thread::park_timeout(Duration::from_millis(1));
        }
        self.persist()
    }

    fn stats(&self) -> StoreStats {
        StoreStats {
            // Unreadable sizes read as zero: figures for people are no reason to fail.
            disk_bytes: self.database.disk_space().unwrap_or(0),
            journals: self.database.journal_count() as u64,
            journal_bytes: self.database.journal_disk_space().unwrap_or(0),
            ..self.counters.stats()
        }
    }
}

impl Keyspaces {
    fn new(tables: &[Table], memtable_bytes: u64) -> Result<Self, StoreError> {
        let slots = (0..=u8::MAX).map(|_| OnceLock::new()).collect();
        Ok(Self { tables: Tables::new(tables)?, slots, memtable_bytes, making: Mutex::new(()) })
    }

    /// The table's keyspace; none if the table was never written.
    fn get(&self, table: u8) -> Result<Option<&Keyspace>, StoreError> {
        self.tables.check(table)?;
        Ok(self.slots[usize::from(table)].get())
    }

    /// The table's keyspace, made now if it is not there.
    fn make(&self, database: &Database, table: u8) -> Result<&Keyspace, StoreError> {
        let slot = &self.slots[usize::from(table)];
        if let Some(keyspace) = slot.get() {
            return Ok(keyspace);
        }
        let _making = self.making.lock();
        if let Some(keyspace) = slot.get() {
            return Ok(keyspace);
        }
        let options = || KeyspaceCreateOptions::default().max_memtable_size(self.memtable_bytes);
        let made = database.keyspace(&keyspace_name(table), options).map_err(from_fjall)?;
        Ok(slot.get_or_init(|| made))
    }
}

/// Pinned: this is the name on disk.
fn keyspace_name(table: u8) -> String {
    format!("t{table:03}")
}

fn rows<'a, I: DoubleEndedIterator>(
    range: &'a KeyRange,
    order: Order,
    limit: usize,
    iterate: impl FnOnce(Bounds<'a>) -> I,
    row: impl FnMut(I::Item) -> Result<Row, StoreError>,
) -> Result<Vec<Row>, StoreError> {
    if range.is_empty() || limit == 0 {
        return Ok(Vec::new());
    }
    let iterator = iterate(range.bounds());
    match order {
        Order::Ascending => iterator.take(limit).map(row).collect(),
        Order::Descending => iterator.rev().take(limit).map(row).collect(),
    }
}

fn row(guard: fjall::Guard) -> Result<Row, StoreError> {
    let (key, value) = guard.into_inner().map_err(from_fjall)?;
    Ok((into_bytes(key), into_bytes(value)))
}

fn into_bytes(slice: fjall::Slice) -> Bytes {
    if slice.len() > COPY_BYTES_MAX { Bytes::from_owner(slice) } else { Bytes::copy_from_slice(&slice) }
}

fn from_fjall(error: fjall::Error) -> StoreError {
    match error {
        fjall::Error::Io(source) | fjall::Error::Storage(fjall::LsmError::Io(source)) => source.into(),
        fjall::Error::Locked => StoreError::Locked,
        fjall::Error::Poisoned => StoreError::Faulted { cause: "an earlier write failed".to_owned() },
        other => StoreError::Corrupt { what: other.to_string() },
    }
}

#[cfg(test)]
mod tests;
