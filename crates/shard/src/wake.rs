//! When which slot's earliest timer is due: a heap over slots, so that a slot is read only when something in it is due.
//!
//! Invariant: for every wake row of an owned slot there is an entry that is not later. An entry may be too early; then
//! reading the slot finds nothing due and says when to look again.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use weft_engine::{RunId, Timestamp, WorkflowKey};
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

/// Runs that want to be woken for something that is in memory alone, and so has no wake row.
#[derive(Default)]
pub(crate) struct Reminders {
    heap: BinaryHeap<Reverse<(Timestamp, WorkflowKey, RunId)>>,
}

impl Reminders {
    pub(crate) fn arm(&mut self, at: Timestamp, key: WorkflowKey, run: RunId) {
        self.heap.push(Reverse((at, key, run)));
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes the runs whose time has come. What they were woken for may be long over.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<(WorkflowKey, RunId)> {
        let mut runs = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            if let Some(Reverse((_, key, run))) = self.heap.pop() {
                runs.push((key, run));
            }
        }
        runs
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

    #[test]
    fn reminders_come_in_the_order_of_their_times() {
        let key = |workflow: &str| WorkflowKey { namespace: "ns".into(), workflow: workflow.into() };
        let mut reminders = Reminders::default();
        reminders.arm(Timestamp(30), key("a"), "r".into());
        reminders.arm(Timestamp(20), key("b"), "r".into());
        assert_eq!(reminders.next(), Some(Timestamp(20)));
        assert_eq!(reminders.due(Timestamp(25)), [(key("b"), "r".into())]);
        assert_eq!(reminders.due(Timestamp(99)), [(key("a"), "r".into())]);
        assert_eq!(reminders.next(), None);
    }
}
