//! A batch: one entry of a shard's log, the transitions of one group commit.
//!
//! ```text
//! 01 | kind u8 | leader u64 | term u64 | epoch u64 | sequence u64 | stamp i64
//!    | length of the writes | writes | { length | visibility change }
//! ```
//!
//! Kinds: 1 opens an epoch, 2 is any other batch. Numbers are big-endian, lengths protobuf varints, writes as
//! [`Ops`] has them. Invariant: decoding is total, and going through what was decoded cannot fail. There is no
//! checksum: the log has its own.

use alloc::vec::Vec;

use crate::{
    Corrupt,
    ops::{self, Op, Ops, put_length, take, take_length},
    visibility::VisibilityBytes,
};

const VERSION: u8 = 1;
const OPEN: u8 = 1;
const NORMAL: u8 = 2;

/// Who made a batch, and where in the order it belongs (rule 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    pub leader: u64,
    pub term: u64,
    pub epoch: u64,
    pub sequence: u64,
    /// The shard's time, nanoseconds since the Unix epoch (rule 17).
    pub stamp: i64,
    pub kind: BatchKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchKind {
    /// Opens the epoch that it names.
    Open,
    Normal,
}

/// A batch as its bytes say it.
#[derive(Clone, Copy, Debug)]
pub struct BatchView<'b> {
    pub header: BatchHeader,
    ops: &'b [u8],
    visibility: &'b [u8],
}

impl<'b> BatchView<'b> {
    /// The writes, in order.
    pub fn ops(&self) -> impl Iterator<Item = Op<'b>> + use<'b> {
        ops::iter(self.ops)
    }

    /// The visibility changes, in order.
    pub fn visibility(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let mut rest = self.visibility;
        core::iter::from_fn(move || next_change(&mut rest))
    }
}

#[must_use]
pub fn encode(header: &BatchHeader, ops: &Ops, visibility: &[VisibilityBytes]) -> Vec<u8> {
    let BatchHeader { leader, term, epoch, sequence, stamp, kind } = header;
    let changes: usize = visibility.iter().map(|change| change.len() + 10).sum();
    let mut bytes = Vec::with_capacity(64 + ops.len_bytes() + changes);
    bytes.push(VERSION);
    bytes.push(match kind {
        BatchKind::Open => OPEN,
        BatchKind::Normal => NORMAL,
    });
    for number in [leader, term, epoch, sequence] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(&stamp.to_be_bytes());
    put_length(&mut bytes, ops.len_bytes());
    bytes.extend_from_slice(ops.bytes());
    for change in visibility {
        put_length(&mut bytes, change.len());
        bytes.extend_from_slice(change);
    }
    bytes
}

/// # Errors
/// When nobody wrote such a batch.
pub fn decode(bytes: &[u8]) -> Result<BatchView<'_>, Corrupt> {
    match bytes.first() {
        Some(&VERSION) => {}
        Some(other) => return Err(corrupt(alloc::format!("version {other}, this build reads version {VERSION}"))),
        None => return Err(corrupt("no bytes")),
    }
    let kind = match bytes.get(1) {
        Some(&OPEN) => BatchKind::Open,
        Some(&NORMAL) => BatchKind::Normal,
        Some(other) => return Err(corrupt(alloc::format!("unknown kind {other}"))),
        None => return Err(corrupt("cut short")),
    };
    decode_body(kind, &bytes[2..]).ok_or_else(|| corrupt("cut short, or bytes that do not belong to it"))
}

fn decode_body(kind: BatchKind, mut rest: &[u8]) -> Option<BatchView<'_>> {
    let mut number = || take(&mut rest, 8)?.try_into().ok().map(u64::from_be_bytes);
    let (leader, term, epoch, sequence) = (number()?, number()?, number()?, number()?);
    let stamp = number()?.cast_signed();
    let length = take_length(&mut rest)?;
    let ops = take(&mut rest, length)?;
    if !ops::check(ops) {
        return None;
    }
    let visibility = rest;
    while !rest.is_empty() {
        next_change(&mut rest)?;
    }
    Some(BatchView { header: BatchHeader { leader, term, epoch, sequence, stamp, kind }, ops, visibility })
}

fn next_change<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = take_length(rest)?;
    take(rest, length)
}

fn corrupt(what: impl alloc::string::ToString) -> Corrupt {
    Corrupt::at("log entry", what)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{golden, sample};

    fn ops() -> Ops {
        let mut ops = Ops::default();
        ops.put(1, b"key", b"value");
        ops.put(2, b"key", b"");
        ops.delete(3, b"other");
        ops
    }

    #[test]
    fn batches_keep_their_bytes() {
        let changes = [b"change".to_vec(), Vec::new()];
        golden::check("log entry, normal", &encode(&sample::header(BatchKind::Normal), &ops(), &changes));
        golden::check("log entry, open", &encode(&sample::header(BatchKind::Open), &Ops::default(), &[]));
    }

    proptest! {
        #[test]
        fn batches_come_back(open: bool, numbers: [u64; 4], stamp: i64, value: Vec<u8>, changes: Vec<Vec<u8>>) {
            let [leader, term, epoch, sequence] = numbers;
            let kind = if open { BatchKind::Open } else { BatchKind::Normal };
            let header = BatchHeader { leader, term, epoch, sequence, stamp, kind };
            let mut ops = ops();
            ops.put(9, b"more", &value);
            let bytes = encode(&header, &ops, &changes);
            let view = decode(&bytes).unwrap();
            prop_assert_eq!(view.header, header);
            prop_assert!(view.ops().eq(ops.iter()));
            prop_assert!(view.visibility().eq(changes.iter().map(Vec::as_slice)));
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut bytes: Vec<u8>, kind in 0..4u8) {
            let _ = decode(&bytes);
            bytes.splice(0..0, [VERSION, kind]);
            if let Ok(view) = decode(&bytes) {
                let _ = (view.ops().count(), view.visibility().count());
            }
        }

        #[test]
        fn a_cut_batch_is_refused(cut: prop::sample::Index, value: Vec<u8>) {
            let mut ops = ops();
            ops.put(9, b"more", &value);
            let bytes = encode(&sample::header(BatchKind::Normal), &ops, &[]);
            prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
        }
    }
}
