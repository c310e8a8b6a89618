//! Inputs to begin with: what the product itself writes, so that fuzzing begins behind the first checks.
//!
//! Rows, tokens and batches are the golden bytes of `crates/rows`; a log is written by the log.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use weft_env::{
    Lane,
    disk::{Disk, OpenMode, SimDisk},
};
use weft_rows::table;
use weft_store::wal::{GroupId, LogEntry, Wal};

use crate::targets::log;

const GOLDEN: &str = include_str!("../../../crates/rows/src/testing/golden.txt");

/// The golden bytes whose name begins so.
pub(crate) fn golden(prefix: &str) -> Vec<Vec<u8>> {
    let lines = GOLDEN.lines().filter_map(|line| line.split_once(" = "));
    lines.filter(|(name, _)| name.starts_with(prefix)).map(|(_, hex)| unhex(hex)).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// What the golden bytes call each table.
const NAMES: &[(u8, &str)] = &[
    (table::EXECUTION, "execution"),
    (table::CURRENT, "current run"),
    (table::ACTIVITY, "pending activity"),
    (table::TIMER, "timer"),
    (table::CHILD, "child"),
    (table::EXTERNAL, "external request"),
    (table::OUTBOX, "outbox"),
    (table::RECEIPT, "receipt"),
    (table::BUFFERED, "buffered event"),
    (table::REQUEST_ID, "request id"),
    (table::TASK, "task by queue"),
    (table::HISTORY, "history batch"),
    (table::WAKE, "wake"),
    (table::APPLIED, "applied"),
    (table::NAMESPACE, "namespace"),
    (table::QUEUE_CONFIG, "task queue configuration"),
    (table::GARBAGE, "garbage"),
    (table::UPDATE, "update"),
    (table::JOB, "job order"),
    (table::JOB, "job state"),
    (table::SCHEDULE, "schedule plan"),
    (table::SCHEDULE, "schedule progress"),
    (table::REFERENCE, "branch reference"),
    (table::PICTURE, "picture"),
    (table::MEMBER, "cluster member"),
    (table::MEMBER, "shard move"),
    (table::MEMBER, "cluster level"),
    (table::MEMBER, "shard copies"),
];

/// The table's number and a key of it.
pub(crate) fn keys() -> Vec<Vec<u8>> {
    of_tables("key")
}

/// The table's number and a value of it.
pub(crate) fn values() -> Vec<Vec<u8>> {
    let mut values = of_tables("value");
    let marks = [table::REQUEST_ID, table::TASK, table::WAKE, table::GARBAGE, table::REFERENCE];
    values.extend(marks.map(|table| vec![table, 1]));
    values
}

fn of_tables(what: &str) -> Vec<Vec<u8>> {
    let of_table = |(table, name): &(u8, &str)| {
        let rows = golden(&format!("{name} {what}"));
        let table = *table;
        rows.into_iter().map(move |row| [vec![table], row].concat())
    };
    NAMES.iter().flat_map(of_table).collect()
}

/// A log of a few small segments, as the target takes it.
pub(crate) fn logs() -> Vec<Vec<u8>> {
    [1, 12, 40].into_iter().flat_map(|entries| [written(entries, false), written(entries, true)]).collect()
}

fn written(entries: u64, repairs: bool) -> Vec<u8> {
    let disk = SimDisk::new(0);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let opened = Wal::open(shared, Path::new(log::DIR), log::options(), Lane::inline());
    let (wal, _) = opened.expect("an empty disk holds an empty log");
    let (one, two) = (wal.group(GroupId(1)), wal.group(GroupId(2)));
    two.save_vote(Bytes::from_static(b"vote"), Box::new(drop));
    two.append(vec![LogEntry { index: 1, bytes: Bytes::from_static(b"quiet") }], Box::new(drop));
    for index in 1..=entries {
        let bytes = Bytes::from(vec![index as u8; 30 + index as usize]);
        one.append(vec![LogEntry { index, bytes }], Box::new(drop));
    }
    one.save_committed(Bytes::from_static(b"mark"));
    one.truncate_after(entries.saturating_sub(1), Box::new(drop));
    one.purge(entries / 2, Bytes::from_static(b"mark"), Box::new(drop));
    wal.close();
    let dir = Path::new(log::DIR);
    let files = disk.list(dir).expect("the log's folder is there").into_iter().map(|name| {
        let file = disk.open(&dir.join(name), OpenMode::Read).expect("it was listed");
        let mut bytes = vec![0; usize::try_from(file.len().expect("it is open")).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0).expect("it has that length");
        bytes
    });
    log::input(repairs, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_key_and_a_value_to_begin_with() {
        for (table, name) in table::TABLES {
            assert!(
                keys().iter().any(|key| key.first() == Some(table)),
                "no key of {name}: add it to the golden bytes"
            );
            assert!(values().iter().any(|value| value.first() == Some(table)), "no value of {name}");
        }
    }

    #[test]
    fn what_the_product_writes_is_read() {
        for row in keys() {
            assert_eq!(weft_rows::probe::key(row[0], &row[1..]), Ok(()));
        }
        for row in values() {
            assert_eq!(weft_rows::probe::value(row[0], &row[1..]), Ok(()));
        }
    }
}
