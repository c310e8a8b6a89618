//! Queries that wait for a poller: first come, first served, each until its own deadline.
//!
//! Invariant: a query past its deadline is never handed out, and there are at most `queries_max`. One that was handed
//! to a poller who went away goes back to the front.

use crate::payload::Identified;
use std::collections::VecDeque;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Queries<Q>(VecDeque<Pending<Q>>);

/// A query and how long it may wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pending<Q> {
    pub(crate) query: Q,
    pub(crate) deadline: Duration,
}

impl<Q: Identified> Queries<Q> {
    pub(crate) fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the query back if there is no room.
    pub(crate) fn push(&mut self, pending: Pending<Q>, max: usize) -> Result<(), Q> {
        if self.0.len() >= max {
            return Err(pending.query);
        }
        self.0.push_back(pending);
        Ok(())
    }

    pub(crate) fn put_back(&mut self, pending: Pending<Q>) {
        self.0.push_front(pending);
    }

    pub(crate) fn pop(&mut self, now: Duration) -> Option<Pending<Q>> {
        while let Some(pending) = self.0.pop_front() {
            if now < pending.deadline {
                return Some(pending);
            }
        }
        None
    }

    pub(crate) fn cancel(&mut self, id: &Q::Id) -> bool {
        let before = self.0.len();
        self.0.retain(|pending| pending.query.id() != *id);
        self.0.len() < before
    }

    pub(crate) fn expire(&mut self, now: Duration) {
        self.0.retain(|pending| now < pending.deadline);
    }

    pub(crate) fn drain(&mut self) -> Vec<Q> {
        self.0.drain(..).map(|pending| pending.query).collect()
    }
}
