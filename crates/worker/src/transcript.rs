//! What was said and done in a step, beside the history and never in it.
//!
//! A transcript is a file of lines of JSON ([`Entry`]), one for each step and attempt. It grows at its end only, so
//! whoever follows it goes on from a [`Cursor`]. What is missing is said where it is missing: a worker that died, a
//! transcript that grew too long, a file that is not the one that was read before. Secrets that the worker knows never
//! reach the file ([`Secrets`]).

mod lines;
mod reader;
mod writer;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use lines::Secrets;
pub use reader::{Cursor, InvalidCursor, Page, Reader};
pub use writer::Writer;

use crate::{blame::Blame, model::ContentHash, process::Stream, repository::Key};

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counted from 0 in each transcript; none is left out.
    pub number: u64,
    pub unix_ms: i64,
    #[serde(flatten)]
    pub said: Said,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Said {
    /// Whole lines that a command printed, or the rest of its output.
    Printed { stream: Stream, text: String },
    /// A word of the worker's or of an agent's.
    Note { text: String },
    /// Something is missing here.
    Gap { gap: Gap },
    /// Nothing follows.
    End,
}

/// Why something is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Gap {
    /// Whoever wrote died; what was said until somebody went on is not known.
    WriterDied,
    /// The transcript was full.
    Full { lost_bytes: u64 },
    /// The reader's place is not in this file: it is read from its beginning.
    Replaced,
}

/// Why a transcript was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no transcript of {step} (attempt {attempt}) of the run {run}")]
    None { run: String, step: String, attempt: u32 },
    #[error("the transcript {path}: {message}")]
    Disk { path: PathBuf, message: String },
}

impl Error {
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::None { .. } => Blame::Refused,
            Self::Disk { .. } => Blame::Environment,
        }
    }
}

/// The transcripts of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcripts {
    folder: PathBuf,
    /// Of each.
    bytes_max: u64,
}

impl Transcripts {
    /// In a folder of the worker's own.
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

    /// Removes all transcripts of a run.
    pub fn remove(&self, run: &str) -> Result<(), Error> {
        let path = self.run_folder(run);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(disk(&path, &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn run_folder(&self, run: &str) -> PathBuf {
        self.folder.join(ContentHash::of(run.as_bytes()).short())
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.run_folder(&key.run).join(format!("{}.jsonl", key.name()))
    }
}

fn disk(path: &std::path::Path, error: &std::io::Error) -> Error {
    Error::Disk { path: path.to_owned(), message: error.to_string() }
}

#[cfg(test)]
mod tests;
