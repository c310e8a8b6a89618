//! A queue that is at several nodes: its root, at its owner, holds its tasks, and each branch the polls of one other node.
//!
//! Invariant: a branch hands over what comes to a poll that waits, and holds nothing. A root whose rate is limited gives
//! nothing to branches, so that one place counts: who polls there has to come to it.

use super::{Delivery, Item, Queue, Ticket};
use crate::payload::{Near, Payloads};
use crate::source::Orphans;
use std::time::Duration;

/// What a root has held back of its tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RootBacklog {
    pub held: usize,
    /// For how long the task is held that goes next.
    pub age: Option<Duration>,
}

impl<P: Payloads, W> Queue<P, W> {
    /// A branch comes to the root and waits for what its polls may have.
    pub(crate) fn arrive_for_branch(&mut self, to: W) -> Ticket {
        let ticket = self.ticket();
        self.fetching.insert(ticket, to);
        ticket
    }

    /// What a branch, to which some shards are near, gets of what is held at the root now: at most so much, and of a limited
    /// root nothing.
    pub(crate) fn take_for_branch(&mut self, max: usize, near: Near<'_>, now: Duration) -> Vec<Item<P>> {
        if self.limits.is_limited() {
            return Vec::new();
        }
        std::iter::from_fn(|| self.take(now, near)).take(max).collect()
    }

    /// A branch says how long ago it had its last poll.
    pub(crate) fn note_branch(&mut self, idle: Duration, now: Duration) {
        self.last_poll = self.last_poll.max(now.checked_sub(idle));
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.limits.is_limited()
    }

    /// Tasks are held, or are in the shards only.
    pub(crate) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty() || self.backlog.has_more()
    }

    pub(crate) fn root_backlog(&self, now: Duration) -> RootBacklog {
        let age = self.backlog.first_since().map(|since| now.saturating_sub(since));
        RootBacklog { held: self.backlog.len(), age }
    }

    /// A branch is told of its root.
    pub(crate) fn note_root(&mut self, root: RootBacklog) {
        self.root = root;
    }

    /// How long ago the last poll was here; `None` if one is.
    pub(crate) fn idle_for(&self, now: Duration) -> Option<Duration> {
        let is_polled = !(self.waiting.is_empty() && self.reserved.is_empty());
        (!is_polled).then(|| self.last_poll.map_or(Duration::MAX, |at| now.saturating_sub(at)))
    }

    /// Polls that wait here.
    pub(crate) fn polls(&self) -> usize {
        self.waiting.len()
    }

    /// Hands over what is not held here, if a poll waits for it; and gives it back if none does.
    pub(crate) fn hand(&mut self, item: Item<P>, now: Duration) -> Result<Delivery<P, W>, Item<P>> {
        if self.waiting.is_empty() || !self.backlog.is_empty() || !self.queries.is_empty() {
            return Err(item);
        }
        Ok(self.serve(item, now).expect("a poll waits"))
    }

    /// A task came and went to a poll at once.
    pub(crate) fn count(&mut self, priority: u32, now: Duration) {
        self.rates.added(priority, now);
        self.rates.dispatched(priority, now);
    }

    /// Lets go of what expires with time, and of what was given back and stayed.
    pub(crate) fn sweep_branch(&mut self, now: Duration) -> Orphans<P> {
        let mut orphans = self.sweep(now);
        let rest = self.drain();
        orphans.tasks.extend(rest.tasks);
        orphans.queries.extend(rest.queries);
        orphans
    }

    /// Branches are told that they are to send their polls here.
    pub(super) fn end_fetches_of_limited(&mut self) {
        if self.limits.is_limited() {
            self.fetching.clear();
        }
    }
}
