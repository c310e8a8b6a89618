//! A disk in memory that forgets, at a crash, whatever was not synced.
//!
//! What it models: each file has what is durable and a list of changes since; [`SimDisk::crash`] keeps any subset of
//! those changes, sector by sector, so that writes are torn and reordered. Names are durable only after their
//! directory was synced; unsynced ones may or may not survive, each for itself. A failed sync leaves the changes
//! readable and loses them at the next crash whatever is synced later, as page caches do. The change or sync during
//! which the power goes is under way then: a frame is torn by its own write, or by the sync behind it.
//!
//! Invariant: everything depends on the seed and on the calls. Directories themselves are durable at once, as
//! [`Disk::create_dir_all`] promises.
//!
//! Deliberately not here: time, and damage to what was synced (tests do that with [`SimDisk::edit`]).

mod files;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskFile, OpenMode};
use files::{FileId, Power, State};

/// The piece of a write that reaches the disk whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// What the disk was asked so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounts {
    pub reads: u64,
    pub writes: u64,
    pub bytes_written: u64,
    pub bytes_read: u64,
    /// `sync_data` and `sync_all`, those that failed and those that lied included.
    pub file_syncs: u64,
    pub dir_syncs: u64,
}

/// A simulated disk. Clones are handles to the same disk.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").finish_non_exhaustive()
    }
}

impl SimDisk {
    pub fn new(seed: u64) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(seed))) }
    }

    /// The power goes and comes back: what was not synced is gone, or not, as the seed has it. Files that were open
    /// are dead; faults that were injected are over, except a capacity.
    pub fn crash(&self) {
        self.state.lock().crash();
    }

    /// The process dies and the machine does not: nothing is lost, and files that were open are dead.
    pub fn kill(&self) {
        self.state.lock().kill();
    }

    /// The power goes during the `nth` change or sync from now (0 is the next one): it fails, and a crash leaves any
    /// part of what it was about; everything after it fails and does nothing, until [`SimDisk::crash`] or
    /// [`SimDisk::kill`].
    pub fn cut_power_during(&self, nth: u64) {
        self.state.lock().faults.power = Power::GoesDuring(nth);
    }

    /// The power goes now: every change and sync fails and does nothing, until [`SimDisk::crash`] or [`SimDisk::kill`].
    pub fn cut_power(&self) {
        self.state.lock().faults.power = Power::Out;
    }

    /// Whether the power is out.
    pub fn is_out(&self) -> bool {
        self.state.lock().faults.power == Power::Out
    }

    /// The `nth` sync of a file or directory from now (0 is the next one) fails.
    pub fn fail_sync(&self, nth: u64) {
        self.state.lock().faults.failing_sync = Some(nth);
    }

    /// A planted bug: the `nth` sync of a file or directory from now (0 is the next one) does nothing and says `Ok`.
    pub fn skip_sync(&self, nth: u64) {
        self.state.lock().faults.skipped_sync = Some(nth);
    }

    /// Like [`SimDisk::skip_sync`], counting the syncs of directories only.
    pub fn skip_dir_sync(&self, nth: u64) {
        self.state.lock().faults.skipped_dir_sync = Some(nth);
    }

    /// Whether a sync was skipped since [`SimDisk::skip_sync`].
    pub fn has_skipped(&self) -> bool {
        self.state.lock().faults.has_skipped
    }

    /// Reads fail, or work again.
    pub fn fail_reads(&self, failing: bool) {
        self.state.lock().faults.failing_reads = failing;
    }

    /// How many bytes all files together may have; writes beyond it fail with `StorageFull`.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state.lock().capacity = bytes;
    }

    /// How many bytes all files together have.
    pub fn used(&self) -> u64 {
        self.state.lock().used()
    }

    pub fn counts(&self) -> DiskCounts {
        self.state.lock().counts
    }

    /// Changes what a file durably holds, behind everyone's back: damage, for tests.
    pub fn edit(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.state.lock().edit(path, change)
    }

    /// A disk of its own with the same files, all of them durable: for trying many kinds of damage.
    pub fn copy(&self, seed: u64) -> Self {
        Self { state: Arc::new(Mutex::new(self.state.lock().copy(seed))) }
    }
}

impl Disk for SimDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.state.lock().create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.state.lock().list(dir)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let (id, life) = self.state.lock().open(path, mode)?;
        let writable = mode != OpenMode::Read;
        Ok(Box::new(SimFile { disk: self.clone(), path: path.to_owned(), id, life, writable }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.state.lock().rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.state.lock().remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.state.lock().sync_dir(dir)
    }

    fn available(&self, _path: &Path) -> io::Result<u64> {
        let state = self.state.lock();
        Ok(state.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(state.used())))
    }
}

struct SimFile {
    disk: SimDisk,
    path: PathBuf,
    id: FileId,
    /// How many crashes there were when the file was opened.
    life: u64,
    writable: bool,
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimFile").field(&self.path).finish()
    }
}

impl SimFile {
    fn with<T>(&self, act: impl FnOnce(&mut State, FileId) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.state.lock();
        let file = state.handle(self.id, self.life)?;
        act(&mut state, file)
    }

    fn change<T>(&self, act: impl FnOnce(&mut State, FileId) -> io::Result<T>) -> io::Result<T> {
        if self.writable { self.with(act) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|state, file| state.read(file, buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(|state, file| state.write(file, bytes, offset))
    }

    fn len(&self) -> io::Result<u64> {
        self.with(State::len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|state, file| state.set_len(file, len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(State::sync)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.with(State::sync)
    }
}
