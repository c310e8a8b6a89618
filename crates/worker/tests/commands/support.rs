//! A place to run commands in.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;
use weft_worker::{
    process::{Command, Error, Limits, Report, Supervisor, Watch},
    sandbox::Sandbox,
};

/// The program under test is its own supervisor.
pub(crate) fn supervisor() -> Supervisor {
    Supervisor::at(env!("CARGO_BIN_EXE_weft-worker"))
}

/// Two folders that a command may write to, and what lies around them.
pub(crate) struct Place {
    root: tempfile::TempDir,
    pub(crate) limits: Limits,
}

impl Place {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let root = tempfile::tempdir()?;
        for folder in ["work", "tmp", "outside"] {
            std::fs::create_dir(root.path().join(folder))?;
        }
        Ok(Self { root, limits: Limits::default() })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn sandbox(&self) -> Sandbox {
        Sandbox::new(self.path("work"), self.path("tmp"))
    }

    pub(crate) fn shell(&self, line: &str) -> Command {
        Command::shell(line, self.path("work")).limits(self.limits)
    }

    /// Runs a line for the shell in the sandbox.
    pub(crate) async fn run(&self, line: &str) -> Result<Report, Error> {
        self.run_in(&self.sandbox(), line).await
    }

    pub(crate) async fn run_in(&self, sandbox: &Sandbox, line: &str) -> Result<Report, Error> {
        supervisor().run(&self.shell(line), sandbox, Watch::new(&CancellationToken::new())).await
    }
}

/// What a process says that looks for others with this in their command line.
pub(crate) fn processes_with(mark: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let own = std::process::id().to_string();
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy() != own)
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(mark))
        .collect()
}
