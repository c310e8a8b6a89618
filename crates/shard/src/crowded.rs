//! Slots in which more is due than one read gives.
//!
//! Invariant: a read that ends where the one before it ended is repeated only after a pause, twice as long each time, up to a
//! limit: what is due may be put off for as long as the disk is full, and to look at once would be to look without end.

use std::{collections::HashMap, time::Duration};

use weft_rows::Slot;

use crate::loader::DueWake;

/// Executions that are not in memory are read within so much, mostly.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// Where the last read of each crowded slot ended.
#[derive(Debug)]
pub(crate) struct Crowded {
    slots: HashMap<Slot, Place>,
    pause_max: Duration,
}

#[derive(Debug)]
struct Place {
    last: DueWake,
    pause: Duration,
}

impl Crowded {
    pub(crate) fn new(pause_max: Duration) -> Self {
        Self { slots: HashMap::new(), pause_max }
    }

    /// A read gave as much as it may, up to this one. Answers with how long to wait before the next one, if nothing has come of
    /// what was read before.
    pub(crate) fn read_up_to(&mut self, slot: Slot, last: &DueWake) -> Option<Duration> {
        let before = self.slots.get(&slot).filter(|before| before.last == *last);
        let pause = before.map(|before| (before.pause * 2).clamp(PAUSE_MIN, self.pause_max));
        self.slots.insert(slot, Place { last: last.clone(), pause: pause.unwrap_or_default() });
        pause
    }

    /// A read gave all that is due.
    pub(crate) fn read_all(&mut self, slot: Slot) {
        self.slots.remove(&slot);
    }
}

#[cfg(test)]
mod tests {
    use weft_engine::{Timestamp, WorkflowKey};

    use super::*;

    #[test]
    fn whoever_gets_no_further_waits_twice_as_long_each_time_until_something_goes() {
        let key = WorkflowKey { namespace: "ns".into(), workflow: "w".into() };
        let wake = |at| (Timestamp(at), key.clone(), None);
        let mut crowded = Crowded::new(Duration::from_millis(30));
        let mut read = |slot, at| crowded.read_up_to(Slot(slot), &wake(at)).map(|pause| pause.as_millis());
        assert_eq!([(); 4].map(|()| read(1, 5)), [None, Some(10), Some(20), Some(30)]);
        assert_eq!((read(1, 5), read(2, 5)), (Some(30), None), "each slot for itself");
        assert_eq!((read(1, 6), read(1, 6)), (None, Some(10)), "something has gone");
        crowded.read_all(Slot(1));
        assert_eq!(crowded.read_up_to(Slot(1), &wake(6)), None);
    }
}
