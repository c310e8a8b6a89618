//! What can go wrong with the log: while it runs ([`Fault`]) and when it is opened ([`OpenError`]).
//!
//! Invariant: a fault of the disk is final. It is handed to everyone who waits and to everyone who asks later, because
//! after a failed fsync nobody knows what the disk holds.

use std::io;
use std::path::PathBuf;

/// Why the log did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The disk failed. Final: everything fails from now on, and the node has to stop.
    #[error("the write-ahead log stopped: {action} {path}: {message}", path = .path.display())]
    Disk { action: &'static str, path: PathBuf, message: String },

    /// An entry on the disk is not what was written there.
    #[error("the write-ahead log is damaged: {path} at offset {offset}", path = .path.display())]
    Damaged { path: PathBuf, offset: u64 },

    /// A piece of the log's own code panicked. Final, like a failed disk.
    #[error("the write-ahead log stopped after a panic")]
    Panicked,

    /// The log was closed.
    #[error("the write-ahead log is closed")]
    Closed,

    /// The caller left a hole; nothing was written.
    #[error("entry {index} does not follow entry {last} of the group")]
    Gap { index: u64, last: u64 },

    /// The caller's record is longer than any segment may be; nothing was written.
    #[error("a record of {bytes} bytes is too large for the write-ahead log")]
    TooLarge { bytes: u64 },
}

impl Fault {
    pub(super) fn disk(action: &'static str, path: impl Into<PathBuf>, error: &io::Error) -> Self {
        Self::Disk { action, path: path.into(), message: error.to_string() }
    }
}

/// Why the log cannot be opened. Each names the file to look at.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    /// Something that was acknowledged is unreadable: to go on would lose it.
    #[error("the write-ahead log is damaged: {path} at offset {offset}: {reason}", path = .path.display())]
    Damaged { path: PathBuf, offset: u64, reason: &'static str },

    /// The first segment cannot be made, or an old file not removed.
    #[error(transparent)]
    Prepare(Fault),

    /// Written by another format version.
    #[error("{path} has write-ahead log format {found}, this program knows {known}", path = .path.display())]
    Version { path: PathBuf, found: u32, known: u32 },
}

impl OpenError {
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }
}
