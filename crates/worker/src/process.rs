//! Runs one command to its end, and nothing of it after that.
//!
//! A command runs under a supervisor: this same program, started with one argument (see [`supervise_if_asked`]). The
//! supervisor confines the command ([`crate::sandbox`]), adopts every process that the command leaves behind, watches
//! what they use together, and kills all of them when the command has ended, when it is told to, or when the worker is
//! gone. So nothing outlives its command: no daemon, no fork bomb, and nothing of a worker that was killed.
//!
//! How a command ended is a [`Report`], whatever its status; an [`Error`] says that it could not be run.

mod message;
mod output;
mod run;
mod supervisor;
mod tree;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

pub use output::{Captured, Chunk, Stream};
pub use run::{Supervisor, Watch};
pub use supervisor::supervise_if_asked;

use crate::blame::Blame;

/// A command and what it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// A path, or a name that is looked up in the command's own `PATH`.
    pub program: String,
    pub args: Vec<String>,
    pub directory: PathBuf,
    /// Beside what the sandbox lets through of the worker's own.
    pub environment: BTreeMap<String, String>,
    /// What it reads from its standard input.
    pub input: Vec<u8>,
    pub limits: Limits,
}

impl Command {
    pub fn new(program: impl Into<String>, directory: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            directory: directory.into(),
            environment: BTreeMap::new(),
            input: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// A line for `/bin/sh`.
    pub fn shell(line: impl Into<String>, directory: impl Into<PathBuf>) -> Self {
        Self::new("/bin/sh", directory).args(["-c".to_owned(), line.into()])
    }

    #[must_use]
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// What a command and all its descendants may use together. Whoever passes one is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub wall: Duration,
    pub cpu: Duration,
    /// Resident; seen a few times a second. Each single process is also kept from allocating more than this.
    pub memory_bytes: u64,
    /// Seen a few times a second, so that a fork bomb passes it before it is stopped. The kernel itself bounds what a
    /// user starts, unless that is root: do not run the commands of strangers as root.
    pub processes: u32,
    /// Both streams together.
    pub output_bytes: u64,
    /// Of each stream, this much of its beginning and of its end is kept.
    pub kept_bytes: usize,
    /// Of each file that is written.
    pub file_bytes: u64,
    /// From a polite end to a forced one, when time is up or the command is cancelled.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(600),
            cpu: Duration::from_secs(1200),
            memory_bytes: 4 << 30,
            processes: 512,
            output_bytes: 64 << 20,
            kept_bytes: 256 << 10,
            file_bytes: 4 << 30,
            grace: Duration::from_secs(2),
        }
    }
}

/// Why a command was stopped before its own end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    Cancelled,
    Wall,
    Cpu,
    Memory,
    Processes,
    Output,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Exited(i32),
    /// By this signal, and not by us.
    Signalled(i32),
    Stopped(Stop),
}

/// What came of a command that could be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub end: End,
    pub stdout: Captured,
    pub stderr: Captured,
    pub wall: Duration,
    pub cpu: Duration,
    /// The most that was seen.
    pub memory_peak_bytes: u64,
    /// Processes that the command left behind; they were killed.
    pub leftovers: u32,
}

impl Report {
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.end == End::Exited(0)
    }

    /// One line for people.
    #[must_use]
    pub fn describe_end(&self) -> String {
        match self.end {
            End::Exited(status) => format!("exited with status {status}"),
            End::Signalled(signal) => format!("was ended by signal {signal}"),
            End::Stopped(Stop::Cancelled) => "was cancelled".to_owned(),
            End::Stopped(Stop::Wall) => format!("was stopped after {:.1} s: its time was up", self.wall.as_secs_f64()),
            End::Stopped(Stop::Cpu) => format!("was stopped after {:.1} s of CPU time", self.cpu.as_secs_f64()),
            End::Stopped(Stop::Memory) => {
                format!("was stopped when it held {} MB of memory", self.memory_peak_bytes >> 20)
            }
            End::Stopped(Stop::Processes) => "was stopped: it had too many processes".to_owned(),
            End::Stopped(Stop::Output) => "was stopped: it printed too much".to_owned(),
        }
    }
}

/// Why a command was not run, or what came of it is not known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no program {program:?}: install it on the worker, or name another one")]
    NotFound { program: String },
    #[error("refused: {0}")]
    Refused(String),
    #[error("the command could not be run: {0}")]
    Environment(String),
}

impl Error {
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Refused(_) => Blame::Refused,
            Self::NotFound { .. } | Self::Environment(_) => Blame::Environment,
        }
    }
}
