//! Where a poll waits: at the root of its queue, if this node owns it, or at a branch.
//!
//! Invariant: a poll that loses its place looks for it anew, here or at another node, and the worker does not notice.

use std::sync::Arc;

use weft_matching::{PollerInfo, QueueKey, Service};

use super::{Owned, branches::Branch};
use crate::node::{Node, tasks::Work};

pub(crate) enum Place {
    Root(Owned),
    Branch(Arc<Branch>),
}

impl Place {
    /// `None` if it is at another node: of a queue that is owned there, for a poll that was passed on or that the owner
    /// has to count.
    pub(crate) fn of(node: &Node, queue: &QueueKey, poller: &PollerInfo, passed_on: bool) -> Option<Self> {
        if let Some(owned) = Owned::claim(node, queue) {
            return Some(Self::Root(owned));
        }
        let branches = node.inner().branches().filter(|_| !passed_on)?;
        branches.enter(queue, poller).map(Self::Branch)
    }

    pub(crate) fn service<'n>(&self, node: &'n Node) -> &'n Service<Work> {
        match (self, node.inner().branches()) {
            (Self::Branch(_), Some(branches)) => branches.polls(),
            (Self::Branch(_), None) | (Self::Root(_), _) => node.matching(),
        }
    }

    /// Waits until the place is lost. To be asked once the poll waits there.
    pub(crate) async fn lost(&mut self) {
        match self {
            Self::Root(owned) => owned.lost().await,
            Self::Branch(branch) => {
                branch.has_poll();
                branch.over().await;
            }
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Root(owned) => owned.is_lost(),
            Self::Branch(branch) => branch.is_over(),
        }
    }
}
