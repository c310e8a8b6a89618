//! The index: one SQLite file per node with the records of all its groups. [`Index`] writes, [`Reader`]s read.
//!
//! Invariants: the rows of a batch and the positions up to which its groups are indexed are one transaction; what is
//! applied twice is applied once. Everything is derived: a file that is damaged or of another version is replaced by an
//! empty one, and the positions then say that everything has to be fed again.
//!
//! The file is in WAL mode with `synchronous = NORMAL`: a commit costs no fsync and survives `kill -9`; power loss may
//! take the last commits, but never the consistency of the file. A commit therefore only counts as durable, and the
//! node's log may only be purged, up to what [`Index::persist`] has said.

mod batch;
mod cursor;
mod order;
mod part;
mod read;
mod tables;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};
use tracing::warn;

pub use batch::Batch;
pub use part::{Count, CountPart, Group, Page, PageRequest, Part};
pub use read::Reader;

use crate::attribute::Class;
use crate::limits::{PART_GROUPS_MAX, REBUILD_CHUNK};
use crate::record::{Change, Record};
use crate::service::Rebuild;

/// Why the index did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's token is not one of ours.
    #[error("malformed page token: {0}")]
    Token(&'static str),
    /// The caller grouped a list.
    #[error("GROUP BY is supported in counts only")]
    GroupedList,
    /// The parts of a count cannot be added up.
    #[error("GROUP BY finds more than {PART_GROUPS_MAX} values: ask for fewer executions")]
    TooManyGroups,
    /// Another node's answer is none.
    #[error("a part of a list that makes no sense: {0}")]
    Part(&'static str),
    #[error("visibility index: {0}")]
    Database(#[from] rusqlite::Error),
    #[error("visibility index {path}: {error}")]
    File { path: PathBuf, error: std::io::Error },
    /// A bug in this crate: the writer lost one piece of work and goes on.
    #[error("visibility index: {0}")]
    Panicked(#[from] weft_env::Panicked),
    #[error("visibility index has layout {0}, this node knows {known}", known = tables::LAYOUT)]
    Layout(i64),
}

/// The writing end. There is one per node.
pub struct Index {
    connection: Arc<Mutex<Connection>>,
    path: Option<PathBuf>,
    indexed: BTreeMap<u32, u64>,
    durable: BTreeMap<u32, u64>,
    numbers: Numbers,
}

/// Small numbers for long names, as the file has them.
#[derive(Debug, Default)]
struct Numbers {
    namespaces: HashMap<String, i64>,
    fields: HashMap<(String, Class), i64>,
}

impl Index {
    /// Opens the file or makes a new one; also in the place of one that cannot be used.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let known = path.exists();
        match open_file(path) {
            Ok(index) => Ok(index),
            Err(error) if known && replaceable(&error) => {
                warn!(path = %path.display(), %error, "visibility index is unusable and will be built again");
                remove_files(path)?;
                open_file(path)
            }
            Err(error) => Err(error),
        }
    }

    /// An index that is gone when its last handle is.
    pub fn in_memory() -> Result<Self, Error> {
        Self::with(Connection::open_in_memory()?, None)
    }

    /// Up to which log index the changes of `group` are in the index; 0 if nothing is known of it.
    pub fn indexed(&self, group: u32) -> u64 {
        self.indexed.get(&group).copied().unwrap_or(0)
    }

    /// [`Index::indexed`] of every group that is known.
    pub fn all_indexed(&self) -> BTreeMap<u32, u64> {
        self.indexed.clone()
    }

    /// One group's changes up to `index` in one transaction. Changes up to an index that was applied before do nothing.
    pub fn apply(&mut self, group: u32, index: u64, changes: impl IntoIterator<Item = Change>) -> Result<(), Error> {
        let mut batch = Batch::default();
        batch.add(group, index, changes);
        self.apply_batch(&batch)
    }

    /// Everything that a batch has gathered in one transaction.
    pub fn apply_batch(&mut self, batch: &Batch) -> Result<(), Error> {
        let mut connection = self.connection.lock();
        let result = write::apply(&mut connection, &mut self.numbers, &mut self.indexed, batch);
        if result.is_err() {
            // Numbers that were given in the transaction are as void as the transaction.
            self.numbers = Numbers::default();
        }
        result
    }

    /// Forgets a group: its records and its position.
    pub fn remove_group(&mut self, group: u32) -> Result<(), Error> {
        write::remove_group(&mut self.connection.lock(), group)?;
        self.indexed.remove(&group);
        self.durable.remove(&group);
        Ok(())
    }

    /// Puts `records`, the whole state of `group` as of `index`, in the place of what is known of it. Until the last
    /// one is in, the group counts as not indexed at all, so a rebuild that is cut short is seen and done again.
    ///
    /// # Errors
    /// When the index cannot be written, or with the first record that cannot be read.
    pub fn rebuild_group<E>(
        &mut self,
        group: u32,
        index: u64,
        records: impl IntoIterator<Item = Result<Record, E>>,
    ) -> Result<(), Rebuild<E>> {
        self.remove_group(group)?;
        let mut batch = Batch::default();
        for record in records {
            batch.put(group, Change::Upsert(Box::new(record.map_err(Rebuild::Source)?)));
            if batch.len() >= REBUILD_CHUNK {
                self.apply_batch(&batch)?;
                batch = Batch::default();
            }
        }
        batch.add(group, index, []);
        Ok(self.apply_batch(&batch)?)
    }

    /// Makes what is committed durable, and says up to where each group now is. A reader in the middle of a long list can
    /// hold that back; what is said then is what was said before.
    pub fn persist(&mut self) -> Result<BTreeMap<u32, u64>, Error> {
        if self.path.is_some() && !tables::checkpoint(&self.connection.lock())? {
            return Ok(self.durable.clone());
        }
        self.durable = self.indexed.clone();
        Ok(self.durable.clone())
    }

    /// A reading end. Of an index in memory it shares the writer's connection and takes turns with it.
    pub fn reader(&self) -> Result<Reader, Error> {
        let Some(path) = &self.path else {
            return Ok(Reader::new(Arc::clone(&self.connection)));
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        tables::tune_reader(&connection)?;
        Ok(Reader::new(Arc::new(Mutex::new(connection))))
    }

    #[cfg(test)]
    pub(crate) fn execute_for_tests(&self, sql: &str) {
        self.connection.lock().execute_batch(sql).expect(sql);
    }

    /// Whether readers share the writer's connection, so that more than one is of no use.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.path.is_none()
    }

    fn with(connection: Connection, path: Option<PathBuf>) -> Result<Self, Error> {
        tables::prepare(&connection, path.is_some())?;
        let indexed = tables::indexed(&connection)?;
        let connection = Arc::new(Mutex::new(connection));
        Ok(Self { connection, path, indexed, durable: BTreeMap::new(), numbers: Numbers::default() })
    }
}

fn open_file(path: &Path) -> Result<Index, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Index::with(Connection::open_with_flags(path, flags)?, Some(path.to_owned()))
}

/// Only what a new file would mend; a full disk or a missing permission is not.
fn replaceable(error: &Error) -> bool {
    use rusqlite::ErrorCode;
    match error {
        Error::Database(rusqlite::Error::SqliteFailure(failure, _)) => {
            matches!(failure.code, ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
        }
        Error::Layout(_) => true,
        Error::Database(_)
        | Error::Token(_)
        | Error::GroupedList
        | Error::TooManyGroups
        | Error::Part(_)
        | Error::File { .. }
        | Error::Panicked(_) => false,
    }
}

fn remove_files(path: &Path) -> Result<(), Error> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let file = PathBuf::from(name);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::File { path: file, error });
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
