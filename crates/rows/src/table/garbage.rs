//! Garbage: branches of history that belong to no run any more and are deleted bit by bit.
//!
//! ```text
//! key    slot | namespace id | workflow text | branch id
//! value  01
//! ```

use alloc::vec::Vec;

use weft_engine::{WorkflowKey, state::BranchId};

use super::GARBAGE;
use crate::{
    Corrupt, SlotRange,
    key::{Reader, Scope},
};

#[must_use]
pub fn key(key: &WorkflowKey, branch: &BranchId) -> Vec<u8> {
    scoped_key(&Scope::of(key), branch)
}

pub(crate) fn scoped_key(scope: &Scope, branch: &BranchId) -> Vec<u8> {
    scope.run(branch)
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
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode_key(&bytes);
        }
    }
}
