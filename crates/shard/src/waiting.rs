//! Tasks of one queue that wait in a shard, read in the order in which they are due, and counted.
//!
//! Invariant: a read costs what it brings and a seek per slot that has any task, not what else waits in the shard.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use weft_engine::{Timestamp, Urgency, WorkflowKey};
use weft_rows::{
    Slot, SlotRange, table,
    task::{self, Lane},
};
use weft_store::state::{KeyRange, Order};

use crate::{
    dispatch::TaskRef,
    loader::{LoadError, Reader, decode_task},
};

/// Rows read at a time from one slot.
const ROWS_PER_READ: usize = 16;

/// Rows counted in one slot and line; what is beyond is not worth the reading.
const COUNTED_MAX: usize = 100_000;

/// Where a read begins: with this task, or the first one after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct From {
    pub urgency: Urgency,
    pub place: Vec<u8>,
}

/// How many tasks of a queue wait, by urgency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub lines: BTreeMap<Urgency, Line>,
}

/// Tasks of the same urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub count: u64,
    /// When the oldest was scheduled.
    pub oldest: Timestamp,
}

impl Waiting {
    /// Takes in what waits elsewhere.
    pub fn merge(&mut self, other: Self) {
        for (urgency, line) in other.lines {
            let mine = self.lines.entry(urgency).or_insert(Line { count: 0, oldest: line.oldest });
            mine.count += line.count;
            mine.oldest = mine.oldest.min(line.oldest);
        }
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.lines.values().map(|line| line.count).sum()
    }

    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        self.lines.values().map(|line| line.oldest).min()
    }
}

/// What of a slot's line is read and not yet taken.
struct Cursor {
    rows: VecDeque<(Bytes, Bytes)>,
    rest: KeyRange,
}

impl Reader {
    /// The first tasks of a lane of a queue, most urgent and then oldest first, over all slots.
    pub(crate) fn tasks_of_queue(
        &self,
        slots: SlotRange,
        queue: &task::Queue,
        lane: Lane,
        from: Option<&From>,
        limit: usize,
    ) -> Result<Vec<(WorkflowKey, TaskRef)>, LoadError> {
        let mut found = Vec::new();
        for urgency in Urgency::ALL {
            let first: &[u8] = match from {
                Some(from) if urgency < from.urgency => continue,
                Some(from) if urgency == from.urgency => from.place.as_slice(),
                Some(_) | None => &[],
            };
            let prefix = task::line_prefix(queue, urgency, lane);
            let mut cursors = self.cursors(slots, &prefix, first)?;
            while found.len() < limit
                && let Some((_, mut cursor)) = cursors.pop_first()
            {
                let Some((key, value)) = cursor.rows.pop_front() else { continue };
                found.push(decode_task(&key, &value)?);
                if let Some(place) = self.next_place(&mut cursor, &key)? {
                    cursors.insert(place, cursor);
                }
            }
        }
        Ok(found)
    }

    /// How many tasks of a queue wait in these slots.
    pub(crate) fn waiting(&self, slots: SlotRange, queue: &task::Queue) -> Result<Waiting, LoadError> {
        let mut waiting = Waiting::default();
        for urgency in Urgency::ALL {
            let plain = (task::line_prefix(queue, urgency, Lane::NONE), 1);
            for (prefix, looked_at) in [plain, (task::fair_prefix(queue, urgency), COUNTED_MAX)] {
                for slot in self.slots_with(slots, &prefix)? {
                    if let Some(line) = self.counted(&line_range(slot, &prefix), looked_at)? {
                        waiting.merge(Waiting { lines: BTreeMap::from([(urgency, line)]) });
                    }
                }
            }
        }
        Ok(waiting)
    }

    /// How many tasks a slot's line has. Over several lanes the oldest is looked for; in one it is the first.
    fn counted(&self, line: &KeyRange, looked_at: usize) -> Result<Option<Line>, LoadError> {
        let rows = self.store.scan(table::TASK, line, Order::Ascending, COUNTED_MAX)?;
        let mut oldest: Option<Timestamp> = None;
        for (key, value) in rows.iter().take(looked_at) {
            let at = decode_task(key, value)?.1.scheduled_at();
            oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
        }
        Ok(oldest.map(|oldest| Line { count: rows.len() as u64, oldest }))
    }

    /// The lanes of a queue that have any task, that of no fairness key left out.
    pub(crate) fn lanes(&self, slots: SlotRange, queue: &task::Queue) -> Result<BTreeSet<Lane>, LoadError> {
        let mut lanes = BTreeSet::new();
        for urgency in Urgency::ALL {
            let prefix = task::fair_prefix(queue, urgency);
            for slot in self.slots_with(slots, &prefix)? {
                let mut rest = line_range(slot, &prefix);
                while let Some((key, _)) = self.store.scan(table::TASK, &rest, Order::Ascending, 1)?.into_iter().next()
                    && let Some(lane) = task::lane_of_key(&key, &prefix)
                {
                    lanes.insert(lane);
                    let Some(next) = Lane::from_number(lane.number() + 1) else { break };
                    let start = task::in_slot(slot, &task::line_prefix(queue, urgency, next));
                    let Some(end) = rest.end() else { break };
                    rest = KeyRange::between(start, end.clone());
                }
            }
        }
        Ok(lanes)
    }

    /// One cursor per slot that has tasks of this line from `first` on, by the place of its next task.
    fn cursors(&self, slots: SlotRange, prefix: &[u8], first: &[u8]) -> Result<BTreeMap<Vec<u8>, Cursor>, LoadError> {
        let mut cursors = BTreeMap::new();
        for slot in self.slots_with(slots, prefix)? {
            let line = line_range(slot, prefix);
            let start = task::in_slot(slot, first);
            let rest = match line.end() {
                Some(end) if line.start()[..] < start[..] => KeyRange::between(start, end.clone()),
                Some(_) | None => line,
            };
            let mut cursor = Cursor { rows: VecDeque::new(), rest };
            if let Some(place) = self.filled(&mut cursor)? {
                cursors.insert(place, cursor);
            }
        }
        Ok(cursors)
    }

    /// The place of the task after `last`, if there is one.
    fn next_place(&self, cursor: &mut Cursor, last: &[u8]) -> Result<Option<Vec<u8>>, LoadError> {
        cursor.rest = cursor.rest.clone().after(last);
        self.filled(cursor)
    }

    fn filled(&self, cursor: &mut Cursor) -> Result<Option<Vec<u8>>, LoadError> {
        if cursor.rows.is_empty() && !cursor.rest.is_empty() {
            cursor.rows = self.store.scan(table::TASK, &cursor.rest, Order::Ascending, ROWS_PER_READ)?.into();
        }
        Ok(cursor.rows.front().map(|(key, _)| task::place_of(key).to_vec()))
    }

    /// The slots that have tasks of this line: from slot to slot, leaving out those that have no task at all.
    fn slots_with(&self, slots: SlotRange, prefix: &[u8]) -> Result<Vec<Slot>, LoadError> {
        let mut found = Vec::new();
        let (mut from, end) = task::range(slots);
        loop {
            let range = KeyRange::between(from, end.clone());
            let Some((key, _)) = self.store.scan(table::TASK, &range, Order::Ascending, 1)?.into_iter().next() else {
                return Ok(found);
            };
            let slot = task::slot_of_key(&key)?;
            let line = line_range(slot, prefix);
            let has = line.contains(&key) || !self.store.scan(table::TASK, &line, Order::Ascending, 1)?.is_empty();
            found.extend(has.then_some(slot));
            from = task::after_slot(slot);
        }
    }
}

fn line_range(slot: Slot, prefix: &[u8]) -> KeyRange {
    KeyRange::prefix(task::in_slot(slot, prefix))
}

#[cfg(test)]
mod tests;
