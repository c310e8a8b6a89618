//! The log's only writer at work: takes what waits, writes it, and does the housekeeping in between.
//!
//! Invariants: there is one commit at a time, on the lane. Callbacks run with no lock on the ledger held, and before
//! the next frame is written; what they ask waits for that frame, so nothing recurses. A panic in here is a fault.

use std::{sync::Arc, thread};

use super::format::{Kind, Record};
use super::index::Place;
use super::ledger::{Batch, Call, Written};
use super::supply::Trouble;
use super::writer::Writer;
use super::{Fault, GroupId, Inner};

/// How often a busy log looks after its spare segment and at the room on the disk, in frames.
const CARE_FRAMES: u64 = 8;

enum Next {
    Commit(Batch),
    /// Nothing waits, and a spare segment is to be made.
    Prepare,
    /// Somebody wants to know whether there is room again.
    Look,
    Rest,
}

/// Says that the log has stopped, should a commit end by a panic.
struct Alarm<'a> {
    inner: &'a Inner,
    is_armed: bool,
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if self.is_armed {
            // Callbacks are dropped uncalled here: one of them may be what panicked.
            drop(self.inner.ledger.lock().fail(None, Fault::Panicked));
        }
    }
}

impl Inner {
    /// Sees to it that a commit comes. With no lock held.
    pub(super) fn schedule(self: &Arc<Self>) {
        if std::mem::replace(&mut self.ledger.lock().is_scheduled, true) {
            return;
        }
        let inner = self.clone();
        self.lane.run(move || inner.commit());
    }

    fn commit(&self) {
        let mut alarm = Alarm { inner: self, is_armed: true };
        let mut writer = self.writer.lock();
        while self.step(&mut writer) {}
        alarm.is_armed = false;
    }

    /// One frame or one piece of housekeeping; says whether to go on.
    fn step(&self, writer: &mut Writer) -> bool {
        self.gather();
        match self.next(writer) {
            Next::Commit(batch) => self.write(writer, batch),
            Next::Prepare => self.care(writer, Writer::prepare),
            Next::Look => self.care(writer, Writer::look),
            Next::Rest => false,
        }
    }

    /// Where several are at work, lets those go first who are ready to: what they bring shares the next sync. If no
    /// thread waits for a processor this is over at once, and a lone caller does not even do that.
    fn gather(&self) {
        if self.ledger.lock().is_shared() {
            thread::yield_now();
        }
    }

    fn next(&self, writer: &Writer) -> Next {
        let mut ledger = self.ledger.lock();
        if ledger.fault.is_some() {
            return Next::Rest;
        }
        if std::mem::take(&mut ledger.wants_room) {
            return Next::Look;
        }
        if ledger.has_pending() {
            return Next::Commit(ledger.next_batch(self.frame_bytes));
        }
        if writer.supply.has_work() && !ledger.is_closed {
            return Next::Prepare;
        }
        ledger.is_scheduled = false;
        Next::Rest
    }

    fn write(&self, writer: &mut Writer, batch: Batch) -> bool {
        if !batch.needs_frame() {
            let calls = self.ledger.lock().finish(batch, None);
            call_all(calls);
            return true;
        }
        let written = match self.write_frame(writer, &batch) {
            Ok(written) => written,
            Err(trouble) => return self.on_trouble(Some(batch), trouble),
        };
        writer.thrift.earn(written.bytes);
        let (calls, frames) = {
            let mut ledger = self.ledger.lock();
            let calls = ledger.finish(batch, Some(&written));
            let has_released = writer.release(&ledger.index);
            if written.is_first || has_released {
                ledger.segments.clone_from(writer.segments());
            }
            (calls, ledger.stats.frames)
        };
        call_all(calls);
        if written.is_first {
            self.copy_forward_old(writer);
            return self.care(writer, |writer| writer.reclaim().and_then(|()| writer.prepare()));
        }
        if frames.is_multiple_of(CARE_FRAMES) { self.care(writer, Writer::prepare) } else { true }
    }

    fn write_frame(&self, writer: &mut Writer, batch: &Batch) -> Result<Written, Trouble> {
        writer.make_room(batch)?;
        let marks = if writer.is_fresh() { self.ledger.lock().index.marks() } else { Vec::new() };
        writer.write(&marks, batch)
    }

    /// Runs a piece of housekeeping and notes how the log stands after it.
    fn care(&self, writer: &mut Writer, work: impl FnOnce(&mut Writer) -> Result<(), Trouble>) -> bool {
        match work(writer).and_then(|()| writer.supply.has_room()) {
            Ok(has_room) => {
                let mut ledger = self.ledger.lock();
                ledger.has_room = has_room;
                ledger.stats.spares = writer.supply.spares() as u64;
                true
            }
            Err(trouble) => self.on_trouble(None, trouble),
        }
    }

    fn on_trouble(&self, batch: Option<Batch>, trouble: Trouble) -> bool {
        let calls = {
            let mut ledger = self.ledger.lock();
            match trouble {
                // What waits goes on waiting; the next request, or the next look for room, tries again.
                Trouble::Full(_) if !ledger.is_closed => {
                    if let Some(batch) = batch {
                        ledger.put_back(batch);
                    }
                    ledger.has_room = false;
                    ledger.is_scheduled = false;
                    Vec::new()
                }
                Trouble::Full(path) => {
                    let message = "the disk is full".to_owned();
                    ledger.fail(batch, Fault::Disk { action: "write", path, message })
                }
                Trouble::Fault(fault) => ledger.fail(batch, fault),
            }
        };
        call_all(calls);
        false
    }

    /// When many segments are in use, writes again the few entries that hold the oldest ones, as far as that is paid for.
    fn copy_forward_old(&self, writer: &mut Writer) {
        if !writer.thrift.is_settled(self.ledger.lock().durable()) {
            return;
        }
        let surplus = writer.segments().len().saturating_sub(self.options.copy_forward_above);
        let oldest: Vec<u64> = writer.segments().keys().take(surplus).copied().collect();
        for segment in oldest {
            let entries = {
                let ledger = self.ledger.lock();
                if !writer.thrift.spend(ledger.index.live_bytes(segment)) {
                    return;
                }
                ledger.index.live_entries(segment)
            };
            let copies = self.read_copies(&entries);
            let mut ledger = self.ledger.lock();
            let records = ledger.current_copies(copies);
            let ticket = ledger.new_ticket();
            ledger.push(ticket, records, None);
            writer.thrift.copying(ticket);
        }
    }

    /// Reads entries that are to be written again. One that cannot be read stays where it is and holds its segment.
    pub(super) fn read_copies(&self, entries: &[(GroupId, u64, Place)]) -> Vec<(Place, Record)> {
        let copy = |&(group, index, place): &(GroupId, u64, Place)| {
            let bytes = self.read_place(place).ok()?;
            Some((place, Record { kind: Kind::Entry, group, index, bytes }))
        };
        entries.iter().filter_map(copy).collect()
    }
}

impl Writer {
    fn prepare(&mut self) -> Result<(), Trouble> {
        if self.supply.has_work() { self.supply.work() } else { Ok(()) }
    }

    fn look(&mut self) -> Result<(), Trouble> {
        self.supply.unblock();
        self.prepare()
    }
}

fn call_all(calls: Vec<Call>) {
    for (done, result) in calls {
        done(result);
    }
}
