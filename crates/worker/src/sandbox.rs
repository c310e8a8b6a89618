//! What a command of an agent or a check may touch.
//!
//! It writes to its worktree and its temporary folder and nowhere else, reads no file that is hidden from it, sees of
//! the worker's environment what is on a list, reaches no process but its own, and has no privilege beyond those over
//! its own files. Landlock holds this, from Linux 6.2 on, and keeps signals from other processes from Linux 6.12 on. Where the kernel cannot, nothing runs, unless the sandbox is
//! off by configuration.
//!
//! What Landlock does not hold: modes, owners and times of files that belong to the worker's user can be changed, and
//! sockets in the file system can be connected to. A worker that runs commands of strangers should have a user, and on
//! a shared machine a container, of its own.

mod confine;
mod environment;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub(crate) use confine::confine;
pub use confine::{Unsupported, support};

/// Whether commands are confined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They are, or they do not run.
    #[default]
    Enforced,
    /// They are not. Their environment is cleared all the same.
    Off,
}

/// Whether a command may use TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    #[default]
    Allowed,
    /// Neither to connect nor to listen; from Linux 6.7 on. Other protocols are not held back.
    Denied,
}

/// What a command may touch, as its supervisor is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    pub mode: Mode,
    pub writable: Vec<PathBuf>,
    pub hidden: Vec<PathBuf>,
    pub network: Network,
}

/// The place that a command runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    temporary: PathBuf,
    passed: Vec<String>,
    confinement: Confinement,
}

impl Sandbox {
    /// Commands may write in both folders; the temporary one is their home too. The usual places of credentials are
    /// hidden from them.
    pub fn new(worktree: impl Into<PathBuf>, temporary: impl Into<PathBuf>) -> Self {
        let temporary = temporary.into();
        let confinement = Confinement {
            mode: Mode::Enforced,
            writable: vec![worktree.into(), temporary.clone()],
            hidden: environment::credentials(),
            network: Network::Allowed,
        };
        Self { temporary, passed: Vec::new(), confinement }
    }

    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.confinement.mode = mode;
        self
    }

    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.confinement.network = network;
        self
    }

    /// One more folder to write to: a cache that commands share.
    #[must_use]
    pub fn also_writable(mut self, folder: impl Into<PathBuf>) -> Self {
        self.confinement.writable.push(folder.into());
        self
    }

    /// A file or a folder whose content commands cannot read.
    #[must_use]
    pub fn hide(mut self, path: impl Into<PathBuf>) -> Self {
        self.confinement.hidden.push(path.into());
        self
    }

    /// One more variable of the worker's environment that commands see.
    #[must_use]
    pub fn pass(mut self, variable: impl Into<String>) -> Self {
        self.passed.push(variable.into());
        self
    }

    #[must_use]
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    pub(crate) fn confinement(&self) -> &Confinement {
        &self.confinement
    }

    /// The environment of a command: what is let through of the worker's own, then the places that are its own.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        environment::filtered(std::env::vars_os(), &self.passed, &self.temporary)
    }
}
