//! One worktree: what has changed in it, committing, merging, and going back.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    Error, changed,
    git::Git,
    record::{Key, Record},
    zero_separated,
};
use crate::{model::ContentHash, sandbox::Sandbox};

/// A folder that belongs to one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worktree {
    path: PathBuf,
    temporary: PathBuf,
    /// Git's folder for this worktree, outside of what commands can write to.
    git_dir: PathBuf,
    record: Record,
}

/// What lies between two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// As `git diff` prints it, binary files included.
    pub text: Vec<u8>,
    /// Of the text: what was checked is found again by it.
    pub hash: ContentHash,
    pub files: BTreeSet<String>,
}

impl Worktree {
    pub(super) fn new(path: PathBuf, temporary: PathBuf, git_dir: PathBuf, record: Record) -> Self {
        Self { path, temporary, git_dir, record }
    }

    /// Whether it was made to the end.
    pub(super) fn is_whole(&self) -> bool {
        // Git writes the index last.
        self.path.is_dir() && self.git_dir.join("index").exists() && !self.git_dir.join("index.lock").exists()
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    pub(super) fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    #[must_use]
    pub fn key(&self) -> &Key {
        &self.record.key
    }

    #[must_use]
    pub fn branch(&self) -> &str {
        &self.record.branch
    }

    /// Commit that it began at.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.record.base
    }

    /// The place for commands that work in it.
    #[must_use]
    pub fn sandbox(&self) -> Sandbox {
        Sandbox::new(&self.path, &self.temporary)
    }

    pub async fn head(&self) -> Result<String, Error> {
        Ok(self.git().run(&["rev-parse", "--verify", "HEAD^{commit}"]).await?.trim().to_owned())
    }

    /// Paths with changes that are not committed.
    pub async fn uncommitted(&self) -> Result<Vec<String>, Error> {
        changed(&self.git(), "all").await
    }

    /// Commits all that has changed; none if nothing has.
    pub async fn commit(&self, message: &str) -> Result<Option<String>, Error> {
        self.git().run(&["add", "--all"]).await?;
        self.refuse_nested().await?;
        if self.git().status(&["diff", "--cached", "--quiet"]).await?.succeeded {
            return Ok(None);
        }
        self.git().run(&["commit", "--quiet", "--no-verify", "--cleanup=verbatim", "--message", message]).await?;
        self.head().await.map(Some)
    }

    /// What a commit changes compared with another.
    pub async fn diff(&self, from: &str, to: &str) -> Result<Diff, Error> {
        let range = ["--no-ext-diff", "--no-textconv", "--no-renames", "--end-of-options", from, to, "--"];
        let args = |more: &[&'static str]| {
            let mut args = vec!["diff"];
            args.extend(more);
            args.extend(range);
            args
        };
        let text = self.git().bytes(&args(&["--binary", "--full-index", "--no-color"])).await?;
        let files = zero_separated(&self.git().run(&args(&["--name-only", "-z"])).await?).collect();
        Ok(Diff { hash: ContentHash::of(&text), text, files })
    }

    /// Merges a commit. If the two contradict each other, the tree is as it was, and the files are told.
    pub async fn merge(&self, commit: &str, message: &str) -> Result<String, Error> {
        self.refuse_dirty().await?;
        let merged = self.git().status(&["merge", "--quiet", "--no-ff", "--no-edit", "-m", message, commit]).await?;
        if merged.succeeded {
            return self.head().await;
        }
        let listed = self.git().run(&["diff", "--name-only", "--diff-filter=U", "-z"]).await?;
        let files: Vec<String> = zero_separated(&listed).collect();
        let before = self.head().await?;
        self.undo(&before).await?;
        if files.is_empty() { Err(merged.error()) } else { Err(Error::Conflict { files }) }
    }

    /// Back to a commit, with nothing left of what came after it: neither changes nor new files. What git ignores, such
    /// as what compilers made, stays.
    pub async fn undo(&self, commit: &str) -> Result<(), Error> {
        self.restore_link()?;
        self.git().run(&["reset", "--quiet", "--hard", commit]).await?;
        self.git().run(&["clean", "--quiet", "-ffd"]).await?;
        self.refuse_dirty().await
    }

    async fn refuse_dirty(&self) -> Result<(), Error> {
        let files = self.uncommitted().await?;
        if files.is_empty() { Ok(()) } else { Err(Error::Dirty { path: self.path.clone(), files }) }
    }

    /// A repository within the change would be committed as a mere pointer.
    async fn refuse_nested(&self) -> Result<(), Error> {
        let raw = self.git().run(&["diff", "--cached", "--raw", "-z", "--no-renames", "HEAD"]).await?;
        let mut entries = zero_separated(&raw);
        let mut files = Vec::new();
        while let (Some(change), Some(file)) = (entries.next(), entries.next()) {
            if change.split(' ').nth(1) == Some("160000") {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Ok(());
        }
        self.git().run(&["reset", "--quiet"]).await?;
        Err(Error::Nested { files })
    }

    /// Commands may have changed the file that leads from the worktree to its repository. Git is never led by it, but
    /// people and their tools are.
    fn restore_link(&self) -> Result<(), Error> {
        let link = self.path.join(".git");
        let expected = format!("gitdir: {}\n", self.git_dir.display());
        if std::fs::read_to_string(&link).is_ok_and(|found| found == expected) {
            return Ok(());
        }
        let is_folder = link.symlink_metadata().is_ok_and(|it| it.is_dir());
        // Not there is as good as removed; what cannot be removed cannot be written either.
        let _ = if is_folder { std::fs::remove_dir_all(&link) } else { std::fs::remove_file(&link) };
        std::fs::write(&link, expected).map_err(|e| Error::Disk { path: link, message: e.to_string() })
    }

    fn git(&self) -> Git {
        Git::in_worktree(&self.git_dir, &self.path)
    }
}
