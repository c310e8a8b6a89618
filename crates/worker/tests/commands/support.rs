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

/// A command line that sleeps for long, and that no other run of these tests has.
pub(crate) fn sleep(seconds: u32) -> String {
    format!("sleep {seconds}.{:010}", std::process::id())
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

/// A repository on branch `main` with one commit.
pub(crate) struct Fixture {
    root: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new(files: &[(&str, &str)]) -> anyhow::Result<Self> {
        let fixture = Self { root: tempfile::tempdir()? };
        std::fs::create_dir(fixture.path())?;
        fixture.git(&["init", "--quiet", "--initial-branch=main"])?;
        fixture.commit(files)?;
        Ok(fixture)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("repository")
    }

    /// A folder beside it.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn write(&self, files: &[(&str, &str)]) -> anyhow::Result<()> {
        write(&self.path(), files)
    }

    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> anyhow::Result<String> {
        self.write(files)?;
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "change"])?;
        self.git(&["rev-parse", "HEAD"])
    }

    /// As a person would call it.
    pub(crate) fn git(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = std::process::Command::new("git")
            .args(["-c", "user.name=Someone", "-c", "user.email=someone@example.com"])
            .args(args)
            .current_dir(self.path())
            .output()?;
        anyhow::ensure!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Branches beside `main`, and worktrees beside the checkout.
    pub(crate) fn strays(&self) -> anyhow::Result<Vec<String>> {
        let branches = self.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"])?;
        let worktrees = self.git(&["worktree", "list", "--porcelain"])?;
        let worktrees = worktrees.lines().filter(|line| line.starts_with("worktree ")).skip(1);
        Ok(branches.lines().filter(|name| *name != "main").chain(worktrees).map(str::to_owned).collect())
    }
}

/// Writes files below a folder.
pub(crate) fn write(folder: &std::path::Path, files: &[(&str, &str)]) -> anyhow::Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}
