//! When which slot's earliest timer is due: a heap over slots, so that a slot is read only when something in it is due.
//!
//! Invariant: for every wake row of an owned slot there is an entry that is not later. An entry may be too early; then
//! reading the slot finds nothing due and says when to look again.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use weft_engine::Timestamp;
use weft_rows::Slot;

/// The slots' earliest due times.
#[derive(Default)]
pub(crate) struct WakeHeap {
    heap: BinaryHeap<Reverse<(Timestamp, Slot)>>,
    earliest: HashMap<Slot, Timestamp>,
}

impl WakeHeap {
    /// Something in `slot` is due at `at`.
    pub(crate) fn arm(&mut self, slot: Slot, at: Timestamp) {
        let known = self.earliest.entry(slot).or_insert(Timestamp::MAX);
        if at < *known {
            *known = at;
            self.heap.push(Reverse((at, slot)));
        }
    }

    /// The earliest due time of all.
    pub(crate) fn next(&mut self) -> Option<Timestamp> {
        while let Some(Reverse((at, slot))) = self.heap.peek() {
            if self.earliest.get(slot) == Some(at) {
                return Some(*at);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes the slots that are due; each must be armed again once it has been read.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<Slot> {
        let mut slots = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            if let Some(Reverse((_, slot))) = self.heap.pop() {
                self.earliest.remove(&slot);
                slots.push(slot);
            }
        }
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_due_at_the_earliest_time_it_was_armed_with() {
        let mut heap = WakeHeap::default();
        heap.arm(Slot(1), Timestamp(50));
        heap.arm(Slot(1), Timestamp(20));
        heap.arm(Slot(1), Timestamp(90));
        heap.arm(Slot(2), Timestamp(30));
        assert_eq!(heap.next(), Some(Timestamp(20)));
        assert_eq!(heap.due(Timestamp(25)), [Slot(1)]);
        assert_eq!(heap.due(Timestamp(25)), []);
        assert_eq!(heap.due(Timestamp(99)), [Slot(2)]);
        assert_eq!(heap.next(), None);
    }
}
