//! Handing branches on to another repository.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Error, Repository, git::Git};

impl Repository {
    /// Puts a branch of another repository, at an address or a path, where a commit is. One that is there already goes
    /// only forward: what others have pushed to it is not overwritten.
    pub async fn push(&self, remote: &str, commit: &str, branch: &str, token: Option<&str>) -> Result<(), Error> {
        let commit = self.resolve(commit).await?;
        let target = format!("{commit}:refs/heads/{branch}");
        let git = self.git_with(token);
        match git.run(&["push", "--quiet", "--end-of-options", remote, &target]).await {
            Err(Error::Git { message, .. }) if message.contains("[rejected]") => {
                Err(Error::Rejected { branch: branch.to_owned(), remote: remote.to_owned() })
            }
            other => other.map(drop),
        }
    }

    /// Removes a branch of another repository if it is still at this commit; whether it was.
    pub async fn remove_pushed(
        &self,
        remote: &str,
        branch: &str,
        at: &str,
        token: Option<&str>,
    ) -> Result<bool, Error> {
        let (lease, target) = (format!("--force-with-lease=refs/heads/{branch}:{at}"), format!(":refs/heads/{branch}"));
        match self.git_with(token).run(&["push", "--quiet", &lease, "--end-of-options", remote, &target]).await {
            Err(Error::Git { message, .. }) if message.contains("[rejected]") => Ok(false),
            other => other.map(|_| true),
        }
    }

    fn git_with(&self, token: Option<&str>) -> Git {
        match token {
            None => self.git(),
            Some(token) => self.git().authorized(token),
        }
    }
}

impl Git {
    /// With a token for HTTP. It goes by the environment: everybody may read a command line.
    fn authorized(self, token: &str) -> Self {
        let basic = STANDARD.encode(format!("x-access-token:{token}"));
        self.with([
            ("GIT_CONFIG_COUNT", "1".to_owned()),
            ("GIT_CONFIG_KEY_0", "http.extraHeader".to_owned()),
            ("GIT_CONFIG_VALUE_0", format!("Authorization: Basic {basic}")),
        ])
    }
}
