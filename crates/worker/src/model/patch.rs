//! A change for one issue.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ContentHash, IssueId};

/// A commit that does what an issue asks for, with its tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    pub issue: IssueId,
    /// The plan that it was made for; a patch for another plan is not used.
    pub plan: ContentHash,
    /// Commit that the change was made on.
    pub base: String,
    /// The commit of the change, and the branch that holds it.
    pub commit: String,
    pub branch: String,
    /// Paths that the change touches.
    pub files: BTreeSet<String>,
    /// Of the diff from base to commit.
    pub diff: ContentHash,
    /// What was done, and why.
    pub summary: String,
}

/// What came of an attempt at a patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PatchOutcome {
    Made(Patch),
    /// The provider says that it cannot: no error, and trying again does not help.
    Unable {
        reason: String,
        /// How many candidates were tried.
        tried: u32,
    },
}
