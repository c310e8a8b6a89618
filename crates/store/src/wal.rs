//! The node's write-ahead log, shared by all its Raft groups: the only thing that must reach the disk before anyone is
//! told of it.
//!
//! All that waits when one sync ends goes into one checksummed frame, one write and one `fdatasync`; then the callbacks
//! run, in the order in which the records came. What was handed over can be read at once, before it is durable.
//!
//! Invariants:
//! - Votes, appends, truncations and purges keep their order, across all groups: after a crash the log holds a prefix
//!   of what was asked, and at least all whose callback ran.
//! - The next frame is written only after the previous one is synced, so at most one frame can be torn.
//! - After a failed sync everything fails; nothing is retried.
//!
//! Deliberately not here: what the bytes mean, and when to purge.

mod commit;
mod error;
mod format;
mod front;
mod index;
mod ledger;
mod read;
mod replay;
mod supply;
mod thrift;
mod types;
mod writer;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use weft_env::{Lane, disk::Disk};

use format::{HEADER_BYTES, Kind, Record, SegmentHeader};
use front::{Front, Ticket};
use ledger::Ledger;
use replay::Found;
use supply::{Supply, Trouble};
use writer::Writer;

pub use error::{Fault, OpenError};
pub use types::{Done, GroupId, GroupState, LogEntry, OpenReport, Options, Stats, Torn};

/// The longest record that is taken: far above what the API lets in, far below what a frame can say.
const RECORD_BYTES_MAX: usize = 256 << 20;

/// The log. Clones are handles to the same log.
#[derive(Clone)]
pub struct Wal {
    inner: Arc<Inner>,
}

/// One group's part of the log. Clones are handles to the same part.
#[derive(Clone)]
pub struct GroupLog {
    wal: Wal,
    id: GroupId,
}

/// Locks: `writer` before `ledger`, and `ledger` never during IO.
struct Inner {
    dir: PathBuf,
    options: Options,
    /// What one frame holds, unless a single item is larger.
    frame_bytes: usize,
    lane: Lane,
    ledger: Mutex<Ledger>,
    writer: Mutex<Writer>,
}

impl fmt::Debug for Wal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wal").field("dir", &self.inner.dir).finish_non_exhaustive()
    }
}

impl fmt::Debug for GroupLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupLog").field("wal", &self.wal).field("id", &self.id).finish()
    }
}

impl Wal {
    /// Opens the log in `dir`, or starts one. Blocks until everything in it was read. Commits run on `lane`, which
    /// should serve nothing else.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: Options,
        lane: Lane,
    ) -> Result<(Self, OpenReport), OpenError> {
        let options = options.rounded();
        let found = replay::read(disk.as_ref(), dir)?;
        let report = found.report.clone();
        let supply = Supply::new(disk, dir.to_owned(), options, found.next_number);
        let (ledger, writer) = start(supply, options, found).map_err(|trouble| match trouble {
            Trouble::Full(path) => OpenError::io("make a segment in", path, io::ErrorKind::StorageFull.into()),
            Trouble::Fault(fault) => OpenError::Prepare(fault),
        })?;
        let frame_bytes = usize::try_from(options.segment_bytes / 2).unwrap_or(RECORD_BYTES_MAX);
        let (ledger, writer) = (Mutex::new(ledger), Mutex::new(writer));
        let inner = Arc::new(Inner { dir: dir.to_owned(), options, frame_bytes, lane, ledger, writer });
        inner.schedule();
        Ok((Self { inner }, report))
    }

    /// The part of `id`, which need not have anything in the log yet.
    pub fn group(&self, id: GroupId) -> GroupLog {
        GroupLog { wal: self.clone(), id }
    }

    /// The groups that have something in the log.
    pub fn groups(&self) -> Vec<GroupId> {
        self.inner.ledger.lock().front.ids()
    }

    pub fn stats(&self) -> Stats {
        let ledger = self.inner.ledger.lock();
        Stats { segments: ledger.segments.len() as u64, ..ledger.stats }
    }

    /// The groups whose entries keep the oldest segment from being used again; none if it is the only one.
    pub fn oldest_segment_holders(&self) -> Vec<GroupId> {
        let ledger = self.inner.ledger.lock();
        match ledger.segments.keys().next() {
            Some(oldest) if ledger.segments.len() > 1 => ledger.index.holders(*oldest),
            _ => Vec::new(),
        }
    }

    /// Whether new work may be admitted: the disk has room beyond what is already on its way. Cheap while it is so;
    /// while it is not, each call has the disk looked at again.
    pub fn room(&self) -> bool {
        {
            let mut ledger = self.inner.ledger.lock();
            if ledger.has_room || ledger.refusal().is_some() {
                return ledger.has_room;
            }
            ledger.wants_room = true;
        }
        self.inner.schedule();
        self.inner.ledger.lock().has_room
    }

    /// Why everything fails, if it does: the node has to stop then.
    pub fn fault(&self) -> Option<Arc<Fault>> {
        self.inner.ledger.lock().fault.clone()
    }

    /// Runs `done` when everything handed over so far is durable, at once if it is.
    pub fn barrier(&self, done: Done) {
        self.inner.ask(done, |_| Ok(Asked::Nothing));
    }

    /// Writes what waits and refuses everything after. Blocks; never from a callback of the log or from its lane.
    pub fn close(&self) {
        let (sender, receiver) = mpsc::sync_channel(1);
        {
            let mut ledger = self.inner.ledger.lock();
            if ledger.refusal().is_some() {
                return;
            }
            ledger.is_closed = true;
            ledger.has_room = false;
            ledger.push_flush(Box::new(move |result| drop(sender.send(result))));
        }
        self.inner.schedule();
        // Whatever came of it, each caller was told by its own callback.
        let _ = receiver.recv();
    }
}

impl GroupLog {
    pub fn id(&self) -> GroupId {
        self.id
    }

    pub fn state(&self) -> GroupState {
        self.wal.inner.ledger.lock().front.state(self.id)
    }

    /// As [`Wal::fault`]: what was not durable then is gone.
    pub fn fault(&self) -> Option<Arc<Fault>> {
        self.wal.fault()
    }

    /// Entries that follow the last one, or replace entries from their first index on. `done` when they are durable.
    pub fn append(&self, entries: Vec<LogEntry>, done: Done) {
        let inner = &self.wal.inner;
        inner.ask(done, |ledger| {
            let Some(first) = entries.first().map(|entry| entry.index) else { return Ok(Asked::Nothing) };
            entries.iter().try_for_each(|entry| check_size(&entry.bytes))?;
            ledger.front.check_append(self.id, &entries)?;
            let mut items = Vec::new();
            if ledger.front.truncate_from(self.id, first) {
                items.push((ledger.new_ticket(), vec![self.record(Kind::Truncate, first, Bytes::new())]));
            }
            let mut rest = entries.as_slice();
            while !rest.is_empty() {
                let (item, after) = rest.split_at(inner.item_entries(rest));
                let ticket = ledger.new_ticket();
                ledger.front.append(self.id, item, ticket);
                let record = |entry: &LogEntry| self.record(Kind::Entry, entry.index, entry.bytes.clone());
                items.push((ticket, item.iter().map(record).collect()));
                rest = after;
            }
            Ok(Asked::Items(items))
        });
    }

    pub fn save_vote(&self, vote: Bytes, done: Done) {
        self.wal.inner.ask(done, |ledger| {
            check_size(&vote)?;
            ledger.front.set_vote(self.id, vote.clone());
            let ticket = ledger.new_ticket();
            Ok(Asked::Items(vec![(ticket, vec![self.record(Kind::Vote, 0, vote)])]))
        });
    }

    /// Goes with the next frame and causes none: losing it costs nothing but time.
    pub fn save_committed(&self, committed: Bytes) {
        let mut ledger = self.wal.inner.ledger.lock();
        if ledger.refusal().is_none() && check_size(&committed).is_ok() {
            ledger.set_committed(self.id, committed);
        }
    }

    /// Drops the entries above `index`.
    pub fn truncate_after(&self, index: u64, done: Done) {
        self.wal.inner.ask(done, |ledger| {
            let from = index.saturating_add(1);
            if !ledger.front.truncate_from(self.id, from) {
                return Ok(Asked::Nothing);
            }
            let ticket = ledger.new_ticket();
            Ok(Asked::Items(vec![(ticket, vec![self.record(Kind::Truncate, from, Bytes::new())])]))
        });
    }

    /// Drops the entries up to `upto`, which may be beyond the last one; `mark` is kept in [`GroupState::purged`].
    /// Does nothing if as much was purged before.
    pub fn purge(&self, upto: u64, mark: Bytes, done: Done) {
        self.wal.inner.ask(done, |ledger| {
            check_size(&mark)?;
            if !ledger.front.purge(self.id, upto, mark.clone()) {
                return Ok(Asked::Nothing);
            }
            let ticket = ledger.new_ticket();
            Ok(Asked::Items(vec![(ticket, vec![self.record(Kind::Purge, upto, mark)])]))
        });
    }

    /// Drops all that the log has of the group but its vote, as if it had never been there: entries count from 1 again, and
    /// whom it voted for stands. Nothing else of the group may be under way.
    ///
    /// Builds before format level 3 do not read what this writes.
    pub fn forget(&self, done: Done) {
        self.wal.inner.ask(done, |ledger| {
            if !ledger.forget(self.id) {
                return Ok(Asked::Nothing);
            }
            let ticket = ledger.new_ticket();
            Ok(Asked::Items(vec![(ticket, vec![self.record(Kind::Forget, 0, Bytes::new())])]))
        });
    }

    /// The entries of `range` that the log holds, from memory or else from the disk. Blocks in the latter case.
    pub fn read(&self, range: Range<u64>) -> Result<Vec<LogEntry>, Fault> {
        self.wal.inner.read(self.id, range)
    }

    /// The highest index that is known to be durable, or purged; 0 if there is none.
    pub fn durable(&self) -> u64 {
        self.wal.inner.ledger.lock().front.durable_index(self.id)
    }

    /// The first index, of those from `from` on, from which on the entries that are on the disk have at most so many bytes.
    pub fn within(&self, from: u64, bytes: u64) -> u64 {
        self.wal.inner.ledger.lock().index.within(self.id, from, bytes)
    }

    /// Runs `done` when everything that this group handed over so far is durable, at once if it is.
    pub fn when_durable(&self, done: Done) {
        self.wal.barrier(done);
    }

    /// Writes this group's entries in the oldest segment again, at the end of the log, so that they do not hold that
    /// segment any more. The log does so by itself for groups that hold it with little
    /// ([`Options::copy_forward_above`]). Blocks while it reads them.
    pub fn copy_forward(&self, done: Done) {
        let inner = &self.wal.inner;
        let entries = {
            let ledger = inner.ledger.lock();
            match ledger.segments.keys().next() {
                Some(oldest) if ledger.segments.len() > 1 => ledger.index.live_entries(*oldest),
                _ => Vec::new(),
            }
        };
        let ours: Vec<_> = entries.into_iter().filter(|(group, _, _)| *group == self.id).collect();
        let copies = inner.read_copies(&ours);
        inner.ask(done, |ledger| {
            let ticket = ledger.new_ticket();
            Ok(Asked::Items(vec![(ticket, ledger.current_copies(copies))]))
        });
    }

    fn record(&self, kind: Kind, index: u64, bytes: Bytes) -> Record {
        Record { kind, group: self.id, index, bytes }
    }
}

/// What a request comes to.
enum Asked {
    /// There is nothing to write; the answer waits for what was asked before.
    Nothing,
    Items(Vec<(Ticket, Vec<Record>)>),
}

impl Inner {
    /// Takes a request in and sees to it that it is written, or says at once what becomes of it.
    fn ask(self: &Arc<Self>, done: Done, request: impl FnOnce(&mut Ledger) -> Result<Asked, Fault>) {
        let mut ledger = self.ledger.lock();
        if let Some(fault) = ledger.refusal() {
            return MutexGuard::unlocked(&mut ledger, || done(Err(fault)));
        }
        let items = match request(&mut ledger) {
            Err(fault) => return MutexGuard::unlocked(&mut ledger, || done(Err(Arc::new(fault)))),
            Ok(Asked::Nothing) if ledger.is_settled() => return MutexGuard::unlocked(&mut ledger, || done(Ok(()))),
            Ok(Asked::Nothing) => vec![(ledger.new_ticket(), Vec::new())],
            Ok(Asked::Items(items)) => items,
        };
        let last = items.len().saturating_sub(1);
        let mut done = Some(done);
        for (position, (ticket, records)) in items.into_iter().enumerate() {
            let done = if position == last { done.take() } else { None };
            ledger.push(ticket, records, done);
        }
        drop(ledger);
        self.schedule();
    }

    /// How many of `entries` make one item: one at least, and not more than go well into one frame.
    fn item_entries(&self, entries: &[LogEntry]) -> usize {
        let mut bytes = 0;
        let fits = entries.iter().take_while(|entry| {
            bytes += entry.bytes.len();
            bytes <= self.frame_bytes / 2
        });
        fits.count().max(1)
    }
}

fn check_size(bytes: &Bytes) -> Result<(), Fault> {
    let is_too_large = bytes.len() > RECORD_BYTES_MAX;
    if is_too_large { Err(Fault::TooLarge { bytes: bytes.len() as u64 }) } else { Ok(()) }
}

/// Makes of what was found on the disk a log that goes on there.
fn start(mut supply: Supply, options: Options, found: Found) -> Result<(Ledger, Writer), Trouble> {
    for file in found.free {
        supply.add_spare(file)?;
    }
    let segments: BTreeMap<_, _> = found.chain.iter().map(|(header, file)| (header.sequence, file.clone())).collect();
    let mut writer = match found.chain.into_iter().next_back() {
        Some((header, file)) => Writer::new(supply, header, segments, file, found.end),
        None => {
            let file = supply.take()?;
            let header = SegmentHeader { sequence: 1, generation: 1, oldest: 1, previous_end: 0 };
            Writer::new(supply, header, BTreeMap::from([(1, file.clone())]), file, HEADER_BYTES)
        }
    };
    writer.release(&found.index);
    let mut front = Front::new(options.cache_bytes);
    for (id, group) in found.index.groups() {
        let marks = group.marks.clone();
        let (first, last) = (group.places.keys().next().copied(), group.places.keys().next_back().copied());
        let state = GroupState { vote: marks.vote, committed: marks.committed, purged: marks.purged, first, last };
        front.restore(id, state);
    }
    let mut ledger = Ledger::new(front, found.index);
    ledger.segments.clone_from(writer.segments());
    ledger.stats.spares = writer.supply.spares() as u64;
    ledger.has_room = writer.supply.has_room()?;
    Ok((ledger, writer))
}

#[cfg(test)]
mod tests;
