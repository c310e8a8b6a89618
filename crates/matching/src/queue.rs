//! One queue as plain data: the pollers that wait, the tasks and queries that wait, and who meets whom.
//!
//! Invariant: after [`Queue::next`] has answered `None` no poller waits while there is something that it may have.
//! Pollers are served in the order they came, and before branches; tasks go by rank, but for those of shards that are near,
//! which may go a little before their time. A poller is in exactly one place:
//! waiting, reserved, or served. Time is an argument.
//!
//! Deliberately not here: locks, wakers and channels. `W` is the way to a poller; the queue carries it and never looks.

mod branch;
mod limits;
mod scaling;

pub use branch::RootBacklog;
pub use limits::{QueueConfig, RateSource, is_limit};

use crate::backlog::{Ask, Backlog, Found, Held, Kept};
use crate::fair::{key_of, weight_of};
use crate::key::{QueueKey, QueueKind};
use crate::meter::Rates;
use crate::options::Options;
use crate::payload::{Identified, Near, Offer, Payloads, Share};
use crate::poller::{PollerInfo, QueueStats};
use crate::queries::{Pending, Queries};
use crate::seen::Seen;
use crate::source::Orphans;
use limits::Limits;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use weft_env::UnixNanos;

/// A poll's number at its queue. Lower came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// A poll that waits.
#[derive(Debug)]
pub(crate) struct Waiter<W> {
    pub(crate) poller: Arc<PollerInfo>,
    pub(crate) to: W,
}

/// What a poller gets.
#[derive(Debug)]
pub(crate) enum Item<P: Payloads> {
    Task(Held<P::Task>),
    Started(P::Started),
    Query(Pending<P::Query>),
}

impl<P: Payloads> Item<P> {
    /// A task that came now.
    pub(crate) fn task(offer: Offer<P::Task>, now: Duration) -> Self {
        Self::Task(Held { offer, since: now })
    }

    /// A query that was held elsewhere, and has been asked for in time.
    pub(crate) fn query(query: P::Query) -> Self {
        Self::Query(Pending { query, deadline: Duration::MAX })
    }
}

/// An item and the poller that is to have it.
pub(crate) struct Delivery<P: Payloads, W> {
    pub(crate) to: W,
    pub(crate) item: Item<P>,
}

/// What became of an offer.
pub(crate) enum Placed<P: Payloads, W> {
    Matched(Delivery<P, W>),
    Queued,
    Dropped,
    NoStickyPoller(P::Task),
}

/// What became of a query.
pub(crate) enum Asked<P: Payloads, W> {
    Matched(Delivery<P, W>),
    Queued,
    NoStickyPoller(P::Query),
    TooMany(P::Query),
}

/// Why a poll ends unserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// Its time is over.
    Deadline,
    /// The caller has gone, or waits no longer for a reservation.
    Gone,
}

/// Where a poll was when it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Waiting,
    /// A task is being recorded as started for it.
    Reserved,
    /// An item is on its way to it, or its queue was closed.
    Served,
}

/// A poll that was taken out for a task that is being recorded as started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reservation {
    InTime,
    /// Its deadline has passed: if nothing comes of the reservation, the poll ends.
    Overdue,
}

/// Who was taken out, and for what.
struct Reserved {
    reservation: Reservation,
    poller: Arc<PollerInfo>,
    priority: u32,
    /// The task's fairness key.
    key: Arc<str>,
}

pub(crate) struct Queue<P: Payloads, W> {
    options: Arc<Options>,
    sticky: bool,
    throttled: bool,
    waiting: BTreeMap<Ticket, Waiter<W>>,
    /// Branches of this queue at other nodes, which wait for those that poll there.
    fetching: BTreeMap<Ticket, W>,
    reserved: BTreeMap<Ticket, Reserved>,
    tickets: u64,
    backlog: Backlog<P::Task>,
    queries: Queries<P::Query>,
    seen: Seen,
    /// When a poll last came or ended in order, at branches too as they tell it. A poll that was cut off says nothing good of
    /// its worker.
    last_poll: Option<Duration>,
    limits: Limits,
    alarm: Option<Duration>,
    rates: Rates,
    /// When a poll was last looked at for how many there should be.
    scaled_at: Option<Duration>,
    /// What a branch was told of its root.
    root: RootBacklog,
}

impl<P: Payloads, W> Queue<P, W> {
    pub(crate) fn new(key: &QueueKey, options: Arc<Options>) -> Self {
        Self {
            sticky: key.sticky,
            throttled: key.kind == QueueKind::Activity,
            waiting: BTreeMap::new(),
            fetching: BTreeMap::new(),
            reserved: BTreeMap::new(),
            tickets: 0,
            backlog: Backlog::new(options.held_per_shard_max, options.overtaking_max),
            queries: Queries::new(),
            seen: Seen::default(),
            last_poll: None,
            limits: Limits::default(),
            alarm: None,
            rates: Rates::default(),
            scaled_at: None,
            root: RootBacklog::default(),
            options,
        }
    }

    /// The next pair of a poller and what it gets; `near` are shards that are so to those who poll here. To be called until
    /// `None` after every other call.
    pub(crate) fn next(&mut self, now: Duration, near: Near<'_>) -> Option<Delivery<P, W>> {
        if !self.is_awaited() {
            return None;
        }
        let item = if self.waiting.is_empty() { self.take(now, &|_| false) } else { self.take(now, near) }?;
        self.serve(item, now)
    }

    /// What a poller would get now.
    fn take(&mut self, now: Duration, near: Near<'_>) -> Option<Item<P>> {
        if let Some(pending) = self.queries.pop(now) {
            return Some(Item::Query(pending));
        }
        if self.backlog.is_empty() || !self.limits.take(now) {
            return None;
        }
        let limits = &self.limits;
        let may = |key: &str| limits.key_may(key, now);
        let Some(held) = self.backlog.pop(now, may, |key| limits.weight(key), near) else {
            self.limits.refund();
            return None;
        };
        self.take_key(held.offer.share.as_ref(), now);
        self.rates.dispatched(held.offer.rank.priority, now);
        Some(Item::Task(held))
    }

    /// A poll comes and waits.
    pub(crate) fn arrive(&mut self, poller: Arc<PollerInfo>, to: W, now: Duration) -> Ticket {
        let rate_gone = self.seen.note(&poller, now, &self.options);
        match poller.max_tasks_per_second {
            Some(rate) if self.throttled => self.limits.worker_says(Some(rate), now),
            Some(_) => {}
            None if rate_gone => self.limits.worker_says(None, now),
            None => {}
        }
        self.end_fetches_of_limited();
        self.last_poll = Some(now);
        let ticket = self.ticket();
        self.waiting.insert(ticket, Waiter { poller, to });
        ticket
    }

    /// A poll ends unserved, if it still can.
    pub(crate) fn leave(&mut self, ticket: Ticket, leaving: Leaving, now: Duration) -> Left {
        if let Some(waiter) = self.waiting.remove(&ticket) {
            if leaving == Leaving::Deadline {
                self.last_poll = Some(now);
                self.seen.touch(&waiter.poller.identity, now);
            }
            return Left::Waiting;
        }
        if self.fetching.remove(&ticket).is_some() {
            return Left::Waiting;
        }
        let Some(reserved) = self.reserved.get_mut(&ticket) else { return Left::Served };
        match leaving {
            Leaving::Deadline => reserved.reservation = Reservation::Overdue,
            Leaving::Gone => {
                self.reserved.remove(&ticket);
            }
        }
        Left::Reserved
    }

    pub(crate) fn offer(&mut self, offer: Offer<P::Task>, now: Duration) -> Placed<P, W> {
        if !self.may_hold(now) {
            return Placed::NoStickyPoller(offer.task);
        }
        let priority = offer.rank.priority;
        self.rates.added(priority, now);
        // A poller is never left idle for order's sake, even if the shard has older tasks that are being pulled.
        if self.backlog.is_empty() && self.is_awaited() && self.take_token(offer.share.as_ref(), now) {
            self.rates.dispatched(priority, now);
            return Placed::Matched(self.serve(Item::task(offer, now), now).expect("a poller waits"));
        }
        match self.backlog.hold(offer, now) {
            Kept::Held | Kept::Duplicate => Placed::Queued,
            Kept::Dropped => Placed::Dropped,
        }
    }

    /// Takes back what a poller did not take. A task that is recorded as started is not for a queue, and returned.
    pub(crate) fn give_back(&mut self, item: Item<P>, now: Duration) -> Option<P::Started> {
        match item {
            Item::Task(held) => {
                self.limits.refund();
                self.limits.refund_key(&key_of(held.offer.share.as_ref()));
                self.backlog.put_back(held, now);
                None
            }
            Item::Query(pending) => {
                self.queries.put_back(pending);
                None
            }
            Item::Started(started) => Some(started),
        }
    }

    /// Takes the first waiting poller out for a task that is about to be recorded as started.
    pub(crate) fn reserve(
        &mut self,
        priority: u32,
        share: Option<&Share>,
        now: Duration,
    ) -> Option<(Ticket, Waiter<W>)> {
        if !self.backlog.is_empty() || self.waiting.is_empty() || !self.take_token(share, now) {
            return None;
        }
        let (ticket, waiter) = self.waiting.pop_first()?;
        let poller = Arc::clone(&waiter.poller);
        self.reserved
            .insert(ticket, Reserved { reservation: Reservation::InTime, poller, priority, key: key_of(share) });
        Some((ticket, waiter))
    }

    /// The task of a reservation is recorded as started. False if the poller has gone meanwhile.
    pub(crate) fn redeem(&mut self, ticket: Ticket, now: Duration) -> bool {
        let Some(Reserved { priority, .. }) = self.reserved.remove(&ticket) else { return false };
        self.count(priority, now);
        self.last_poll = Some(now);
        true
    }

    /// Nothing came of a reservation: the poller waits again, where it stood, unless it is overdue.
    pub(crate) fn unreserve(&mut self, ticket: Ticket, waiter: Waiter<W>) {
        self.limits.refund();
        let reserved = self.reserved.remove(&ticket);
        if let Some(reserved) = &reserved {
            self.limits.refund_key(&reserved.key);
        }
        match reserved.map(|reserved| reserved.reservation) {
            Some(Reservation::InTime) => {
                self.waiting.insert(ticket, waiter);
            }
            // Dropping the way to it ends the poll.
            Some(Reservation::Overdue) | None => {}
        }
    }

    pub(crate) fn dispatch_query(&mut self, query: P::Query, deadline: Duration, now: Duration) -> Asked<P, W> {
        if !self.may_hold(now) {
            return Asked::NoStickyPoller(query);
        }
        let pending = Pending { query, deadline };
        if self.is_awaited() {
            return Asked::Matched(self.serve(Item::Query(pending), now).expect("a poller waits"));
        }
        match self.queries.push(pending, self.options.queries_max) {
            Ok(()) => Asked::Queued,
            Err(query) => Asked::TooMany(query),
        }
    }

    pub(crate) fn cancel_query(&mut self, id: &<P::Query as Identified>::Id) -> bool {
        self.queries.cancel(id)
    }

    /// An operator sets what is to hold for the queue.
    pub(crate) fn configure(&mut self, config: Arc<QueueConfig>, now: Duration) {
        self.limits.configure(config, now);
        self.end_fetches_of_limited();
    }

    pub(crate) fn pulled(&mut self, found: Found<P::Task>, now: Duration) {
        for priority in self.backlog.pulled(found, now) {
            self.rates.added(priority, now);
        }
    }

    pub(crate) fn mark_all(&mut self, shard: u32, now: Duration) {
        self.backlog.mark_all(shard, now);
    }

    pub(crate) fn take_asks(&mut self) -> Vec<Ask<<P::Task as Identified>::Id>> {
        self.backlog.take_asks()
    }

    /// When [`Queue::next`] is to be called though nothing happened, if this was not told before. Moments after the
    /// next sweep are not told: that calls it anyway.
    pub(crate) fn take_alarm(&mut self, now: Duration) -> Option<Duration> {
        let horizon = now.saturating_add(self.options.sweep_interval);
        let starved = self.is_awaited() && !self.backlog.is_empty();
        let wanted = if starved { self.ready_at().filter(|at| *at <= horizon) } else { None };
        if wanted == self.alarm {
            return None;
        }
        self.alarm = wanted;
        wanted
    }

    /// Lets go of what expires with time. Answers what a sticky queue held whose worker has gone.
    pub(crate) fn sweep(&mut self, now: Duration) -> Orphans<P> {
        if self.seen.prune(now, &self.options) {
            self.limits.worker_says(None, now);
        }
        self.queries.expire(now);
        if !self.may_hold(now) {
            return self.drain();
        }
        self.backlog.sweep(now, self.options.pull_retry);
        Orphans { tasks: Vec::new(), queries: Vec::new(), shards_with_more: Vec::new() }
    }

    /// Gives everything up: waiting polls end, what is held is handed back.
    pub(crate) fn unload(&mut self, now: Duration) -> Orphans<P> {
        self.end_polls(now);
        self.last_poll = None;
        self.drain()
    }

    /// Ends all polls that wait.
    pub(crate) fn end_polls(&mut self, now: Duration) {
        self.fetching.clear();
        self.end_polls_that(|_| true, now);
    }

    /// Ends the polls of some pollers, who are not shown any more.
    pub(crate) fn end_polls_that(&mut self, end: impl Fn(&PollerInfo) -> bool, now: Duration) {
        self.waiting.retain(|_, waiter| !end(&waiter.poller));
        for reserved in self.reserved.values_mut().filter(|reserved| end(&reserved.poller)) {
            reserved.reservation = Reservation::Overdue;
        }
        if self.seen.forget(end) {
            self.limits.worker_says(None, now);
        }
    }

    /// Nothing is lost if this queue is forgotten.
    pub(crate) fn is_idle(&self, now: Duration) -> bool {
        !self.is_awaited()
            && !self.was_polled_lately(now)
            && self.reserved.is_empty()
            && self.backlog.is_clear()
            && self.queries.is_empty()
            && self.seen.is_empty()
    }

    pub(crate) fn is_polled(&self) -> bool {
        !self.seen.is_empty()
    }

    pub(crate) fn describe(&mut self, now: Duration, wall: UnixNanos) -> QueueStats {
        let rates = self.rates.by_priority(now);
        let (rate, rate_source) = self.limits.in_force();
        QueueStats {
            pollers: self.seen.list(now, wall),
            backlog_count_hint: u64::try_from(self.backlog.len()).unwrap_or(u64::MAX),
            backlog_is_larger: self.backlog.has_more(),
            backlog_age: self.backlog.oldest_since().map(|since| now.saturating_sub(since)),
            tasks_add_rate: rates.values().map(|rates| rates.added).sum(),
            tasks_dispatch_rate: rates.values().map(|rates| rates.dispatched).sum(),
            rates,
            rate,
            rate_source,
            rate_limited: self.limits.holds_back(now),
            waiting: self.waiting.len(),
        }
    }

    #[cfg(test)]
    pub(crate) fn keys_remembered(&self) -> usize {
        self.backlog.remembered()
    }

    pub(crate) fn backlog_held(&self) -> usize {
        self.backlog.len().max(self.root.held)
    }

    /// The shards that are to say which lanes of tasks they have for this queue.
    pub(crate) fn take_discoveries(&mut self) -> Vec<u32> {
        self.backlog.take_discoveries()
    }

    pub(crate) fn discovered(&mut self, shard: u32, lanes: &[u16], now: Duration) {
        self.backlog.discovered(shard, lanes, now);
    }

    /// When the rates allow the next task.
    fn ready_at(&self) -> Option<Duration> {
        let keys = self.backlog.keys().filter_map(|key| self.limits.key_ready_at(key)).min()?;
        Some(self.limits.ready_at()?.max(keys))
    }

    /// Takes a token of the queue and one of the task's fairness key, if both are there.
    fn take_token(&mut self, share: Option<&Share>, now: Duration) -> bool {
        if !self.limits.key_may(&key_of(share), now) || !self.limits.take(now) {
            return false;
        }
        self.take_key(share, now);
        true
    }

    fn take_key(&mut self, share: Option<&Share>, now: Duration) {
        let key = key_of(share);
        let weight = self.limits.weight(&key).unwrap_or_else(|| weight_of(share));
        self.limits.take_key(&key, weight, now);
    }

    /// A sticky queue holds nothing for a worker that seems to have gone.
    fn may_hold(&self, now: Duration) -> bool {
        !self.sticky || self.is_awaited() || !self.reserved.is_empty() || self.was_polled_lately(now)
    }

    /// Of who polls at a branch this is all that is known here.
    fn was_polled_lately(&self, now: Duration) -> bool {
        self.last_poll.is_some_and(|at| now.saturating_sub(at) < self.options.sticky_poller_gone)
    }

    /// Gives up what is held.
    pub(crate) fn drain(&mut self) -> Orphans<P> {
        let (tasks, shards_with_more) = self.backlog.drain();
        Orphans { tasks, queries: self.queries.drain(), shards_with_more }
    }

    /// Somebody waits for a task, here or at a branch.
    pub(crate) fn is_awaited(&self) -> bool {
        !(self.waiting.is_empty() && self.fetching.is_empty())
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Whoever polls here goes before the branches: it is here, and at a branch may be nobody any more.
    fn serve(&mut self, item: Item<P>, now: Duration) -> Option<Delivery<P, W>> {
        let to = match self.waiting.pop_first() {
            Some((_, waiter)) => {
                self.last_poll = Some(now);
                waiter.to
            }
            // Whether somebody still polls there it says when it comes again.
            None => self.fetching.pop_first()?.1,
        };
        Some(Delivery { to, item })
    }
}

#[cfg(test)]
pub(crate) mod tests;
