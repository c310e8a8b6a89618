//! The simulated disk's files and names: what is there, what is durable, and what became of the difference.
//!
//! Invariant: `durable` plus `changes` in order gives `view`, unless a sync failed; then some of `view` is lost
//! without being in `changes`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::super::OpenMode;
use super::{DiskCounts, SECTOR_BYTES};

/// A file, whatever its name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(u64);

pub(super) struct State {
    rng: StdRng,
    files: BTreeMap<FileId, Contents>,
    names: BTreeMap<PathBuf, FileId>,
    durable_names: BTreeMap<PathBuf, FileId>,
    name_changes: Vec<NameChange>,
    dirs: BTreeSet<PathBuf>,
    next_id: u64,
    life: u64,
    pub(super) capacity: Option<u64>,
    pub(super) faults: Faults,
    pub(super) counts: DiskCounts,
}

#[derive(Default)]
pub(super) struct Faults {
    pub(super) power: Power,
    pub(super) failing_sync: Option<u64>,
    pub(super) skipped_sync: Option<u64>,
    pub(super) skipped_dir_sync: Option<u64>,
    pub(super) has_skipped: bool,
    pub(super) failing_reads: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Power {
    #[default]
    On,
    /// After so many more changes and syncs, in the middle of the next one.
    GoesDuring(u64),
    Out,
}

/// Whether a change or sync comes to its end.
#[derive(Clone, Copy)]
enum Course {
    Whole,
    /// The power goes meanwhile: what it changes is left to the crash, and its caller hears that it failed.
    CutShort,
}

#[derive(Clone, Default)]
struct Contents {
    view: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

enum NameChange {
    Create { path: PathBuf, file: FileId },
    Rename { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
}

/// How much of what was not synced a crash leaves.
#[derive(Clone, Copy)]
enum Mercy {
    Nothing,
    Everything,
    Some,
}

enum Sync {
    Real,
    Lie,
    Failed,
    /// The power goes meanwhile.
    CutShort,
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
            dirs: BTreeSet::new(),
            next_id: 0,
            life: 0,
            capacity: None,
            faults: Faults::default(),
            counts: DiskCounts::default(),
        }
    }

    pub(super) fn copy(&self, seed: u64) -> Self {
        let mut copy = Self::new(seed);
        for (path, id) in &self.names {
            let view = self.files.get(id).map(|contents| contents.view.clone()).unwrap_or_default();
            copy.files.insert(*id, Contents { durable: view.clone(), view, changes: Vec::new() });
            copy.names.insert(path.clone(), *id);
        }
        copy.durable_names = copy.names.clone();
        copy.dirs = self.dirs.clone();
        copy.next_id = self.next_id;
        copy
    }

    pub(super) fn used(&self) -> u64 {
        self.names.values().filter_map(|id| self.files.get(id)).map(|contents| contents.view.len() as u64).sum()
    }

    pub(super) fn crash(&mut self) {
        for change in std::mem::take(&mut self.name_changes) {
            if self.rng.random() {
                change.apply(&mut self.durable_names);
            }
        }
        self.names = self.durable_names.clone();
        let alive: BTreeSet<FileId> = self.names.values().copied().collect();
        self.files.retain(|id, _| alive.contains(id));
        for contents in self.files.values_mut() {
            contents.crash(&mut self.rng);
        }
        self.kill();
    }

    pub(super) fn kill(&mut self) {
        self.life += 1;
        let has_skipped = self.faults.has_skipped;
        self.faults = Faults { has_skipped, ..Faults::default() };
    }

    pub(super) fn edit(&mut self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let id = *self.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        let contents = self.contents(id)?;
        change(&mut contents.view);
        contents.durable = contents.view.clone();
        contents.changes.clear();
        Ok(())
    }

    pub(super) fn create_dir_all(&mut self, dir: &Path) -> io::Result<()> {
        let course = self.power()?;
        self.dirs.extend(dir.ancestors().map(Path::to_path_buf));
        course.outcome(())
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.dir(dir)?;
        let names = self.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(names.filter_map(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned()).collect())
    }

    pub(super) fn open(&mut self, path: &Path, mode: OpenMode) -> io::Result<(FileId, u64)> {
        match (mode, self.names.get(path)) {
            (OpenMode::Create, Some(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            (OpenMode::Create, None) => {
                self.dir(path.parent().unwrap_or(Path::new("")))?;
                let course = self.power()?;
                let file = FileId(self.next_id);
                self.next_id += 1;
                self.files.insert(file, Contents::default());
                self.change_names(NameChange::Create { path: path.to_owned(), file });
                course.outcome((file, self.life))
            }
            (OpenMode::Read | OpenMode::Write, Some(id)) => Ok((*id, self.life)),
            (OpenMode::Read | OpenMode::Write, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let course = self.power()?;
        if !self.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change_names(NameChange::Rename { from: from.to_owned(), to: to.to_owned() });
        course.outcome(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let course = self.power()?;
        if !self.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change_names(NameChange::Remove { path: path.to_owned() });
        course.outcome(())
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        self.counts.dir_syncs += 1;
        self.dir(dir)?;
        let is_skipped = counted_down(&mut self.faults.skipped_dir_sync);
        self.faults.has_skipped |= is_skipped;
        match self.begin_sync()? {
            Sync::CutShort => return Err(no_power()),
            Sync::Failed => return Err(failed_sync()),
            Sync::Lie => {}
            Sync::Real if is_skipped => {}
            Sync::Real => {
                let (synced, rest) = std::mem::take(&mut self.name_changes).into_iter().partition(|c| c.is_in(dir));
                self.name_changes = rest;
                let synced: Vec<NameChange> = synced;
                for change in synced {
                    change.apply(&mut self.durable_names);
                }
            }
        }
        Ok(())
    }

    /// The file behind a handle, if no crash came between.
    pub(super) fn handle(&self, id: FileId, life: u64) -> io::Result<FileId> {
        if life == self.life { Ok(id) } else { Err(io::Error::other("the file was open before a crash")) }
    }

    pub(super) fn read(&mut self, id: FileId, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.faults.failing_reads {
            return Err(io::Error::other("injected: the read failed"));
        }
        let view = &self.contents(id)?.view;
        let start = view.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
        let read = buffer.len().min(view.len() - start);
        buffer[..read].copy_from_slice(&view[start..start + read]);
        self.counts.reads += 1;
        self.counts.bytes_read += read as u64;
        Ok(read)
    }

    pub(super) fn write(&mut self, id: FileId, bytes: &[u8], offset: u64) -> io::Result<()> {
        let course = self.power()?;
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let change = Change::Write { offset, bytes: bytes.to_vec() };
        self.apply(id, change)?;
        self.counts.writes += 1;
        self.counts.bytes_written += bytes.len() as u64;
        course.outcome(())
    }

    pub(super) fn len(&mut self, id: FileId) -> io::Result<u64> {
        Ok(self.contents(id)?.view.len() as u64)
    }

    pub(super) fn set_len(&mut self, id: FileId, len: u64) -> io::Result<()> {
        let course = self.power()?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.apply(id, Change::SetLen(len))?;
        course.outcome(())
    }

    pub(super) fn sync(&mut self, id: FileId) -> io::Result<()> {
        self.counts.file_syncs += 1;
        match self.begin_sync()? {
            Sync::Real => {
                let contents = self.contents(id)?;
                for change in std::mem::take(&mut contents.changes) {
                    change.apply(&mut contents.durable);
                }
                Ok(())
            }
            Sync::Lie => Ok(()),
            Sync::CutShort => Err(no_power()),
            Sync::Failed => {
                self.contents(id)?.changes.clear();
                Err(failed_sync())
            }
        }
    }

    fn apply(&mut self, id: FileId, change: Change) -> io::Result<()> {
        let growth = change.end().saturating_sub(self.contents(id)?.view.len()) as u64;
        if self.capacity.is_some_and(|capacity| growth > 0 && self.used() + growth > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let contents = self.contents(id)?;
        change.apply(&mut contents.view);
        contents.changes.push(change);
        Ok(())
    }

    fn begin_sync(&mut self) -> io::Result<Sync> {
        if let Course::CutShort = self.power()? {
            return Ok(Sync::CutShort);
        }
        if counted_down(&mut self.faults.failing_sync) {
            return Ok(Sync::Failed);
        }
        if counted_down(&mut self.faults.skipped_sync) {
            self.faults.has_skipped = true;
            return Ok(Sync::Lie);
        }
        Ok(Sync::Real)
    }

    /// Whether there is power for one more change or sync, and until its end.
    fn power(&mut self) -> io::Result<Course> {
        match self.faults.power {
            Power::On => Ok(Course::Whole),
            Power::GoesDuring(0) => {
                self.faults.power = Power::Out;
                Ok(Course::CutShort)
            }
            Power::GoesDuring(left) => {
                self.faults.power = Power::GoesDuring(left - 1);
                Ok(Course::Whole)
            }
            Power::Out => Err(no_power()),
        }
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }

    fn dir(&self, dir: &Path) -> io::Result<()> {
        if self.dirs.contains(dir) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn contents(&mut self, id: FileId) -> io::Result<&mut Contents> {
        self.files.get_mut(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn no_power() -> io::Error {
    io::Error::other("injected: the power is cut")
}

fn failed_sync() -> io::Error {
    io::Error::other("injected: the sync failed")
}

impl Course {
    /// What the caller hears of a change that was made as far as it could be.
    fn outcome<T>(self, done: T) -> io::Result<T> {
        match self {
            Self::Whole => Ok(done),
            Self::CutShort => Err(no_power()),
        }
    }
}

/// Whether the countdown came to its end with this call.
fn counted_down(countdown: &mut Option<u64>) -> bool {
    match countdown {
        Some(0) => {
            *countdown = None;
            true
        }
        Some(left) => {
            *left -= 1;
            false
        }
        None => false,
    }
}

impl Contents {
    fn crash(&mut self, rng: &mut StdRng) {
        let mercy = match rng.random_range(0..4) {
            0 => Mercy::Nothing,
            1 => Mercy::Everything,
            _ => Mercy::Some,
        };
        for change in std::mem::take(&mut self.changes) {
            for piece in change.pieces() {
                let survives = match mercy {
                    Mercy::Nothing => false,
                    Mercy::Everything => true,
                    Mercy::Some => rng.random(),
                };
                if survives {
                    piece.apply(&mut self.durable);
                }
            }
        }
        self.view = self.durable.clone();
    }
}

impl Change {
    fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                data.resize(data.len().max(offset + bytes.len()), 0);
                data[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
            Self::SetLen(len) => data.resize(*len, 0),
        }
    }

    /// The length that the file has at least afterwards.
    fn end(&self) -> usize {
        match self {
            Self::Write { offset, bytes } => offset + bytes.len(),
            Self::SetLen(len) => *len,
        }
    }

    /// What reaches the disk each for itself.
    fn pieces(self) -> Vec<Self> {
        let Self::Write { mut offset, bytes } = self else { return vec![self] };
        let mut rest = bytes.as_slice();
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(SECTOR_BYTES - offset % SECTOR_BYTES));
            pieces.push(Self::Write { offset, bytes: piece.to_vec() });
            offset += piece.len();
            rest = after;
        }
        pieces
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, FileId>) {
        match self {
            Self::Create { path, file } => {
                names.insert(path.clone(), *file);
            }
            Self::Rename { from, to } => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove { path } => {
                names.remove(path);
            }
        }
    }

    fn is_in(&self, dir: &Path) -> bool {
        let (Self::Create { path, .. } | Self::Rename { to: path, .. } | Self::Remove { path }) = self;
        path.parent() == Some(dir)
    }
}
