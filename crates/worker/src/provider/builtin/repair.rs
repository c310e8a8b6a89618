//! *Patch* without a model: search-based program repair.
//!
//! Failing tests say that something is wrong and, by what they execute, where. [`candidates`] lists small edits of the
//! suspicious places, [`search`] tries them, the likeliest first, until all tests pass or a limit is reached. Nothing is
//! called a repair that did not pass the whole test command on a clean copy of the tree.

mod bench;
pub mod candidates;
pub mod edit;
mod operators;
mod pool;
mod python;
mod rust;
mod search;
pub mod spectrum;
mod tree;

use std::{path::PathBuf, time::Duration};

use edit::Kind;
pub use search::repair;

use crate::provider::shell::CannotRun;

/// What is to be mended.
#[derive(Clone, Debug)]
pub struct Task {
    /// The tree, which is changed only when a repair is verified.
    pub tree: PathBuf,
    /// An empty folder outside of the tree, for copies and builds.
    pub scratch: PathBuf,
    /// Runs the tests; its status says whether they pass.
    pub command: Vec<String>,
    pub limits: Limits,
}

/// Where the search ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most candidates that are tried.
    pub candidates: u32,
    /// Most files that are changed in candidates, the most suspicious first.
    pub files: usize,
    /// All of it.
    pub time: Duration,
    /// One run of the test command, builds included.
    pub run: Duration,
    /// One test, before it is taken to hang.
    pub test: Duration,
    /// Candidates that are tried at once.
    pub parallel: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let (time, run) = (Duration::from_secs(900), Duration::from_secs(300));
        Self { candidates: 600, files: 4, time, run, test: Duration::from_secs(10), parallel: 2 }
    }
}

/// What came of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Mended(Mended),
    Unable {
        reason: Reason,
        /// How many candidates were tried.
        tried: u32,
    },
}

/// A repair that passed the whole test command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    pub kind: Kind,
    /// `a.py: changes a constant in line 3: 1 → 2`
    pub summary: String,
    pub tried: u32,
}

/// Why nothing was mended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("all tests pass: there is nothing to mend")]
    NothingFails,
    #[error("the tests cannot be run: {0}")]
    CannotRun(String),
    #[error("the failing tests point to no source that can be changed")]
    NothingSuspicious,
    #[error("no small edit of the suspicious places makes all tests pass")]
    Exhausted,
    #[error("none of the likeliest edits makes all tests pass, and no more may be tried")]
    CandidateLimit,
    #[error("the time for the search is up")]
    TimeLimit,
}

/// The search itself could not be done: no verdict on the tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the tree cannot be copied or written: {0}")]
    Tree(String),
    #[error(transparent)]
    CannotRun(#[from] CannotRun),
}

/// Whether a file holds tests: they say what is right, and are not mended.
#[must_use]
pub fn is_test_path(path: &str) -> bool {
    let folder = ["tests/", "test/"].into_iter().any(|it| path.starts_with(it)) || path.contains("/tests/");
    folder || path.ends_with(".py") && python::is_test_file(path)
}
