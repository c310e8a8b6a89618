//! Reference: a branch of history that begins with a part of another one.
//!
//! ```text
//! key    slot | namespace id | workflow text | branch id | id of the branch that needs it
//! value  01
//! ```
//!
//! Invariant: a branch has one row under each of its ancestors, from the transition that makes it to the one that removes
//! its run. History under a branch id may be deleted only when the run of that name is gone and no row stands here.

use alloc::vec::Vec;

use weft_engine::{WorkflowKey, state::BranchId};

use super::REFERENCE;
use crate::{
    Corrupt,
    key::{Reader, Scope, put_id},
};

#[must_use]
pub fn key(key: &WorkflowKey, branch: &BranchId, by: &BranchId) -> Vec<u8> {
    scoped_key(&Scope::of(key), branch, by)
}

pub(crate) fn scoped_key(scope: &Scope, branch: &BranchId, by: &BranchId) -> Vec<u8> {
    let mut key = scope.run(branch);
    put_id(&mut key, by.as_str());
    key
}

/// What the keys of all references to a branch begin with.
#[must_use]
pub fn prefix(key: &WorkflowKey, branch: &BranchId) -> Vec<u8> {
    Scope::of(key).run(branch)
}

/// The branch that is needed, and by which.
///
/// # Errors
/// When nobody wrote such a key.
pub fn decode_key(key: &[u8]) -> Result<(WorkflowKey, BranchId, BranchId), Corrupt> {
    let mut reader = Reader::new(REFERENCE, key);
    let (slot, namespace, workflow) = (reader.slot()?, reader.namespace()?, reader.workflow_id()?);
    let key = reader.placed(slot, namespace, workflow)?;
    let (branch, by) = (reader.run()?, reader.run()?);
    reader.end()?;
    Ok((key, branch, by))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{generate, golden, sample};

    #[test]
    fn rows_keep_their_bytes() {
        golden::check("branch reference key", &key(&sample::key(), &sample::run(), &"other".into()));
    }

    proptest! {
        #[test]
        fn keys_come_back(workflow in generate::key(), branch in generate::run(), by in generate::run()) {
            let key = key(&workflow, &branch, &by);
            prop_assert!(key.starts_with(&prefix(&workflow, &branch)));
            prop_assert_eq!(decode_key(&key), Ok((workflow, branch, by)));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode_key(&bytes);
        }
    }
}
