//! What is done to commits and branches without a worktree.

use std::path::PathBuf;

use super::{Diff, Error, Repository, zero_separated};
use crate::model::ContentHash;

/// Where nothing is: a ref that is not there.
const NOTHING: &str = "0000000000000000000000000000000000000000";

impl Repository {
    /// What a commit changes compared with another.
    pub async fn diff(&self, from: &str, to: &str) -> Result<Diff, Error> {
        let range = ["--no-ext-diff", "--no-textconv", "--no-renames", "--end-of-options", from, to, "--"];
        let args = |more: &[&'static str]| [&["diff"], more, &range[..]].concat();
        let text = self.git().bytes(&args(&["--binary", "--full-index", "--no-color"])).await?;
        let files = zero_separated(&self.git().run(&args(&["--name-only", "-z"])).await?).collect();
        Ok(Diff { hash: ContentHash::of(&text), text, files })
    }

    /// What lies between two commits, for reading: of what is binary only that it changes.
    pub async fn shown(&self, from: &str, to: &str) -> Result<String, Error> {
        let args =
            ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--end-of-options", from, to];
        Ok(String::from_utf8_lossy(&self.git().bytes(&[&args[..], &["--"]].concat()).await?).into_owned())
    }

    /// Where two lines of commits part.
    pub async fn merge_base(&self, one: &str, other: &str) -> Result<String, Error> {
        Ok(self.git().run(&["merge-base", one, other]).await?.trim().to_owned())
    }

    /// Whether all of a commit is in another.
    ///
    /// # Errors
    /// Also when one of them is not here: nobody can say then.
    pub async fn contains(&self, whole: &str, part: &str) -> Result<bool, Error> {
        let said = self.git().status(&["merge-base", "--is-ancestor", part, whole]).await?;
        match said.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(said.error()),
        }
    }

    /// The message of a commit.
    pub async fn message(&self, commit: &str) -> Result<String, Error> {
        Ok(self.git().run(&["show", "--no-patch", "--format=%B", commit]).await?.trim_end().to_owned())
    }

    /// The text of a file in a commit; `None` if there is none.
    pub async fn text(&self, commit: &str, file: &str) -> Result<Option<String>, Error> {
        let named = format!("{commit}:{file}");
        if !self.git().status(&["cat-file", "-e", &named]).await?.succeeded {
            return Ok(None);
        }
        self.git().run(&["cat-file", "blob", &named]).await.map(Some)
    }

    /// A commit that puts two others together, on no branch yet.
    pub async fn merge_commit(&self, ours: &str, theirs: &str, message: &str) -> Result<String, Error> {
        let git = self.git();
        let merged = git.status(&["merge-tree", "--write-tree", "--name-only", "-z", ours, theirs]).await?;
        // After the names come messages, behind an empty field.
        let names = merged.stdout.split_once("\0\0").map_or(merged.stdout.as_str(), |(names, _)| names);
        let mut said = zero_separated(names);
        let tree = said.next().unwrap_or_default();
        if !merged.succeeded {
            let files: Vec<String> = said.collect();
            return Err(if files.is_empty() { merged.error() } else { Error::Conflict { files } });
        }
        let made = git.run(&["commit-tree", &tree, "-p", ours, "-p", theirs, "-m", message]).await?;
        Ok(made.trim().to_owned())
    }

    /// Moves a branch, unless somebody else has moved it.
    ///
    /// # Errors
    /// Also where it is checked out: the files there would not follow.
    pub async fn move_branch(&self, name: &str, from: &str, to: &str) -> Result<(), Error> {
        if let Some(path) = self.checked_out(name).await? {
            return Err(Error::CheckedOut { branch: name.to_owned(), path });
        }
        self.git().run(&["update-ref", &format!("refs/heads/{name}"), to, from]).await.map(drop)
    }

    /// Names a commit by a ref, so that it is kept and found again. The first who names one decides; what it is then.
    pub async fn keep(&self, reference: &str, commit: &str) -> Result<String, Error> {
        let made = self.git().status(&["update-ref", reference, commit, NOTHING]).await?;
        match self.kept(reference).await? {
            Some(kept) => Ok(kept),
            None => Err(made.error()),
        }
    }

    /// What a ref names.
    pub async fn kept(&self, reference: &str) -> Result<Option<String>, Error> {
        match self.resolve(reference).await {
            Ok(commit) => Ok(Some(commit)),
            Err(Error::NoCommit(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Forgets all refs below a prefix.
    pub async fn forget(&self, prefix: &str) -> Result<(), Error> {
        let listed = self.git().run(&["for-each-ref", "--format=%(refname)", prefix]).await?;
        for reference in listed.lines() {
            self.git().run(&["update-ref", "-d", reference]).await?;
        }
        Ok(())
    }

    /// Where a branch is checked out: moved there, it would surprise whoever works on it.
    pub async fn checked_out(&self, branch: &str) -> Result<Option<PathBuf>, Error> {
        let listed = self.git().run(&["worktree", "list", "--porcelain"]).await?;
        let wanted = format!("branch refs/heads/{branch}");
        let found = listed.split("\n\n").find(|entry| entry.lines().any(|line| line == wanted));
        Ok(found.and_then(|entry| entry.lines().next()?.strip_prefix("worktree ").map(PathBuf::from)))
    }
}
