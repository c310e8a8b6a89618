//! Wake: when a run, or a schedule, wants to be woken; at most one row for each, at or before its earliest deadline.
//!
//! ```text
//! key    slot | at signed | namespace id | workflow text | run id, or 03 for the schedule of this id
//! value  01
//! ```
//!
//! Within a slot the earliest comes first, so a leader reads a slot only when that one is due.

use alloc::vec::Vec;

use weft_engine::{RunId, Timestamp, WorkflowKey};

use super::WAKE;
use crate::{
    Corrupt, Slot, SlotRange,
    key::{Reader, Scope, put_id, put_signed},
};

/// What the key of a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    pub at: Timestamp,
    pub key: WorkflowKey,
    /// `None` is the schedule of this id.
    pub run: Option<RunId>,
}

/// What no run id begins with.
const SCHEDULE: u8 = 0x03;

#[must_use]
pub fn key(key: &WorkflowKey, run: &RunId, at: Timestamp) -> Vec<u8> {
    scoped_key(&Scope::of(key), run, at)
}

pub(crate) fn scoped_key(scope: &Scope, run: &RunId, at: Timestamp) -> Vec<u8> {
    let mut key = up_to_run(scope, at);
    put_id(&mut key, run.as_str());
    key
}

/// The wake of the schedule of an id.
#[must_use]
pub fn schedule_key(key: &WorkflowKey, at: Timestamp) -> Vec<u8> {
    scoped_schedule_key(&Scope::of(key), at)
}

pub(crate) fn scoped_schedule_key(scope: &Scope, at: Timestamp) -> Vec<u8> {
    let mut key = up_to_run(scope, at);
    key.push(SCHEDULE);
    key
}

fn up_to_run(scope: &Scope, at: Timestamp) -> Vec<u8> {
    let mut key = Vec::with_capacity(128);
    key.extend_from_slice(scope.slot_bytes());
    put_signed(&mut key, at.0);
    key.extend_from_slice(scope.namespace_bytes());
    key.extend_from_slice(scope.workflow_bytes());
    key
}

/// # Errors
/// When nobody wrote such a key.
pub fn decode_key(key: &[u8]) -> Result<Wake, Corrupt> {
    let mut reader = Reader::new(WAKE, key);
    let slot = reader.slot()?;
    let at = Timestamp(reader.signed()?);
    let (namespace, workflow) = (reader.namespace()?, reader.workflow_id()?);
    let key = reader.placed(slot, namespace, workflow)?;
    let run = if reader.takes(&[SCHEDULE]) { None } else { Some(reader.run()?) };
    reader.end()?;
    Ok(Wake { at, key, run })
}

/// What the keys of a slot begin with; the first row under it is the slot's earliest.
#[must_use]
pub fn slot_prefix(slot: Slot) -> Vec<u8> {
    slot.prefix()
}

/// All wakes of these slots: from the first key up to but without the second.
#[must_use]
pub fn range(slots: SlotRange) -> (Vec<u8>, Vec<u8>) {
    slots.bounds()
}

/// All wakes of a slot that are due at `until`, that instant included.
#[must_use]
pub fn due(slot: Slot, until: Timestamp) -> (Vec<u8>, Vec<u8>) {
    let end = match until.0.checked_add(1) {
        Some(beyond) => {
            let mut end = slot.prefix();
            put_signed(&mut end, beyond);
            end
        }
        None => slot.after(),
    };
    (slot.prefix(), end)
}

/// Where the wakes of the next slot begin.
#[must_use]
pub fn after_slot(slot: Slot) -> Vec<u8> {
    slot.after()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        slot_of,
        testing::{generate, golden, sample},
    };

    #[test]
    fn rows_keep_their_bytes() {
        golden::check("wake key", &key(&sample::key(), &sample::run(), Timestamp(1_000_000_007)));
        golden::check("wake key, schedule", &schedule_key(&sample::key(), Timestamp(1_000_000_007)));
    }

    proptest! {
        #[test]
        fn keys_come_back(workflow in generate::key(), run in generate::run(), at in generate::time()) {
            let (of_run, of_schedule) = (key(&workflow, &run, at), schedule_key(&workflow, at));
            prop_assert_eq!(decode_key(&of_schedule), Ok(Wake { at, key: workflow.clone(), run: None }));
            prop_assert_eq!(decode_key(&of_run), Ok(Wake { at, key: workflow, run: Some(run) }));
        }

        #[test]
        fn a_slot_has_its_due_wakes_and_no_others(
            workflow in generate::key(), run in generate::run(), at in generate::time(), until in generate::time()
        ) {
            let (slot, key) = (slot_of(&workflow), key(&workflow, &run, at));
            for until in [until, at, Timestamp::MAX] {
                let (from, end) = due(slot, until);
                prop_assert_eq!((from..end).contains(&key), at <= until);
            }
            let (from, end) = range(SlotRange { first: slot, last: slot });
            prop_assert!((from..end).contains(&key));
            prop_assert!(key.starts_with(&slot_prefix(slot)) && key < after_slot(slot));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode_key(&bytes);
        }
    }
}
