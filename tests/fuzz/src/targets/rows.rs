//! Keys and values of every table: the table's number, then the bytes.

use weft_rows::probe;

pub(super) fn key(bytes: &[u8]) {
    if let Some((table, key)) = bytes.split_first() {
        // What nobody wrote is refused; the probe asserts the rest.
        let _ = probe::key(*table, key);
    }
}

pub(super) fn value(bytes: &[u8]) {
    if let Some((table, value)) = bytes.split_first() {
        let _ = probe::value(*table, value);
    }
}
