//! The checks of the quality gate: what each is called, what it weighs, and which real command decides it.
//!
//! Invariant: a check says passed or failed only by what its command found; where there is nothing to look at it says
//! so, and where it could not look it fails as [`CouldNotRun`], which the workflow keeps apart from a verdict.

mod code;
mod data;
mod tree;

use serde::{Deserialize, Serialize};

use super::command::{CouldNotRun, Ran, Repo};

/// Lines of a finding that are kept.
const DETAILS_MAX: usize = 20;
const DETAIL_CHARS_MAX: usize = 160;

/// One check; its name is its activity's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Objects,
    Conflicts,
    Secrets,
    Python,
    Shell,
    Data,
    RustFormat,
    Whitespace,
    LargeFiles,
    Todos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Passed,
    Failed,
    NotApplicable,
}

/// What a check that could run found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    /// One short line.
    pub(super) summary: String,
    pub(super) command: String,
    pub(super) details: Vec<String>,
}

impl Check {
    pub(super) const ALL: [Self; 10] = [
        Self::Objects,
        Self::Conflicts,
        Self::Secrets,
        Self::Python,
        Self::Shell,
        Self::Data,
        Self::RustFormat,
        Self::Whitespace,
        Self::LargeFiles,
        Self::Todos,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Objects => "objects",
            Self::Conflicts => "conflicts",
            Self::Secrets => "secrets",
            Self::Python => "python",
            Self::Shell => "shell",
            Self::Data => "data-files",
            Self::RustFormat => "rust-format",
            Self::Whitespace => "whitespace",
            Self::LargeFiles => "large-files",
            Self::Todos => "todos",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.name() == name)
    }

    /// Its part of the score.
    pub(super) fn weight(self) -> u32 {
        match self {
            Self::Objects | Self::Conflicts | Self::Secrets => 3,
            Self::Python | Self::Shell | Self::Data | Self::RustFormat => 2,
            Self::Whitespace | Self::LargeFiles | Self::Todos => 1,
        }
    }

    /// Whether nothing may be merged while it fails, whatever the score.
    pub(super) fn is_required(self) -> bool {
        self.weight() > 2
    }

    pub(super) async fn run(self, repo: &Repo) -> Result<Finding, CouldNotRun> {
        match self {
            Self::Objects => tree::objects(repo).await,
            Self::Conflicts => tree::conflicts(repo).await,
            Self::Secrets => tree::secrets(repo).await,
            Self::Python => code::python(repo).await,
            Self::Shell => code::shell(repo).await,
            Self::Data => data::files(repo).await,
            Self::RustFormat => code::rust_format(repo).await,
            Self::Whitespace => tree::whitespace(repo).await,
            Self::LargeFiles => tree::large_files(repo).await,
            Self::Todos => tree::todos(repo).await,
        }
    }
}

impl Finding {
    fn passed(ran: &Ran, summary: impl Into<String>) -> Self {
        Self { verdict: Verdict::Passed, summary: summary.into(), command: ran.line.clone(), details: Vec::new() }
    }

    fn failed(ran: &Ran, summary: impl Into<String>, all: Vec<String>) -> Self {
        let more = all.len().saturating_sub(DETAILS_MAX);
        let short = |line: String| line.chars().take(DETAIL_CHARS_MAX).collect::<String>();
        let mut details: Vec<_> = all.into_iter().take(DETAILS_MAX).map(short).collect();
        if more > 0 {
            details.push(format!("and {more} more"));
        }
        Self { verdict: Verdict::Failed, summary: summary.into(), command: ran.line.clone(), details }
    }

    fn not_applicable(summary: impl Into<String>) -> Self {
        let summary = summary.into();
        Self { verdict: Verdict::NotApplicable, summary, command: String::new(), details: Vec::new() }
    }
}

/// `1 file`, `2 files`
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
