//! The memory store keeps every promise, and its crashes lose what they may and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::conformance;
use super::{MemoryStore, StateStore, StateView, StoreError, Table, WriteBatch};
use crate::state::{KeyRange, Order};

const TABLES: [Table; 2] = [Table { id: 1, name: "one" }, Table { id: 2, name: "two" }];

#[test]
fn memory_keeps_every_promise_of_a_state_store() {
    conformance::suite(|| {
        let last = Mutex::new(MemoryStore::new(&conformance::TABLES).unwrap());
        Box::new(move || {
            let mut last = last.lock();
            *last = last.reopen();
            Arc::new(last.clone())
        })
    });
}

/// Writes `batches` numbered batches over both tables.
fn write(store: &MemoryStore, batches: std::ops::Range<u8>) {
    for number in batches {
        let mut batch = WriteBatch::new();
        for table in TABLES {
            batch.put(table.id, vec![number], "new row");
            batch.put(table.id, "counter", vec![number]);
        }
        store.apply(batch).unwrap();
    }
}

/// How many numbered batches a table has; it must be a prefix of them, and whole.
fn batches_left(store: &MemoryStore, table: u8) -> u8 {
    let rows = store.scan(table, &KeyRange::all(), Order::Ascending, usize::MAX).unwrap();
    let numbers: Vec<u8> = rows.iter().filter(|(key, _)| key.len() == 1).map(|(key, _)| key[0]).collect();
    let count = u8::try_from(numbers.len()).unwrap();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
    let counter = store.get(table, b"counter").unwrap().map(|value| value[0]);
    assert_eq!(counter, count.checked_sub(1));
    count
}

#[test]
fn a_crash_loses_a_random_number_of_unpersisted_batches_per_table() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let store = MemoryStore::with_crashes(&TABLES, seed).unwrap();
        write(&store, 0..3);
        store.persist().unwrap();
        write(&store, 3..5);
        let store = store.crash();
        seen.insert(TABLES.map(|table| batches_left(&store, table.id)));
    }
    let possible: BTreeSet<_> = (3..=5).flat_map(|one| (3..=5).map(move |two| [one, two])).collect();
    assert_eq!(seen, possible);
}

#[test]
fn the_same_seed_loses_the_same_batches() {
    let crash = || {
        let store = MemoryStore::with_crashes(&TABLES, 7).unwrap();
        write(&store, 0..20);
        let store = store.crash();
        let first = TABLES.map(|table| batches_left(&store, table.id));
        write(&store, *first.iter().min().unwrap()..20);
        let store = store.crash();
        (first, TABLES.map(|table| store.scan(table.id, &KeyRange::all(), Order::Ascending, usize::MAX).unwrap()))
    };
    assert_eq!(crash(), crash());
}

#[test]
fn what_survived_a_crash_is_durable() {
    let store = MemoryStore::with_crashes(&TABLES, 1).unwrap();
    write(&store, 0..10);
    let store = store.crash();
    let left = TABLES.map(|table| batches_left(&store, table.id));
    let store = store.crash();
    assert_eq!(TABLES.map(|table| batches_left(&store, table.id)), left);
}

#[test]
fn handles_from_before_a_crash_reach_nothing() {
    let store = MemoryStore::with_crashes(&TABLES, 1).unwrap();
    let view = store.view().unwrap();
    let survivor = store.crash();
    let mut batch = WriteBatch::new();
    batch.put(1, "k", "v");
    assert!(matches!(store.apply(batch), Err(StoreError::Faulted { .. })));
    assert!(matches!(store.get(1, b"k"), Err(StoreError::Faulted { .. })));
    assert!(matches!(view.get(1, b"k"), Err(StoreError::Faulted { .. })));
    assert_eq!(survivor.get(1, b"k").unwrap(), None);
}
