//! Timers that are read as if they were due earlier than they are, and the rows that say when their runs are woken with them.
//!
//! Whoever has a run in memory knows better; whoever reads it from its rows does not.

use bytes::Bytes;
use weft_engine::Timestamp;
use weft_rows::{load, table, wake};
use weft_store::state::{KeyRange, Order, Row, StateView, StoreError};

const EARLY_NANOS: i64 = 1_500_000_000;
/// How a timer's row ends: the number of its last field, and the time at which it fires.
const FIRES_AT: u8 = 0x11;
const TIME_BYTES: usize = 8;

/// What is read of a table when its timers are put forward.
pub(super) fn hastened(store: &dyn StateView, of: u8, rows: Vec<Row>) -> Result<Vec<Row>, StoreError> {
    match of {
        table::TIMER => Ok(rows.into_iter().map(|(key, row)| (key, hasten(&row))).collect()),
        table::WAKE => rows.into_iter().map(|(key, row)| Ok((before(store, key)?, row))).collect(),
        _ => Ok(rows),
    }
}

fn fires_at(row: &[u8]) -> i64 {
    let place = row.len() - TIME_BYTES;
    assert_eq!(row[place - 1], FIRES_AT, "a timer's row ends with its time");
    i64::from_le_bytes(row[place..].try_into().expect("so many bytes are left"))
}

fn hasten(row: &[u8]) -> Bytes {
    let early = fires_at(row) - EARLY_NANOS;
    [&row[..row.len() - TIME_BYTES], &early.to_le_bytes()].concat().into()
}

/// The wake of a run for one of its timers stands earlier; for something else, where it is.
fn before(store: &dyn StateView, key: Bytes) -> Result<Bytes, StoreError> {
    let wake = wake::decode_key(&key).expect("the node wrote it");
    let Some(run) = &wake.run else { return Ok(key) };
    let timers = KeyRange::prefix(load::timer_prefix(&wake.key, run));
    let timers = store.scan(table::TIMER, &timers, Order::Ascending, usize::MAX)?;
    if !timers.iter().any(|(_, row)| fires_at(row) == wake.at.0) {
        return Ok(key);
    }
    Ok(wake::key(&wake.key, run, Timestamp(wake.at.0 - EARLY_NANOS)).into())
}
