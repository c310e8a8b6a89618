//! Branches on GitHub. What others have pushed there is theirs: nothing of it is overwritten or removed.

use serde_json::Value;

use super::{Error, GitHub, answer::nonsense, encoded};
use crate::repository;

impl GitHub {
    /// Removes a branch; one that is not there is removed already, and one with commits that the clone's branch does not
    /// have is somebody else's by now. So is one that somebody pushes to in between: it is removed where it was seen or
    /// not at all, which only a push can say.
    pub async fn remove_branch(&self, branch: &str) -> Result<(), Error> {
        let Some(at) = self.head_of(branch).await? else { return Ok(()) };
        let Some(ours) = self.clone.branch(branch).await? else { return Ok(()) };
        if !self.has(&ours, &at).await? {
            return Ok(());
        }
        match self.clone.remove_pushed(&self.access.remote, branch, &at, Some(&self.access.token)).await {
            Ok(_) => Ok(()),
            // It is protected, or the token may not.
            Err(repository::Error::Git { message, .. }) if message.contains("[remote rejected]") => {
                Err(Error::Denied(message))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether one of our commits has all of one that is there, which may have never come here.
    async fn has(&self, ours: &str, theirs: &str) -> Result<bool, Error> {
        Ok(self.clone.kept(theirs).await?.is_some() && self.clone.contains(ours, theirs).await?)
    }

    /// The commit that a branch is at there, if there is one.
    async fn head_of(&self, branch: &str) -> Result<Option<String>, Error> {
        match self.read(&format!("git/ref/heads/{}", in_path(branch))).await {
            Ok(found) => found["object"]["sha"].as_str().map(|at| Some(at.to_owned())).ok_or_else(|| nonsense(branch)),
            Err(Error::NotThere(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Brings a commit onto the branch of a pull request if it has all that is there; whether GitHub has it now. The
    /// branch of a fork has the name of another one here. Whether it is one GitHub says: it knows a repository that got
    /// another name, or whose letters are written otherwise, by both.
    pub(super) async fn bring(&self, number: u64, pull: &Value, commit: &str) -> Result<bool, Error> {
        let (head, base) = (&pull["head"], &pull["base"]["repo"]["full_name"]);
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| nonsense("a pull request"));
        let (branch, at) = (text(&head["ref"])?, text(&head["sha"])?);
        if at == commit {
            return Ok(true);
        }
        // A fork that is gone has no name.
        if !base.is_string() || head["repo"]["full_name"] != *base {
            return Ok(false);
        }
        if !self.has(commit, &at).await? {
            return Err(Error::Changed(number));
        }
        self.clone.push(&self.access.remote, commit, &branch, Some(&self.access.token)).await?;
        Ok(true)
    }
}

/// As a part of an address; its slashes stay.
fn in_path(branch: &str) -> String {
    branch.split('/').map(encoded).collect::<Vec<_>>().join("/")
}
