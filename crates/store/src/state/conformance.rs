//! What every state store must do, as checks that any backend can be put through: [`suite`].
//!
//! Each check gets a fresh store and a way to close and reopen it. The checks look only through the traits. What
//! survives a crash is not checked here, because crashing is different for each backend.

mod model;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use bytes::Bytes;

use super::{KEY_BYTES_MAX, KeyRange, Order, Row, StateStore, StateView, StoreError, Table, WriteBatch};

/// Opens the store; called again after all handles to it were dropped, it opens the same store again.
pub type Opener = Box<dyn Fn() -> Arc<dyn StateStore>>;

/// The tables that the suite needs. The numbers are the extremes on purpose.
pub const TABLES: [Table; 3] =
    [Table { id: 0, name: "first" }, Table { id: 7, name: "middle" }, Table { id: 255, name: "last" }];

const FIRST: u8 = TABLES[0].id;
const MIDDLE: u8 = TABLES[1].id;
const LAST: u8 = TABLES[2].id;

/// A promise and how to check it.
type Check = (&'static str, fn(&Opener));

const CHECKS: [Check; 13] = [
    ("a written row is read and a deleted one is not", rows_come_and_go),
    ("the last write of a key in a batch wins", last_write_wins),
    ("tables do not share keys", tables_are_apart),
    ("scans go both ways, within bounds and limits", scans),
    ("prefixes are found, also those of 0xff", prefixes),
    ("any bytes may stand in keys and values", any_bytes),
    ("what cannot be stored is refused, and nothing is written", refusals),
    ("a batch over many tables is seen whole", batches_are_atomic),
    ("a view does not change", views_stand_still),
    ("persisted rows are there after reopening", persisted_rows_stay),
    ("after a clean end without persist whole batches are there, up to one of them", clean_end_keeps_a_prefix),
    ("closing keeps everything", closing_keeps_everything),
    ("random work agrees with a model", model::random_work),
];

/// Puts a backend through every check. `fresh` gives a new, empty store each time.
pub fn suite(fresh: impl Fn() -> Opener) {
    for (promise, check) in CHECKS {
        // Shown when a check fails.
        println!("{promise}");
        check(&fresh());
    }
}

fn ok<T>(result: Result<T, StoreError>) -> T {
    result.unwrap_or_else(|error| panic!("the store failed: {error:?}"))
}

fn put(store: &dyn StateStore, rows: &[(u8, &str, &str)]) {
    let mut batch = WriteBatch::new();
    for (table, key, value) in rows {
        batch.put(*table, key.to_string(), value.to_string());
    }
    ok(store.apply(batch));
}

fn get(view: &dyn StateView, table: u8, key: &str) -> Option<String> {
    ok(view.get(table, key.as_bytes())).map(|value| String::from_utf8_lossy(&value).into_owned())
}

fn keys(view: &dyn StateView, table: u8, range: &KeyRange, order: Order, limit: usize) -> Vec<String> {
    let rows = ok(view.scan(table, range, order, limit));
    rows.into_iter().map(|(key, _)| String::from_utf8_lossy(&key).into_owned()).collect()
}

fn everything(view: &dyn StateView, table: u8) -> Vec<Row> {
    ok(view.scan(table, &KeyRange::all(), Order::Ascending, usize::MAX))
}

fn rows_come_and_go(open: &Opener) {
    let store = open();
    assert_eq!(get(&*store, FIRST, "a"), None);
    put(&*store, &[(FIRST, "a", "1")]);
    assert_eq!(get(&*store, FIRST, "a").as_deref(), Some("1"));
    let mut batch = WriteBatch::new();
    batch.delete(FIRST, "a");
    batch.delete(FIRST, "was never there");
    ok(store.apply(batch));
    assert_eq!(get(&*store, FIRST, "a"), None);
    ok(store.apply(WriteBatch::new()));
    let stats = store.stats();
    assert_eq!((stats.puts, stats.deletes, stats.bytes_written), (1, 2, 2 + 1 + 15));
}

fn last_write_wins(open: &Opener) {
    let store = open();
    let mut batch = WriteBatch::new();
    batch.put(FIRST, "kept", "1");
    batch.put(FIRST, "kept", "2");
    batch.put(FIRST, "gone", "1");
    batch.delete(FIRST, "gone");
    batch.delete(FIRST, "back");
    batch.put(FIRST, "back", "1");
    ok(store.apply(batch));
    let expected = [("back", "1"), ("kept", "2")].map(|(key, value)| (Bytes::from(key), Bytes::from(value)));
    assert_eq!(everything(&*store, FIRST), expected);
}

fn tables_are_apart(open: &Opener) {
    let store = open();
    put(&*store, &[(FIRST, "k", "first"), (LAST, "k", "last")]);
    assert_eq!(get(&*store, FIRST, "k").as_deref(), Some("first"));
    assert_eq!(get(&*store, MIDDLE, "k"), None);
    assert_eq!(get(&*store, LAST, "k").as_deref(), Some("last"));
    for table in TABLES {
        let expected = if table.id == MIDDLE { vec![] } else { vec!["k".to_owned()] };
        for order in [Order::Ascending, Order::Descending] {
            assert_eq!(keys(&*store, table.id, &KeyRange::all(), order, 9), expected, "{}", table.name);
        }
    }
}

fn scans(open: &Opener) {
    let store = open();
    put(&*store, &["a", "b", "ba", "c", "d"].map(|key| (MIDDLE, key, "")));
    let check = |range: KeyRange, limit, ascending: &[&str], descending: &[&str]| {
        assert_eq!(keys(&*store, MIDDLE, &range, Order::Ascending, limit), ascending, "{range:?}");
        assert_eq!(keys(&*store, MIDDLE, &range, Order::Descending, limit), descending, "{range:?}");
        let view = ok(store.view());
        assert_eq!(keys(&*view, MIDDLE, &range, Order::Ascending, limit), ascending, "{range:?}");
        assert_eq!(keys(&*view, MIDDLE, &range, Order::Descending, limit), descending, "{range:?}");
    };
    check(KeyRange::all(), 9, &["a", "b", "ba", "c", "d"], &["d", "c", "ba", "b", "a"]);
    check(KeyRange::all(), 2, &["a", "b"], &["d", "c"]);
    check(KeyRange::all(), 0, &[], &[]);
    check(KeyRange::between("b", "d"), 9, &["b", "ba", "c"], &["c", "ba", "b"]);
    check(KeyRange::from("ba"), 2, &["ba", "c"], &["d", "c"]);
    check(KeyRange::all().after(b"b"), 2, &["ba", "c"], &["d", "c"]);
    check(KeyRange::all().before(b"b"), 2, &["a"], &["a"]);
    check(KeyRange::between("b", "b"), 9, &[], &[]);
    check(KeyRange::between("d", "a"), 9, &[], &[]);
    check(KeyRange::from("e"), 9, &[], &[]);
}

fn prefixes(open: &Opener) {
    let store = open();
    let mut batch = WriteBatch::new();
    for key in [&[1, 0xff][..], &[1, 0xff, 0], &[1, 0xff, 0xff], &[2], &[0xff], &[0xff, 0xff, 1]] {
        batch.put(LAST, Bytes::copy_from_slice(key), "");
    }
    ok(store.apply(batch));
    let found = |prefix: &'static [u8]| {
        let rows = ok(store.scan(LAST, &KeyRange::prefix(prefix), Order::Ascending, 9));
        rows.into_iter().map(|(key, _)| key.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(found(&[1, 0xff]), vec![vec![1, 0xff], vec![1, 0xff, 0], vec![1, 0xff, 0xff]]);
    assert_eq!(found(&[0xff]), vec![vec![0xff], vec![0xff, 0xff, 1]]);
    assert_eq!(found(&[0xff, 0xff]), vec![vec![0xff, 0xff, 1]]);
    assert_eq!(found(&[3]), Vec::<Vec<u8>>::new());
    assert_eq!(found(&[]).len(), 6);
}

fn any_bytes(open: &Opener) {
    let rows: Vec<Row> = [
        (vec![0], vec![]),
        (vec![0, 0], vec![0]),
        (vec![0x80, 0xff, 0], vec![0xff; 3]),
        (vec![7; KEY_BYTES_MAX], vec![7; 300_000]),
    ]
    .map(|(key, value)| (Bytes::from(key), Bytes::from(value)))
    .into();
    let store = open();
    let mut batch = WriteBatch::new();
    for (key, value) in &rows {
        batch.put(FIRST, key.clone(), value.clone());
    }
    ok(store.apply(batch));
    let mut expected = rows.clone();
    expected.sort();
    assert!(everything(&*store, FIRST) == expected);
    ok(store.persist());
    drop(store);
    let store = open();
    assert!(rows.iter().all(|(key, value)| ok(store.get(FIRST, key)).as_ref() == Some(value)));
    assert_eq!(ok(store.get(FIRST, b"")), None);
}

fn refusals(open: &Opener) {
    let store = open();
    let refused = |key: Vec<u8>, table| {
        let mut batch = WriteBatch::new();
        batch.put(FIRST, "innocent", "1");
        batch.put(table, key, "1");
        assert!(matches!(store.apply(batch), Err(StoreError::Misuse { .. })));
    };
    refused(vec![], FIRST);
    refused(vec![1; KEY_BYTES_MAX + 1], FIRST);
    refused(vec![1], 9);
    assert!(matches!(store.get(9, b"k"), Err(StoreError::Misuse { .. })));
    let scan = |view: &dyn StateView| view.scan(9, &KeyRange::all(), Order::Ascending, 1);
    assert!(matches!(scan(&*store), Err(StoreError::Misuse { .. })));
    assert!(matches!(scan(&*ok(store.view())), Err(StoreError::Misuse { .. })));
    assert_eq!(everything(&*store, FIRST), vec![]);
}

/// One thread writes, another looks: it must never see two rows of one batch differ.
fn batches_are_atomic(open: &Opener) {
    let store = open();
    let rows = |value: &str| [(FIRST, "a", value), (FIRST, "b", value), (LAST, "a", value)].map(own);
    write_all(&*store, &rows("0"));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..400 {
                write_all(&*store, &rows(&number.to_string()));
            }
            done.store(true, SeqCst);
        });
        while !done.load(SeqCst) {
            let view = ok(store.view());
            let values = [get(&*view, FIRST, "a"), get(&*view, FIRST, "b"), get(&*view, LAST, "a")];
            assert!(values.iter().all(|value| *value == values[0]), "half a batch in a view: {values:?}");
            let scanned = everything(&*store, FIRST);
            assert_eq!(scanned[0].1, scanned[1].1, "half a batch in a scan");
        }
    });
}

fn own((table, key, value): (u8, &str, &str)) -> (u8, String, String) {
    (table, key.to_owned(), value.to_owned())
}

fn write_all(store: &dyn StateStore, rows: &[(u8, String, String)]) {
    let mut batch = WriteBatch::new();
    for (table, key, value) in rows {
        batch.put(*table, key.clone(), value.clone());
    }
    ok(store.apply(batch));
}

fn views_stand_still(open: &Opener) {
    let store = open();
    let before = ok(store.view());
    put(&*store, &[(FIRST, "changed", "1"), (FIRST, "deleted", "1"), (FIRST, "same", "1")]);
    let between = ok(store.view());
    let mut batch = WriteBatch::new();
    batch.put(FIRST, "changed", "2");
    batch.put(FIRST, "added", "2");
    batch.delete(FIRST, "deleted");
    ok(store.apply(batch));
    put(&*store, &[(FIRST, "changed", "3"), (FIRST, "added", "3"), (FIRST, "deleted", "3")]);
    assert_eq!(everything(&*before, FIRST), vec![]);
    assert_eq!(get(&*before, FIRST, "changed"), None);
    assert_eq!(get(&*between, FIRST, "changed").as_deref(), Some("1"));
    assert_eq!(get(&*between, FIRST, "added"), None);
    let three = ["changed", "deleted", "same"];
    assert_eq!(keys(&*between, FIRST, &KeyRange::all(), Order::Ascending, 9), three);
    assert_eq!(keys(&*between, FIRST, &KeyRange::all(), Order::Ascending, 2), three[..2]);
    assert_eq!(keys(&*between, FIRST, &KeyRange::all(), Order::Descending, 2), ["same", "deleted"]);
    drop(store);
    assert_eq!(get(&*between, FIRST, "deleted").as_deref(), Some("1"), "a view outlives its store's handle");
}

fn persisted_rows_stay(open: &Opener) {
    for round in ["1", "2"] {
        let store = open();
        put(&*store, &[(FIRST, round, round), (LAST, "latest", round)]);
        ok(store.persist());
    }
    let store = open();
    assert_eq!(everything(&*store, FIRST).len(), 2);
    assert_eq!(get(&*store, LAST, "latest").as_deref(), Some("2"));
}

fn clean_end_keeps_a_prefix(open: &Opener) {
    let store = open();
    for number in 0..50 {
        let key = format!("{number:02}");
        write_all(&*store, &[(FIRST, key.clone(), String::new()), (LAST, key, String::new())]);
        if number == 20 {
            ok(store.persist());
        }
    }
    drop(store);
    let store = open();
    let left = everything(&*store, FIRST).len();
    assert!(left > 20, "persisted batches are gone: {left} left");
    let expected: Vec<_> = (0..left).map(|number| format!("{number:02}")).collect();
    for table in [FIRST, LAST] {
        assert_eq!(keys(&*store, table, &KeyRange::all(), Order::Ascending, usize::MAX), expected);
    }
}

fn closing_keeps_everything(open: &Opener) {
    let store = open();
    ok(store.prepare());
    put(&*store, &[(FIRST, "a", "1"), (MIDDLE, "b", "2")]);
    ok(store.close());
    drop(store);
    let store = open();
    assert_eq!(get(&*store, FIRST, "a").as_deref(), Some("1"));
    assert_eq!(get(&*store, MIDDLE, "b").as_deref(), Some("2"));
    put(&*store, &[(FIRST, "a", "3")]);
    assert_eq!(get(&*store, FIRST, "a").as_deref(), Some("3"));
}
