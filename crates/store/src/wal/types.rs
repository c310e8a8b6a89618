//! What callers say to the log and what it says to them.
//!
//! Deliberately not here: errors (`error`) and what is done with all this.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::Fault;
use super::format::HEADER_BYTES;

/// Segments have room for the header and a frame or two at least.
const SEGMENT_BYTES_MIN: u64 = 4096;

/// Called once, when a record and all before it are durable, or when they never will be. It runs on the log's lane (or
/// on the caller's thread if the answer is known at once) with no lock held: it may call the log, and must not block.
pub type Done = Box<dyn FnOnce(Result<(), Arc<Fault>>) + Send>;

/// One Raft group of the node. The number reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// One entry of a group's log, opaque to this one. Indexes count from 1.
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
    /// While more segments than this are in use, the few entries that hold the oldest ones are copied forward: a byte for
    /// every four that are written, at most.
    pub copy_forward_above: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            small_segment_bytes: 256 << 10,
            cache_bytes: 16 << 20,
            reserve_bytes: 256 << 20,
            spare_segments: 4,
            copy_forward_above: 8,
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
    pub file: PathBuf,
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

impl Options {
    /// Sizes that segments can have.
    pub(super) fn rounded(self) -> Self {
        let segment_bytes = self.segment_bytes.max(SEGMENT_BYTES_MIN).next_multiple_of(HEADER_BYTES);
        let small = self.small_segment_bytes.clamp(SEGMENT_BYTES_MIN, segment_bytes);
        Self { segment_bytes, small_segment_bytes: small.next_multiple_of(HEADER_BYTES), ..self }
    }
}
