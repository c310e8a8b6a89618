//! Segment files that nobody needs: made ahead of time, written over with zeros so that later syncs have no metadata
//! to write, and recycled.
//!
//! Invariants: a file is handed out only when its name is durable. A recycled one is handed out only when a durable
//! segment header says that its old contents are not needed. A full disk is no fault here: it blocks the making of
//! spares until there is room beyond the reserve, and what must be written meanwhile goes into the spare that is there
//! and then into small segments out of the reserve.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_env::disk::{Disk, DiskFile, OpenMode};

use super::{Fault, Options};

/// How much of a spare is written and synced at a time: whoever wants to commit waits for no more than this.
const SLICE_BYTES: u64 = 1 << 20;
const EXTENSION: &str = ".seg";

#[derive(Clone, Debug)]
pub(super) struct SegmentFile {
    pub(super) path: PathBuf,
    pub(super) handle: Arc<dyn DiskFile>,
    pub(super) bytes: u64,
}

/// Why something was not written.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The disk is full: the same will work when it is not.
    Full(PathBuf),
    Fault(Fault),
}

pub(super) struct Supply {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: Options,
    next_number: u64,
    spares: Vec<SegmentFile>,
    /// Not needed any more, as soon as a durable header says so; with their sequences.
    released: VecDeque<(u64, SegmentFile)>,
    preparing: Option<SegmentFile>,
    is_blocked: bool,
}

impl Trouble {
    fn new(action: &'static str, path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull => Self::Full(path.to_owned()),
            _ => Self::Fault(Fault::disk(action, path, error)),
        }
    }
}

impl SegmentFile {
    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> Result<(), Trouble> {
        self.handle.write_at(bytes, offset).map_err(|error| Trouble::new("write", &self.path, &error))
    }

    pub(super) fn sync(&self) -> Result<(), Trouble> {
        self.handle.sync_data().map_err(|error| Trouble::new("sync", &self.path, &error))
    }
}

/// The number in the name of a segment file.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let number = name.strip_suffix(EXTENSION)?;
    let is_ours = number.len() >= 8 && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_ours { number.parse().ok() } else { None }
}

impl Supply {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: PathBuf, options: Options, next_number: u64) -> Self {
        Self {
            disk,
            dir,
            options,
            next_number,
            spares: Vec::new(),
            released: VecDeque::new(),
            preparing: None,
            is_blocked: false,
        }
    }

    /// Of a segment that is made while there is room.
    pub(super) fn segment_bytes(&self) -> u64 {
        self.options.segment_bytes
    }

    pub(super) fn spares(&self) -> usize {
        self.spares.len()
    }

    /// A file for the next segment: a spare, or else a small one made at once.
    pub(super) fn take(&mut self) -> Result<SegmentFile, Trouble> {
        if let Some(spare) = self.spares.pop() {
            return Ok(spare);
        }
        self.make_whole(self.options.small_segment_bytes)
    }

    /// `file` was segment `sequence`, and no group needs an entry in it.
    pub(super) fn release(&mut self, sequence: u64, file: SegmentFile) {
        self.released.push_back((sequence, file));
    }

    /// A durable header says that nothing before `oldest` is needed: those files are spares now.
    pub(super) fn reclaim(&mut self, oldest: u64) -> Result<(), Trouble> {
        while let Some((_, file)) = self.released.pop_front_if(|(sequence, _)| *sequence < oldest) {
            self.add_spare(file)?;
        }
        Ok(())
    }

    /// Takes in a file that nobody needs, or gives it back to the file system.
    pub(super) fn add_spare(&mut self, file: SegmentFile) -> Result<(), Trouble> {
        let is_wanted = file.bytes == self.options.segment_bytes && self.spares.len() < self.options.spare_segments;
        if is_wanted {
            self.spares.push(file);
            self.is_blocked = false;
            return Ok(());
        }
        self.disk.remove(&file.path).map_err(|error| Trouble::new("remove", &file.path, &error))
    }

    /// Whether there is a spare to be made.
    pub(super) fn has_work(&self) -> bool {
        self.spares.is_empty() && !self.is_blocked
    }

    /// Does a piece of the work on the next spare.
    pub(super) fn work(&mut self) -> Result<(), Trouble> {
        if self.preparing.is_none() && !self.is_room_for_spare()? {
            self.is_blocked = true;
            return Ok(());
        }
        match self.prepare() {
            Err(Trouble::Full(_)) => {
                self.is_blocked = true;
                self.preparing.take().map_or(Ok(()), |file| self.discard(&file))
            }
            done => done,
        }
    }

    /// Whether there is room beyond the reserve for what may come; asks the disk.
    pub(super) fn has_room(&self) -> Result<bool, Trouble> {
        let spare = if self.spares.is_empty() && self.preparing.is_none() { self.options.segment_bytes } else { 0 };
        Ok(self.available()? >= self.options.reserve_bytes.saturating_add(spare))
    }

    /// Tries again to make a spare, where that had been given up.
    pub(super) fn unblock(&mut self) {
        self.is_blocked = false;
    }

    /// Makes a file of `bytes` zeros with a durable name.
    pub(super) fn make_whole(&mut self, bytes: u64) -> Result<SegmentFile, Trouble> {
        let mut file = self.make_empty()?;
        while file.bytes < bytes {
            if let Err(trouble) = extend(&mut file, bytes) {
                self.discard(&file)?;
                return Err(trouble);
            }
        }
        self.sync_dir()?;
        Ok(file)
    }

    fn prepare(&mut self) -> Result<(), Trouble> {
        let mut file = match self.preparing.take() {
            Some(file) => file,
            None => self.make_empty()?,
        };
        let extended = extend(&mut file, self.options.segment_bytes);
        if extended.is_err() || file.bytes < self.options.segment_bytes {
            self.preparing = Some(file);
            return extended;
        }
        self.sync_dir()?;
        self.spares.push(file);
        Ok(())
    }

    fn is_room_for_spare(&self) -> Result<bool, Trouble> {
        Ok(self.available()? >= self.options.reserve_bytes.saturating_add(self.options.segment_bytes))
    }

    fn available(&self) -> Result<u64, Trouble> {
        self.disk.available(&self.dir).map_err(|error| Trouble::new("measure", &self.dir, &error))
    }

    fn make_empty(&mut self) -> Result<SegmentFile, Trouble> {
        let path = self.dir.join(format!("{:08}{EXTENSION}", self.next_number));
        self.next_number += 1;
        let handle = self.disk.open(&path, OpenMode::Create);
        let handle = handle.map_err(|error| Trouble::new("create", &path, &error))?;
        Ok(SegmentFile { path, handle: Arc::from(handle), bytes: 0 })
    }

    fn discard(&self, file: &SegmentFile) -> Result<(), Trouble> {
        self.disk.remove(&file.path).map_err(|error| Trouble::new("remove", &file.path, &error))
    }

    fn sync_dir(&self) -> Result<(), Trouble> {
        self.disk.sync_dir(&self.dir).map_err(|error| Trouble::new("sync", &self.dir, &error))
    }
}

/// Writes and syncs the next slice of `file`, up to `bytes`.
fn extend(file: &mut SegmentFile, bytes: u64) -> Result<(), Trouble> {
    static ZEROS: [u8; SLICE_BYTES as usize] = [0; SLICE_BYTES as usize];
    let slice = SLICE_BYTES.min(bytes - file.bytes);
    file.write(&ZEROS[..slice as usize], file.bytes)?;
    file.sync()?;
    file.bytes += slice;
    Ok(())
}
