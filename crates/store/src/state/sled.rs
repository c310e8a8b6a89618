//! The optional backend: sled, behind the cargo feature `sled`.
//!
//! One tree with the table's number as the first byte of every key, because sled's batches are atomic within one tree
//! only. sled has no snapshots, so scans and views go through the overlay. Nothing is written to the disk by the
//! clock: `persist` flushes.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sled::{Batch, Db, IVec};

use super::counters::{Counters, Tally};
use super::overlay::{Base, CheckedView, Rows, Versioned};
use super::{KeyRange, Order, Row, StateStore, StateView, StoreError, StoreStats, Table, Tables, WriteBatch};

/// The applied state in sled.
pub(super) struct SledStore {
    tree: Arc<Versioned<Tree>>,
    tables: Tables,
    counters: Counters,
}

struct Tree(Db);

impl SledStore {
    /// Opens or creates the store in `dir`, with a cache of roughly `cache_bytes`.
    pub(super) fn open(dir: &Path, tables: &[Table], cache_bytes: u64) -> Result<Self, StoreError> {
        let tables = Tables::new(tables)?;
        let config = sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(None);
        let database = config.open().map_err(from_sled)?;
        Ok(Self { tree: Arc::new(Versioned::new(Tree(database))), tables, counters: Counters::default() })
    }
}

impl StateView for SledStore {
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.tables.check(table)?;
        self.tree.get(table, key)
    }

    fn scan(&self, table: u8, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.tables.check(table)?;
        self.tree.scan(table, range, order, limit)
    }
}

impl StateStore for SledStore {
    fn apply(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.tables.check_batch(&batch)?;
        let mut writes = Batch::default();
        let mut tally = Tally::default();
        self.tree.write(|tree, saver| {
            for op in batch.last_writes() {
                tally.count(op);
                saver.save(op.table, &op.key, || tree.get(op.table, &op.key))?;
                match &op.value {
                    Some(value) => writes.insert(on_disk(op.table, &op.key), value.as_ref()),
                    None => writes.remove(on_disk(op.table, &op.key)),
                }
            }
            tree.0.apply_batch(writes).map_err(from_sled)
        })?;
        self.counters.applied(&tally);
        Ok(())
    }

    fn persist(&self) -> Result<(), StoreError> {
        self.tree.read(|tree| tree.0.flush()).map_err(from_sled)?;
        self.counters.persisted();
        Ok(())
    }

    fn view(&self) -> Result<Box<dyn StateView>, StoreError> {
        Ok(Box::new(CheckedView { tables: self.tables.clone(), view: self.tree.view() }))
    }

    fn close(&self) -> Result<(), StoreError> {
        self.persist()
    }

    fn stats(&self) -> StoreStats {
        // An unreadable size reads as zero: figures for people are no reason to fail.
        let disk_bytes = self.tree.read(|tree| tree.0.size_on_disk()).unwrap_or(0);
        StoreStats { disk_bytes, ..self.counters.stats() }
    }
}

impl Base for Tree {
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.0.get(on_disk(table, key)).map_err(from_sled)?.map(|value| into_bytes(&value)))
    }

    fn rows<'a>(&'a self, table: u8, range: &'a KeyRange, order: Order) -> Result<Rows<'a>, StoreError> {
        let range = on_disk_range(table, range);
        let rows = match range.end() {
            Some(end) => self.0.range(range.start().as_ref()..end.as_ref()),
            None => self.0.range(range.start().as_ref()..),
        };
        Ok(match order {
            Order::Ascending => Box::new(rows.map(row)),
            Order::Descending => Box::new(rows.rev().map(row)),
        })
    }
}

fn row(found: sled::Result<(IVec, IVec)>) -> Result<Row, StoreError> {
    let (key, value) = found.map_err(from_sled)?;
    Ok((Bytes::copy_from_slice(&key[1..]), into_bytes(&value)))
}

/// Pinned: one byte of table number, then the key.
fn on_disk(table: u8, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + 1);
    bytes.push(table);
    bytes.extend_from_slice(key);
    bytes
}

fn on_disk_range(table: u8, range: &KeyRange) -> KeyRange {
    let start = on_disk(table, range.start());
    match (range.end(), table.checked_add(1)) {
        (Some(end), _) => KeyRange::between(start, on_disk(table, end)),
        (None, Some(next)) => KeyRange::between(start, vec![next]),
        (None, None) => KeyRange::from(start),
    }
}

fn into_bytes(value: &IVec) -> Bytes {
    Bytes::copy_from_slice(value)
}

fn from_sled(error: sled::Error) -> StoreError {
    match error {
        // sled reports a lock that somebody else holds as an io error of this kind.
        sled::Error::Io(source) if source.kind() == std::io::ErrorKind::WouldBlock => StoreError::Locked,
        sled::Error::Io(source) => source.into(),
        other => StoreError::Corrupt { what: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::conformance;
    use super::SledStore;

    #[test]
    fn sled_keeps_every_promise_of_a_state_store() {
        conformance::suite(|| {
            let dir = tempfile::tempdir().expect("a temporary directory");
            Box::new(move || {
                Arc::new(SledStore::open(dir.path(), &conformance::TABLES, 1 << 20).expect("the store opens"))
            })
        });
    }
}
