//! A waiting poller that was taken out for a task which is about to be recorded as started for it.
//!
//! Invariant: a reservation ends in one of two ways. Delivered: the poller has the task, or the shard is told that it
//! was not delivered. Dropped: the poller waits again where it stood, if it is still there.

use super::{Inner, Reply, Service};
use crate::key::QueueKey;
use crate::payload::{Payloads, Rank, Share};
use crate::poller::PollerInfo;
use crate::queue::{Item, Queue, Ticket, Waiter};
use std::sync::Arc;

/// A poller that waits for nobody else. Deliver to it, or drop this to let it wait on.
pub struct Reserved<P: Payloads> {
    inner: Arc<Inner<P>>,
    key: QueueKey,
    ticket: Ticket,
    poller: Arc<PollerInfo>,
    /// `None` once delivered.
    waiter: Option<Waiter<Reply<P>>>,
}

impl<P: Payloads> Service<P> {
    /// Takes out the poller that has waited longest, unless tasks wait before this one or the rate forbids it.
    pub fn reserve(&self, key: &QueueKey, rank: Rank, share: Option<&Share>) -> Option<Reserved<P>> {
        let take = |_: &Inner<P>, queue: &mut Queue<P, Reply<P>>, (), now| queue.reserve(rank.priority, share, now);
        let (ticket, waiter) = self.0.with_existing(key, (), take, |()| None)?;
        let poller = Arc::clone(&waiter.poller);
        Some(Reserved { inner: Arc::clone(&self.0), key: key.clone(), ticket, poller, waiter: Some(waiter) })
    }
}

impl<P: Payloads> Reserved<P> {
    pub fn poller(&self) -> &PollerInfo {
        &self.poller
    }

    pub fn key(&self) -> &QueueKey {
        &self.key
    }

    /// Hands over a task that is recorded as started for this poller's request id.
    pub fn deliver(mut self, started: P::Started) {
        let Some(waiter) = self.waiter.take() else { return };
        let ticket = self.ticket;
        let send = |_: &Inner<P>, queue: &mut Queue<P, Reply<P>>, (waiter, started): (Waiter<Reply<P>>, _), now| {
            if queue.redeem(ticket, now) {
                waiter.to.send(Item::Started(started)).err()
            } else {
                Some(Item::Started(started))
            }
        };
        let unsent =
            self.inner.with_existing(&self.key, (waiter, started), send, |(_, started)| Some(Item::Started(started)));
        if let Some(Item::Started(started)) = unsent {
            self.inner.source.undelivered(&self.key, started);
        }
    }
}

impl<P: Payloads> Drop for Reserved<P> {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter.take() else { return };
        let ticket = self.ticket;
        let back = |_: &Inner<P>, queue: &mut Queue<P, Reply<P>>, waiter, _| queue.unreserve(ticket, waiter);
        self.inner.with_existing(&self.key, waiter, back, drop);
    }
}
