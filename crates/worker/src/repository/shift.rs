//! Branches that go forward and back, unless somebody else has moved them.

use super::{Error, Repository};

impl Repository {
    /// Moves a branch from one commit to another, or removes it. One that is there already is left as it is.
    ///
    /// # Errors
    /// Where it is at another commit than both, or checked out.
    pub async fn shift_branch(&self, name: &str, from: &str, to: Option<&str>) -> Result<(), Error> {
        let found = self.branch(name).await?;
        if found.as_deref() == to {
            return Ok(());
        }
        if found.as_deref() != Some(from) {
            let wanted = from.to_owned();
            let found = found.unwrap_or_else(|| "no commit".to_owned());
            return Err(Error::Moved { branch: name.to_owned(), wanted, found });
        }
        match to {
            Some(to) => self.move_branch(name, from, to).await,
            None => self.drop_branch(name, from).await,
        }
    }

    async fn drop_branch(&self, name: &str, from: &str) -> Result<(), Error> {
        if let Some(path) = self.checked_out(name).await? {
            return Err(Error::CheckedOut { branch: name.to_owned(), path });
        }
        self.git().run(&["update-ref", "-d", &format!("refs/heads/{name}"), from]).await.map(drop)
    }
}
