//! The applied state in memory: for tests, for simulations, and for nodes that may forget everything.
//!
//! With crashes modelled it behaves as badly as a disk may: [`MemoryStore::crash`] drops what was not persisted, for
//! each table a random number of its newest batches, so that tables come back to different moments. Batches stay whole
//! within a table. What was persisted stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use weft_env::{Ids, SeededIds};

use super::counters::{Counters, Tally};
use super::overlay::{Base, CheckedView, Rows, Versioned};
use super::{KeyRange, Op, Order, Row, StateStore, StateView, StoreError, StoreStats, Table, Tables, WriteBatch};

/// The applied state in memory. Clones are handles to the same rows.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    memory: Arc<Versioned<Memory>>,
    tables: Tables,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Memory {
    rows: BTreeMap<u8, BTreeMap<Bytes, Bytes>>,
    /// `None`: crashes are not modelled.
    crashes: Option<Crashes>,
    /// The process that had this store is gone: nothing it still does may reach the rows of its successor.
    gone: bool,
}

/// The rows of one table as they were before a batch changed them.
type Before = Vec<(Bytes, Option<Bytes>)>;

#[derive(Debug)]
struct Crashes {
    dice: SeededIds,
    /// By table, for each batch since the last persist: the rows as they were before it.
    unsynced: BTreeMap<u8, Vec<Before>>,
}

impl MemoryStore {
    /// An empty store that never crashes.
    pub fn new(tables: &[Table]) -> Result<Self, StoreError> {
        Self::holding(Memory::default(), Tables::new(tables)?)
    }

    /// An empty store that can [`MemoryStore::crash`], differently for each seed.
    pub fn with_crashes(tables: &[Table], seed: u64) -> Result<Self, StoreError> {
        let crashes = Some(Crashes { dice: SeededIds::new(seed), unsynced: BTreeMap::new() });
        Self::holding(Memory { crashes, ..Memory::default() }, Tables::new(tables)?)
    }

    /// The power fails: all handles so far stop working, and the one returned has what a disk would have kept.
    /// Without a crash model everything is kept.
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut memory = self.take();
        memory.forget_unsynced();
        self.successor(memory)
    }

    /// The store is closed and opened again: all handles so far stop working, the one returned has every row.
    #[must_use]
    pub fn reopen(&self) -> Self {
        let mut memory = self.take();
        memory.synced();
        self.successor(memory)
    }

    fn holding(memory: Memory, tables: Tables) -> Result<Self, StoreError> {
        Ok(Self { memory: Arc::new(Versioned::new(memory)), tables, counters: Arc::default() })
    }

    fn successor(&self, memory: Memory) -> Self {
        Self { memory: Arc::new(Versioned::new(memory)), tables: self.tables.clone(), counters: Arc::default() }
    }

    fn take(&self) -> Memory {
        self.memory.write(|memory, _| std::mem::replace(memory, Memory { gone: true, ..Memory::default() }))
    }
}

impl StateView for MemoryStore {
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.tables.check(table)?;
        self.memory.get(table, key)
    }

    fn scan(&self, table: u8, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.tables.check(table)?;
        self.memory.scan(table, range, order, limit)
    }
}

impl StateStore for MemoryStore {
    fn apply(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.tables.check_batch(&batch)?;
        let mut tally = Tally::default();
        self.memory.write(|memory, saver| {
            memory.alive()?;
            let mut before = BTreeMap::<u8, Before>::new();
            for op in batch.last_writes() {
                tally.count(op);
                saver.save(op.table, &op.key, || memory.get(op.table, &op.key))?;
                let old = memory.write(op);
                before.entry(op.table).or_default().push((op.key.clone(), old));
            }
            memory.remember(before);
            Ok::<_, StoreError>(())
        })?;
        self.counters.applied(&tally);
        Ok(())
    }

    fn persist(&self) -> Result<(), StoreError> {
        self.memory.write(|memory, _| {
            memory.alive()?;
            memory.synced();
            Ok::<_, StoreError>(())
        })?;
        self.counters.persisted();
        Ok(())
    }

    fn view(&self) -> Result<Box<dyn StateView>, StoreError> {
        self.memory.read(Memory::alive)?;
        Ok(Box::new(CheckedView { tables: self.tables.clone(), view: self.memory.view() }))
    }

    fn close(&self) -> Result<(), StoreError> {
        self.persist()
    }

    fn stats(&self) -> StoreStats {
        self.counters.stats()
    }
}

impl Memory {
    fn alive(&self) -> Result<(), StoreError> {
        if self.gone {
            return Err(StoreError::Faulted { cause: "the store was opened again or has crashed".to_owned() });
        }
        Ok(())
    }

    /// Returns the row as it was.
    fn write(&mut self, op: &Op) -> Option<Bytes> {
        let rows = self.rows.entry(op.table).or_default();
        match &op.value {
            // Copied: a row must not keep the whole log entry alive that it came with.
            Some(value) => rows.insert(Bytes::copy_from_slice(&op.key), Bytes::copy_from_slice(value)),
            None => rows.remove(&op.key),
        }
    }

    fn remember(&mut self, before: BTreeMap<u8, Before>) {
        let Some(crashes) = &mut self.crashes else { return };
        for (table, rows) in before {
            crashes.unsynced.entry(table).or_default().push(rows);
        }
    }

    fn synced(&mut self) {
        if let Some(crashes) = &mut self.crashes {
            crashes.unsynced.clear();
        }
    }

    fn forget_unsynced(&mut self) {
        let Some(crashes) = &mut self.crashes else { return };
        for (table, batches) in std::mem::take(&mut crashes.unsynced) {
            let lost = usize::try_from(crashes.dice.next_u64() % (batches.len() as u64 + 1))
                .expect("it is at most the number of batches, which is a usize");
            let rows = self.rows.entry(table).or_default();
            for (key, old) in batches.into_iter().rev().take(lost).flatten() {
                match old {
                    Some(value) => rows.insert(key, value),
                    None => rows.remove(&key),
                };
            }
        }
    }
}

impl Base for Memory {
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.alive()?;
        Ok(self.rows.get(&table).and_then(|rows| rows.get(key)).cloned())
    }

    fn rows<'a>(&'a self, table: u8, range: &'a KeyRange, order: Order) -> Result<Rows<'a>, StoreError> {
        self.alive()?;
        let Some(rows) = self.rows.get(&table) else { return Ok(Box::new(std::iter::empty())) };
        let rows = rows.range::<[u8], _>(range.bounds()).map(|(key, value)| Ok((key.clone(), value.clone())));
        Ok(match order {
            Order::Ascending => Box::new(rows),
            Order::Descending => Box::new(rows.rev()),
        })
    }
}

#[cfg(test)]
mod tests;
