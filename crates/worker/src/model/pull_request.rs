//! Pull requests, whatever forge they live in.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Percent, Review};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullRequestState {
    Open,
    Merged,
    Closed,
}

/// A pull request as its forge knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    pub number: u64,
    pub url: String,
    /// The branch with the change.
    pub branch: String,
    /// The branch that it is to be merged into.
    pub base: String,
    pub title: String,
    /// In Markdown.
    pub description: String,
    pub labels: BTreeSet<String>,
    pub state: PullRequestState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_commit: Option<String>,
}

/// What the tests of a pull request said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestResults {
    pub passed: bool,
    pub total: u64,
    #[serde(default)]
    pub coverage: Option<Percent>,
}

/// What came of a requirement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrResult {
    pub pr_number: u64,
    pub pr_url: String,
    pub branch_name: String,
    pub files_changed: BTreeSet<String>,
    pub test_results: TestResults,
    pub qa_score: Percent,
    pub merged: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_commit_sha: Option<String>,
    /// What the reviewer said last, where one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}
