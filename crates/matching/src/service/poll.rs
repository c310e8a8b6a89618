//! One poll: it arrives, waits, and ends with an item or empty-handed.
//!
//! Invariant: an item that was sent to a poll leaves it in exactly one way: returned to the caller, or, when the future
//! is dropped first, back to its queue (a task, a query) or to the shard (a task already recorded as started).

use super::{Inner, Overloaded, Reply, Service};
use crate::key::QueueKey;
use crate::payload::{Offer, Payloads};
use crate::poller::PollerInfo;
use crate::queue::{Item, Leaving, Left, Queue, Ticket};
use crate::source::Orphans;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot::{self, error::TryRecvError};

/// What a poll brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled<P: Payloads> {
    /// A task to be started. Whoever cannot start it offers it again as it is.
    Task(Offer<P::Task>),
    /// A task that is recorded as started for this poll's request id.
    Started(P::Started),
    Query(P::Query),
    Empty,
}

impl<P: Payloads> Service<P> {
    /// Waits for a task until `deadline` (monotonic). May be dropped at any time: nothing is lost.
    ///
    /// At its deadline a poll is empty even if tasks wait: whoever takes a task, cannot start it and offers it again
    /// would otherwise take it anew without end.
    pub async fn poll(&self, key: &QueueKey, poller: PollerInfo, deadline: Duration) -> Result<Polled<P>, Overloaded> {
        if self.0.clock.monotonic() >= deadline {
            return Ok(Polled::Empty);
        }
        let Some(mut wait) = self.0.arrive(key, poller)? else { return Ok(Polled::Empty) };
        if let Some(polled) = wait.until(deadline).await {
            return Ok(polled);
        }
        match wait.leave(Leaving::Deadline) {
            Left::Waiting => Ok(Polled::Empty),
            Left::Served => Ok(wait.take_now()),
            Left::Reserved => {
                let grace = deadline.saturating_add(self.0.options.reserve_grace);
                let polled = wait.until(grace).await;
                // Who does not wait any longer must say so before it looks for the last time.
                Ok(polled.unwrap_or_else(|| match wait.leave(Leaving::Gone) {
                    Left::Waiting | Left::Reserved => Polled::Empty,
                    Left::Served => wait.take_now(),
                }))
            }
        }
    }
}

/// A poll that has arrived. Dropping it is leaving.
pub(super) struct Wait<P: Payloads> {
    inner: Arc<Inner<P>>,
    key: QueueKey,
    ticket: Ticket,
    reply: oneshot::Receiver<Item<P>>,
    /// Nothing can come any more, or what came was taken.
    over: bool,
}

impl<P: Payloads> Inner<P> {
    /// `None` once the service or the worker is shut down.
    fn arrive(self: &Arc<Self>, key: &QueueKey, poller: PollerInfo) -> Result<Option<Wait<P>>, Overloaded> {
        self.enter(key, |inner, queue, to, now| {
            (!inner.has_gone(key, &poller, now)).then(|| queue.arrive(Arc::new(poller), to, now))
        })
    }

    /// `None` once the service is shut down, or whoever comes is not let in.
    pub(super) fn enter(
        self: &Arc<Self>,
        key: &QueueKey,
        arrive: impl FnOnce(&Self, &mut Queue<P, Reply<P>>, Reply<P>, Duration) -> Option<Ticket>,
    ) -> Result<Option<Wait<P>>, Overloaded> {
        if self.polls.fetch_add(1, Ordering::Relaxed) >= self.options.polls_max {
            self.polls.fetch_sub(1, Ordering::Relaxed);
            return Err(Overloaded::Polls);
        }
        let (to, reply) = oneshot::channel();
        let enter = |inner: &Self, queue: &mut Queue<P, Reply<P>>, to, now| {
            // Looked at under the lock: shutdown ends the polls of every queue after it has said that it is closed.
            if inner.is_closed() { None } else { arrive(inner, queue, to, now) }
        };
        match self.with_new(key, to, enter) {
            Ok(Some(ticket)) => {
                Ok(Some(Wait { inner: Arc::clone(self), key: key.clone(), ticket, reply, over: false }))
            }
            Ok(None) => {
                self.polls.fetch_sub(1, Ordering::Relaxed);
                Ok(None)
            }
            Err(_) => {
                self.polls.fetch_sub(1, Ordering::Relaxed);
                Err(Overloaded::Queues)
            }
        }
    }

    /// Takes back an item whose poller has gone.
    fn give_back(&self, key: &QueueKey, item: Item<P>) {
        let back = |_: &Self, queue: &mut Queue<P, Reply<P>>, item, now| queue.give_back(item, now);
        // A queue that has moved does not outlive its polls' items; then only the shard still has the task.
        let undelivered = self.with_existing(key, item, back, |item| match item {
            Item::Started(started) => Some(started),
            Item::Task(held) => {
                if !self.is_branch {
                    self.shards_unheard.lock().insert(held.offer.origin);
                }
                let tasks = vec![held.offer];
                self.hand_back(key, Orphans { tasks, queries: Vec::new(), shards_with_more: Vec::new() });
                None
            }
            Item::Query(_) => None,
        });
        if let Some(started) = undelivered {
            self.source.undelivered(key, started);
        }
        if self.is_branch {
            self.empty_branch(key);
        }
    }
}

impl<P: Payloads> Wait<P> {
    /// What comes before the deadline; `None` if nothing did.
    pub(super) async fn until(&mut self, deadline: Duration) -> Option<Polled<P>> {
        // What is there already needs no timer.
        match self.reply.try_recv() {
            Ok(item) => return Some(self.take(item)),
            Err(TryRecvError::Closed) => return Some(Polled::Empty),
            Err(TryRecvError::Empty) => {}
        }
        let timer = self.inner.clock.sleep_until(deadline);
        tokio::select! {
            biased;
            item = &mut self.reply => {
                self.over = true;
                Some(item.map_or(Polled::Empty, Polled::from))
            }
            () = timer => None,
        }
    }

    pub(super) fn leave(&mut self, leaving: Leaving) -> Left {
        let leave = |_: &Inner<P>, queue: &mut Queue<P, Reply<P>>, ticket, now| queue.leave(ticket, leaving, now);
        let left = self.inner.with_existing(&self.key, self.ticket, leave, |_| Left::Served);
        self.over = left == Left::Waiting || (left == Left::Reserved && leaving == Leaving::Gone);
        left
    }

    /// The item of a poll that was served; empty if it was ended instead.
    pub(super) fn take_now(&mut self) -> Polled<P> {
        match self.reply.try_recv() {
            Ok(item) => self.take(item),
            Err(_) => Polled::Empty,
        }
    }

    fn take(&mut self, item: Item<P>) -> Polled<P> {
        self.over = true;
        Polled::from(item)
    }
}

impl<P: Payloads> From<Item<P>> for Polled<P> {
    fn from(item: Item<P>) -> Self {
        match item {
            Item::Task(held) => Self::Task(held.offer),
            Item::Started(started) => Self::Started(started),
            Item::Query(pending) => Self::Query(pending.query),
        }
    }
}

impl<P: Payloads> Drop for Wait<P> {
    fn drop(&mut self) {
        self.inner.polls.fetch_sub(1, Ordering::Relaxed);
        if self.over || self.leave(Leaving::Gone) != Left::Served {
            return;
        }
        if let Ok(item) = self.reply.try_recv() {
            self.inner.give_back(&self.key, item);
        }
    }
}
