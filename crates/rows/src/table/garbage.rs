//! Garbage: the history of runs that are gone, deleted bit by bit as far as no other run needs it.
//!
//! ```text
//! key    slot | namespace id | workflow text | branch id
//! value  01 | Row
//! ```
//!
//! Invariant: a removed run leaves one row, once, that names its own branch and all that this one began with. So whichever
//! of the runs that share a part of history goes last, its row leads to that part.

use alloc::vec::Vec;

use prost::Message;
use weft_engine::{
    WorkflowKey,
    state::{Ancestor, BranchId},
};

use super::{GARBAGE, ancestor};
use crate::{
    Corrupt, Ops, SlotRange,
    key::{Reader, Scope},
    value,
};

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(message, repeated, tag = "1")]
    ancestors: Vec<ancestor::Row>,
}

#[must_use]
pub fn key(key: &WorkflowKey, branch: &BranchId) -> Vec<u8> {
    scoped_key(&Scope::of(key), branch)
}

pub(crate) fn scoped_key(scope: &Scope, branch: &BranchId) -> Vec<u8> {
    scope.run(branch)
}

pub(crate) fn encode(ancestors: &[Ancestor]) -> Vec<u8> {
    value::encode(&Row { ancestors: ancestor::rows(ancestors) })
}

/// Makes a branch garbage that is being copied in: whatever becomes of the copying, nothing of it stays behind. A run that
/// takes it takes this row away.
pub fn put(ops: &mut Ops, key: &WorkflowKey, branch: &BranchId) {
    ops.put(GARBAGE, &self::key(key, branch), &encode(&[]));
}

/// What the branch began with.
///
/// # Errors
/// When nobody wrote such a row.
pub fn decode(bytes: &[u8]) -> Result<Vec<Ancestor>, Corrupt> {
    value::decode(GARBAGE, bytes).map(|Row { ancestors }| ancestor::read(ancestors))
}

/// # Errors
/// When nobody wrote such a key.
pub fn decode_key(key: &[u8]) -> Result<(WorkflowKey, BranchId), Corrupt> {
    let mut reader = Reader::new(GARBAGE, key);
    let (slot, namespace, workflow) = (reader.slot()?, reader.namespace()?, reader.workflow_id()?);
    let key = reader.placed(slot, namespace, workflow)?;
    let branch = reader.run()?;
    reader.end()?;
    Ok((key, branch))
}

/// All garbage of these slots: from the first key up to but without the second.
#[must_use]
pub fn range(slots: SlotRange) -> (Vec<u8>, Vec<u8>) {
    slots.bounds()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        golden::check("garbage key", &key(&sample::key(), &sample::run()));
        golden::check("garbage value", &encode(&sample::ancestors()));
        assert_eq!(encode(&[]), value::MARK);
    }

    proptest! {
        #[test]
        fn keys_come_back(workflow in generate::key(), branch in generate::run()) {
            let key = key(&workflow, &branch);
            let (from, end) = range(SlotRange::ALL);
            prop_assert!((from..end).contains(&key));
            prop_assert_eq!(decode_key(&key), Ok((workflow, branch)));
        }

        #[test]
        fn rows_come_back(ancestors in generate::ancestors()) {
            prop_assert_eq!(decode(&encode(&ancestors)), Ok(ancestors));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = (decode_key(&bytes), decode(&bytes));
        }
    }
}
