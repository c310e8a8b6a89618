//! Why a data directory is refused, said so that the operator knows what to do.

use std::io;
use std::path::{Path, PathBuf};

/// A refusal to use a data directory. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path} is not a directory", path = path.display())]
    NotADirectory { path: PathBuf },

    #[error(
        "{path} is not a weft data directory: it holds {found:?} and no weft.toml; give an empty directory",
        path = path.display()
    )]
    Foreign { path: PathBuf, found: String },

    #[error(
        "{path} is a data directory already: name a directory that is empty or does not exist",
        path = path.display()
    )]
    Exists { path: PathBuf },

    #[error("{path} is in use by {holder}", path = path.display(), holder = name_of(*holder))]
    Locked { path: PathBuf, holder: Option<u32> },

    #[error(
        "{path} has format level {found}, and this version knows levels up to {known}: use the newer version that raised \
         it; a level is never lowered",
        path = path.display()
    )]
    Newer { path: PathBuf, found: u32, known: u32 },

    #[error(
        "{path} has format level {found}, and this version knows levels from {known} on: start a version that knows both, \
         and raise the level there (wfctl cluster finalize)",
        path = path.display()
    )]
    Older { path: PathBuf, found: u32, known: u32 },

    #[error(
        "{path} keeps its state in {found}, but {wanted} is configured: configure {found}, or start on an empty directory",
        path = path.display()
    )]
    OtherBackend { path: PathBuf, found: String, wanted: &'static str },

    #[error("{path} is damaged: {why}; restore it from a backup", path = path.display())]
    Damaged { path: PathBuf, why: String },

    #[error("cannot {action} {path}", path = path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

impl Error {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

fn name_of(holder: Option<u32>) -> String {
    holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
