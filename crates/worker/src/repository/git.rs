//! One call of git.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use super::{AUTHOR_EMAIL, AUTHOR_NAME, Error};

/// Longest time that one call may take; the largest copies a worktree.
const CALL_WITHIN: Duration = Duration::from_secs(600);

/// Nothing that a tree or its user says may run a program.
const SETTINGS: [&str; 10] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.autocrlf=false",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "advice.detachedHead=false",
];

/// Where git works.
#[derive(Clone)]
pub(super) struct Git {
    directory: PathBuf,
    git_dir: Option<PathBuf>,
    work_tree: Option<PathBuf>,
    /// May hold secrets.
    environment: Vec<(&'static str, String)>,
}

/// What came of a call that may say no.
#[derive(Debug)]
pub(super) struct Said {
    pub succeeded: bool,
    /// What it ended with; none if something ended it.
    pub code: Option<i32>,
    pub stdout: String,
    command: String,
    stderr: String,
}

impl Said {
    pub(super) fn error(self) -> Error {
        let Self { command, stderr, stdout, .. } = self;
        let message = if stderr.trim().is_empty() { stdout } else { stderr };
        Error::Git { command, message: message.trim().to_owned() }
    }
}

impl Git {
    /// Git looks for the repository itself. For a folder that a person named, not for one that commands have written to.
    pub(super) fn inside(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), git_dir: None, work_tree: None, environment: Vec::new() }
    }

    /// A repository without its checkout.
    pub(super) fn of(git_dir: &Path) -> Self {
        Self {
            directory: git_dir.to_owned(),
            git_dir: Some(git_dir.to_owned()),
            work_tree: None,
            environment: Vec::new(),
        }
    }

    /// A worktree whose own `.git` is not asked.
    pub(super) fn in_worktree(git_dir: &Path, work_tree: &Path) -> Self {
        let (git_dir, work_tree) = (git_dir.to_owned(), work_tree.to_owned());
        let environment = Vec::new();
        Self { directory: work_tree.clone(), git_dir: Some(git_dir), work_tree: Some(work_tree), environment }
    }

    /// With more variables.
    pub(super) fn with(mut self, variables: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// What git prints.
    pub(super) async fn run(&self, args: &[&str]) -> Result<String, Error> {
        let said = self.status(args).await?;
        if said.succeeded { Ok(said.stdout) } else { Err(said.error()) }
    }

    /// What git prints and whether it agrees.
    pub(super) async fn status(&self, args: &[&str]) -> Result<Said, Error> {
        let output = self.output(args).await?;
        Ok(Said {
            succeeded: output.status.success(),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            command: args.join(" "),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// What git prints, as bytes: diffs hold files of any encoding.
    pub(super) async fn bytes(&self, args: &[&str]) -> Result<Vec<u8>, Error> {
        let output = self.output(args).await?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Git { command: args.join(" "), message })
    }

    async fn output(&self, args: &[&str]) -> Result<std::process::Output, Error> {
        let fault = |message: String| Error::Git { command: args.join(" "), message };
        match timeout(CALL_WITHIN, self.command(args).output()).await {
            Ok(output) => output.map_err(|e| fault(e.to_string())),
            Err(_) => Err(fault(format!("no end within {} s", CALL_WITHIN.as_secs()))),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.env_clear().stdin(Stdio::null()).kill_on_drop(true).current_dir(&self.directory);
        for name in ["PATH", "TMPDIR"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        for (name, value) in [
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_AUTHOR_NAME", AUTHOR_NAME),
            ("GIT_AUTHOR_EMAIL", AUTHOR_EMAIL),
            ("GIT_COMMITTER_NAME", AUTHOR_NAME),
            ("GIT_COMMITTER_EMAIL", AUTHOR_EMAIL),
        ] {
            command.env(name, value);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        for (flag, folder) in [("--git-dir=", &self.git_dir), ("--work-tree=", &self.work_tree)] {
            if let Some(folder) = folder {
                let mut arg = OsString::from(flag);
                arg.push(folder);
                command.arg(arg);
            }
        }
        command.args(args);
        command
    }
}
