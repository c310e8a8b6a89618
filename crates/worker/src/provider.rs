//! Agent providers: who does the work of a role, chosen by configuration.
//!
//! A provider changes a worktree, or says what it thinks; it commits nothing, opens nothing and asks nobody. That it
//! cannot is an answer ([`Unable`]), not an error. The workflow's side decides what becomes of either.

pub mod builtin;
pub mod command;
pub mod config;
pub mod llm;
mod prompt;
pub mod record;
pub mod shell;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::{
    approval::Note,
    model::{Alert, Diagnosis, Issue, Plan, Review},
};
use builtin::plan::{Design, Facts};
use llm::Key;
use record::{Price, Record};
use shell::{CannotRun, Shell};

/// What an agent is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Design,
    Plan,
    Patch,
    Diagnose,
    Review,
}

/// A requirement, and the repository that it is for.
#[derive(Clone)]
pub struct PlanTask {
    pub requirement: String,
    /// What people have added.
    pub notes: Vec<Note>,
    pub facts: Facts,
    /// What the architect said, for whoever plans.
    pub design: Option<Design>,
    pub record: Record,
}

/// An issue, and the worktree in which it is to be done.
#[derive(Clone)]
pub struct PatchTask {
    pub issue: Issue,
    /// What people have added.
    pub notes: Vec<Note>,
    pub worktree: PathBuf,
    /// An empty folder outside of the worktree.
    pub scratch: PathBuf,
    /// Runs the repository's tests; no words where it has none.
    pub tests: Vec<String>,
    pub shell: Arc<dyn Shell>,
    pub record: Record,
}

/// An alert with its context, and which of several independent agents is asked, counted from 0.
#[derive(Clone)]
pub struct DiagnoseTask {
    pub alert: Alert,
    pub agent: usize,
    pub record: Record,
}

/// A change, and a worktree that has it.
#[derive(Clone)]
pub struct ReviewTask {
    /// What the change is for.
    pub requirement: String,
    /// What people have added.
    pub notes: Vec<Note>,
    /// As `git diff` prints it.
    pub diff: String,
    /// For looking; what is changed in it is thrown away.
    pub worktree: PathBuf,
    pub shell: Arc<dyn Shell>,
    pub record: Record,
}

/// What a provider did in a worktree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Patched {
    /// The worktree has changed.
    Made {
        summary: String,
        files: BTreeSet<String>,
        tried: u32,
    },
    Unable(Unable),
}

/// An honest no: trying again does not help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unable {
    pub reason: String,
    pub tried: u32,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is configured for a role that it does not have.
    #[error("the provider {provider} cannot {role:?}: configure another one for this role")]
    Unsupported { provider: String, role: Role },
    /// Trying again may help.
    #[error("{0}")]
    Environment(String),
    /// The configuration or the key is wrong, or the budget is spent: trying again does not help.
    #[error("{0}")]
    Refused(String),
    /// What it said cannot be used.
    #[error("the provider {provider} answers nonsense: {reason}")]
    Nonsense { provider: String, reason: String },
}

impl From<CannotRun> for Error {
    fn from(it: CannotRun) -> Self {
        Self::Environment(it.to_string())
    }
}

/// Who does the work of a role.
pub trait Provider: Send + Sync {
    /// As the configuration calls it.
    fn name(&self) -> &str;

    /// What its calls of models cost.
    fn price(&self) -> Price {
        Price::default()
    }

    fn design(&self, task: PlanTask) -> BoxFuture<'_, Result<Design, Error>>;

    fn plan(&self, task: PlanTask) -> BoxFuture<'_, Result<Plan, Error>>;

    fn patch(&self, task: PatchTask) -> BoxFuture<'_, Result<Patched, Error>>;

    fn diagnose(&self, task: DiagnoseTask) -> BoxFuture<'_, Result<Diagnosis, Error>>;

    fn review(&self, task: ReviewTask) -> BoxFuture<'_, Result<Review, Error>>;
}

/// The providers of a worker: one for each role, the builtin one where nothing is configured.
#[derive(Clone)]
pub struct Providers {
    by_role: BTreeMap<Role, Arc<dyn Provider>>,
    otherwise: Arc<dyn Provider>,
    key_files: Vec<PathBuf>,
    secrets: Vec<Key>,
}

impl Default for Providers {
    fn default() -> Self {
        Self {
            by_role: BTreeMap::new(),
            otherwise: Arc::new(builtin::Builtin::default()),
            key_files: Vec::new(),
            secrets: Vec::new(),
        }
    }
}

impl Providers {
    #[must_use]
    pub fn with(mut self, role: Role, provider: Arc<dyn Provider>) -> Self {
        self.by_role.insert(role, provider);
        self
    }

    /// One more file that holds a key: no command may read it.
    #[must_use]
    pub fn key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key_files.push(path.into());
        self
    }

    /// One more key: no transcript may hold it.
    #[must_use]
    pub fn secret(mut self, key: Key) -> Self {
        self.secrets.push(key);
        self
    }

    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(Key::reveal)
    }

    #[must_use]
    pub fn key_files(&self) -> &[PathBuf] {
        &self.key_files
    }

    #[must_use]
    pub fn of(&self, role: Role) -> &dyn Provider {
        self.by_role.get(&role).unwrap_or(&self.otherwise).as_ref()
    }
}
