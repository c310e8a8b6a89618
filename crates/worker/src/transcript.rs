//! What was said and done in a step, beside the history and never in it.
//!
//! A transcript is a file of lines of JSON ([`Entry`]), one for each step and attempt. It grows at its end only, so
//! whoever follows it goes on from a [`Cursor`], and whoever follows a whole run ([`RunReader`]) from a [`Bookmark`].
//! What is missing is said where it is missing: a worker that died, a transcript that grew too long, a file that is not
//! the one that was read before. Secrets that the worker knows never reach the file ([`Secrets`]). Agents say what they
//! have to say to a [`Scribe`].
//!
//! ```text
//! <git directory>/weft/transcripts/<run>/<step>-<attempt>-….jsonl
//! ```

mod lines;
mod reader;
mod run;
mod said;
mod scribe;
mod writer;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub use lines::Secrets;
pub use reader::{Cursor, InvalidCursor, Page, Reader};
pub use run::{Bookmark, Heard, InvalidBookmark, RunPage, RunReader};
pub use said::{Entry, Gap, Said};
pub use scribe::Scribe;
pub use writer::Writer;

use crate::{blame::Blame, model::ContentHash, repository::Key};

/// Why a transcript was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no transcript of {step} (attempt {attempt}) of the run {run}")]
    None { run: String, step: String, attempt: u32 },
    #[error("the transcript {path}: {message}")]
    Disk { path: PathBuf, message: String },
    #[error("there are no transcripts of the run {run} in {}: nobody has begun a step there yet, or they were removed", folder.display())]
    NoneOfRun { run: String, folder: PathBuf },
}

impl Error {
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::None { .. } | Self::NoneOfRun { .. } => Blame::Refused,
            Self::Disk { .. } => Blame::Environment,
        }
    }
}

/// Beyond this a transcript takes nothing more.
const BYTES_MAX: u64 = 16 << 20;

/// The transcripts of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcripts {
    folder: PathBuf,
    /// Of each.
    bytes_max: u64,
}

impl Transcripts {
    /// Those that lie with a repository, whichever worker writes them.
    #[must_use]
    pub fn of(git_dir: &Path) -> Self {
        Self::new(git_dir.join("weft/transcripts"), BYTES_MAX)
    }

    /// In a folder of their own.
    pub fn new(folder: impl Into<PathBuf>, bytes_max: u64) -> Self {
        Self { folder: folder.into(), bytes_max }
    }

    /// Begins a transcript, or goes on with one whose writer has died.
    pub fn write(&self, key: &Key, secrets: Secrets) -> Result<Writer, Error> {
        Writer::open(self.path(key), self.bytes_max, secrets)
    }

    /// Reads from a place on; the default is the beginning.
    pub fn read(&self, key: &Key, from: Cursor) -> Result<Reader, Error> {
        let path = self.path(key);
        if !path.exists() {
            return Err(Error::None { run: key.run.clone(), step: key.step.clone(), attempt: key.attempt });
        }
        Ok(Reader::new(path, from))
    }

    /// Reads all that is said in a run, or in one step of it, from a place on.
    ///
    /// # Errors
    /// When there is nothing yet.
    pub fn read_run(&self, run: &str, step: Option<&str>, from: Bookmark) -> Result<RunReader, Error> {
        let folder = self.run_folder(run);
        if !folder.exists() {
            return Err(Error::NoneOfRun { run: run.to_owned(), folder: self.folder.clone() });
        }
        Ok(RunReader::new(folder, step.map(str::to_owned), from))
    }

    /// Removes the transcripts of runs in which nothing was said for so long.
    pub fn sweep(&self, silent_for: Duration) -> Result<(), Error> {
        for run in files(&self.folder)? {
            if is_silent(&run, silent_for)? {
                gone(&run, std::fs::remove_dir_all(&run))?;
            }
        }
        Ok(())
    }

    /// Removes all transcripts of a run.
    pub fn remove(&self, run: &str) -> Result<(), Error> {
        let path = self.run_folder(run);
        gone(&path, std::fs::remove_dir_all(&path))
    }

    fn run_folder(&self, run: &str) -> PathBuf {
        self.folder.join(ContentHash::of(run.as_bytes()).short())
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.run_folder(&key.run).join(format!("{}.jsonl", key.name()))
    }
}

fn disk(path: &Path, error: &std::io::Error) -> Error {
    Error::Disk { path: path.to_owned(), message: error.to_string() }
}

/// What lies in a folder, in the order of its names; nothing where there is none.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(disk(folder, &error)),
    };
    let paths = entries.map(|entry| entry.map(|it| it.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = paths.map_err(|e| disk(folder, &e))?;
    paths.sort();
    Ok(paths)
}

/// Whether nothing was written to any file of a folder for so long; a run that has just begun has no file yet. What is no
/// folder is not ours, and what vanishes meanwhile somebody else removes.
fn is_silent(run: &Path, silent_for: Duration) -> Result<bool, Error> {
    if !run.is_dir() {
        return Ok(false);
    }
    let mut paths = files(run)?;
    if paths.is_empty() {
        paths.push(run.to_owned());
    }
    let silences = paths.iter().map(|path| silence(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(silences.into_iter().flatten().all(|silence| silence > silent_for))
}

/// How long ago somebody wrote there, if it is there. What was written in the future was written now.
fn silence(path: &Path) -> Result<Option<Duration>, Error> {
    let written = match std::fs::metadata(path).and_then(|it| it.modified()) {
        Ok(written) => written,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(disk(path, &error)),
    };
    let now = std::time::SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(now_ns()).unwrap_or_default());
    Ok(Some(now.duration_since(written).unwrap_or_default()))
}

/// What was removed before is removed.
fn gone(path: &Path, removed: std::io::Result<()>) -> Result<(), Error> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(disk(path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn now_ns() -> i64 {
    use weft_env::Clock as _;
    weft_env::RealClock::new().now().0
}

#[cfg(test)]
mod tests;
