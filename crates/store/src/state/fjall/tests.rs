//! fjall keeps every promise, also when the process is killed; and what it shows of itself.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use lsm_tree::AbstractTree;

use super::super::conformance;
use super::{FjallOptions, FjallStore, StateStore, StateView, StoreError, Table, WriteBatch};
use crate::state::{KeyRange, Order};

const TABLES: [Table; 2] = [Table { id: 1, name: "one" }, Table { id: 2, name: "two" }];

fn open(dir: &Path) -> FjallStore {
    FjallStore::open(dir, &TABLES, FjallOptions::default()).unwrap()
}

#[test]
fn fjall_keeps_every_promise_of_a_state_store() {
    conformance::suite(|| {
        let dir = tempfile::tempdir().unwrap();
        Box::new(move || Arc::new(FjallStore::open(dir.path(), &conformance::TABLES, FjallOptions::default()).unwrap()))
    });
}

#[test]
fn fjall_keeps_every_promise_while_it_writes_out_all_the_time() {
    conformance::suite(|| {
        let dir = tempfile::tempdir().unwrap();
        let options = FjallOptions { memtable_bytes: 2 << 10, ..SMALL };
        Box::new(move || Arc::new(FjallStore::open(dir.path(), &conformance::TABLES, options).unwrap()))
    });
}

/// Writes numbered batches over both tables.
fn write(store: &FjallStore, batches: std::ops::Range<u16>) {
    for number in batches {
        let mut batch = WriteBatch::new();
        for table in TABLES {
            batch.put(table.id, number.to_be_bytes().to_vec(), vec![7; 100]);
        }
        store.apply(batch).unwrap();
    }
}

/// How many numbered batches a table has; it must be a prefix of them.
fn batches_left(store: &FjallStore, table: u8) -> usize {
    let rows = store.scan(table, &KeyRange::all(), Order::Ascending, usize::MAX).unwrap();
    let expected = (0..rows.len()).map(|number| u16::try_from(number).unwrap().to_be_bytes());
    assert!(rows.iter().map(|(key, _)| key.as_ref()).eq(expected.map(Vec::from)));
    rows.len()
}

/// The directory as a killed process leaves it: what it had not yet given to the operating system is missing.
fn image(of: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(of).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            image(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_killed_process_leaves_whole_batches_and_all_persisted_ones() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("live"));
    write(&store, 0..10);
    store.persist().unwrap();
    write(&store, 10..500);
    image(&dir.path().join("live"), &dir.path().join("killed"));
    let killed = open(&dir.path().join("killed"));
    let left = TABLES.map(|table| batches_left(&killed, table.id));
    assert!(left[0] >= 10 && left[0] == left[1], "{left:?}");
}

#[test]
fn a_journal_cut_anywhere_leaves_whole_batches() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("live"));
    write(&store, 0..8);
    store.persist().unwrap();
    for cut in (0..2_200).step_by(97) {
        let image_dir = dir.path().join(format!("cut-{cut}"));
        image(&dir.path().join("live"), &image_dir);
        fs::File::options().write(true).open(image_dir.join("0.jnl")).unwrap().set_len(cut).unwrap();
        let store = open(&image_dir);
        let left = TABLES.map(|table| batches_left(&store, table.id));
        assert_eq!(left[0], left[1], "cut at {cut}");
    }
}

#[test]
fn closing_leaves_nothing_to_read_from_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    write(&store, 0..10);
    store.close().unwrap();
    let written_out =
        |table: u8| store.keyspaces.get(table).unwrap().is_some_and(|keyspace| keyspace.table_count() > 0);
    assert!(TABLES.iter().all(|table| written_out(table.id)));
    assert_eq!(batches_left(&store, 1), 10);
}

#[test]
fn a_table_costs_nothing_until_it_is_written_or_prepared() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.get(1, b"k").unwrap(), None);
    assert_eq!(store.database.keyspace_count(), 0);
    let mut batch = WriteBatch::new();
    batch.put(1, "k", "v");
    store.apply(batch).unwrap();
    assert_eq!(store.database.keyspace_count(), 1);
    store.prepare().unwrap();
    assert_eq!(store.database.keyspace_count(), 2);
}

#[test]
fn a_second_opening_is_refused_while_the_first_lives() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(dir.path());
    let second = FjallStore::open(dir.path(), &TABLES, FjallOptions::default());
    assert!(matches!(second.err(), Some(StoreError::Locked)));
}

#[test]
fn a_damaged_directory_is_named_as_damaged() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    fs::write(dir.path().join("version"), b"not a version").unwrap();
    let opened = FjallStore::open(dir.path(), &TABLES, FjallOptions::default());
    assert!(matches!(opened.err(), Some(StoreError::Corrupt { .. })));
}

#[test]
fn two_tables_with_one_number_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let tables = [TABLES[0], Table { id: 1, name: "again" }];
    let opened = FjallStore::open(dir.path(), &tables, FjallOptions::default());
    assert!(matches!(opened.err(), Some(StoreError::Misuse { .. })));
}

/// Small enough that a few writes fill them.
const SMALL: FjallOptions =
    FjallOptions { cache_bytes: 1 << 20, memtable_bytes: 8 << 10, journal_bytes: 0, threads: 2 };

/// Everything is in sorted files, and these are merged.
fn write_out(store: &FjallStore) {
    for keyspace in TABLES.iter().filter_map(|table| store.keyspaces.get(table.id).unwrap()) {
        keyspace.rotate_memtable_and_wait().unwrap();
        keyspace.major_compact().unwrap();
    }
}

/// Bytes of memtables that fjall holds for somebody.
fn bytes_in_memory(store: &FjallStore) -> u64 {
    let keyspaces = TABLES.iter().filter_map(|table| store.keyspaces.get(table.id).unwrap());
    keyspaces.map(|keyspace| keyspace.tree.version_memtable_size_sum()).sum()
}

/// Sorted files on the disk, and those of them that whoever comes now reads.
fn files(store: &FjallStore, dir: &Path) -> (usize, usize) {
    fn within(dir: &Path) -> usize {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        let of = |path: std::path::PathBuf| match path.ends_with("tables") {
            true => fs::read_dir(path).unwrap().count(),
            false => within(&path),
        };
        entries.map(of).sum()
    }
    let used = TABLES.iter().filter_map(|table| store.keyspaces.get(table.id).unwrap());
    (within(dir), used.map(fjall::Keyspace::table_count).sum())
}

#[test]
fn a_view_holds_its_own_moment_and_nothing_that_was_written_later() {
    let dir = tempfile::tempdir().unwrap();
    let store = FjallStore::open(dir.path(), &TABLES, SMALL).unwrap();
    write(&store, 0..200);
    write_out(&store);
    write(&store, 200..220);
    let view = store.view().unwrap();
    let rows = |order| TABLES.map(|table| view.scan(table.id, &KeyRange::all(), order, usize::MAX).unwrap());
    let before = [Order::Ascending, Order::Descending].map(rows);
    assert_eq!(before[0].each_ref().map(Vec::len), [220, 220]);

    for round in 0..40_u8 {
        for number in 0..220_u16 {
            let mut batch = WriteBatch::new();
            for table in TABLES {
                match number % 3 {
                    0 => batch.delete(table.id, number.to_be_bytes().to_vec()),
                    _ => batch.put(table.id, number.to_be_bytes().to_vec(), vec![round; 100]),
                }
            }
            store.apply(batch).unwrap();
        }
        write_out(&store);
    }
    let limit = 4 * SMALL.memtable_bytes * TABLES.len() as u64;
    assert!(bytes_in_memory(&store) <= limit, "{} bytes are held for a view", bytes_in_memory(&store));
    assert!([Order::Ascending, Order::Descending].map(rows) == before);
    for (key, value) in &before[0][1] {
        assert_eq!(view.get(2, key).unwrap().as_ref(), Some(value));
    }
    assert_eq!(view.get(2, b"k").unwrap(), None);
    // fjall itself lets a few old versions go only when it next writes out.
    let (there, used) = files(&store, dir.path());
    assert!(there - used < 25, "{there} files are kept, {used} of them are read");
}

#[test]
fn counts_say_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    write(&store, 0..3);
    store.persist().unwrap();
    let stats = store.stats();
    assert_eq!((stats.batches, stats.puts, stats.deletes, stats.persists, stats.journals), (3, 6, 0, 1, 1));
    assert_eq!(stats.bytes_written, 3 * 2 * 102);
}
