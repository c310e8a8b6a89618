//! Everything about the log that its callers and its writer share, behind one lock that is never held during IO.
//!
//! Invariants: items become durable in the order of their tickets. `pending` is what the writer has not taken yet;
//! what it has taken is neither there nor durable. While `is_scheduled`, a commit is on its way that will see all of
//! `pending`. Once there is a fault, nothing is queued.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::format::{Kind, Record};
use super::front::{Front, Ticket};
use super::index::{Index, Place};
use super::supply::SegmentFile;
use super::{Done, Fault, GroupId, Stats};

pub(super) struct Ledger {
    pub(super) front: Front,
    pub(super) index: Index,
    /// The segments in use, by sequence, for readers.
    pub(super) segments: BTreeMap<u64, SegmentFile>,
    pub(super) stats: Stats,
    pub(super) fault: Option<Arc<Fault>>,
    pub(super) is_closed: bool,
    pub(super) is_scheduled: bool,
    /// The last look at the disk found room for new work.
    pub(super) has_room: bool,
    /// Someone wants the disk to be looked at again.
    pub(super) wants_room: bool,
    pending: VecDeque<Item>,
    /// More than one waited when the last frame was taken.
    was_shared: bool,
    /// The latest of each group, waiting for a frame to go with.
    committed: BTreeMap<GroupId, Bytes>,
    tickets: u64,
}

/// What was asked at once, and is written at once.
pub(super) struct Item {
    pub(super) ticket: Ticket,
    pub(super) records: Vec<Record>,
    done: Option<Done>,
    /// Needs a frame even if it has no record of its own.
    is_flush: bool,
}

/// What goes into one frame.
pub(super) struct Batch {
    pub(super) items: Vec<Item>,
    /// The committed marks that go with it, after everything else.
    committed: Vec<Record>,
}

/// A callback with what it is to be told.
pub(super) type Call = (Done, Result<(), Arc<Fault>>);

/// Where a batch was written.
pub(super) struct Written {
    pub(super) segment: u64,
    /// Its frame is the first one of the segment.
    pub(super) is_first: bool,
    pub(super) bytes: u64,
    /// Of each record's bytes, in the order of [`Batch::records`].
    pub(super) offsets: Vec<u64>,
}

impl Ledger {
    pub(super) fn new(front: Front, index: Index) -> Self {
        Self {
            front,
            index,
            segments: BTreeMap::new(),
            stats: Stats::default(),
            fault: None,
            is_closed: false,
            is_scheduled: false,
            has_room: true,
            wants_room: false,
            pending: VecDeque::new(),
            was_shared: false,
            committed: BTreeMap::new(),
            tickets: 0,
        }
    }

    /// Why nothing can be asked any more, if so.
    pub(super) fn refusal(&self) -> Option<Arc<Fault>> {
        self.fault.clone().or_else(|| self.is_closed.then(|| Arc::new(Fault::Closed)))
    }

    pub(super) fn new_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    pub(super) fn push(&mut self, ticket: Ticket, records: Vec<Record>, done: Option<Done>) {
        self.pending.push_back(Item { ticket, records, done, is_flush: false });
    }

    pub(super) fn push_flush(&mut self, done: Done) {
        let ticket = self.new_ticket();
        self.pending.push_back(Item { ticket, records: Vec::new(), done: Some(done), is_flush: true });
    }

    /// Those of `copies` that the log still has, durably and where they were read.
    pub(super) fn current_copies(&self, copies: Vec<(Place, Record)>) -> Vec<Record> {
        let is_current = |(place, record): &(Place, Record)| {
            let (group, index) = (record.group, record.index);
            self.index.place(group, index) == Some(*place) && self.front.is_settled(group, index)
        };
        copies.into_iter().filter(is_current).map(|(_, record)| record).collect()
    }

    pub(super) fn set_committed(&mut self, group: GroupId, committed: Bytes) {
        self.front.set_committed(group, committed.clone());
        self.committed.insert(group, committed);
    }

    /// Drops what is known of the group but its vote; says whether there was anything.
    pub(super) fn forget(&mut self, group: GroupId) -> bool {
        self.committed.remove(&group);
        self.front.forget_group(group)
    }

    /// Whether everything that was handed over is durable.
    pub(super) fn is_settled(&self) -> bool {
        self.durable() == Ticket(self.tickets)
    }

    /// All that was handed over up to here is durable.
    pub(super) fn durable(&self) -> Ticket {
        self.front.durable_ticket()
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// More than one waits, or did when the last frame was taken: several are at work.
    pub(super) fn is_shared(&self) -> bool {
        self.pending.len() > 1 || self.was_shared && self.has_pending()
    }

    /// Takes what goes into the next frame: all that waits, or as much as has `bytes`, and one item at least.
    pub(super) fn next_batch(&mut self, bytes: usize) -> Batch {
        self.was_shared = self.pending.len() > 1;
        let mut batch = Batch { items: Vec::new(), committed: Vec::new() };
        let mut room = bytes;
        let mut needs_frame = false;
        while let Some(item) = self.pending.pop_front_if(|item| batch.items.is_empty() || item.bytes() <= room) {
            room = room.saturating_sub(item.bytes());
            needs_frame |= item.is_flush || !item.records.is_empty();
            batch.items.push(item);
        }
        // A committed mark may be about entries that still wait, so it goes only with the last of them.
        if needs_frame && self.pending.is_empty() {
            let committed = std::mem::take(&mut self.committed).into_iter();
            let record = |(group, bytes)| Record { kind: Kind::Committed, group, index: 0, bytes };
            batch.committed = committed.map(record).collect();
        }
        batch
    }

    /// Gives back a batch that was not written.
    pub(super) fn put_back(&mut self, batch: Batch) {
        for item in batch.items.into_iter().rev() {
            self.pending.push_front(item);
        }
        for record in batch.committed {
            // What it is about may have been forgotten meanwhile.
            if self.front.state(record.group).committed.is_some() {
                self.committed.entry(record.group).or_insert(record.bytes);
            }
        }
    }

    /// The batch is durable. Gives the callbacks to be called, in order, with no lock held.
    pub(super) fn finish(&mut self, batch: Batch, written: Option<&Written>) -> Vec<Call> {
        if let Some(written) = written {
            self.stats.frames += 1;
            self.stats.syncs += 1;
            self.stats.bytes += written.bytes;
            for (record, offset) in batch.records().zip(&written.offsets) {
                self.index.apply(record, written.segment, *offset);
                self.stats.entries += u64::from(record.kind == Kind::Entry);
            }
        }
        for item in &batch.items {
            for record in &item.records {
                match record.kind {
                    Kind::Entry => self.front.entry_is_durable(record.group, record.index, item.ticket),
                    Kind::Purge => self.front.purge_is_durable(record.group, record.index),
                    Kind::Vote | Kind::Truncate | Kind::Committed | Kind::Forget => {}
                }
            }
        }
        if let Some(last) = batch.items.last() {
            self.front.ticket_is_durable(last.ticket);
        }
        batch.items.into_iter().filter_map(|item| item.done).map(|done| (done, Ok(()))).collect()
    }

    /// Everything fails from now on, that batch and all that waits first.
    pub(super) fn fail(&mut self, batch: Option<Batch>, fault: Fault) -> Vec<Call> {
        let fault = self.fault.get_or_insert_with(|| Arc::new(fault)).clone();
        self.has_room = false;
        self.is_scheduled = false;
        let taken = batch.map(|batch| batch.items).unwrap_or_default().into_iter();
        let items = taken.chain(std::mem::take(&mut self.pending));
        items.filter_map(|item| item.done).map(|done| (done, Err(fault.clone()))).collect()
    }
}

impl Item {
    fn bytes(&self) -> usize {
        self.records.iter().map(Record::encoded_bytes).sum()
    }
}

impl Batch {
    pub(super) fn needs_frame(&self) -> bool {
        !self.committed.is_empty() || self.items.iter().any(|item| !item.records.is_empty())
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.items.iter().flat_map(|item| &item.records).chain(&self.committed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_alone_waits_for_nobody() {
        let mut ledger = Ledger::new(Front::new(0), Index::default());
        let bring = |ledger: &mut Ledger| ledger.push_flush(Box::new(|_| {}));
        bring(&mut ledger);
        assert!(!ledger.is_shared());
        bring(&mut ledger);
        assert!(ledger.is_shared());
        assert_eq!(ledger.next_batch(0).items.len(), 2);
        assert!(!ledger.is_shared(), "nothing waits");
        bring(&mut ledger);
        assert!(ledger.is_shared(), "there were two a moment ago");
        ledger.next_batch(0);
        bring(&mut ledger);
        assert!(!ledger.is_shared());
    }
}
