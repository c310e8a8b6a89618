//! GitHub as one forge among others.

use super::{Error, GitHub};
use crate::{
    forge::{self, Answer, Forge, NewDocument, NewPullRequest},
    model::{PullRequest, QualityGateResult},
};

impl From<Error> for forge::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Repository(error) => Self::Repository(error),
            Error::Closed(number) => Self::Closed(number),
            other @ (Error::NotThere(_)
            | Error::Denied(_)
            | Error::Service(_)
            | Error::Busy { .. }
            | Error::NotMergeable { .. }
            | Error::Changed(_)) => Self::GitHub(other),
        }
    }
}

impl Forge for GitHub {
    fn open<'a>(&'a self, new: &'a NewPullRequest) -> Answer<'a, PullRequest> {
        Box::pin(async move { Ok(self.open(new).await?) })
    }

    fn get(&self, number: u64) -> Answer<'_, PullRequest> {
        Box::pin(async move { Ok(self.get(number).await?) })
    }

    fn comment<'a>(&'a self, number: u64, key: &'a str, text: &'a str) -> Answer<'a, ()> {
        Box::pin(async move { Ok(self.comment(number, key, text).await?) })
    }

    fn set_status<'a>(&'a self, number: u64, result: &'a QualityGateResult) -> Answer<'a, ()> {
        Box::pin(async move { Ok(self.set_status(number, result).await?) })
    }

    fn merge(&self, number: u64) -> Answer<'_, PullRequest> {
        Box::pin(async move { Ok(self.merge(number).await?) })
    }

    fn close(&self, number: u64) -> Answer<'_, PullRequest> {
        Box::pin(async move { Ok(self.close(number).await?) })
    }

    fn keep<'a>(&'a self, new: &'a NewDocument) -> Answer<'a, String> {
        Box::pin(async move { Ok(self.keep(new).await?) })
    }

    fn remove_branch<'a>(&'a self, branch: &'a str) -> Answer<'a, ()> {
        Box::pin(async move { Ok(self.remove_branch(branch).await?) })
    }
}
