//! The disk: the few file operations that the write-ahead log needs, real and simulated.
//!
//! Invariant: what a file holds is safe only after [`DiskFile::sync_data`] returned `Ok`, and that a name exists (or
//! is gone, or is another) only after [`Disk::sync_dir`] of its directory did; [`SimDisk`] takes everything else away
//! at a crash. Calls block: they belong on a [`crate::Lane`] or a [`crate::Pool`].
//!
//! Deliberately not here: locks, memory maps, permissions, directories as things to rename or to remove.

mod real;
mod sim;

use std::fmt;
use std::io;
use std::path::Path;

pub use real::RealDisk;
pub use sim::{DiskCounts, SECTOR_BYTES, SimDisk};

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist.
    Write,
    /// For reading and writing; it must not exist, and its name is durable only after [`Disk::sync_dir`].
    Create,
}

/// A place where directories and files are.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Makes `dir` and the directories above it that are missing, durably.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// The names of the files in `dir`, sorted; directories are left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>>;

    /// Replaces `to` if it exists. Durable after [`Disk::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Durable after [`Disk::sync_dir`]. Handles that are open stay usable.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// How many bytes the file system that holds `path` would still take.
    fn available(&self, path: &Path) -> io::Result<u64>;
}

/// An open file. Positions are explicit, so that a handle can be shared.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Reads what is there: fewer bytes than `buffer` holds only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes`, longer files and holes of zeros included; durable after [`DiskFile::sync_data`].
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    fn len(&self) -> io::Result<u64>;

    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }

    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes the contents durable, with the length as far as it is needed to read them (`fdatasync`).
    fn sync_data(&self) -> io::Result<()>;

    /// [`DiskFile::sync_data`] and all other metadata of the file (`fsync`).
    fn sync_all(&self) -> io::Result<()>;

    /// Reads exactly `buffer`, or fails with `UnexpectedEof`.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let read = self.read_at(buffer, offset)?;
        if read == buffer.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

#[cfg(test)]
mod tests;
