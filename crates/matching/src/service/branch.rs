//! Queues whose owner is another node: a branch here, its root there.
//!
//! Invariant: at a branch polls wait and nothing else does. What was handed to a poll that has gone, and that no other
//! waits for, is handed back through [`Source::gone`]. What a root gives a branch is with whoever fetched it.

use super::{Inner, Overloaded, Polled, Reply, Service, deliver};
use crate::key::QueueKey;
use crate::options::Options;
use crate::payload::{Near, Offer, Payloads};
use crate::queue::{Item, Leaving, Left, Queue, RootBacklog};
use crate::source::Source;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use weft_env::Clock;

/// What a branch asks of its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// As many polls wait.
    pub max: usize,
    /// How long ago the last poll was there; zero if one is.
    pub idle: Duration,
    /// Until when (monotonic) it waits for something.
    pub deadline: Duration,
}

/// What a root has for a branch.
pub struct Fetched<P: Payloads> {
    /// Tasks and queries, not started; at most as many as were asked for.
    pub items: Vec<Polled<P>>,
    /// More tasks wait than these. While there are, who polls gets them in their order, which only the root knows.
    pub more: bool,
    /// The root counts what it hands out, so polls have to wait there.
    pub limited: bool,
    pub backlog: RootBacklog,
}

impl<P: Payloads> Default for Fetched<P> {
    fn default() -> Self {
        Self { items: Vec::new(), more: false, limited: false, backlog: RootBacklog::default() }
    }
}

impl<P: Payloads> Service<P> {
    /// Branches, which hold no tasks: they never pull.
    pub fn branches(options: Options, clock: Arc<dyn Clock>, source: Arc<dyn Source<P>>) -> Self {
        Self::of(true, options, clock, source)
    }

    /// For a branch: waits at the root for something that its polls may have, and takes at most `max` of what is there then,
    /// rather of shards that are `near` to the branch. May be dropped at any time: nothing is lost.
    pub async fn fetch(
        &self,
        key: &QueueKey,
        fetch: Fetch,
        near: impl Fn(u32) -> bool,
    ) -> Result<Fetched<P>, Overloaded> {
        let Fetch { max, idle, deadline } = fetch;
        let look = |inner: &Inner<P>, queue: &mut Queue<P, Reply<P>>, max, now| {
            queue.note_branch(idle, now);
            inner.fetch(queue, max, &near, now)
        };
        let fetched = self.0.with_new(key, max, look).map_err(|_| Overloaded::Queues)?;
        let over = self.0.clock.monotonic() >= deadline;
        if over || fetched.limited || !fetched.items.is_empty() {
            return Ok(fetched);
        }
        let arrive = |_: &Inner<P>, queue: &mut Queue<P, Reply<P>>, to, _| Some(queue.arrive_for_branch(to));
        let Some(mut wait) = self.0.enter(key, arrive)? else { return Ok(fetched) };
        let _standing = self.0.standing();
        let first = match wait.until(deadline).await {
            Some(first) => first,
            None => match wait.leave(Leaving::Deadline) {
                Left::Waiting | Left::Reserved => Polled::Empty,
                Left::Served => wait.take_now(),
            },
        };
        // A queue that has moved meanwhile is not made anew.
        let rest = if matches!(first, Polled::Empty) { 0 } else { max.saturating_sub(1) };
        let look = |inner: &Inner<P>, queue: &mut Queue<P, Reply<P>>, rest, now| inner.fetch(queue, rest, &near, now);
        let mut fetched = self.0.with_existing(key, rest, look, |_| Fetched::default());
        if !matches!(first, Polled::Empty) {
            fetched.items.insert(0, first);
        }
        Ok(fetched)
    }

    /// Hands a task that was not offered before to a poll that waits at a branch; gives it back if none does.
    pub fn offer_to_poll(&self, key: &QueueKey, offer: Offer<P::Task>) -> Option<Offer<P::Task>> {
        let hand = |_: &Inner<P>, queue: &mut Queue<P, Reply<P>>, offer: Offer<P::Task>, now| {
            let priority = offer.rank.priority;
            match hand(queue, Item::task(offer, now), now) {
                None => {
                    queue.count(priority, now);
                    None
                }
                Some(Item::Task(held)) => Some(held.offer),
                Some(Item::Started(_) | Item::Query(_)) => unreachable!("it was a task"),
            }
        };
        self.0.with_existing(key, offer, hand, Some)
    }

    /// Hands what was fetched from the root to a poll that waits at a branch; gives it back if none does.
    pub fn hand_fetched(&self, key: &QueueKey, fetched: Polled<P>) -> Option<Polled<P>> {
        let hand = |_: &Inner<P>, queue: &mut Queue<P, Reply<P>>, fetched, now| {
            let item = match fetched {
                Polled::Task(offer) => Item::task(offer, now),
                Polled::Query(query) => Item::query(query),
                Polled::Started(started) => Item::Started(started),
                Polled::Empty => return None,
            };
            hand(queue, item, now).map(Polled::from)
        };
        self.0.with_existing(key, fetched, hand, Some)
    }

    /// What a root said of its tasks: its branch here tells its polls by that how many there should be.
    pub fn note_root(&self, key: &QueueKey, backlog: RootBacklog) {
        self.0.with_existing(key, (), |_, queue, (), _| queue.note_root(backlog), |()| ());
    }

    /// A task of this queue would be taken at once: a poll waits for it, or a branch.
    pub fn is_awaited(&self, key: &QueueKey) -> bool {
        self.0.lot(key).lock().get(key).is_some_and(Queue::is_awaited)
    }

    /// How long ago the last poll was at a queue; `None` if one is.
    pub fn idle_for(&self, key: &QueueKey) -> Option<Duration> {
        let now = self.0.clock.monotonic();
        self.0.lot(key).lock().get(key).map_or(Some(Duration::MAX), |queue| queue.idle_for(now))
    }

    /// Polls that wait at a queue now.
    pub fn waiting(&self, key: &QueueKey) -> usize {
        self.0.lot(key).lock().get(key).map_or(0, Queue::polls)
    }
}

/// Gives back what no poll waits for.
fn hand<P: Payloads>(queue: &mut Queue<P, Reply<P>>, item: Item<P>, now: Duration) -> Option<Item<P>> {
    match queue.hand(item, now) {
        Ok(delivery) => {
            deliver(queue, delivery, now);
            None
        }
        Err(item) => Some(item),
    }
}

/// A fetch that waits.
struct Standing<'a>(&'a AtomicUsize);

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<P: Payloads> Inner<P> {
    fn standing(&self) -> Standing<'_> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        Standing(&self.fetches)
    }

    /// At most so much of what is held now.
    fn fetch(&self, queue: &mut Queue<P, Reply<P>>, max: usize, near: Near<'_>, now: Duration) -> Fetched<P> {
        let max = if self.is_closed() { 0 } else { max };
        let items = queue.take_for_branch(max, near, now).into_iter().map(Polled::from).collect();
        let (more, limited) = (queue.has_backlog(), queue.is_limited());
        Fetched { items, more, limited, backlog: queue.root_backlog(now) }
    }

    /// A branch holds nothing for long.
    pub(super) fn empty_branch(&self, key: &QueueKey) {
        let orphans = self.with_existing(key, (), |_, queue, (), _| Some(queue.drain()), |()| None);
        if let Some(orphans) = orphans {
            self.hand_back(key, orphans);
        }
    }
}
