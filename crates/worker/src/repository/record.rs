//! The registry of worktrees: a file for each, written before the worktree is made and removed after it is gone.
//!
//! So whatever a crash leaves behind has a record, and a record without a worktree is harmless.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::model::ContentHash;

/// Characters of a step's name that are kept for people.
const READABLE_CHARS: usize = 40;

/// What a worktree is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Two runs never share one.
    pub run: String,
    pub step: String,
    pub attempt: u32,
}

impl Key {
    /// A name for folders and branches: readable, and of no other key.
    #[must_use]
    pub fn name(&self) -> String {
        let whole = ContentHash::of_json(self);
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let readable: String = self.step.chars().map(plain).take(READABLE_CHARS).collect();
        let readable = readable.trim_matches('-');
        let readable = if readable.is_empty() { "step" } else { readable };
        format!("{readable}-{}-{}", self.attempt, whole.short())
    }
}

/// A worktree that was made, or is being made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub key: Key,
    /// The folder that all worktrees of its repository share.
    pub git_dir: PathBuf,
    pub branch: String,
    /// Commit that it began at.
    pub base: String,
}

pub(super) fn read(path: &Path) -> Result<Option<Record>, Error> {
    let fault = |message: String| Error::Disk { path: path.to_owned(), message };
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| fault(format!("not a record: {e}"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(error.to_string())),
    }
}

/// Writes it whole or not at all, and durably.
pub(super) fn write(path: &Path, record: &Record) -> Result<(), Error> {
    let fault = |error: io::Error| Error::Disk { path: path.to_owned(), message: error.to_string() };
    let bytes = serde_json::to_vec_pretty(record).map_err(|e| fault(e.into()))?;
    let unfinished = path.with_extension("new");
    let mut file = fs::File::create(&unfinished).map_err(fault)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(fault)?;
    fs::rename(&unfinished, path).map_err(fault)?;
    let folder = path.parent().unwrap_or(path);
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(run: &str, step: &str, attempt: u32) -> Key {
        Key { run: run.to_owned(), step: step.to_owned(), attempt }
    }

    #[test]
    fn names_are_readable_and_differ() {
        let name = key("r1", "patch/Issue 1", 2).name();
        assert!(name.starts_with("patch-issue-1-2-"), "{name}");
        let names = [("r1", "a/b", 1), ("r1", "a-b", 1), ("r2", "a/b", 1), ("r1", "a/b", 2), ("r1", "../..", 1)];
        let mut names: Vec<String> = names.iter().map(|(run, step, attempt)| key(run, step, *attempt).name()).collect();
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')), "{names:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 5);
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_garbage_is_told_of() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("x.json");
        assert_eq!(read(&path)?, None);
        let record =
            Record { key: key("r", "s", 1), git_dir: "/g".into(), branch: "weft/x".to_owned(), base: "abc".to_owned() };
        write(&path, &record)?;
        assert_eq!(read(&path)?, Some(record));
        fs::write(&path, "{")?;
        let error = read(&path).expect_err("half a record").to_string();
        assert!(error.contains("x.json") && error.contains("not a record"), "{error}");
        Ok(())
    }
}
