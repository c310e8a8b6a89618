//! Why there is no backup, or why one is not restored: what, where, and how to mend it.

use std::{
    io,
    path::{Path, PathBuf},
};

use weft_store::{datadir, state::StoreError};

/// Nothing is there that could be taken for a whole backup, or for a data directory.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path} is not empty: name a directory that is empty or does not exist", path = path.display())]
    NotEmpty { path: PathBuf },
    #[error(
        "{path} is not a backup of a cluster: there is no backup.json in it, so it was never finished, or it is another \
         directory", path = path.display()
    )]
    NoManifest { path: PathBuf },
    #[error(
        "{path} is the copy of a data directory, not a backup of a running cluster: `wfctl restore` puts it in place",
        path = path.display()
    )]
    DataDirectory { path: PathBuf },
    #[error("{path} is not the manifest of a backup: {why}", path = path.display())]
    Manifest { path: PathBuf, why: String },
    #[error(
        "{path} has format level {found}, and this version knows levels up to {known}: use the newer version that made it",
        path = path.display()
    )]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error(
        "{path} has format level {found}, and this version knows levels from {known} on: restore it with the version that \
         made it, and raise the level there (wfctl cluster finalize)",
        path = path.display()
    )]
    Older { path: PathBuf, found: u32, known: u32 },
    #[error("{path} is missing from the backup: get it back, or use another backup", path = path.display())]
    Missing { path: PathBuf },
    #[error("{path} is damaged: {why}; get it back, or use another backup", path = path.display())]
    Damaged { path: PathBuf, why: String },
    /// What the node sent ended too early, or is no backup.
    #[error("the backup broke off: {0}; nothing of it was kept")]
    BrokenOff(String),
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    DataDir(#[from] datadir::Error),
    #[error("the rows cannot be written: {0}")]
    Store(#[from] StoreError),
}

impl Error {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    pub(super) fn damaged(path: &Path, why: impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.to_string() }
    }
}
