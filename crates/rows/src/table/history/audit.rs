//! Checking the whole chain of a branch over its stored bytes, row by row, and saying where it breaks.
//!
//! Invariant: what passes is exactly what was written: every event from the first to the last, in its batch, in its
//! place. Who can write to the store can also compute the chain anew, so a branch that passes may still be another one
//! than it was: that is seen only against a head that is kept elsewhere.

use alloc::{format, string::String, string::ToString};

use weft_engine::{EventId, state::Hash};

use super::{HISTORY, Stretch, decode_part};
use crate::{Corrupt, key::Reader};

/// Where a chain breaks, first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The events that are not what was written, as far as they are known: those before are right.
    pub first: EventId,
    pub last: EventId,
    pub what: String,
}

/// A branch that is being checked.
#[derive(Clone, Debug)]
pub struct Audit {
    head: Hash,
    next: EventId,
    /// The first event of the batch before.
    batch: EventId,
    batches: u64,
    kept: Option<Hash>,
    kept_at: Option<EventId>,
}

impl Audit {
    /// Before the first batch. `kept` is a head that was kept elsewhere: it is looked for along the way.
    #[must_use]
    pub fn new(kept: Option<Hash>) -> Self {
        Self { head: [0; 32], next: EventId::FIRST, batch: EventId::FIRST, batches: 0, kept, kept_at: None }
    }

    /// The head that the batches so far give.
    #[must_use]
    pub fn head(&self) -> &Hash {
        &self.head
    }

    /// The number that comes after the batches so far.
    #[must_use]
    pub fn next(&self) -> EventId {
        self.next
    }

    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// The event after which the kept head stands, if the batches so far give it.
    #[must_use]
    pub fn kept_at(&self) -> Option<EventId> {
        self.kept_at
    }

    /// The next row of a stretch of the branch, in the order of keys.
    ///
    /// # Errors
    /// When it is not the row that was written there.
    pub fn row(&mut self, stretch: &Stretch, key: &[u8], value: &[u8]) -> Result<(), Broken> {
        let place = place(stretch, key).map_err(|error| self.broken(self.next, error.to_string()))?;
        if place > self.next {
            let last = EventId(place.0 - 1);
            return Err(self.broken(last, format!("events {} to {last} are missing", self.next)));
        }
        let batch =
            decode_part(value, stretch.end).map_err(|error| self.broken(place.max(self.next), error.to_string()))?;
        let last = EventId(batch.first.0.saturating_add(batch.events.len() as i64 - 1));
        if place < self.next || batch.first != place {
            let what = format!("where event {} belongs there are events {} to {last}", self.next, batch.first);
            return Err(self.broken(last.max(self.next), what));
        }
        if batch.previous_head != self.head {
            return Err(self.chained_otherwise(&format!("the batch of event {place}")));
        }
        self.head = batch.head;
        self.batch = batch.first;
        self.next = last.next();
        self.batches += 1;
        if self.kept == Some(self.head) {
            self.kept_at = Some(last);
        }
        Ok(())
    }

    /// That is all: the run's own row says that it ends with `head`, before event `next`.
    ///
    /// # Errors
    /// When it ends otherwise.
    pub fn end(&self, head: &Hash, next: EventId) -> Result<(), Broken> {
        if self.next < next {
            let last = EventId(next.0 - 1);
            return Err(self.broken(last, format!("events {} to {last} are missing", self.next)));
        }
        if self.next > next {
            let (first, last) = (next, EventId(self.next.0 - 1));
            let what = format!("events {first} to {last} are not those of the run, whose row ends before them");
            return Err(Broken { first, last, what });
        }
        if self.head == *head { Ok(()) } else { Err(self.chained_otherwise("the run's row")) }
    }

    /// What was there before is not what `whose` was chained to: the batch before was changed, or what is said of it.
    fn chained_otherwise(&self, whose: &str) -> Broken {
        let last = EventId(self.next.0 - 1);
        if last < EventId::FIRST {
            return self.broken(self.next, format!("{whose} is chained to events that there are not"));
        }
        let what = format!("events {} to {last} do not give the hash that {whose} is chained to", self.batch);
        Broken { first: self.batch, last, what }
    }

    fn broken(&self, last: EventId, what: String) -> Broken {
        Broken { first: self.next, last, what }
    }
}

/// The first event of a row, as its key says.
fn place(stretch: &Stretch, key: &[u8]) -> Result<EventId, Corrupt> {
    let branch = &stretch.from[..stretch.from.len() - size_of::<i64>()];
    let mut reader = Reader::after(HISTORY, branch, key)?;
    let place = reader.event()?;
    reader.end()?;
    Ok(place)
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use weft_engine::state::Branch;
    use weft_protocol::api::history::HistoryEvent;

    use super::*;
    use crate::{
        history::{encode, head_before, key, stretches},
        testing::sample,
    };

    type Rows = Vec<(Vec<u8>, Vec<u8>)>;

    /// A branch of three batches, events 1 to 2, 3 to 5 and 6; every event with this version.
    fn stored(version: i64) -> (Rows, Hash) {
        let mut head = Hash::default();
        let batches = [vec![1, 2], vec![3, 4, 5], vec![6]].map(|ids| {
            let event = |event_id| HistoryEvent { event_id, version, ..HistoryEvent::default() };
            let events: Vec<_> = ids.into_iter().map(event).collect();
            let first = EventId(events[0].event_id);
            let (value, after) = encode(&head, first, &events);
            head = after;
            (key(&sample::key(), &sample::run(), first), value)
        });
        (batches.into(), head)
    }

    fn stretch() -> Stretch {
        stretches(&sample::key(), &Branch::root(sample::run()), EventId(7)).remove(0)
    }

    fn audit(rows: &Rows, head: &Hash, kept: Option<Hash>) -> Result<Audit, Broken> {
        let mut audit = Audit::new(kept);
        rows.iter().try_for_each(|(key, value)| audit.row(&stretch(), key, value))?;
        audit.end(head, EventId(7))?;
        Ok(audit)
    }

    fn range(broken: Result<Audit, Broken>) -> (i64, i64) {
        let broken = broken.map(|_| ()).expect_err("it is broken");
        (broken.first.0, broken.last.0)
    }

    #[test]
    fn what_was_written_passes() {
        let (rows, head) = stored(1);
        let passed = audit(&rows, &head, Some(head)).expect("nothing is wrong");
        assert_eq!((passed.batches(), passed.next(), passed.kept_at()), (3, EventId(7), Some(EventId(6))));
        assert_eq!(*passed.head(), head);
    }

    #[test]
    fn a_flipped_bit_is_found_in_its_batch() {
        let (rows, head) = stored(1);
        for (which, expected) in [(0, (1, 2)), (1, (3, 5)), (2, (6, 6))] {
            for byte in 0..rows[which].1.len() {
                let mut rows = rows.clone();
                rows[which].1[byte] ^= 1;
                let (first, last) = range(audit(&rows, &head, None));
                // A changed hash of what comes before accuses what comes before.
                let header = (1..33).contains(&byte) && which > 0;
                assert!(header || (first, last).0 == expected.0, "byte {byte} of batch {which}: {first} to {last}");
            }
        }
    }

    #[test]
    fn a_dropped_batch_is_missed() {
        let (rows, head) = stored(1);
        for (which, expected) in [(0, (1, 2)), (1, (3, 5)), (2, (6, 6))] {
            let mut rows = rows.clone();
            rows.remove(which);
            assert_eq!(range(audit(&rows, &head, None)), expected);
        }
    }

    #[test]
    fn swapped_batches_are_found_where_the_first_stands() {
        let (mut rows, head) = stored(1);
        let (one, other) = (rows[1].1.clone(), rows[2].1.clone());
        (rows[1].1, rows[2].1) = (other, one);
        assert_eq!(range(audit(&rows, &head, None)), (3, 6));
    }

    #[test]
    fn a_chain_that_was_computed_anew_passes_but_against_a_head_kept_elsewhere() {
        let (_, kept) = stored(1);
        let (rows, head) = stored(2);
        assert_ne!(kept, head);
        assert_eq!(audit(&rows, &head, Some(kept)).map(|audit| audit.kept_at()), Ok(None));
    }

    #[test]
    fn a_head_that_was_kept_earlier_is_found_on_the_way() {
        let (rows, head) = stored(1);
        let mut early = Audit::new(None);
        early.row(&stretch(), &rows[0].0, &rows[0].1).expect("it is right");
        let kept = *early.head();
        assert_eq!(audit(&rows, &head, Some(kept)).map(|audit| audit.kept_at()), Ok(Some(EventId(2))));
    }

    #[test]
    fn what_lies_behind_the_end_is_not_the_runs() {
        let (rows, _) = stored(1);
        let mut audit = Audit::new(None);
        rows.iter().try_for_each(|(key, value)| audit.row(&stretch(), key, value)).expect("they are right");
        assert_eq!(audit.end(audit.head(), EventId(6)).map_err(|broken| broken.first), Err(EventId(6)));
    }

    #[test]
    fn a_branch_that_begins_in_the_middle_of_anothers_batch_is_followed() {
        let (mut rows, _) = stored(1);
        rows.truncate(2);
        let branch = Branch::root(sample::run()).divide(EventId(5), "divided".into());
        let middle = head_before(&rows[1].1, EventId(5)).expect("event 4 is there");
        let own = HistoryEvent { event_id: 5, ..HistoryEvent::default() };
        let (value, head) = encode(&middle, EventId(5), &[own]);
        let stretches = stretches(&sample::key(), &branch, EventId(6));
        let mut audit = Audit::new(Some(head));
        rows.iter().try_for_each(|(key, value)| audit.row(&stretches[0], key, value)).expect("they are right");
        audit.row(&stretches[1], &key(&sample::key(), &"divided".into(), EventId(5)), &value).expect("it is right");
        assert_eq!(audit.end(&head, EventId(6)).map(|()| audit.kept_at()), Ok(Some(EventId(5))));
    }
}
