//! What is written to the store, in order: puts and deletes in one buffer.
//!
//! ```text
//! { table u8 | length of the key | key | 0 }                                a delete
//! { table u8 | length of the key | key | 1 + length of the value | value }  a put
//! ```
//!
//! Lengths are protobuf varints. Invariant: what [`Ops`] holds is well formed, whether it was made here or checked by
//! [`check`], so going through it cannot fail.

use alloc::vec::Vec;

/// Puts and deletes, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ops {
    bytes: Vec<u8>,
}

/// One write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op<'o> {
    pub table: u8,
    pub key: &'o [u8],
    /// `None` deletes the row.
    pub value: Option<&'o [u8]>,
}

impl Ops {
    pub fn put(&mut self, table: u8, key: &[u8], value: &[u8]) {
        self.key(table, key);
        put_length(&mut self.bytes, value.len() + 1);
        self.bytes.extend_from_slice(value);
    }

    pub fn delete(&mut self, table: u8, key: &[u8]) {
        self.key(table, key);
        put_length(&mut self.bytes, 0);
    }

    fn key(&mut self, table: u8, key: &[u8]) {
        self.bytes.push(table);
        put_length(&mut self.bytes, key.len());
        self.bytes.extend_from_slice(key);
    }

    /// Appends another's writes.
    pub fn merge(&mut self, other: Self) {
        if self.bytes.is_empty() {
            *self = other;
        } else {
            self.bytes.extend_from_slice(&other.bytes);
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The writes, in order, without a copy.
    pub fn iter(&self) -> impl Iterator<Item = Op<'_>> {
        iter(&self.bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Goes through bytes that [`check`] accepts.
pub(crate) fn iter(mut rest: &[u8]) -> impl Iterator<Item = Op<'_>> {
    core::iter::from_fn(move || next(&mut rest))
}

/// Are these bytes whole writes?
pub(crate) fn check(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        if next(&mut rest).is_none() {
            return false;
        }
    }
    true
}

fn next<'o>(rest: &mut &'o [u8]) -> Option<Op<'o>> {
    let (&table, after) = rest.split_first()?;
    *rest = after;
    let key_bytes = take_length(rest)?;
    let key = take(rest, key_bytes)?;
    let value = match take_length(rest)?.checked_sub(1) {
        Some(length) => Some(take(rest, length)?),
        None => None,
    };
    Some(Op { table, key, value })
}

pub(crate) fn put_length(bytes: &mut Vec<u8>, length: usize) {
    prost::encode_length_delimiter(length, bytes).expect("a Vec grows as needed");
}

pub(crate) fn take_length(rest: &mut &[u8]) -> Option<usize> {
    prost::decode_length_delimiter(&mut *rest).ok()
}

pub(crate) fn take<'o>(rest: &mut &'o [u8], length: usize) -> Option<&'o [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    type Write = (u8, Vec<u8>, Option<Vec<u8>>);

    pub(crate) fn ops(writes: &[Write]) -> Ops {
        let mut ops = Ops::default();
        for (table, key, value) in writes {
            match value {
                Some(value) => ops.put(*table, key, value),
                None => ops.delete(*table, key),
            }
        }
        ops
    }

    fn writes(ops: &Ops) -> Vec<Write> {
        ops.iter().map(|op| (op.table, op.key.to_vec(), op.value.map(<[u8]>::to_vec))).collect()
    }

    proptest! {
        #[test]
        fn writes_come_back_in_order(one: Vec<Write>, two: Vec<Write>) {
            let mut merged = ops(&one);
            merged.merge(ops(&two));
            prop_assert_eq!(merged.is_empty(), one.is_empty() && two.is_empty());
            prop_assert!(check(merged.bytes()));
            prop_assert_eq!(writes(&merged), [one, two].concat());
        }

        #[test]
        fn any_bytes_are_whole_writes_or_not(bytes: Vec<u8>) {
            let read = iter(&bytes).count();
            prop_assert!(!check(&bytes) || bytes.is_empty() || read > 0);
        }
    }
}
