//! The checks of a quality gate: what each runs in a repository, and what its answer means.
//!
//! Commands come from `.weft/checks.yaml`, or are found by what lies in the tree ([`Checks::of`]). A check gives a
//! verdict on the tree; one that could not run gives none, and nothing is taken for passed that was not seen to pass:
//! a check that promises a report and leaves none has not run. A command that hangs or takes too much is the tree's
//! fault.
//!
//! A change must not choose its own judges: the quality gate takes the text from the commit that the change is based on
//! ([`Checks::parse`]).

mod config;
mod detect;
mod report;
mod run;
mod words;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

pub use report::Format;
pub use run::{Cancelled, Fix, Place, fix, run, run_all};

use crate::model::CheckKind;

/// Where a repository says what its checks are.
pub const FILE: &str = ".weft/checks.yaml";
/// The variable that names the file for a report.
pub const REPORT_VARIABLE: &str = "WEFT_REPORT";

/// Why there are no checks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{FILE}: {0}")]
    Config(String),
    #[error("{FILE} cannot be read: {0}")]
    Disk(String),
}

/// What a check runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// For `/bin/sh`.
    pub command: String,
    pub report: Option<Report>,
    /// Mends what the check finds, as far as a program can.
    pub fix: Option<String>,
    pub timeout: Duration,
    pub environment: BTreeMap<String, String>,
    /// Exit statuses by which the command says that there was nothing to look at.
    pub nothing_statuses: Vec<i32>,
    /// Exit statuses by which the command says that it could not look.
    pub broken_statuses: Vec<i32>,
}

/// What a command leaves for us to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub format: Format,
    /// Within the tree. If there is none, it is where [`REPORT_VARIABLE`] says.
    pub path: Option<PathBuf>,
}

impl Check {
    pub(crate) fn new(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            report: None,
            fix: None,
            timeout: Duration::from_secs(900),
            environment: BTreeMap::new(),
            nothing_statuses: Vec::new(),
            broken_statuses: Vec::new(),
        }
    }

    pub(crate) fn reporting(mut self, format: Format) -> Self {
        self.report = Some(Report { format, path: None });
        self
    }

    pub(crate) fn fixed_by(mut self, command: impl Into<String>) -> Self {
        self.fix = Some(command.into());
        self
    }
}

/// Longer than any file of settings is.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// The text of a file of the tree itself. A link may lead to a secret, or to a device that never ends.
fn text_within(tree: &Path, file: &str) -> std::io::Result<String> {
    let (root, path) = (tree.canonicalize()?, tree.join(file).canonicalize()?);
    let found = path.metadata()?;
    if !path.starts_with(&root) || !found.is_file() || found.len() > TEXT_BYTES_MAX {
        let why = format!("{file} is no file of the tree with at most {TEXT_BYTES_MAX} bytes");
        return Err(std::io::Error::other(why));
    }
    std::fs::read_to_string(path)
}

/// The checks of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    pub(crate) by_kind: BTreeMap<CheckKind, Check>,
}

impl Checks {
    /// What the tree says, or what can be seen in it.
    pub fn of(tree: &Path) -> Result<Self, Error> {
        match text_within(tree, FILE) {
            Ok(text) => Self::parse(&text, tree),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(detect::checks(tree)),
            Err(error) => Err(Error::Disk(error.to_string())),
        }
    }

    /// What can be seen in the tree, whatever it says.
    #[must_use]
    pub fn found_in(tree: &Path) -> Self {
        detect::checks(tree)
    }

    /// What the text of a `.weft/checks.yaml` says of a tree.
    pub fn parse(text: &str, tree: &Path) -> Result<Self, Error> {
        config::parse(text, detect::checks(tree))
    }

    /// These, and of others the kinds that are not among these.
    #[must_use]
    pub fn or(mut self, others: Self) -> Self {
        for (kind, check) in others.by_kind {
            self.by_kind.entry(kind).or_insert(check);
        }
        self
    }

    #[must_use]
    pub fn get(&self, kind: CheckKind) -> Option<&Check> {
        self.by_kind.get(&kind)
    }
}
