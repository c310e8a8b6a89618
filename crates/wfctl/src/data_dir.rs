//! A data directory from outside: whether it is one, and whether a server uses it.
//!
//! The two file names and the first line of the identity are those of the server's data directory (format 1). Nothing
//! is read here but them: what is in the files is the server's business.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
};

use crate::exit::Failure;

pub(crate) const IDENTITY: &str = "weft.toml";
pub(crate) const LOCK: &str = "LOCK";
/// The manifest of a backup of another kind.
const CLUSTER_BACKUP: &str = "backup.json";
const MAGIC: &str = "magic = \"weft data directory\"";

/// As long as it lives no server can open the directory.
#[derive(Debug)]
pub(crate) struct Claim {
    _lock: Option<File>,
}

/// That the directory is one of ours.
pub(crate) fn check(dir: &Path) -> Result<(), Failure> {
    let shown = dir.display();
    match fs::read_to_string(dir.join(IDENTITY)) {
        Ok(text) if text.lines().any(|line| line == MAGIC) => Ok(()),
        Ok(_) => {
            Err(Failure::refused(format!("{shown} is not a weft data directory: its {IDENTITY} is another one's")))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && dir.join(CLUSTER_BACKUP).exists() => Err(
            Failure::refused(format!("{shown} is a backup of a running cluster: `wfctl cluster restore` restores it")),
        ),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(Failure::refused(format!("{shown} is not a weft data directory: there is no {IDENTITY} in it")))
        }
        Err(error) => Err(Failure::refused(format!("{shown} cannot be read: {error}"))),
    }
}

/// Takes the lock that a running server holds.
pub(crate) fn claim(dir: &Path) -> Result<Claim, Failure> {
    check(dir)?;
    let path = dir.join(LOCK);
    let cannot = |error: io::Error| Failure::refused(format!("cannot lock {}: {error}", path.display()));
    // A backup has no lock, and its medium may not take one.
    let file = match OpenOptions::new().read(true).write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Claim { _lock: None }),
        Err(error) => return Err(cannot(error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(Claim { _lock: Some(file) }),
        Err(TryLockError::WouldBlock) => Err(Failure::refused(format!(
            "{} is in use by {}: stop that server first (SIGTERM, or Ctrl-C in its terminal), then try again",
            dir.display(),
            holder(&path)
        ))),
        Err(TryLockError::Error(error)) => Err(cannot(error)),
    }
}

fn holder(lock: &Path) -> String {
    let text = fs::read_to_string(lock).unwrap_or_default();
    text.trim().parse::<u32>().map_or_else(|_| "another process".to_owned(), |pid| format!("process {pid}"))
}
