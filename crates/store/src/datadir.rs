//! The node's data directory: made once, recognised for ever, used by one process at a time.
//!
//! ```text
//! weft.toml           whose data this is: format level, cluster, node, number of shards, backend of the applied state
//! founders.toml       which directories founded the cluster with this one; where it founded one with others
//! LOCK                locked while a process uses the directory; says which
//! log/                the write-ahead log
//! state/              the applied state: nothing but the backend's own files
//! visibility.sqlite   the index for lists; can be rebuilt
//! ```
//!
//! Invariant: nothing is written into a directory that is not known to be ours or empty, and `weft.toml` appears whole
//! and durable or not at all. Upgrading an older format will be done here, under the lock, before anybody else opens
//! anything. Deliberately not on the simulated disk: a simulated node brings its own store and log.

mod beginning;
mod error;
mod founders;
mod identity;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

pub use beginning::Beginning;
pub use error::Error;
pub use founders::Founders;
pub use identity::{Backend, Identity};
use parking_lot::Mutex;
use uuid::Uuid;

const IDENTITY_FILE: &str = "weft.toml";
const UNFINISHED_IDENTITY_FILE: &str = "weft.toml.new";
const LOCK_FILE: &str = "LOCK";

/// What may lie in a directory that we call empty: what an interrupted creation left, and what file systems put at
/// the root of a volume.
const EMPTY_ENOUGH: [&str; 3] = [UNFINISHED_IDENTITY_FILE, LOCK_FILE, "lost+found"];

/// What a new directory is told to be. For one that exists only the backend counts: it must be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Founding {
    pub cluster: Uuid,
    pub node: u32,
    /// How many shards the cluster has: chosen when it is made.
    pub shards: u16,
    pub backend: Backend,
    /// The format level of the cluster.
    pub format: u32,
    /// Its node joins a cluster that is there, as this incarnation of it, and founds nothing.
    pub joins: Option<Uuid>,
}

/// An open data directory. Nobody else can open it until this is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    identity: Identity,
    /// The format level that the identity file says.
    level: Mutex<u32>,
    is_new: bool,
    /// Locked as long as it is open.
    _lock: File,
}

impl DataDir {
    /// Opens the directory, or founds it where there is none or an empty one. One whose format level is not among those that
    /// the caller knows is refused.
    pub fn open(path: &Path, founding: &Founding, known: &RangeInclusive<u32>) -> Result<Self, Error> {
        if !is_ours(path)? {
            make_directory(path)?;
        }
        let lock = lock(path)?;
        let (identity, is_new) = match read_identity(path, known)? {
            Some(identity) => (identity, false),
            None => (found(path, founding)?, true),
        };
        if identity.backend != founding.backend {
            let (found, wanted) = (identity.backend.name().to_owned(), founding.backend.name());
            return Err(Error::OtherBackend { path: path.to_owned(), found, wanted });
        }
        let level = Mutex::new(identity.format);
        Ok(Self { path: path.to_owned(), identity, level, is_new, _lock: lock })
    }

    /// Whether there is a data directory.
    pub fn exists(path: &Path) -> Result<bool, Error> {
        is_ours(path)
    }

    /// The data of a node of its own are those of this cluster from now on.
    pub fn adopt(&mut self, cluster: Uuid) -> Result<(), Error> {
        let identity = Identity { cluster, format: *self.level.get_mut(), ..self.identity.clone() };
        write_identity(&self.path, &identity)?;
        self.identity = identity;
        Ok(())
    }

    /// From now on only those may open it who know this format level. It is never lowered.
    pub fn raise(&self, format: u32) -> Result<(), Error> {
        let mut level = self.level.lock();
        if format <= *level {
            return Ok(());
        }
        write_identity(&self.path, &Identity { format, ..self.identity.clone() })?;
        *level = format;
        Ok(())
    }

    /// The format level that it says now.
    pub fn format(&self) -> u32 {
        *self.level.lock()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// As it was opened; the format level may have been raised since.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// This opening founded it.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    pub fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    pub fn visibility(&self) -> PathBuf {
        self.path.join("visibility.sqlite")
    }
}

/// Whether there is an identity file; an error if there is something else instead.
fn is_ours(path: &Path) -> Result<bool, Error> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Error::NotADirectory { path: path.to_owned() });
        }
        Err(error) => return Err(Error::io("read", path, error)),
    };
    let mut foreign = None;
    for entry in entries {
        let name = entry.map_err(|error| Error::io("read", path, error))?.file_name();
        if name == IDENTITY_FILE {
            return Ok(true);
        }
        if !EMPTY_ENOUGH.iter().any(|known| name == *known) {
            foreign = Some(name.to_string_lossy().into_owned());
        }
    }
    match foreign {
        Some(found) => Err(Error::Foreign { path: path.to_owned(), found }),
        None => Ok(false),
    }
}

/// Makes the directory and what is missing above it, readable for its owner only, and makes that durable: a log that
/// is synced in a directory that is gone after a power failure would be worth nothing.
///
/// # Errors
/// When it cannot be made.
pub fn make_directory(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_directory(parent)?;
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::io("create", path, error)),
        Ok(()) | Err(_) => sync_directory(parent),
    }
}

/// The names in a directory survive a power loss from now on.
///
/// # Errors
/// When the disk does not take them.
pub fn sync_directory(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(|error| Error::io("sync", path, error))
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join(LOCK_FILE);
    let failed = |error| Error::io("lock", &path, error);
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::Locked { path: dir.to_owned(), holder: holder(&mut file) });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    // For people who find the directory locked; the lock itself needs no content.
    file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

/// The process that says it holds the lock. It may not have said so yet.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn read_identity(dir: &Path, known: &RangeInclusive<u32>) -> Result<Option<Identity>, Error> {
    let path = dir.join(IDENTITY_FILE);
    match fs::read(&path) {
        Ok(bytes) => Identity::decode(&bytes, &path, known).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", &path, error)),
    }
}

fn found(dir: &Path, founding: &Founding) -> Result<Identity, Error> {
    let identity = Identity {
        format: founding.format,
        cluster: founding.cluster,
        node: founding.node,
        shards: founding.shards,
        created_by: env!("CARGO_PKG_VERSION").to_owned(),
        backend: founding.backend,
        joined: founding.joins,
    };
    write_identity(dir, &identity)?;
    Ok(identity)
}

fn write_identity(dir: &Path, identity: &Identity) -> Result<(), Error> {
    write_durably(dir, UNFINISHED_IDENTITY_FILE, IDENTITY_FILE, &identity.encode())
}

/// Writes a file of the directory whole, or not at all.
fn write_durably(dir: &Path, unfinished: &str, name: &str, text: &str) -> Result<(), Error> {
    let (unfinished, path) = (dir.join(unfinished), dir.join(name));
    let write = || {
        let mut file = File::create(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)
    };
    write().map_err(|error| Error::io("write", &path, error))?;
    sync_directory(dir)
}

#[cfg(test)]
mod tests;
