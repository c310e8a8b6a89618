//! A data directory from outside: whether it is one, and whether a server uses it.
//!
//! The two file names, the first line of the identity and its line about the cluster are those of the server's data directory
//! (format 1). Nothing is read here but them: what is in the files is the server's business.

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

/// Whether it is of a node of a cluster, whose id is made from its name; a node of its own has drawn its id.
pub(crate) fn is_member(dir: &Path) -> Result<bool, Failure> {
    const DRAWN: char = '4';
    check(dir)?;
    let text = fs::read_to_string(dir.join(IDENTITY))
        .map_err(|error| Failure::refused(format!("{} cannot be read: {error}", dir.display())))?;
    let id = text.lines().find_map(|line| line.strip_prefix("cluster = \"")?.strip_suffix('"'));
    // A UUID's version is its thirteenth digit.
    Ok(id.is_some_and(|id| id.chars().filter(char::is_ascii_hexdigit).nth(12) != Some(DRAWN)))
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
