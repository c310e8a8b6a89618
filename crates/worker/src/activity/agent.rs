//! Who does the work of a role: the seam between activities and providers of agents.

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use weft::Error;

use crate::{
    model::{Alert, Diagnosis, Issue},
    process::Supervisor,
    repository::Worktree,
    sandbox::Sandbox,
};

/// Where an agent works.
#[derive(Debug)]
pub struct Desk<'a> {
    pub worktree: &'a Worktree,
    pub supervisor: &'a Supervisor,
    pub sandbox: Sandbox,
    pub cancel: CancellationToken,
}

/// What a coder did to a worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coded {
    /// The change lies in the worktree; what it does, and why.
    Changed {
        summary: String,
    },
    Unable {
        reason: String,
        tried: u32,
    },
}

/// What an agent does, in time.
pub type Doing<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// Changes code for an issue.
pub trait Coder: Send + Sync {
    fn code<'a>(&'a self, issue: &'a Issue, desk: Desk<'a>) -> Doing<'a, Coded>;
}

/// Thinks about an alert.
pub trait Diagnostician: Send + Sync {
    /// `agent` is counted from 0: each looks at something else first.
    fn diagnose<'a>(&'a self, alert: &'a Alert, agent: u32) -> Doing<'a, Diagnosis>;
}
