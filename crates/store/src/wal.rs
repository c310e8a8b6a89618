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

mod error;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use weft_env::{Lane, disk::Disk};

pub use error::{Fault, OpenError};

/// Called once, when a record and all before it are durable, or when they never will be. It runs on the log's lane (or
/// on the caller's thread if the answer is known at once) with no lock held: it may call the log, and must not block.
pub type Done = Box<dyn FnOnce(Result<(), Arc<Fault>>) + Send>;

/// One Raft group of the node. The number reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// One entry of a group's log, opaque to this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    pub index: u64,
    pub bytes: Bytes,
}

/// What a group's log holds: all that was asked so far, durable or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupState {
    pub vote: Option<Bytes>,
    pub committed: Option<Bytes>,
    /// The last index that was purged, with the mark that came with it. May be beyond all entries.
    pub purged: Option<(u64, Bytes)>,
    /// The first and the last entry; `None` if there is none.
    pub first: Option<u64>,
    pub last: Option<u64>,
}

/// Sizes of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of a segment.
    pub segment_bytes: u64,
    /// Length of a segment that is needed before the next full one is written: small, so that a fresh directory opens
    /// at once.
    pub small_segment_bytes: u64,
    /// Recent entries kept in memory, in bytes. Entries that are not durable yet stay in memory whatever this says.
    pub cache_bytes: usize,
    /// [`Wal::room`] is false while the file system has less than this left.
    pub reserve_bytes: u64,
    /// How many free segments wait to be used again; what is above is given back to the file system.
    pub spare_segments: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            small_segment_bytes: 1 << 20,
            cache_bytes: 64 << 20,
            reserve_bytes: 256 << 20,
            spare_segments: 4,
        }
    }
}

/// What was found when the log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    pub segments: u64,
    pub frames: u64,
    pub records: u64,
    /// The end of the log held part of a frame that was never acknowledged; it is cut off.
    pub torn: Option<Torn>,
}

/// A frame that did not reach the disk whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    pub file: std::path::PathBuf,
    pub offset: u64,
}

/// Counts since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub frames: u64,
    /// Syncs of frames; those that prepare segments are not among them.
    pub syncs: u64,
    /// Bytes of the frames, padding included.
    pub bytes: u64,
    pub entries: u64,
    /// Segments in use now.
    pub segments: u64,
    /// Segments that are ready to be used now.
    pub spares: u64,
}

/// The log. Clones are handles to the same log.
#[derive(Clone)]
pub struct Wal {
    groups: Arc<Mutex<BTreeMap<GroupId, Memory>>>,
}

/// One group's part of the log. Clones are handles to the same part.
#[derive(Clone)]
pub struct GroupLog {
    wal: Wal,
    id: GroupId,
}

#[derive(Default)]
struct Memory {
    state: GroupState,
    entries: BTreeMap<u64, Bytes>,
}

impl fmt::Debug for Wal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wal").finish_non_exhaustive()
    }
}

impl Wal {
    /// Opens the log in `dir`, or starts one. Blocks until everything in it was read.
    pub fn open(
        _disk: Arc<dyn Disk>,
        _dir: &Path,
        _options: Options,
        _lane: Lane,
    ) -> Result<(Self, OpenReport), OpenError> {
        Ok((Self { groups: Arc::default() }, OpenReport::default()))
    }

    /// The part of `id`, which need not have anything in the log yet.
    pub fn group(&self, id: GroupId) -> GroupLog {
        GroupLog { wal: self.clone(), id }
    }

    /// The groups that have something in the log.
    pub fn groups(&self) -> Vec<GroupId> {
        self.groups.lock().keys().copied().collect()
    }

    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// The groups whose entries keep the oldest segment from being used again.
    pub fn oldest_segment_holders(&self) -> Vec<GroupId> {
        Vec::new()
    }

    /// Whether new work may be admitted: there is room beyond what is already on its way.
    pub fn room(&self) -> bool {
        true
    }

    /// Why everything fails, if it does.
    pub fn fault(&self) -> Option<Arc<Fault>> {
        None
    }

    /// Runs `done` when everything handed over so far is durable.
    pub fn barrier(&self, done: Done) {
        done(Ok(()));
    }

    /// Writes what waits and refuses everything after. Blocks; never from a callback of the log.
    pub fn close(&self) {}
}

impl GroupLog {
    pub fn id(&self) -> GroupId {
        self.id
    }

    pub fn state(&self) -> GroupState {
        self.with(|group| {
            let (first, last) = (group.entries.keys().next(), group.entries.keys().next_back());
            GroupState { first: first.copied(), last: last.copied(), ..group.state.clone() }
        })
    }

    /// Entries that follow the last one, or replace entries from their first index on. `done` when they are durable.
    pub fn append(&self, entries: Vec<LogEntry>, done: Done) {
        self.with(|group| group.entries.extend(entries.into_iter().map(|entry| (entry.index, entry.bytes))));
        done(Ok(()));
    }

    pub fn save_vote(&self, vote: Bytes, done: Done) {
        self.with(|group| group.state.vote = Some(vote));
        done(Ok(()));
    }

    /// Goes with the next frame and causes none: losing it costs nothing but time.
    pub fn save_committed(&self, committed: Bytes) {
        self.with(|group| group.state.committed = Some(committed));
    }

    /// Drops the entries above `index`.
    pub fn truncate_after(&self, index: u64, done: Done) {
        self.with(|group| drop(group.entries.split_off(&(index + 1))));
        done(Ok(()));
    }

    /// Drops the entries up to `upto`, which may be beyond the last one; `mark` is kept in [`GroupState::purged`].
    pub fn purge(&self, upto: u64, mark: Bytes, done: Done) {
        self.with(|group| {
            group.entries = group.entries.split_off(&(upto + 1));
            group.state.purged = Some((upto, mark));
        });
        done(Ok(()));
    }

    /// The entries of `range` that the log holds, from memory or else from the disk. Blocks.
    pub fn read(&self, range: Range<u64>) -> Result<Vec<LogEntry>, Fault> {
        Ok(self.with(|group| {
            let entries = group.entries.range(range);
            entries.map(|(&index, bytes)| LogEntry { index, bytes: bytes.clone() }).collect()
        }))
    }

    /// The highest index that is known to be durable; 0 if there is none.
    pub fn durable(&self) -> u64 {
        self.state().last.unwrap_or(0)
    }

    /// Runs `done` when everything that this group handed over so far is durable, at once if it is.
    pub fn when_durable(&self, done: Done) {
        self.wal.barrier(done);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(self.wal.groups.lock().entry(self.id).or_default())
    }
}
