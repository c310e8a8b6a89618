//! A group's part of the node's write-ahead log, as openraft wants to see it.
//!
//! Invariants: an append is readable when it returns and reported to openraft only when it is on disk; a vote is on
//! disk before `save_vote` returns; what was written first is on disk first (the write-ahead log keeps the order). A
//! failed write is reported as failed once and for ever, so a group on a failed log stops.
//!
//! It deliberately keeps nothing in memory: the log has its own cache, bounded in bytes.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use futures::Stream;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};
use tokio::sync::oneshot;
use weft_store::wal;
use weft_store::wal::{GroupLog, LogEntry};

use crate::codec;
use crate::types::{self, Entry, EntryPayload, LogId, Membership, NodeId, Types, Vote};

/// How many entries an apply reads at once: enough to be cheap, few enough to bound memory when a group is far behind.
const READ_ENTRIES_MAX: u64 = 64;

/// A read ends when it has this much, so that a message of large batches stays within bounds; it is looked at after each
/// step of so many entries.
const READ_BYTES_MAX: usize = 1 << 20;
const READ_ENTRIES_STEP: u64 = 4;

/// Both the storage and the reader of a group's log. Clones are handles to the same log.
#[derive(Clone)]
pub(crate) struct LogStore {
    log: GroupLog,
}

impl LogStore {
    pub(crate) fn new(log: GroupLog) -> Self {
        Self { log }
    }

    /// The part of `range` that the log has, in the log's own indexes.
    fn present(&self, range: &impl RangeBounds<u64>) -> Range<u64> {
        present(&self.log.state(), range)
    }

    /// All entries of `range`, which must be present.
    fn read(&self, range: Range<u64>) -> io::Result<Vec<Entry>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.log.read(range.clone()).map_err(io::Error::other)?;
        let whole = found.iter().map(|entry| entry.index).eq(range.clone());
        if !whole {
            return Err(io::Error::other(format!(
                "the log has a hole between entries {} and {}",
                range.start, range.end
            )));
        }
        found.into_iter().map(decode).collect()
    }

    /// The identity of the last entry that the log has.
    fn last(&self, state: &wal::GroupState) -> io::Result<Option<LogId>> {
        let Some(last) = state.last else { return Ok(None) };
        let found = self.log.read(last..last + 1).map_err(io::Error::other)?;
        let entry = found.first().ok_or_else(|| io::Error::other(format!("the log lost its last entry {last}")))?;
        let term = codec::read_term(&entry.bytes).map_err(io::Error::other)?;
        raft_index(last).map(|at| Some(types::log_id(term, at)))
    }
}

/// The part of `range` that a log in this state has, in the log's own indexes.
fn present(state: &wal::GroupState, range: &impl RangeBounds<u64>) -> Range<u64> {
    let (Some(first), Some(last)) = (state.first, state.last) else { return 0..0 };
    let Range { start, end } = asked(range, Some(last));
    start.max(first)..end.min(last + 1)
}

/// A range of openraft's in the log's own indexes, up to the last one if it has no end.
fn asked(range: &impl RangeBounds<u64>, last: Option<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(&at) => types::index(at),
        Bound::Excluded(&at) => types::index(at) + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&at) => types::index(at) + 1,
        Bound::Excluded(&at) => types::index(at),
        Bound::Unbounded => last.map_or(0, |last| last + 1),
    };
    start..end
}

fn raft_index(index: u64) -> io::Result<u64> {
    types::raft_index(index).ok_or_else(|| io::Error::other("the log has an entry 0, its entries count from 1"))
}

fn decode(entry: LogEntry) -> io::Result<Entry> {
    codec::read_entry(raft_index(entry.index)?, entry.bytes).map_err(io::Error::other)
}

fn batch_bytes(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(batch) => batch.0.len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 0,
    }
}

/// A completion that the log calls, and the future that waits for it.
fn completion() -> (wal::Done, impl Future<Output = io::Result<()>>) {
    let (sender, receiver) = oneshot::channel::<Result<(), Arc<wal::Fault>>>();
    let done: wal::Done = Box::new(move |result| {
        // Whoever waited may have been stopped meanwhile.
        let _ = sender.send(result);
    });
    let wait = async move {
        let result = receiver.await.map_err(|_| io::Error::other("the log was closed before it wrote"))?;
        result.map_err(io::Error::other)
    };
    (done, wait)
}

/// Founds a group that the log knows nothing of: writes who votes in it as its first entry, the same on every founder, of
/// term 0, in which nobody is elected. Without founders it stays empty until a leader fills it.
pub(crate) async fn found(log: &GroupLog, founders: &BTreeSet<NodeId>) -> io::Result<()> {
    let state = log.state();
    // A vote alone means that a candidate was here first, whose log will come.
    let new = state.last.is_none() && state.purged.is_none() && state.vote.is_none();
    if founders.is_empty() || !new {
        return Ok(());
    }
    let membership = Membership::new_with_defaults(vec![founders.clone()], []);
    let first = Entry { log_id: types::log_id(0, 0), payload: EntryPayload::Membership(membership) };
    let (done, wait) = completion();
    log.append(vec![LogEntry { index: 1, bytes: codec::entry(&first) }], done);
    wait.await
}

/// Lets the log begin behind a picture that was installed when a crash came before the log knew of it. What it has is
/// older.
pub(crate) async fn begin_behind(log: &GroupLog, installed: Option<LogId>) -> io::Result<()> {
    let Some(id) = installed else { return Ok(()) };
    let (done, wait) = completion();
    log.purge(types::index(id.index), codec::place(&id), done);
    wait.await
}

/// The last entry that the log has, or had before it was purged.
pub(crate) fn last_place(log: &GroupLog) -> io::Result<Option<LogId>> {
    let (store, state) = (LogStore::new(log.clone()), log.state());
    let purged = state.purged.clone().map(|(_, mark)| codec::read_place(mark)).transpose().map_err(io::Error::other)?;
    Ok(store.last(&state)?.max(purged))
}

/// Lets the log be one that knows nothing but whom it voted for.
pub(crate) async fn forget(log: &GroupLog) -> io::Result<()> {
    let (done, wait) = completion();
    log.forget(done);
    wait.await
}

/// Waits until this node has the entry at `index`, which was appended before, on its own disk.
pub(crate) async fn wait_durable(log: &GroupLog, index: u64) -> io::Result<()> {
    if log.durable() >= index {
        return Ok(());
    }
    let (done, wait) = completion();
    log.when_durable(done);
    wait.await
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        self.read(self.present(&range))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        let present = self.present(&(start..end.min(start.saturating_add(READ_ENTRIES_MAX))));
        let (mut found, mut bytes, mut at) = (Vec::new(), 0, present.start);
        while at < present.end && bytes < READ_BYTES_MAX {
            let step = self.read(at..present.end.min(at + READ_ENTRIES_STEP))?;
            at += step.len() as u64;
            bytes += step.iter().map(batch_bytes).sum::<usize>();
            found.extend(step);
        }
        Ok(found)
    }

    async fn entries_stream<RB>(&mut self, range: RB) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (reader, state) = (self.clone(), self.log.state());
        let (present, asked) = (present(&state, &range), asked(&range, state.last));
        // These are to be applied: what was purged, or lost with the disk, must not be passed over. openraft has ranges end
        // behind the last entry.
        let is_cut = present.start != asked.start || (present.end != asked.end && self.log.fault().is_some());
        let lost = !asked.is_empty() && (present.is_empty() || is_cut);
        let lost = lost.then(|| io::Error::other(format!("the log has not all of the entries {asked:?}")));
        let starts = present.clone().step_by(READ_ENTRIES_MAX as usize);
        let entries =
            starts.flat_map(move |start| match reader.read(start..present.end.min(start + READ_ENTRIES_MAX)) {
                Ok(entries) => entries.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            });
        futures::stream::iter(lost.map(Err).into_iter().chain(entries))
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        self.log.state().vote.map(codec::read_vote).transpose().map_err(io::Error::other)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let state = self.log.state();
        let last = self.last(&state)?;
        let purged = state.purged.map(|(_, mark)| codec::read_place(mark)).transpose().map_err(io::Error::other)?;
        Ok(LogState { last_purged_log_id: purged, last_log_id: last.max(purged) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let (done, wait) = completion();
        self.log.save_vote(codec::vote(vote), done);
        wait.await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if let Some(committed) = committed {
            self.log.save_committed(codec::place(&committed));
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        self.log.state().committed.map(codec::read_place).transpose().map_err(io::Error::other)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries
            .into_iter()
            .map(|entry| LogEntry { index: types::index(entry.log_id.index), bytes: codec::entry(&entry) })
            .collect();
        self.log.append(entries, Box::new(move |result| callback.io_completed(result.map_err(io::Error::other))));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let (done, wait) = completion();
        self.log.truncate_after(last.map_or(0, |id| types::index(id.index)), done);
        wait.await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        // Nobody needs to wait: a purge that a crash forgets is done again after the next checkpoint, and a log that
        // fails here fails everything that comes after it too.
        self.log.purge(types::index(upto.index), codec::place(&upto), Box::new(|_| ()));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
