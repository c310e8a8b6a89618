//! The shell: polls as futures under a virtual clock, dropped at bad moments, and shards that record what they are told.

mod branch;
mod moved;
mod parallel;

use super::{Dispatched, Offered, Overloaded, Polled, Service};
use crate::key::{QueueKey, QueueKind};
use crate::options::Options;
use crate::payload::toys::{Job, Question, Toys, job};
use crate::payload::{Offer, Rank, Start};
use crate::poller::{PollerInfo, WorkerVersion};
use crate::queue::{QueueConfig, RateSource};
use crate::source::{Orphans, Pull, Source};
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use uuid::Uuid;
use weft_env::{Clock, UnixNanos, VirtualClock};

/// What the shards were told.
#[derive(Default)]
struct Shards {
    pulls: Mutex<Vec<Pull<u64>>>,
    orphans: Mutex<Vec<(QueueKey, Orphans<Toys>)>>,
    undelivered: Mutex<Vec<u64>>,
    discoveries: Mutex<Vec<u32>>,
}

impl Source<Toys> for Shards {
    fn pull(&self, pull: Pull<u64>) {
        self.pulls.lock().push(pull);
    }

    fn discover(&self, _: &QueueKey, shard: u32) {
        self.discoveries.lock().push(shard);
    }

    fn gone(&self, key: &QueueKey, orphans: Orphans<Toys>) {
        self.orphans.lock().push((key.clone(), orphans));
    }

    fn undelivered(&self, _: &QueueKey, started: u64) {
        self.undelivered.lock().push(started);
    }
}

type Pending<T> = Pin<Box<dyn Future<Output = T>>>;
type PendingPoll = Pending<Result<Polled<Toys>, Overloaded>>;

struct Bench {
    clock: VirtualClock,
    shards: Arc<Shards>,
    service: Service<Toys>,
    housekeeping: Pending<()>,
}

fn info(identity: &str) -> PollerInfo {
    PollerInfo {
        identity: identity.into(),
        request_id: Uuid::nil(),
        version: WorkerVersion::default(),
        worker: Some(identity.into()),
        max_tasks_per_second: None,
    }
}

fn work() -> QueueKey {
    QueueKey::normal("default", "work", QueueKind::Activity)
}

fn host() -> QueueKey {
    QueueKey::sticky("default", "host:1")
}

/// Lets a future run as far as it can.
fn look<T>(future: &mut Pending<T>) -> Option<T> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn looked(poll: &mut PendingPoll) -> Option<Polled<Toys>> {
    look(poll).map(|polled| polled.expect("not overloaded"))
}

impl Bench {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let clock = VirtualClock::starting_at(UnixNanos(1_000_000_000));
        let shards = Arc::new(Shards::default());
        let source: Arc<dyn Source<Toys>> = Arc::<Shards>::clone(&shards);
        let service = Service::new(options, Arc::new(clock.clone()), source);
        let running = service.clone();
        let housekeeping: Pending<()> = Box::pin(async move { running.run().await });
        let mut bench = Self { clock, shards, service, housekeeping };
        bench.pass(0.0);
        bench
    }

    /// Advances time, housekeeping included, in steps of at most half a second.
    fn pass(&mut self, seconds: f64) {
        let until = self.clock.monotonic() + Duration::from_secs_f64(seconds);
        loop {
            let _ = look(&mut self.housekeeping);
            let left = until.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return;
            }
            self.clock.advance(left.min(Duration::from_millis(500)));
        }
    }

    /// A poll of a minute that has begun to wait.
    fn waiting(&self, key: &QueueKey) -> PendingPoll {
        let mut poll = self.poll(key, info("worker"));
        assert_eq!(looked(&mut poll), None);
        poll
    }

    fn poll(&self, key: &QueueKey, info: PollerInfo) -> PendingPoll {
        let deadline = self.clock.monotonic() + Duration::from_secs(60);
        let (service, key) = (self.service.clone(), key.clone());
        Box::pin(async move { service.poll(&key, info, deadline).await })
    }

    fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    fn undelivered(&self) -> Vec<u64> {
        self.shards.undelivered.lock().clone()
    }
}

#[test]
fn a_poll_brings_the_task_that_is_offered_while_it_waits() {
    let bench = Bench::new();
    let mut poll = bench.waiting(&work());
    assert_eq!(bench.service.offer(&work(), job(7)), Offered::Matched);
    assert_eq!(looked(&mut poll), Some(Polled::Task(job(7))));
    drop(poll);
    assert_eq!(bench.service.polls_waiting(), 0);
}

#[test]
fn a_poll_brings_a_held_task_at_once() {
    let bench = Bench::new();
    assert_eq!(bench.service.offer(&work(), job(7)), Offered::Queued);
    assert_eq!(looked(&mut bench.poll(&work(), info("worker"))), Some(Polled::Task(job(7))));
}

#[test]
fn queues_of_other_kinds_names_and_namespaces_are_other_queues() {
    let bench = Bench::new();
    bench.service.offer(&work(), job(7));
    let others = [
        QueueKey::normal("default", "work", QueueKind::Workflow),
        QueueKey::normal("default", "other", QueueKind::Activity),
        QueueKey::normal("other", "work", QueueKind::Activity),
        QueueKey::sticky("default", "work"),
    ];
    for key in &others {
        drop(bench.waiting(key));
    }
}

#[test]
fn a_poll_is_empty_at_its_deadline() {
    let mut bench = Bench::new();
    let mut poll = bench.waiting(&work());
    bench.pass(59.5);
    assert_eq!(looked(&mut poll), None);
    bench.pass(0.5);
    assert_eq!(looked(&mut poll), Some(Polled::Empty));
    assert_eq!(bench.service.offer(&work(), job(7)), Offered::Queued);
}

#[test]
fn a_task_sent_just_before_the_deadline_is_not_lost() {
    let mut bench = Bench::new();
    let mut poll = bench.waiting(&work());
    bench.service.offer(&work(), job(7));
    bench.pass(60.0);
    assert_eq!(looked(&mut poll), Some(Polled::Task(job(7))));
}

#[test]
fn a_poll_whose_deadline_has_come_leaves_what_waits_to_others() {
    let mut bench = Bench::new();
    let mut late = bench.poll(&work(), info("worker"));
    bench.service.offer(&work(), job(7));
    bench.pass(60.0);
    assert_eq!(looked(&mut late), Some(Polled::Empty));
    assert_eq!(looked(&mut bench.poll(&work(), info("other"))), Some(Polled::Task(job(7))));
}

#[test]
fn a_dropped_poll_leaves_its_place() {
    let bench = Bench::new();
    drop(bench.waiting(&work()));
    assert_eq!(bench.service.polls_waiting(), 0);
    assert_eq!(bench.service.offer(&work(), job(7)), Offered::Queued);
}

#[test]
fn a_poll_dropped_before_it_took_its_task_gives_it_back_to_the_head() {
    let bench = Bench::new();
    let poll = bench.waiting(&work());
    bench.service.offer(&work(), job(7));
    bench.service.offer(&work(), job(8));
    drop(poll);
    assert_eq!(looked(&mut bench.poll(&work(), info("other"))), Some(Polled::Task(job(7))));
}

#[test]
fn a_poll_dropped_before_it_took_its_task_passes_it_to_who_waits() {
    let bench = Bench::new();
    let first = bench.waiting(&work());
    let mut second = bench.waiting(&work());
    bench.service.offer(&work(), job(7));
    drop(first);
    assert_eq!(looked(&mut second), Some(Polled::Task(job(7))));
}

#[test]
fn a_reserved_poller_gets_the_started_task() {
    let bench = Bench::new();
    let mut poll = bench.waiting(&work());
    let reserved = bench.service.reserve(&work(), Rank::default(), None).expect("a poller waits");
    assert_eq!(&*reserved.poller().identity, "worker");
    assert!(bench.service.reserve(&work(), Rank::default(), None).is_none());
    reserved.deliver(70);
    assert_eq!(looked(&mut poll), Some(Polled::Started(70)));
    assert_eq!(bench.undelivered(), Vec::<u64>::new());
}

#[test]
fn a_dropped_reservation_lets_the_poller_wait_on_at_the_front() {
    let bench = Bench::new();
    let mut first = bench.waiting(&work());
    let _second = bench.waiting(&work());
    drop(bench.service.reserve(&work(), Rank::default(), None));
    bench.service.offer(&work(), job(7));
    assert_eq!(looked(&mut first), Some(Polled::Task(job(7))));
}

#[test]
fn a_dropped_reservation_brings_the_poller_what_came_meanwhile() {
    let bench = Bench::new();
    let mut poll = bench.waiting(&work());
    let reserved = bench.service.reserve(&work(), Rank::default(), None);
    assert_eq!(bench.service.offer(&work(), job(7)), Offered::Queued);
    drop(reserved);
    assert_eq!(looked(&mut poll), Some(Polled::Task(job(7))));
}

#[test]
fn a_started_task_is_undelivered_when_its_poller_went_before_the_delivery() {
    let bench = Bench::new();
    let poll = bench.waiting(&work());
    let reserved = bench.service.reserve(&work(), Rank::default(), None).expect("a poller waits");
    drop(poll);
    reserved.deliver(70);
    assert_eq!(bench.undelivered(), [70]);
}

#[test]
fn a_started_task_is_undelivered_when_its_poller_went_without_taking_it() {
    let bench = Bench::new();
    let poll = bench.waiting(&work());
    bench.service.reserve(&work(), Rank::default(), None).expect("a poller waits").deliver(70);
    drop(poll);
    assert_eq!(bench.undelivered(), [70]);
}

#[test]
fn a_reserved_poll_waits_a_little_longer_than_its_deadline() {
    let mut bench = Bench::new();
    let mut poll = bench.waiting(&work());
    let reserved = bench.service.reserve(&work(), Rank::default(), None).expect("a poller waits");
    bench.pass(60.0);
    assert_eq!(looked(&mut poll), None);
    reserved.deliver(70);
    assert_eq!(looked(&mut poll), Some(Polled::Started(70)));
}

#[test]
fn a_reserved_poll_is_empty_when_the_grace_is_over_or_nothing_comes_of_it() {
    let mut bench = Bench::new();
    let (mut first, mut second) = (bench.waiting(&work()), bench.waiting(&work()));
    let one = bench.service.reserve(&work(), Rank::default(), None).expect("a poller waits");
    let two = bench.service.reserve(&work(), Rank::default(), None).expect("a poller waits");
    bench.pass(60.0);
    assert_eq!((looked(&mut first), looked(&mut second)), (None, None));
    drop(one);
    assert_eq!(looked(&mut first), Some(Polled::Empty));
    bench.pass(0.5);
    assert_eq!(looked(&mut second), Some(Polled::Empty));
    two.deliver(70);
    assert_eq!(bench.undelivered(), [70]);
}

#[test]
fn a_query_reaches_the_next_poller_or_is_given_back_when_the_poll_is_dropped() {
    let bench = Bench::new();
    let deadline = bench.now() + Duration::from_secs(10);
    let poll = bench.waiting(&work());
    assert_eq!(bench.service.dispatch_query(&work(), Question(1), deadline), Dispatched::Matched);
    drop(poll);
    assert_eq!(bench.service.dispatch_query(&work(), Question(2), deadline), Dispatched::Queued);
    assert!(bench.service.cancel_query(&work(), &2));
    assert_eq!(looked(&mut bench.poll(&work(), info("worker"))), Some(Polled::Query(Question(1))));
    drop(bench.waiting(&work()));
}

#[test]
fn a_sticky_queue_that_nobody_polled_gives_tasks_and_queries_back_and_is_not_made() {
    let bench = Bench::new();
    assert_eq!(bench.service.offer(&host(), job(7)), Offered::NoStickyPoller(Job(7)));
    let asked = bench.service.dispatch_query(&host(), Question(1), bench.now() + Duration::from_secs(1));
    assert_eq!(asked, Dispatched::NoStickyPoller(Question(1)));
    assert_eq!(bench.service.queues("default"), []);
}

#[test]
fn the_tasks_of_a_sticky_worker_that_has_gone_are_handed_back() {
    let mut bench = Bench::new();
    drop(bench.waiting(&host()));
    assert_eq!(bench.service.offer(&host(), job(7)), Offered::Queued);
    bench.pass(9.0);
    assert!(bench.shards.orphans.lock().is_empty());
    bench.pass(2.0);
    let orphans = bench.shards.orphans.lock();
    assert_eq!((orphans.len(), &orphans[0].0, &orphans[0].1.tasks), (1, &host(), &vec![job(7)]));
}

#[test]
fn unloading_a_sticky_queue_ends_its_polls_and_hands_back_its_tasks() {
    let bench = Bench::new();
    let mut poll = bench.waiting(&host());
    let reserved = bench.service.reserve(&host(), Rank::default(), None);
    assert_eq!(bench.service.offer(&host(), job(7)), Offered::Queued);
    bench.service.unload_sticky(&host());
    assert_eq!(bench.shards.orphans.lock()[0].1.tasks, [job(7)]);
    drop(reserved);
    assert_eq!(looked(&mut poll), Some(Polled::Empty));
    assert_eq!(bench.service.offer(&host(), job(8)), Offered::NoStickyPoller(Job(8)));
}

#[test]
fn tasks_beyond_the_bound_are_pulled_when_there_is_room() {
    let bench = Bench::with(Options { held_per_shard_max: 2, ..Options::default() });
    let offered: Vec<_> = (1..=3).map(|id| bench.service.offer(&work(), job(id))).collect();
    assert_eq!(offered, [Offered::Queued, Offered::Queued, Offered::Dropped]);
    assert!(bench.shards.pulls.lock().is_empty());
    assert!(looked(&mut bench.poll(&work(), info("worker"))).is_some());
    let pull = bench.shards.pulls.lock().pop().expect("half of the room is free");
    assert_eq!((&pull.key, pull.shard, pull.max), (&work(), 0, 1));
    assert_eq!(pull.from, Start::At(job(3).position()));
    bench.service.pulled(pull, vec![job(3)], None);
    for id in 2..=3 {
        assert_eq!(looked(&mut bench.poll(&work(), info("worker"))), Some(Polled::Task(job(id))));
    }
    assert!(bench.shards.pulls.lock().is_empty());
}

#[test]
fn an_unanswered_pull_is_asked_again() {
    let mut bench = Bench::with(Options { held_per_shard_max: 1, ..Options::default() });
    for id in 1..=2 {
        bench.service.offer(&work(), job(id));
    }
    assert!(looked(&mut bench.poll(&work(), info("worker"))).is_some());
    bench.pass(6.0);
    assert_eq!(bench.shards.pulls.lock().len(), 2);
}

#[test]
fn a_throttled_queue_hands_out_at_its_rate_without_further_calls() {
    let mut bench = Bench::new();
    let slow = PollerInfo { max_tasks_per_second: Some(4.0), ..info("worker") };
    let mut polls: Vec<_> = (0..8).map(|_| bench.poll(&work(), slow.clone())).collect();
    polls.iter_mut().for_each(|poll| assert_eq!(looked(poll), None));
    for id in 1..=8 {
        bench.service.offer(&work(), job(id));
    }
    let mut served = |bench: &Bench| {
        polls.retain_mut(|poll| looked(poll).is_none());
        (8 - polls.len(), bench.service.polls_waiting())
    };
    assert_eq!(served(&bench), (4, 4));
    bench.pass(0.25);
    assert_eq!(served(&bench), (5, 3));
    bench.pass(0.75);
    assert_eq!(served(&bench), (8, 0));
}

#[test]
fn shutdown_ends_all_polls_and_the_housekeeping() {
    let mut bench = Bench::new();
    let mut polls: Vec<_> = (0..100).map(|_| bench.waiting(&work())).collect();
    bench.service.shutdown();
    assert!(polls.iter_mut().all(|poll| looked(poll) == Some(Polled::Empty)));
    assert_eq!(looked(&mut bench.poll(&work(), info("worker"))), Some(Polled::Empty));
    assert_eq!(bench.service.offer(&work(), job(7)), Offered::Dropped);
    assert_eq!(look(&mut bench.housekeeping), Some(()));
}

#[test]
fn a_task_that_is_being_recorded_at_shutdown_still_reaches_its_poller() {
    let bench = Bench::new();
    let mut poll = bench.waiting(&work());
    let reserved = bench.service.reserve(&work(), Rank::default(), None).expect("a poller waits");
    bench.service.shutdown();
    assert_eq!(looked(&mut poll), None);
    reserved.deliver(70);
    assert_eq!(looked(&mut poll), Some(Polled::Started(70)));
}

#[test]
fn queues_are_forgotten_when_nobody_uses_them() {
    let mut bench = Bench::new();
    drop(bench.waiting(&work()));
    bench.service.offer(&QueueKey::normal("default", "kept", QueueKind::Workflow), job(7));
    bench.pass(290.0);
    let names: Vec<_> = bench.service.queues("default").into_iter().map(|queue| (queue.name, queue.polled)).collect();
    assert_eq!(names, [("kept".into(), false), ("work".into(), true)]);
    assert_eq!(bench.service.queues("other"), []);
    bench.pass(20.0);
    assert_eq!(bench.service.queues("default").len(), 1);
}

#[test]
fn too_many_polls_and_queues_are_refused() {
    let bench = Bench::with(Options { polls_max: 2, queues_max: 1, ..Options::default() });
    let _first = bench.waiting(&work());
    assert_eq!(look(&mut bench.poll(&host(), info("worker"))), Some(Err(Overloaded::Queues)));
    let _second = bench.waiting(&work());
    assert_eq!(look(&mut bench.poll(&work(), info("worker"))), Some(Err(Overloaded::Polls)));
    assert_eq!(bench.service.polls_waiting(), 2);
}

#[test]
fn a_task_for_which_there_was_no_queue_is_pulled_when_its_queue_is_polled() {
    let mut bench = Bench::with(Options { queues_max: 1, ..Options::default() });
    let other = QueueKey::normal("default", "other", QueueKind::Activity);
    drop(bench.waiting(&work()));
    assert_eq!(bench.service.offer(&other, Offer { origin: 9, ..job(7) }), Offered::Dropped);
    bench.pass(310.0);
    let mut poll = bench.waiting(&other);
    let pull = bench.shards.pulls.lock().pop().expect("the shard is asked");
    assert_eq!((pull.shard, &pull.from), (9, &Start::Beginning));
    bench.service.pulled(pull, vec![Offer { origin: 9, ..job(7) }], None);
    assert_eq!(looked(&mut poll), Some(Polled::Task(Offer { origin: 9, ..job(7) })));
}

#[test]
fn ten_thousand_waiting_pollers_are_held_and_served_in_order() {
    let mut bench = Bench::new();
    let mut polls: Vec<_> = (0..10_000).map(|_| bench.waiting(&work())).collect();
    assert_eq!(bench.service.polls_waiting(), 10_000);
    assert_eq!(bench.service.describe(&work()).waiting, 10_000);
    bench.pass(59.0);
    for id in 0..5_000 {
        assert_eq!(bench.service.offer(&work(), job(id)), Offered::Matched);
    }
    for (id, poll) in (0..5_000).zip(&mut polls) {
        assert_eq!(looked(poll), Some(Polled::Task(job(id))));
    }
    bench.pass(1.0);
    assert!(polls[5_000..].iter_mut().all(|poll| looked(poll) == Some(Polled::Empty)));
    drop(polls);
    assert_eq!(bench.service.polls_waiting(), 0);
}

#[test]
fn a_waiting_poller_costs_less_than_a_kilobyte() {
    let bench = Bench::new();
    let key = work();
    let future = size_of_val(&bench.service.poll(&key, info("worker"), Duration::ZERO));
    // The node in the queue at two thirds' use, the poller's account and its two counts, and the channel: its item, two
    // wakers and three words. The timer belongs to the clock.
    let waiter = size_of::<(crate::queue::Ticket, crate::queue::Waiter<super::Reply<Toys>>)>() * 3 / 2;
    let channel = size_of::<crate::queue::Item<Toys>>() + 7 * size_of::<usize>();
    let account = size_of::<PollerInfo>() + 2 * size_of::<usize>();
    let total = future + waiter + channel + account;
    assert!(total < 1024, "{total} bytes: future {future}, waiter {waiter}, channel {channel}, account {account}");
}

#[test]
fn a_worker_that_shuts_down_polls_in_vain_from_then_on() {
    let mut bench = Bench::new();
    let mut going = bench.poll(&work(), info("going"));
    assert_eq!(looked(&mut going), None);
    let mut staying = bench.waiting(&work());
    bench.service.worker_gone("default", "going", &[work()]);
    assert_eq!(looked(&mut going), Some(Polled::Empty));
    let mut late = bench.poll(&work(), info("going"));
    assert_eq!(looked(&mut late), Some(Polled::Empty));
    bench.service.offer(&work(), job(7));
    assert_eq!(looked(&mut staying), Some(Polled::Task(job(7))));
    bench.pass(70.0);
    let mut later = bench.poll(&work(), info("going"));
    assert_eq!(looked(&mut later), None, "it is forgotten");
}

#[test]
fn what_is_set_for_a_queue_holds_before_anybody_uses_it() {
    let bench = Bench::new();
    bench.service.configure(&work(), QueueConfig { rate: Some(0.0), ..QueueConfig::default() });
    let stats = bench.service.describe(&work());
    assert_eq!((stats.rate, stats.rate_source), (Some(0.0), RateSource::Config));
    let mut poll = bench.waiting(&work());
    assert_eq!(bench.service.offer(&work(), job(7)), Offered::Queued);
    assert_eq!(looked(&mut poll), None);
    bench.service.configure(&work(), QueueConfig::default());
    assert_eq!(looked(&mut poll), Some(Polled::Task(job(7))));
    assert_eq!(bench.service.describe(&work()).rate_source, RateSource::System);
}
