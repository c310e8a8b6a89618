//! Roots that give what they hold to branches, and branches whose polls come and go.

use super::*;
use crate::queue::RootBacklog;
use crate::service::{Fetch, Fetched};

/// The shard that is near to every branch.
const NEAR_BRANCH: u32 = 8;
/// The one that is near to who polls at the root.
const NEAR_HERE: u32 = 9;

type PendingFetch = Pending<Result<Fetched<Toys>, Overloaded>>;

impl Bench {
    /// The same with branches.
    fn of_branches() -> Self {
        let mut bench = Self::new();
        let source: Arc<dyn Source<Toys>> = Arc::<Shards>::clone(&bench.shards);
        bench.service = Service::branches(Options::default(), Arc::new(bench.clock.clone()), source);
        let running = bench.service.clone();
        bench.housekeeping = Box::pin(async move { running.run().await });
        bench.pass(0.0);
        bench
    }

    /// A fetch that waits for so many seconds.
    fn fetch(&self, key: &QueueKey, max: usize, seconds: u64) -> PendingFetch {
        self.fetch_of(key, max, seconds, Duration::ZERO)
    }

    /// The same of a branch that was polled so long ago.
    fn fetch_of(&self, key: &QueueKey, max: usize, seconds: u64, idle: Duration) -> PendingFetch {
        let deadline = self.clock.monotonic() + Duration::from_secs(seconds);
        let (service, key) = (self.service.clone(), key.clone());
        Box::pin(async move { service.fetch(&key, Fetch { max, idle, deadline }, |shard| shard == NEAR_BRANCH).await })
    }

    fn fetched(&self, fetch: &mut PendingFetch) -> Option<Fetched<Toys>> {
        look(fetch).map(|fetched| fetched.expect("not overloaded"))
    }

    /// What is there at once.
    fn fetched_now(&self, key: &QueueKey, max: usize) -> Fetched<Toys> {
        self.fetched(&mut self.fetch(key, max, 0)).expect("it does not wait")
    }
}

fn tasks(fetched: &Fetched<Toys>) -> Vec<u64> {
    let task = |item: &Polled<Toys>| match item {
        Polled::Task(offer) => offer.task.0,
        other => panic!("no task: {other:?}"),
    };
    fetched.items.iter().map(task).collect()
}

#[test]
fn a_fetch_brings_what_is_held_in_its_order_and_says_what_is_left() {
    let mut bench = Bench::new();
    for id in [5, 3, 4, 9] {
        bench.service.offer(&work(), job(id));
    }
    bench.pass(2.0);
    let fetched = bench.fetched_now(&work(), 3);
    assert_eq!((tasks(&fetched), fetched.more, fetched.limited), (vec![3, 4, 5], true, false));
    assert_eq!(fetched.backlog, RootBacklog { held: 1, age: Some(Duration::from_secs(2)) });
    let fetched = bench.fetched_now(&work(), 3);
    assert_eq!((tasks(&fetched), fetched.more, fetched.backlog), (vec![9], false, RootBacklog::default()));
}

#[test]
fn a_fetch_waits_for_a_task_or_a_query_and_takes_what_else_came() {
    let bench = Bench::new();
    let mut fetch = bench.fetch(&work(), 3, 20);
    assert!(bench.fetched(&mut fetch).is_none());
    for id in 1..=4 {
        bench.service.offer(&work(), job(id));
    }
    let fetched = bench.fetched(&mut fetch).expect("it was served");
    assert_eq!((tasks(&fetched), fetched.more), (vec![1, 2, 3], true));
    let mut fetch = bench.fetch(&host(), 1, 20);
    assert!(bench.fetched(&mut fetch).is_none());
    assert_eq!(bench.service.dispatch_query(&host(), Question(7), Duration::MAX), Dispatched::Matched);
    assert_eq!(bench.fetched(&mut fetch).expect("it was served").items, [Polled::Query(Question(7))]);
}

#[test]
fn a_fetch_of_nothing_ends_in_time() {
    let mut bench = Bench::new();
    let mut fetch = bench.fetch(&work(), 3, 20);
    assert!(bench.fetched(&mut fetch).is_none());
    assert_eq!(bench.service.polls_waiting(), 0, "nobody polls here");
    bench.pass(20.0);
    let fetched = bench.fetched(&mut fetch).expect("its time is over");
    assert!(fetched.items.is_empty() && !fetched.more);
    drop(fetch);
    assert!(bench.fetched(&mut bench.fetch_of(&work(), 0, 0, Duration::from_secs(1))).is_some());
    bench.pass(8.0);
    assert_eq!(bench.service.queues("default").len(), 1, "it may come again");
    bench.pass(2.0);
    assert_eq!(bench.service.queues("default"), []);
}

#[test]
fn what_a_fetch_that_has_gone_would_have_had_stays() {
    let bench = Bench::new();
    let mut fetch = bench.fetch(&work(), 1, 20);
    assert!(bench.fetched(&mut fetch).is_none());
    bench.service.offer(&work(), job(7));
    drop(fetch);
    assert_eq!(tasks(&bench.fetched_now(&work(), 1)), [7]);
}

#[test]
fn whoever_polls_at_the_root_goes_before_branches_and_alone_is_reserved() {
    let bench = Bench::new();
    let mut fetch = bench.fetch(&work(), 1, 20);
    assert!(bench.fetched(&mut fetch).is_none());
    assert!(bench.service.reserve(&work(), Rank::default(), None).is_none(), "nobody knows who polls at a branch");
    let mut poll = bench.waiting(&work());
    bench.service.offer(&work(), job(1));
    bench.service.offer(&work(), job(2));
    assert_eq!(looked(&mut poll), Some(Polled::Task(job(1))));
    assert_eq!(tasks(&bench.fetched(&mut fetch).expect("it was served")), [2]);
}

#[test]
fn a_worker_is_there_while_its_branch_waits_and_for_as_long_as_that_says() {
    let mut bench = Bench::new();
    let mut fetch = bench.fetch(&host(), 1, 20);
    assert!(bench.fetched(&mut fetch).is_none());
    bench.pass(15.0);
    assert_eq!(bench.service.offer(&host(), job(7)), Offered::Matched);
    assert_eq!(tasks(&bench.fetched(&mut fetch).expect("it was served")), [7]);
    assert_eq!(bench.service.offer(&host(), job(8)), Offered::NoStickyPoller(Job(8)), "it may have gone long ago");
    assert!(bench.fetched(&mut bench.fetch_of(&host(), 0, 0, Duration::from_secs(2))).is_some());
    assert_eq!(bench.service.offer(&host(), job(8)), Offered::Queued, "it was there two seconds ago");
    bench.pass(9.0);
    assert_eq!(bench.shards.orphans.lock().len(), 1, "it has gone");
}

#[test]
fn a_branch_knows_how_long_nobody_has_polled_there() {
    let bench = Bench::of_branches();
    assert_eq!(bench.service.idle_for(&work()), Some(Duration::MAX));
    let mut poll = bench.waiting(&work());
    bench.clock.advance(Duration::from_secs(3));
    assert_eq!(bench.service.idle_for(&work()), None);
    let reserved = bench.service.reserve(&work(), Rank::default(), None).expect("a poll waits");
    assert_eq!((bench.service.idle_for(&work()), bench.service.waiting(&work())), (None, 0));
    reserved.deliver(7);
    assert_eq!(looked(&mut poll), Some(Polled::Started(7)));
    bench.clock.advance(Duration::from_secs(2));
    assert_eq!(bench.service.idle_for(&work()), Some(Duration::from_secs(2)));
}

#[test]
fn a_root_that_counts_gives_nothing_to_branches() {
    let bench = Bench::new();
    let mut fetch = bench.fetch(&work(), 1, 20);
    assert!(bench.fetched(&mut fetch).is_none());
    let rated = |rate| PollerInfo { max_tasks_per_second: Some(rate), ..info("worker") };
    let mut unlimited = bench.poll(&work(), rated(100_000.0));
    assert!(looked(&mut unlimited).is_none() && bench.fetched(&mut fetch).is_none(), "no queue reaches this rate");
    let mut limited = bench.poll(&work(), rated(5.0));
    assert!(looked(&mut limited).is_none());
    assert!(bench.fetched(&mut fetch).expect("it has ended").limited);
    bench.service.offer(&work(), job(1));
    bench.service.offer(&work(), job(2));
    let fetched = bench.fetched_now(&work(), 5);
    assert!(fetched.limited && fetched.items.is_empty());
    for config in [
        QueueConfig { rate: Some(1.0), ..QueueConfig::default() },
        QueueConfig { key_rate: Some(1.0), ..QueueConfig::default() },
    ] {
        let other = QueueKey::normal("default", "other", QueueKind::Workflow);
        bench.service.configure(&other, QueueConfig::default());
        let mut fetch = bench.fetch(&other, 1, 20);
        assert!(bench.fetched(&mut fetch).is_none());
        bench.service.configure(&other, config);
        assert!(bench.fetched(&mut fetch).expect("it has ended").limited);
    }
}

#[test]
fn a_branch_hands_to_polls_and_holds_nothing() {
    let bench = Bench::of_branches();
    assert_eq!(bench.service.offer_to_poll(&work(), job(1)), Some(job(1)));
    assert_eq!(bench.service.hand_fetched(&work(), Polled::Task(job(1))), Some(Polled::Task(job(1))));
    let (mut first, mut second) = (bench.waiting(&work()), bench.waiting(&work()));
    assert_eq!(bench.service.waiting(&work()), 2);
    assert_eq!(bench.service.offer_to_poll(&work(), job(1)), None);
    assert_eq!(bench.service.hand_fetched(&work(), Polled::Query(Question(2))), None);
    assert_eq!(bench.service.hand_fetched(&work(), Polled::Task(job(3))), Some(Polled::Task(job(3))));
    assert_eq!(looked(&mut first), Some(Polled::Task(job(1))));
    assert_eq!(looked(&mut second), Some(Polled::Query(Question(2))));
    let stats = bench.service.describe(&work());
    assert!(
        stats.tasks_add_rate > 0.0 && stats.tasks_add_rate == stats.tasks_dispatch_rate,
        "the root counts the others"
    );
    assert!(bench.shards.pulls.lock().is_empty());
}

#[test]
fn what_a_poll_at_a_branch_did_not_take_goes_to_another_or_back() {
    let bench = Bench::of_branches();
    let (first, mut second) = (bench.waiting(&work()), bench.waiting(&work()));
    assert_eq!(bench.service.offer_to_poll(&work(), job(1)), None);
    drop(first);
    assert_eq!(looked(&mut second), Some(Polled::Task(job(1))));
    assert!(bench.shards.orphans.lock().is_empty());
    let poll = bench.waiting(&work());
    assert_eq!(bench.service.hand_fetched(&work(), Polled::Task(job(2))), None);
    drop(poll);
    let orphans = std::mem::take(&mut *bench.shards.orphans.lock());
    assert_eq!(orphans.iter().flat_map(|(_, orphans)| &orphans.tasks).collect::<Vec<_>>(), [&job(2)]);
    assert!(bench.shards.pulls.lock().is_empty(), "a branch never asks the shards");
}

#[test]
fn a_branch_knows_from_its_root_how_many_polls_there_should_be() {
    let bench = Bench::of_branches();
    let _poll = bench.waiting(&work());
    assert_eq!((bench.service.scaling(&work(), Duration::ZERO), bench.service.backlog_hint(&work())), (None, 0));
    bench.clock.advance(Duration::from_secs(1));
    bench.service.note_root(&work(), RootBacklog { held: 40, age: Some(Duration::from_millis(300)) });
    assert_eq!((bench.service.scaling(&work(), Duration::ZERO), bench.service.backlog_hint(&work())), (Some(1), 40));
}

#[test]
fn what_is_known_of_branches_adds_up() {
    let version = WorkerVersion { build_id: Some("b".into()), ..WorkerVersion::default() };
    let root = Bench::new();
    let _poll = root.waiting(&work());
    root.service.offer(&work(), job(1));
    root.clock.advance(Duration::from_secs(1));
    let branch = Bench::of_branches();
    branch.clock.advance(Duration::from_secs(3));
    let mut same = branch.poll(&work(), PollerInfo { version: version.clone(), ..info("worker") });
    let mut other = branch.poll(&work(), info("other"));
    assert!(looked(&mut same).is_none() && looked(&mut other).is_none());
    assert_eq!(branch.service.offer_to_poll(&work(), job(2)), None);
    let mut stats = root.service.describe(&work());
    let alone = stats.tasks_add_rate;
    stats.add_branch(branch.service.describe(&work()));
    let known: Vec<_> = stats.pollers.iter().map(|seen| (&*seen.identity, seen.version.build_id.clone())).collect();
    assert_eq!(known, [("worker", version.build_id), ("other", None)]);
    assert_eq!((stats.waiting, stats.tasks_add_rate), (1, alone * 2.0));
}

#[test]
fn who_polls_gets_what_is_near_first() {
    let bench = Bench::new();
    let polled = || looked(&mut bench.poll(&work(), info("worker"))).expect("tasks are held");
    bench.service.shard_is_near(NEAR_HERE, true);
    let from = |origin, id| Offer { origin, ..job(id) };
    for offer in [from(0, 1), from(NEAR_BRANCH, 2), from(NEAR_HERE, 3), from(0, 4), from(NEAR_HERE, 5)] {
        bench.service.offer(&work(), offer);
    }
    assert_eq!(tasks(&bench.fetched_now(&work(), 2)), [2, 1]);
    assert_eq!(polled(), Polled::Task(from(NEAR_HERE, 3)));
    bench.service.shard_is_near(NEAR_HERE, false);
    assert_eq!(polled(), Polled::Task(from(0, 4)));
    assert_eq!(polled(), Polled::Task(from(NEAR_HERE, 5)));
}
