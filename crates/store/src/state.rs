//! The applied state: ordered bytes by (table, key), behind one trait with three backends.
//!
//! Invariants that every backend keeps, and that the conformance suite checks: a batch is applied whole or not at
//! all; within a batch the last write of a key wins; a scan and a view see whole batches only; what was applied before
//! a successful [`StateStore::persist`] survives any crash.
//!
//! What is *not* promised: after a crash the tables may come back to different moments after the last `persist` (the
//! log is replayed over them, and its writes are absolute). Reads and writes block: callers keep them off the async
//! runtime's threads. A store's directory holds nothing but the backend's own files.

mod batch;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod counters;
mod error;
mod fjall;
mod memory;
mod open;
mod overlay;
mod range;
#[cfg(feature = "sled")]
mod sled;

use std::sync::Arc;

use bytes::Bytes;

pub use batch::{Op, WriteBatch};
pub use error::StoreError;
pub use memory::MemoryStore;
pub use open::{in_memory, is_built, open};
pub use range::{KeyRange, Order};

/// Keys have between one byte and this many: what the smallest backend can hold.
pub const KEY_BYTES_MAX: usize = 65_535;

/// A table: its number is what reaches the disk and is never used again for anything else; its name is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    pub id: u8,
    pub name: &'static str,
}

/// A row: its key and its value.
pub type Row = (Bytes, Bytes);

/// Something that can be read: the store as it is now, or a view of it as it was.
pub trait StateView: Send + Sync {
    /// One row. Two reads of a store, unlike two reads of a view, may fall on both sides of a batch.
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// The first `limit` rows of `range` in `order`, all as of one moment.
    fn scan(&self, table: u8, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError>;
}

/// The applied state of a node. Reading it directly reads what is applied now.
pub trait StateStore: StateView {
    /// Applies the whole batch or nothing of it. It is readable when this returns, and durable after the next
    /// [`StateStore::persist`].
    fn apply(&self, batch: WriteBatch) -> Result<(), StoreError>;

    /// Makes durable all that was applied before this call.
    fn persist(&self) -> Result<(), StoreError>;

    /// The store as it is now, unchanged by what comes later. Keeping one for long keeps old data alive.
    fn view(&self) -> Result<Box<dyn StateView>, StoreError>;

    /// Does in advance what the first writes would wait for. Called in the background once a node is ready.
    fn prepare(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Makes everything durable and the next opening fast. Called once at a graceful end, when nothing writes any
    /// more; leaving it out loses nothing that was persisted.
    fn close(&self) -> Result<(), StoreError>;

    fn stats(&self) -> StoreStats;
}

/// Counts since the store was opened, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    pub batches: u64,
    pub puts: u64,
    pub deletes: u64,
    /// Bytes of keys and values given to the backend.
    pub bytes_written: u64,
    pub persists: u64,
    /// Bytes in the directory, as far as the backend knows.
    pub disk_bytes: u64,
    /// The backend's own journals (fjall): when they pile up, some table holds back the oldest.
    pub journals: u64,
    /// Bytes not yet in the backend's sorted files (fjall): roughly what a reopening has to read again.
    pub journal_bytes: u64,
}

/// Which of the tables exist, for backends and their checks.
#[derive(Clone, Debug)]
struct Tables(Arc<[bool; 256]>);

impl Tables {
    fn new(tables: &[Table]) -> Result<Self, StoreError> {
        let mut known = [false; 256];
        for table in tables {
            if std::mem::replace(&mut known[usize::from(table.id)], true) {
                return Err(StoreError::Misuse { what: format!("two tables have the number {}", table.id) });
            }
        }
        Ok(Self(Arc::new(known)))
    }

    fn check(&self, table: u8) -> Result<(), StoreError> {
        if self.0[usize::from(table)] {
            return Ok(());
        }
        Err(StoreError::Misuse { what: format!("there is no table {table}") })
    }

    /// All that can be wrong with a batch, before anything of it is written.
    fn check_batch(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        batch.ops().iter().try_for_each(|op| {
            self.check(op.table)?;
            if (1..=KEY_BYTES_MAX).contains(&op.key.len()) && op.value.as_ref().is_none_or(fits_u32) {
                return Ok(());
            }
            let value = op.value.as_ref().map_or(0, Bytes::len);
            let what = format!("table {} cannot hold a key of {} and a value of {value} bytes", op.table, op.key.len());
            Err(StoreError::Misuse { what })
        })
    }
}

fn fits_u32(bytes: &Bytes) -> bool {
    u32::try_from(bytes.len()).is_ok()
}
