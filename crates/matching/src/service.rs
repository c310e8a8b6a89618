//! The shell around the queues: locks, waiting polls, and calls to the shards.
//!
//! Invariant: a queue is changed, and items are sent to its polls, only under the lock of its lot; no lock is held over
//! an await or a call to [`Source`]. An item that was sent is taken by its poll or given back by the poll's drop.
//!
//! Deliberately not here: who meets whom (`queue`), and the network.

mod branch;
mod gone;
mod housekeeping;
mod moved;
mod poll;
mod reserved;

pub use branch::{Fetch, Fetched};
pub use poll::Polled;
pub use reserved::Reserved;

use crate::backlog::{Ask, Found};
use crate::key::QueueKey;
use crate::options::Options;
use crate::payload::{Identified, LineId, Offer, Payloads, Position};
use crate::poller::{QueueName, QueueStats};
use crate::queue::{Asked, Delivery, Item, Placed, Queue, QueueConfig, RateSource};
use crate::source::{Orphans, Pull, Source};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use weft_env::Clock;

/// Locks that the queues are spread over: enough that two cores seldom meet.
const LOTS: usize = 64;

/// The way to a waiting poll.
type Reply<P> = oneshot::Sender<Item<P>>;
type Lot<P> = BTreeMap<QueueKey, Queue<P, Reply<P>>>;
type TaskId<P> = <<P as Payloads>::Task as Identified>::Id;

/// What a queue wants of the shards.
struct Wants<P: Payloads> {
    asks: Vec<Ask<TaskId<P>>>,
    discoveries: Vec<u32>,
}

impl<P: Payloads> Wants<P> {
    fn is_empty(&self) -> bool {
        self.asks.is_empty() && self.discoveries.is_empty()
    }
}

/// What became of an offered task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered<T> {
    /// A waiting poller has it.
    Matched,
    /// It is held, or was held already.
    Queued,
    /// There is no room. It will be pulled from its shard.
    Dropped,
    /// Nobody polls this sticky queue: offer it on the normal one.
    NoStickyPoller(T),
}

/// What became of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatched<Q> {
    Matched,
    /// It is held until its deadline.
    Queued,
    /// Nobody polls this sticky queue: ask on the normal one.
    NoStickyPoller(Q),
    /// Too many queries wait already.
    TooMany(Q),
}

/// Why a poll was refused. The caller may come again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Overloaded {
    #[error("too many polls wait on this node")]
    Polls,
    #[error("too many task queues are in use on this node")]
    Queues,
}

/// Matching. A cheap clone; all clones are one service. [`Service::run`] must be running for what depends on time.
pub struct Service<P: Payloads>(Arc<Inner<P>>);

impl<P: Payloads> Clone for Service<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<P: Payloads> {
    /// These are branches: their roots are at other nodes.
    is_branch: bool,
    options: Arc<Options>,
    clock: Arc<dyn Clock>,
    source: Arc<dyn Source<P>>,
    lots: Vec<Mutex<Lot<P>>>,
    queues: AtomicUsize,
    /// Polls and fetches that wait.
    polls: AtomicUsize,
    fetches: AtomicUsize,
    /// Shards of which not every task was brought here, at least while a queue was not known. New queues ask them for
    /// what they have.
    shards_unheard: Mutex<BTreeSet<u32>>,
    /// Shards that are led here: their tasks go a little before their time to who polls here.
    near: RwLock<BTreeSet<u32>>,
    /// When queues are to be looked at because their rate allows the next task.
    alarms: Mutex<BTreeSet<(Duration, QueueKey)>>,
    gone: Mutex<gone::Gone>,
    /// What operators set for queues, those that are not known here too.
    configs: Mutex<BTreeMap<QueueKey, Arc<QueueConfig>>>,
    /// There is an earlier alarm, or the service was shut down.
    changed: Notify,
    closed: AtomicBool,
}

impl<P: Payloads> Service<P> {
    /// Queues that hold tasks: all there are on a node of its own, and the roots of those that it owns in a cluster.
    pub fn new(options: Options, clock: Arc<dyn Clock>, source: Arc<dyn Source<P>>) -> Self {
        Self::of(false, options, clock, source)
    }

    fn of(is_branch: bool, options: Options, clock: Arc<dyn Clock>, source: Arc<dyn Source<P>>) -> Self {
        Self(Arc::new(Inner {
            is_branch,
            options: Arc::new(options),
            clock,
            source,
            lots: (0..LOTS).map(|_| Mutex::new(BTreeMap::new())).collect(),
            queues: AtomicUsize::new(0),
            polls: AtomicUsize::new(0),
            fetches: AtomicUsize::new(0),
            shards_unheard: Mutex::new(BTreeSet::new()),
            near: RwLock::default(),
            alarms: Mutex::new(BTreeSet::new()),
            gone: Mutex::new(gone::Gone::default()),
            configs: Mutex::new(BTreeMap::new()),
            changed: Notify::new(),
            closed: AtomicBool::new(false),
        }))
    }

    /// Hands a task to a waiting poller, or holds it. The same task may be offered again.
    pub fn offer(&self, key: &QueueKey, offer: Offer<P::Task>) -> Offered<P::Task> {
        let inner = &*self.0;
        if inner.is_closed() {
            return Offered::Dropped;
        }
        // A sticky queue comes into being by a poll only.
        if key.sticky {
            return inner.with_existing(key, offer, Inner::place, |offer| Offered::NoStickyPoller(offer.task));
        }
        let origin = offer.origin;
        inner.with_new(key, offer, Inner::place).unwrap_or_else(|_| {
            inner.shards_unheard.lock().insert(origin);
            Offered::Dropped
        })
    }

    /// Hands a query to the next poller. One that still waits at `deadline` (monotonic) is dropped.
    pub fn dispatch_query(&self, key: &QueueKey, query: P::Query, deadline: Duration) -> Dispatched<P::Query> {
        let inner = &*self.0;
        if inner.is_closed() {
            return Dispatched::TooMany(query);
        }
        let ask = |inner: &Inner<P>, queue: &mut Queue<P, Reply<P>>, query, now| inner.ask(queue, query, deadline, now);
        if key.sticky {
            return inner.with_existing(key, query, ask, Dispatched::NoStickyPoller);
        }
        inner.with_new(key, query, ask).unwrap_or_else(Dispatched::TooMany)
    }

    /// Takes a query back. False if it is not held: it was handed out, has expired, or never was here.
    pub fn cancel_query(&self, key: &QueueKey, id: &<P::Query as Identified>::Id) -> bool {
        self.0.with_existing(key, (), |_, queue, (), _| queue.cancel_query(id), |()| false)
    }

    /// Answers a pull: tasks from its start on in ascending position, and where the next one stands if there are more.
    pub fn pulled(&self, pull: Pull<TaskId<P>>, offers: Vec<Offer<P::Task>>, next: Option<Position<TaskId<P>>>) {
        let Pull { key, shard, lane, number, .. } = pull;
        let found = Found { line: LineId { shard, lane }, number, offers, next };
        self.0.with_existing(&key, found, |_, queue, found, now| queue.pulled(found, now), |_| ());
    }

    /// Answers which lanes of tasks a shard has for a queue, that of no fairness key left out.
    pub fn discovered(&self, key: &QueueKey, shard: u32, lanes: &[u16]) {
        self.0.with_existing(key, (), |_, queue, (), now| queue.discovered(shard, lanes, now), |()| ());
    }

    /// The worker of a sticky queue shuts down: its polls end and what the queue holds goes back to the shards at once.
    pub fn unload_sticky(&self, key: &QueueKey) {
        let orphans = self.0.with_existing(key, (), |_, queue, (), now| Some(queue.unload(now)), |()| None);
        if let Some(orphans) = orphans {
            self.0.hand_back(key, orphans);
        }
    }

    /// Sets what an operator wants of a queue, from now on.
    pub fn configure(&self, key: &QueueKey, config: QueueConfig) {
        let config = Arc::new(config);
        if *config == QueueConfig::default() {
            self.0.configs.lock().remove(key);
        } else {
            self.0.configs.lock().insert(key.clone(), Arc::clone(&config));
        }
        self.0.with_existing(key, config, |_, queue, config, now| queue.configure(config, now), drop);
    }

    /// Sets what an operator wants of all queues: those that are not named are as nobody set them.
    pub fn configure_all(&self, configs: BTreeMap<QueueKey, QueueConfig>) {
        let gone: Vec<QueueKey> =
            self.0.configs.lock().keys().filter(|key| !configs.contains_key(*key)).cloned().collect();
        let gone = gone.into_iter().map(|key| (key, QueueConfig::default()));
        gone.chain(configs).for_each(|(key, config)| self.configure(&key, config));
    }

    /// What is known of a queue; empty for one that nobody uses.
    pub fn describe(&self, key: &QueueKey) -> QueueStats {
        let wall = self.0.clock.now();
        self.0.with_existing(key, (), |_, queue, (), now| queue.describe(now, wall), |()| self.0.unused(key))
    }

    /// About how many tasks wait in a queue, as far as is held here: what a worker is told with its task.
    pub fn backlog_hint(&self, key: &QueueKey) -> usize {
        self.0.lot(key).lock().get(key).map_or(0, Queue::backlog_held)
    }

    /// What a poll that waited for so long and was served may do with the number of its worker's polls: -1 or 1.
    pub fn scaling(&self, key: &QueueKey, waited: Duration) -> Option<i32> {
        let now = self.0.clock.monotonic();
        self.0.lot(key).lock().get_mut(key)?.scaling(waited, now)
    }

    /// The queues of a namespace, by name.
    pub fn queues(&self, namespace: &str) -> Vec<QueueName> {
        let mut found = Vec::new();
        for lot in &self.0.lots {
            let lot = lot.lock();
            found.extend(lot.iter().filter(|(key, _)| *key.namespace == *namespace).map(|(key, queue)| QueueName {
                name: Arc::clone(&key.name),
                kind: key.kind,
                sticky: key.sticky,
                polled: queue.is_polled(),
            }));
        }
        found.sort_by(|a, b| (&a.name, a.kind, a.sticky).cmp(&(&b.name, b.kind, b.sticky)));
        found
    }

    /// Polls that wait at this moment, over all queues.
    pub fn polls_waiting(&self) -> usize {
        self.0.polls.load(Ordering::Relaxed).saturating_sub(self.0.fetches.load(Ordering::Relaxed))
    }

    /// Ends all polls with `Empty`, now and from now on. A poll for which a task is just being recorded as started ends
    /// with that task.
    pub fn shutdown(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        let now = self.0.clock.monotonic();
        for lot in &self.0.lots {
            lot.lock().values_mut().for_each(|queue| queue.end_polls(now));
        }
        self.0.changed.notify_one();
    }
}

impl<P: Payloads> Inner<P> {
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// What is known of a queue that nobody uses: what was set for it.
    fn unused(&self, key: &QueueKey) -> QueueStats {
        let rate = self.configs.lock().get(key).and_then(|config| config.rate);
        let rate_source = if rate.is_some() { RateSource::Config } else { RateSource::System };
        QueueStats { rate, rate_source, ..QueueStats::default() }
    }

    fn lot(&self, key: &QueueKey) -> &Mutex<Lot<P>> {
        &self.lots[key.spread() % LOTS]
    }

    /// Does something with a queue, or something else with the input if there is no such queue.
    fn with_existing<I, O>(
        &self,
        key: &QueueKey,
        input: I,
        act: impl FnOnce(&Self, &mut Queue<P, Reply<P>>, I, Duration) -> O,
        otherwise: impl FnOnce(I) -> O,
    ) -> O {
        let mut lot = self.lot(key).lock();
        let Some(queue) = lot.get_mut(key) else {
            drop(lot);
            return otherwise(input);
        };
        let now = self.clock.monotonic();
        let output = act(self, queue, input, now);
        let wants = self.settle(key, queue, now);
        drop(lot);
        self.pull(key, wants);
        output
    }

    /// Does something with a queue that is made if need be. Gives the input back if there are too many queues.
    fn with_new<I, O>(
        &self,
        key: &QueueKey,
        input: I,
        act: impl FnOnce(&Self, &mut Queue<P, Reply<P>>, I, Duration) -> O,
    ) -> Result<O, I> {
        let mut lot = self.lot(key).lock();
        let now = self.clock.monotonic();
        if !lot.contains_key(key) {
            if self.queues.fetch_add(1, Ordering::Relaxed) >= self.options.queues_max {
                self.queues.fetch_sub(1, Ordering::Relaxed);
                return Err(input);
            }
            let mut queue = Queue::new(key, Arc::clone(&self.options));
            if let Some(config) = self.configs.lock().get(key) {
                queue.configure(Arc::clone(config), now);
            }
            if !key.sticky {
                self.shards_unheard.lock().iter().for_each(|shard| queue.mark_all(*shard, now));
            }
            lot.insert(key.clone(), queue);
        }
        let queue = lot.get_mut(key).expect("it was there or was just put there, under this lock");
        let output = act(self, queue, input, now);
        let wants = self.settle(key, queue, now);
        drop(lot);
        self.pull(key, wants);
        Ok(output)
    }

    /// Brings together whoever can meet, and answers the pulls that are due once the lock is released.
    fn settle(&self, key: &QueueKey, queue: &mut Queue<P, Reply<P>>, now: Duration) -> Wants<P> {
        while let Some(delivery) = queue.next(now, &|shard| self.near.read().contains(&shard)) {
            deliver(queue, delivery, now);
        }
        if let Some(at) = queue.take_alarm(now) {
            self.alarms.lock().insert((at, key.clone()));
            self.changed.notify_one();
        }
        Wants { asks: queue.take_asks(), discoveries: queue.take_discoveries() }
    }

    fn place(&self, queue: &mut Queue<P, Reply<P>>, offer: Offer<P::Task>, now: Duration) -> Offered<P::Task> {
        match queue.offer(offer, now) {
            Placed::Matched(delivery) => {
                deliver(queue, delivery, now);
                Offered::Matched
            }
            Placed::Queued => Offered::Queued,
            Placed::Dropped => Offered::Dropped,
            Placed::NoStickyPoller(task) => Offered::NoStickyPoller(task),
        }
    }

    fn ask(
        &self,
        queue: &mut Queue<P, Reply<P>>,
        query: P::Query,
        deadline: Duration,
        now: Duration,
    ) -> Dispatched<P::Query> {
        match queue.dispatch_query(query, deadline, now) {
            Asked::Matched(delivery) => {
                deliver(queue, delivery, now);
                Dispatched::Matched
            }
            Asked::Queued => Dispatched::Queued,
            Asked::NoStickyPoller(query) => Dispatched::NoStickyPoller(query),
            Asked::TooMany(query) => Dispatched::TooMany(query),
        }
    }

    /// Must be called without a lock.
    fn pull(&self, key: &QueueKey, wants: Wants<P>) {
        if self.is_closed() {
            return;
        }
        wants.discoveries.into_iter().for_each(|shard| self.source.discover(key, shard));
        for Ask { line: LineId { shard, lane }, from, max, number } in wants.asks {
            self.source.pull(Pull { key: key.clone(), shard, lane, from, max, number });
        }
    }

    /// Must be called without a lock.
    fn hand_back(&self, key: &QueueKey, orphans: Orphans<P>) {
        if !orphans.is_empty() {
            self.source.gone(key, orphans);
        }
    }
}

/// Sends an item on its way. To be called under the lock of the queue.
fn deliver<P: Payloads>(queue: &mut Queue<P, Reply<P>>, delivery: Delivery<P, Reply<P>>, now: Duration) {
    if let Err(item) = delivery.to.send(delivery.item) {
        // A poll leaves the queue before its receiver goes, so this is not expected; the item is kept all the same.
        let started = queue.give_back(item, now);
        debug_assert!(started.is_none(), "queues do not hold started tasks");
    }
}

#[cfg(test)]
mod tests;
