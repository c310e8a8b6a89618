//! Branches on GitHub. What others have pushed there is theirs: nothing of it is overwritten or removed.

use serde_json::Value;

use super::{Error, GitHub, answer::nonsense, encoded, fault::fault, status};

impl GitHub {
    /// Removes a branch; one that is not there is removed already, and one with commits that the clone's branch does not
    /// have is somebody else's by now.
    pub async fn remove_branch(&self, branch: &str) -> Result<(), Error> {
        let Some(at) = self.head_of(branch).await? else { return Ok(()) };
        if !self.clone.contains(&format!("refs/heads/{branch}"), &at).await? {
            return Ok(());
        }
        let route = self.route(&format!("git/refs/heads/{}", in_path(branch)));
        let answer = self.client._delete(route, None::<&()>).await.map_err(fault)?;
        match octocrab::map_github_error(answer).await {
            Ok(_) => Ok(()),
            // A protected branch is answered like one that is gone.
            Err(error) if matches!(status(&error), Some(404 | 422)) && self.head_of(branch).await?.is_none() => Ok(()),
            Err(error) => Err(fault(error)),
        }
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
    /// branch of a fork has the name of another one here.
    pub(super) async fn bring(&self, number: u64, head: &Value, commit: &str) -> Result<bool, Error> {
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| nonsense("a pull request"));
        let (branch, at) = (text(&head["ref"])?, text(&head["sha"])?);
        if at == commit {
            return Ok(true);
        }
        let name = head["repo"]["full_name"].as_str();
        if !name.is_some_and(|name| name.eq_ignore_ascii_case(&self.access.name)) {
            return Ok(false);
        }
        if !self.clone.contains(commit, &at).await? {
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
