//! Forges: where pull requests, issues and documents live.
//!
//! Everything that is opened has a key, which names the step that opens it: opened again with the same key it is found,
//! not made twice.

pub mod config;
mod local;

use std::{collections::BTreeSet, time::Duration};

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use local::Local;

use crate::{
    blame::Blame,
    github,
    model::{PullRequest, QualityGateResult},
    repository,
};

/// A pull request that is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPullRequest {
    pub key: String,
    pub branch: String,
    /// What the branch is at.
    pub commit: String,
    pub base: String,
    pub title: String,
    pub description: String,
    pub labels: BTreeSet<String>,
}

/// A document that is to be kept: an issue for people, a postmortem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDocument {
    pub key: String,
    pub kind: DocumentKind,
    pub title: String,
    /// In Markdown.
    pub text: String,
    pub labels: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    Issue,
    Postmortem,
}

/// What a forge did not do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Repository(#[from] repository::Error),
    #[error("there is no pull request {0}")]
    Unknown(u64),
    #[error("the branch {branch} is at {found}, not at {wanted}, which was checked")]
    Moved { branch: String, wanted: String, found: String },
    #[error("pull request {number} contradicts {base}: bring its branch up to date")]
    Conflict { number: u64, base: String },
    #[error("{base} is checked out at {path}: merge pull request {number} there, or give a bare repository")]
    CheckedOut { number: u64, base: String, path: String },
    #[error("pull request {0} is closed")]
    Closed(u64),
    #[error(transparent)]
    GitHub(github::Error),
    #[error("the forge's records cannot be kept: {0}")]
    Records(String),
}

impl Error {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Repository(error) => error.blame(),
            Self::GitHub(error) => error.blame(),
            Self::Unknown(_) | Self::CheckedOut { .. } | Self::Closed(_) => Blame::Refused,
            Self::Moved { .. } | Self::Conflict { .. } => Blame::Work,
            Self::Records(_) => Blame::Environment,
        }
    }

    /// How long the forge wants to be left alone, if it says so.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::GitHub(error) => error.wait(),
            Self::Repository(_)
            | Self::Unknown(_)
            | Self::Moved { .. }
            | Self::Conflict { .. }
            | Self::CheckedOut { .. }
            | Self::Closed(_)
            | Self::Records(_) => None,
        }
    }
}

/// What came of a call of a forge, in time.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// What all forges do.
pub trait Forge: Send + Sync {
    /// Opens a pull request, if the branch is at the commit.
    fn open<'a>(&'a self, new: &'a NewPullRequest) -> Answer<'a, PullRequest>;

    fn get(&self, number: u64) -> Answer<'_, PullRequest>;

    /// Leaves a comment; once for each key.
    fn comment<'a>(&'a self, number: u64, key: &'a str, text: &'a str) -> Answer<'a, ()>;

    /// Says on the pull request what a quality gate found.
    fn set_status<'a>(&'a self, number: u64, result: &'a QualityGateResult) -> Answer<'a, ()>;

    /// Merges it; once it is merged, nothing more.
    fn merge(&self, number: u64) -> Answer<'_, PullRequest>;

    /// Closes it, unless it is merged.
    fn close(&self, number: u64) -> Answer<'_, PullRequest>;

    /// Keeps a document; its address.
    fn keep<'a>(&'a self, new: &'a NewDocument) -> Answer<'a, String>;

    /// Removes what it has of a branch; the repository's own is not the forge's.
    fn remove_branch<'a>(&'a self, branch: &'a str) -> Answer<'a, ()>;
}
