//! Git repositories, by git's own command line.
//!
//! A worker never works in the checkout that a person works in. It takes a worktree of its own for each step
//! ([`Worktrees`]), with a branch of its own, and hands on commits. What commands do to a worktree cannot reach git
//! itself: every call names the repository's folder, runs no hook, no filter of the tree's and no monitor, and reads no
//! configuration of the user's.

mod bare;
mod git;
mod overlap;
mod push;
mod record;
mod shift;
mod worktree;
mod worktrees;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use git::Git;
pub use overlap::{Overlap, overlaps};
pub use record::{Key, Record};
pub use worktree::{Diff, Worktree};
pub use worktrees::{Release, Swept, Worktrees};

use crate::blame::Blame;

/// Who commits.
pub const AUTHOR_NAME: &str = "Weft";
pub const AUTHOR_EMAIL: &str = "weft@example.com";

/// Why git could not do what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no folder {0}: name the folder of a git repository")]
    Missing(PathBuf),
    #[error("{0} is no git repository: name one, or make one with git init")]
    NotARepository(PathBuf),
    #[error("the repository {0} has no commit yet: make one")]
    Empty(PathBuf),
    #[error("the repository {0} is shallow, so that branches cannot be compared: run git fetch --unshallow in it")]
    Shallow(PathBuf),
    #[error("{path} has changes that are not committed ({}): commit or stash them", files.join(", "))]
    Dirty { path: PathBuf, files: Vec<String> },
    #[error("{path} is in the middle of {what}: finish or abort it")]
    Unfinished { path: PathBuf, what: &'static str },
    #[error("{branch} is checked out at {}: have another branch there, or give a bare repository", path.display())]
    CheckedOut { branch: String, path: PathBuf },
    #[error("{0} belongs to another user than the worker: give it to the worker's user, or name a clone of its own")]
    NotOurs(PathBuf),
    #[error("there is no commit {0:?}: name a branch, a tag or a commit")]
    NoCommit(String),
    #[error("{0:?} is no name for a branch")]
    BranchName(String),
    #[error("the changes contradict each other in {}", files.join(", "))]
    Conflict { files: Vec<String> },
    #[error("{} hold repositories of their own, which cannot be part of a change: remove their .git", files.join(", "))]
    Nested { files: Vec<String> },
    #[error("the worktree {name} is registered for {registered}, and not for {asked}")]
    OtherBase { name: String, registered: String, asked: String },
    #[error("the branch {branch} has other commits at {remote}: choose another name, or take them in first")]
    Rejected { branch: String, remote: String },
    #[error("the branch {branch} is at {found}, and should be at {wanted}: somebody else has moved it")]
    Moved { branch: String, wanted: String, found: String },
    #[error("git {command}: {message}")]
    Git { command: String, message: String },
    #[error("{path}: {message}")]
    Disk { path: PathBuf, message: String },
}

impl Error {
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Missing(_)
            | Self::NotARepository(_)
            | Self::Empty(_)
            | Self::Shallow(_)
            | Self::Dirty { .. }
            | Self::Unfinished { .. }
            | Self::CheckedOut { .. }
            | Self::NotOurs(_)
            | Self::NoCommit(_)
            | Self::BranchName(_)
            | Self::Rejected { .. }
            | Self::OtherBase { .. } => Blame::Refused,
            Self::Conflict { .. } | Self::Moved { .. } | Self::Nested { .. } => Blame::Work,
            Self::Git { .. } | Self::Disk { .. } => Blame::Environment,
        }
    }
}

/// What git leaves in its folder while something is unfinished.
const UNFINISHED: [(&str, &str); 6] = [
    ("MERGE_HEAD", "a merge"),
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("BISECT_LOG", "a bisection"),
];

/// A repository that was looked at and can be worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    path: PathBuf,
    /// The folder that all worktrees share.
    git_dir: PathBuf,
}

impl Repository {
    /// Opens a checkout or a bare repository, unless something about it would make work on it come to nothing. What
    /// people do in the checkout meanwhile is no hindrance: nobody works there but they.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let path = path.canonicalize().map_err(|_| Error::Missing(path.to_owned()))?;
        let inside = Git::inside(&path);
        let found = inside.run(&["rev-parse", "--path-format=absolute", "--git-common-dir"]).await;
        let found = found.map_err(|error| not_a_repository(error, &path))?;
        let Some(git_dir) = found.lines().next().map(PathBuf::from) else {
            return Err(Error::NotARepository(path));
        };
        if inside.run(&["rev-parse", "--is-shallow-repository"]).await?.trim() == "true" {
            return Err(Error::Shallow(path));
        }
        let repository = Self { path, git_dir };
        match repository.resolve("HEAD").await {
            Err(Error::NoCommit(_)) => Err(Error::Empty(repository.path)),
            Err(error) => Err(error),
            Ok(_) => Ok(repository),
        }
    }

    /// Refuses a checkout with changes that are not committed, or in the middle of something. For the beginning of a
    /// run: whoever starts it may think that what lies there is part of the base.
    pub async fn refuse_unclean(&self) -> Result<(), Error> {
        let inside = Git::inside(&self.path);
        if inside.run(&["rev-parse", "--is-bare-repository"]).await?.trim() == "true" {
            return Ok(());
        }
        let own = inside.run(&["rev-parse", "--absolute-git-dir"]).await?;
        refuse_unfinished(&self.path, Path::new(own.trim_end_matches('\n')))?;
        let files = changed(&inside, "no").await?;
        if files.is_empty() { Ok(()) } else { Err(Error::Dirty { path: self.path.clone(), files }) }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The commit that a name stands for.
    pub async fn resolve(&self, name: &str) -> Result<String, Error> {
        let commit = format!("{name}^{{commit}}");
        let said = self.git().status(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]).await?;
        match said.code {
            Some(0) => Ok(said.stdout.trim().to_owned()),
            Some(1) => Err(Error::NoCommit(name.to_owned())),
            _ => Err(said.error()),
        }
    }

    /// The branch that HEAD stands on, if it stands on one.
    pub async fn current_branch(&self) -> Result<Option<String>, Error> {
        let name = self.git().status(&["symbolic-ref", "--quiet", "--short", "HEAD"]).await?;
        Ok(name.succeeded.then(|| name.stdout.trim().to_owned()))
    }

    /// Puts a branch at a commit. If there is another one of this name, it stays, and this one gets a number behind it.
    /// Called again it finds what it made.
    pub async fn claim_branch(&self, name: &str, commit: &str) -> Result<String, Error> {
        if !self.git().status(&["check-ref-format", "--branch", name]).await?.succeeded {
            return Err(Error::BranchName(name.to_owned()));
        }
        let mut candidate = name.to_owned();
        for number in 2.. {
            let made = self.git().status(&["branch", "--no-track", &candidate, commit]).await?;
            if made.succeeded || self.branch(&candidate).await?.is_some_and(|at| at == commit) {
                return Ok(candidate);
            }
            if self.branch(&candidate).await?.is_none() {
                return Err(made.error());
            }
            candidate = format!("{name}-{number}");
        }
        Err(Error::BranchName(name.to_owned()))
    }

    /// Where a branch stands.
    pub async fn branch(&self, name: &str) -> Result<Option<String>, Error> {
        match self.resolve(&format!("refs/heads/{name}")).await {
            Ok(commit) => Ok(Some(commit)),
            Err(Error::NoCommit(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a branch, merged or not. One that is not there is removed already.
    pub async fn remove_branch(&self, name: &str) -> Result<(), Error> {
        if self.branch(name).await?.is_some() {
            self.git().run(&["branch", "--quiet", "-D", name]).await?;
        }
        Ok(())
    }

    /// Paths that lie in a commit.
    pub async fn files(&self, commit: &str) -> Result<BTreeSet<String>, Error> {
        let commit = self.resolve(commit).await?;
        let listed = self.git().run(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", &commit]).await?;
        Ok(zero_separated(&listed).collect())
    }

    fn git(&self) -> Git {
        Git::of(&self.git_dir)
    }
}

fn not_a_repository(error: Error, path: &Path) -> Error {
    match error {
        Error::Git { message, .. } if message.contains("not a git repository") => {
            Error::NotARepository(path.to_owned())
        }
        Error::Git { message, .. } if message.contains("dubious ownership") => Error::NotOurs(path.to_owned()),
        other => other,
    }
}

fn refuse_unfinished(path: &Path, git_dir: &Path) -> Result<(), Error> {
    match UNFINISHED.iter().find(|(mark, _)| git_dir.join(mark).exists()) {
        Some((_, what)) => Err(Error::Unfinished { path: path.to_owned(), what }),
        None => Ok(()),
    }
}

/// Paths that differ from HEAD; of those that git does not know, `no` or `all`.
async fn changed(git: &Git, untracked: &str) -> Result<Vec<String>, Error> {
    let untracked = format!("--untracked-files={untracked}");
    let listed =
        git.run(&["status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=all", &untracked]).await?;
    Ok(zero_separated(&listed).filter_map(|entry| entry.get(3..).map(str::to_owned)).collect())
}

fn zero_separated(text: &str) -> impl Iterator<Item = String> {
    text.split('\0').filter(|entry| !entry.is_empty()).map(str::to_owned)
}
