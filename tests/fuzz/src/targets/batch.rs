//! Entries of a shard's log, and what Raft writes around them.

use bytes::Bytes;
use weft_raft::probe::{self, Record};
use weft_rows::{batch, visibility};

use crate::seeds;

/// A batch that is read can be gone through, and nothing of it lies outside of its bytes.
pub(super) fn run(bytes: &[u8]) {
    let Ok(view) = batch::decode(bytes) else { return };
    let mut length = 0;
    for op in view.ops() {
        length += op.key.len() + op.value.map_or(0, <[u8]>::len);
    }
    for change in view.visibility() {
        length += change.len();
        let _ = visibility::decode(change);
    }
    assert!(length <= bytes.len(), "a batch of {} bytes gives {length}", bytes.len());
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    seeds::golden("log entry")
}

const RECORDS: [Record; 4] = [Record::Entry, Record::Vote, Record::Place, Record::Mark];

/// The first byte says which record.
pub(super) fn record(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    let _ = probe::record(RECORDS[usize::from(*kind) % RECORDS.len()], Bytes::copy_from_slice(body));
}

pub(super) fn records() -> Vec<Vec<u8>> {
    // Of each kind one as its layout is drawn in the codec.
    let place = [[0, 0, 0, 0, 0, 0, 0, 3], [0, 0, 0, 0, 0, 0, 0, 9]].concat();
    let membership =
        [vec![0, 1, 0, 1], vec![0, 0, 0, 0, 0, 0, 0, 1], vec![0, 1], vec![0, 0, 0, 0, 0, 0, 0, 1]].concat();
    let term = [0, 0, 0, 0, 0, 0, 0, 3];
    vec![
        [&[0, 1, 0][..], &term].concat(),
        [&[0, 1, 1][..], &term, b"batch"].concat(),
        [&[0, 1, 2][..], &term, &membership].concat(),
        [&[1, 1][..], &term, &term, &[1]].concat(),
        [&[2, 1][..], &place].concat(),
        [&[3, 1][..], &place, &[1], &place, &membership].concat(),
    ]
}
