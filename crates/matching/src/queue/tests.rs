//! Who meets whom at one queue, with time as an argument and pollers that are numbers.

mod random;

use super::{Asked, Item, Leaving, Left, Placed, Queue, Ticket, Waiter};
use crate::key::{QueueKey, QueueKind};
use crate::options::Options;
use crate::payload::toys::{Job, Question, Toys, job};
use crate::payload::{Offer, Rank};
use crate::poller::{PollerInfo, WorkerVersion};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;
use weft_env::UnixNanos;

/// What a poller got.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Task(u64),
    Query(u64),
}

/// A queue, its time, and what every poller got.
pub(crate) struct Bench {
    pub(crate) queue: Queue<Toys, u32>,
    pub(crate) now: Duration,
    got: Vec<(u32, Got)>,
}

fn poller(identity: &str, rate: Option<f64>) -> Arc<PollerInfo> {
    Arc::new(PollerInfo {
        identity: identity.into(),
        request_id: Uuid::nil(),
        version: WorkerVersion::default(),
        worker: Some(identity.into()),
        max_tasks_per_second: rate,
    })
}

impl Bench {
    fn new(key: &QueueKey) -> Self {
        let queue = Queue::new(key, Arc::new(Options::default()));
        Self { queue, now: Duration::from_secs(1_000), got: Vec::new() }
    }

    pub(crate) fn activities() -> Self {
        Self::new(&QueueKey::normal("default", "work", QueueKind::Activity))
    }

    fn sticky() -> Self {
        Self::new(&QueueKey::sticky("default", "host:1"))
    }

    pub(crate) fn pass(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
        self.settle();
    }

    pub(crate) fn settle(&mut self) {
        while let Some(delivery) = self.queue.next(self.now, &|_| false) {
            self.note(delivery.to, &delivery.item);
        }
    }

    fn note(&mut self, to: u32, item: &Item<Toys>) {
        let got = match item {
            Item::Task(held) => Got::Task(held.offer.task.0),
            Item::Query(pending) => Got::Query(pending.query.0),
            Item::Started(_) => unreachable!("the queue hands out no started tasks"),
        };
        self.got.push((to, got));
    }

    pub(crate) fn poll(&mut self, to: u32) -> Ticket {
        self.poll_as(to, "worker", None)
    }

    pub(crate) fn poll_as(&mut self, to: u32, identity: &str, rate: Option<f64>) -> Ticket {
        let ticket = self.queue.arrive(poller(identity, rate), to, self.now);
        self.settle();
        ticket
    }

    pub(crate) fn offer(&mut self, offer: Offer<Job>) -> &'static str {
        match self.queue.offer(offer, self.now) {
            Placed::Matched(delivery) => {
                self.note(delivery.to, &delivery.item);
                "matched"
            }
            Placed::Queued => "queued",
            Placed::Dropped => "dropped",
            Placed::NoStickyPoller(_) => "no sticky poller",
        }
    }

    fn ask(&mut self, id: u64, seconds: u64) -> &'static str {
        match self.queue.dispatch_query(Question(id), self.now + Duration::from_secs(seconds), self.now) {
            Asked::Matched(delivery) => {
                self.note(delivery.to, &delivery.item);
                "matched"
            }
            Asked::Queued => "queued",
            Asked::NoStickyPoller(_) => "no sticky poller",
            Asked::TooMany(_) => "too many",
        }
    }

    fn leave(&mut self, ticket: Ticket, leaving: Leaving) -> Left {
        self.queue.leave(ticket, leaving, self.now)
    }

    fn reserve(&mut self) -> (Ticket, Waiter<u32>) {
        self.queue.reserve(3, None, self.now).expect("a poller waits")
    }

    pub(crate) fn tasks(&self) -> Vec<(u32, u64)> {
        let tasks = self.got.iter().filter_map(|(to, got)| match got {
            Got::Task(id) => Some((*to, *id)),
            Got::Query(_) => None,
        });
        tasks.collect()
    }
}

#[test]
fn a_waiting_poller_gets_an_offered_task_at_once() {
    let mut bench = Bench::activities();
    bench.poll(1);
    assert_eq!(bench.offer(job(7)), "matched");
    assert_eq!(bench.tasks(), [(1, 7)]);
}

#[test]
fn a_held_task_waits_for_the_next_poller() {
    let mut bench = Bench::activities();
    assert_eq!(bench.offer(job(7)), "queued");
    bench.poll(1);
    assert_eq!(bench.tasks(), [(1, 7)]);
}

#[test]
fn pollers_are_served_in_the_order_they_came() {
    let mut bench = Bench::activities();
    for to in 1..=3 {
        bench.poll(to);
    }
    for id in 7..=9 {
        bench.offer(job(id));
    }
    assert_eq!(bench.tasks(), [(1, 7), (2, 8), (3, 9)]);
}

#[test]
fn tasks_are_served_by_priority_and_then_age() {
    let mut bench = Bench::activities();
    for (priority, order) in [(3, 2), (3, 1), (1, 9), (5, 0)] {
        bench.offer(Offer { origin: 0, rank: Rank { priority, order }, share: None, task: Job(order) });
    }
    for to in 1..=4 {
        bench.poll(to);
    }
    assert_eq!(bench.tasks(), [(1, 9), (2, 1), (3, 2), (4, 0)]);
}

#[test]
fn a_poller_that_left_gets_nothing() {
    let mut bench = Bench::activities();
    let first = bench.poll(1);
    bench.poll(2);
    assert_eq!(bench.leave(first, Leaving::Gone), Left::Waiting);
    bench.offer(job(7));
    assert_eq!(bench.tasks(), [(2, 7)]);
    assert_eq!(bench.leave(first, Leaving::Gone), Left::Served, "it is not there any more");
}

#[test]
fn a_task_that_was_not_taken_goes_back_to_the_head() {
    let mut bench = Bench::activities();
    for id in 7..=9 {
        bench.offer(job(id));
    }
    bench.queue.arrive(poller("worker", None), 1, bench.now);
    let item = bench.queue.next(bench.now, &|_| false).expect("a task for the poller").item;
    assert!(bench.queue.give_back(item, bench.now).is_none());
    bench.poll(2);
    assert_eq!(bench.tasks(), [(2, 7)]);
}

#[test]
fn a_reserved_poller_gets_no_other_task_and_its_own_when_redeemed() {
    let mut bench = Bench::activities();
    let first = bench.poll(1);
    let (ticket, waiter) = bench.reserve();
    assert_eq!((ticket, waiter.to), (first, 1));
    assert_eq!(bench.offer(job(7)), "queued");
    assert!(bench.queue.redeem(ticket, bench.now));
    assert_eq!(bench.leave(first, Leaving::Gone), Left::Served);
}

#[test]
fn a_released_poller_waits_again_before_those_who_came_later() {
    let mut bench = Bench::activities();
    for to in 1..=3 {
        bench.poll(to);
    }
    let (first, one) = bench.reserve();
    let (second, two) = bench.reserve();
    bench.queue.unreserve(first, one);
    bench.queue.unreserve(second, two);
    for id in 7..=9 {
        bench.offer(job(id));
    }
    assert_eq!(bench.tasks(), [(1, 7), (2, 8), (3, 9)]);
}

#[test]
fn a_reservation_whose_poller_has_gone_cannot_be_redeemed() {
    let mut bench = Bench::activities();
    let first = bench.poll(1);
    let (ticket, waiter) = bench.reserve();
    assert_eq!(bench.leave(first, Leaving::Gone), Left::Reserved);
    assert!(!bench.queue.redeem(ticket, bench.now));
    bench.queue.unreserve(ticket, waiter);
    assert_eq!(bench.offer(job(7)), "queued", "nobody waits");
}

#[test]
fn a_reserved_poller_past_its_deadline_can_still_be_served_but_waits_no_longer() {
    let mut bench = Bench::activities();
    let first = bench.poll(1);
    let second = bench.poll(2);
    let (one, _) = bench.reserve();
    let (two, waiter) = bench.reserve();
    assert_eq!(bench.leave(first, Leaving::Deadline), Left::Reserved);
    assert_eq!(bench.leave(second, Leaving::Deadline), Left::Reserved);
    assert!(bench.queue.redeem(one, bench.now));
    bench.queue.unreserve(two, waiter);
    assert_eq!(bench.offer(job(7)), "queued");
}

#[test]
fn the_polls_of_one_worker_end_and_it_is_not_shown_any_more() {
    let mut bench = Bench::activities();
    let reserved = bench.poll_as(1, "going", Some(0.0));
    bench.queue.limits.worker_says(None, bench.now);
    let (ticket, waiter) = bench.reserve();
    bench.poll_as(2, "going", Some(0.0));
    bench.poll_as(3, "staying", None);
    bench.queue.end_polls_that(|poller| poller.worker.as_deref() == Some("going"), bench.now);
    bench.queue.unreserve(ticket, waiter);
    assert_eq!(bench.leave(reserved, Leaving::Gone), Left::Served, "its poll is over");
    bench.offer(job(7));
    bench.offer(job(8));
    assert_eq!(bench.tasks(), [(3, 7)], "its rate went with it");
    let pollers = bench.queue.describe(bench.now, UnixNanos(0)).pollers;
    assert_eq!(pollers.iter().map(|seen| &*seen.identity).collect::<Vec<_>>(), ["staying"]);
}

#[test]
fn nobody_is_reserved_while_older_tasks_wait() {
    let mut bench = Bench::activities();
    bench.poll_as(1, "worker", Some(0.0));
    bench.offer(job(7));
    bench.queue.arrive(poller("worker", Some(1.0)), 2, bench.now);
    assert!(bench.queue.reserve(3, None, bench.now).is_none());
}

#[test]
fn the_last_rate_given_throttles_the_queue() {
    let mut bench = Bench::activities();
    for id in 1..=20 {
        bench.offer(job(id));
    }
    for to in 1..=20 {
        bench.poll_as(to, "worker", Some(2.0));
    }
    assert_eq!(bench.tasks().len(), 2, "one second's worth");
    assert_eq!(bench.queue.take_alarm(bench.now), Some(bench.now + Duration::from_millis(500)));
    assert_eq!(bench.queue.take_alarm(bench.now), None, "told once");
    bench.pass(0.5);
    assert_eq!(bench.tasks().len(), 3);
    bench.poll_as(21, "other", Some(1000.0));
    bench.pass(1.0);
    assert_eq!(bench.tasks().len(), 20);
}

#[test]
fn a_reservation_counts_against_the_rate_unless_it_is_released() {
    let mut bench = Bench::activities();
    for to in 1..=2 {
        bench.poll_as(to, "worker", Some(1.0));
    }
    let (ticket, waiter) = bench.reserve();
    assert!(bench.queue.reserve(3, None, bench.now).is_none());
    bench.queue.unreserve(ticket, waiter);
    assert!(bench.queue.reserve(3, None, bench.now).is_some());
}

#[test]
fn a_rate_ends_with_the_pollers_that_gave_it() {
    let mut bench = Bench::activities();
    bench.poll_as(1, "slow", Some(0.0));
    bench.offer(job(7));
    bench.poll_as(2, "other", None);
    assert_eq!(bench.tasks(), []);
    bench.poll_as(3, "slow", None);
    assert_eq!(bench.tasks(), [(1, 7)]);
}

#[test]
fn a_rate_ends_when_the_pollers_that_gave_it_are_forgotten() {
    let mut bench = Bench::activities();
    bench.poll_as(1, "slow", Some(0.0));
    bench.offer(job(7));
    bench.pass(301.0);
    bench.queue.sweep(bench.now);
    bench.settle();
    assert_eq!(bench.tasks(), [(1, 7)]);
}

#[test]
fn workflow_tasks_are_not_throttled() {
    let mut bench = Bench::new(&QueueKey::normal("default", "work", QueueKind::Workflow));
    bench.poll_as(1, "worker", Some(0.0));
    assert_eq!(bench.offer(job(7)), "matched");
}

#[test]
fn a_sticky_queue_without_a_poller_holds_nothing() {
    let mut bench = Bench::sticky();
    assert_eq!(bench.offer(job(7)), "no sticky poller");
    assert_eq!(bench.ask(1, 10), "no sticky poller");
}

#[test]
fn a_sticky_queue_holds_tasks_between_the_polls_of_its_worker() {
    let mut bench = Bench::sticky();
    let ticket = bench.poll(1);
    bench.pass(60.0);
    bench.leave(ticket, Leaving::Deadline);
    bench.pass(9.0);
    assert_eq!(bench.offer(job(7)), "queued");
    bench.pass(1.0);
    assert_eq!(bench.offer(job(8)), "no sticky poller");
}

#[test]
fn a_poll_that_was_cut_off_does_not_keep_a_sticky_queue_alive() {
    let mut bench = Bench::sticky();
    let ticket = bench.poll(1);
    bench.pass(60.0);
    bench.leave(ticket, Leaving::Gone);
    assert_eq!(bench.offer(job(7)), "no sticky poller");
}

#[test]
fn what_a_sticky_queue_holds_is_handed_back_when_its_worker_has_gone() {
    let mut bench = Bench::sticky();
    let ticket = bench.poll(1);
    bench.leave(ticket, Leaving::Deadline);
    bench.offer(job(7));
    bench.ask(1, 60);
    bench.pass(9.0);
    assert!(bench.queue.sweep(bench.now).is_empty());
    bench.pass(1.0);
    let orphans = bench.queue.sweep(bench.now);
    assert_eq!((orphans.tasks, orphans.queries), (vec![job(7)], vec![Question(1)]));
}

#[test]
fn an_unloaded_sticky_queue_hands_back_at_once_and_forgets_its_poller() {
    let mut bench = Bench::sticky();
    let ticket = bench.poll(1);
    bench.leave(ticket, Leaving::Deadline);
    bench.offer(job(7));
    assert_eq!(bench.queue.unload(bench.now).tasks, [job(7)]);
    assert_eq!(bench.offer(job(8)), "no sticky poller");
}

#[test]
fn a_query_goes_before_tasks_and_is_not_throttled() {
    let mut bench = Bench::activities();
    bench.offer(job(7));
    assert_eq!(bench.ask(1, 10), "queued");
    bench.poll_as(1, "worker", Some(0.0));
    assert_eq!(bench.got, [(1, Got::Query(1))]);
}

#[test]
fn a_query_is_not_handed_out_after_its_deadline_or_when_cancelled() {
    let mut bench = Bench::activities();
    bench.ask(1, 10);
    bench.ask(2, 20);
    bench.ask(3, 20);
    assert!(bench.queue.cancel_query(&2));
    assert!(!bench.queue.cancel_query(&2));
    bench.pass(10.0);
    bench.poll(1);
    assert_eq!(bench.got, [(1, Got::Query(3))]);
}

#[test]
fn the_number_of_held_queries_is_bounded() {
    let mut bench = Bench::activities();
    let max = u64::try_from(Options::default().queries_max).expect("small");
    (0..max).for_each(|id| assert_eq!(bench.ask(id, 10), "queued"));
    assert_eq!(bench.ask(max, 10), "too many");
    bench.pass(10.0);
    bench.queue.sweep(bench.now);
    assert_eq!(bench.ask(max, 10), "queued");
}

#[test]
fn a_queue_is_described_by_its_pollers_backlog_and_rates() {
    let mut bench = Bench::activities();
    bench.poll_as(1, "one", None);
    bench.offer(job(1));
    bench.offer(job(2));
    bench.pass(2.0);
    bench.offer(job(3));
    let wall = UnixNanos(10_000_000_000);
    let stats = bench.queue.describe(bench.now, wall);
    assert_eq!(stats.pollers.iter().map(|seen| &*seen.identity).collect::<Vec<_>>(), ["one"]);
    assert_eq!(stats.pollers[0].last_access, UnixNanos(8_000_000_000));
    assert_eq!((stats.backlog_count_hint, stats.backlog_is_larger), (2, false));
    assert_eq!(stats.backlog_age, Some(Duration::from_secs(2)));
    assert_eq!((stats.tasks_add_rate, stats.tasks_dispatch_rate), (0.1, 1.0 / 30.0));
}

#[test]
fn a_queue_is_idle_once_its_pollers_are_forgotten_and_nothing_waits() {
    let mut bench = Bench::activities();
    let ticket = bench.poll(1);
    bench.leave(ticket, Leaving::Gone);
    bench.queue.sweep(bench.now);
    assert!(!bench.queue.is_idle(bench.now));
    bench.pass(300.0);
    bench.queue.sweep(bench.now);
    assert!(bench.queue.is_idle(bench.now));
    bench.offer(job(7));
    assert!(!bench.queue.is_idle(bench.now));
}

#[test]
fn remembered_pollers_are_bounded_and_the_oldest_makes_room() {
    let mut bench = Bench::activities();
    let max = Options::default().pollers_seen_max;
    for number in 0..=max {
        bench.pass(0.001);
        let ticket = bench.poll_as(1, &format!("worker-{number}"), None);
        bench.leave(ticket, Leaving::Gone);
    }
    let pollers = bench.queue.describe(bench.now, UnixNanos(0)).pollers;
    assert_eq!(pollers.len(), max);
    assert!(pollers.iter().all(|seen| &*seen.identity != "worker-0"));
}
