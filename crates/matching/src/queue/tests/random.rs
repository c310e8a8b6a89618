//! Random offers, polls, drops, reservations and pulls against a model shard: nothing is lost, nothing is handed out
//! more often than it was offered, pollers and tasks keep their order.

use super::poller;
use crate::backlog::{Ask, Found};
use crate::key::{QueueKey, QueueKind};
use crate::options::Options;
use crate::payload::toys::{Job, Toys};
use crate::payload::{Offer, Position, Rank, Start};
use crate::queue::{Item, Leaving, Left, Placed, Queue, Ticket, Waiter};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Step {
    /// A new task of a shard, with an order that others may have too.
    Offer {
        shard: u32,
        order: u64,
    },
    /// A task that was offered before is offered again.
    Again(usize),
    Poll,
    /// A poller goes away: it may wait, be reserved, or have an item that it did not take.
    Drop(usize),
    /// A poller takes its item and starts the task.
    Take(usize),
    Reserve,
    Redeem(usize),
    Release(usize),
    /// The shard reads its rows for a pull.
    Read(usize),
    /// The shard answers a pull with what it read.
    Answer(usize),
    /// A pull is lost; the sweep asks again.
    Lose(usize),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let pick = 0..1_000_usize;
    prop_oneof![
        6 => (0..3_u32, 0..50_u64).prop_map(|(shard, order)| Step::Offer { shard, order }),
        1 => pick.clone().prop_map(Step::Again),
        4 => Just(Step::Poll),
        2 => pick.clone().prop_map(Step::Drop),
        3 => pick.clone().prop_map(Step::Take),
        1 => Just(Step::Reserve),
        1 => pick.clone().prop_map(Step::Redeem),
        1 => pick.clone().prop_map(Step::Release),
        3 => pick.clone().prop_map(Step::Read),
        3 => pick.clone().prop_map(Step::Answer),
        1 => pick.prop_map(Step::Lose),
        1 => Just(Step::Sweep),
    ]
}

/// The queue, and what the world around it knows.
struct World {
    queue: Queue<Toys, Poll>,
    now: Duration,
    polls: u64,
    waiting: BTreeSet<Poll>,
    tickets: BTreeMap<Poll, Ticket>,
    /// Items on their way to a poller that has not taken them.
    in_hand: Vec<Item<Toys>>,
    reserved: Vec<(Ticket, Waiter<Poll>)>,
    asks: Vec<Ask<u64>>,
    read: Vec<Found<Job>>,
    /// Tasks of each shard that were not started.
    rows: BTreeMap<u32, BTreeSet<Position<u64>>>,
    offers: Vec<Offer<Job>>,
    /// How often each task was brought to the queue, less how often it was handed out and not given back.
    credit: BTreeMap<u64, i64>,
}

type Poll = u64;

impl World {
    fn new() -> Self {
        let options = Options { held_per_shard_max: 4, ..Options::default() };
        let key = QueueKey::normal("default", "work", QueueKind::Activity);
        Self {
            queue: Queue::new(&key, Arc::new(options)),
            now: Duration::from_secs(1_000),
            polls: 0,
            waiting: BTreeSet::new(),
            tickets: BTreeMap::new(),
            in_hand: Vec::new(),
            reserved: Vec::new(),
            asks: Vec::new(),
            read: Vec::new(),
            rows: BTreeMap::new(),
            offers: Vec::new(),
            credit: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Offer { shard, order } => {
                let id = u64::try_from(self.offers.len()).expect("few");
                let offer = Offer { origin: shard, rank: Rank { priority: 0, order }, share: None, task: Job(id) };
                self.rows.entry(shard).or_default().insert(offer.position());
                self.offers.push(offer.clone());
                self.offer(offer);
            }
            Step::Again(pick) => {
                if let Some(index) = nth(pick, self.offers.len()) {
                    self.offer(self.offers[index].clone());
                }
            }
            Step::Poll => self.poll(),
            Step::Drop(pick) => self.drop_one(pick),
            Step::Take(pick) => {
                if let Some(index) = nth(pick, self.in_hand.len()) {
                    let item = self.in_hand.swap_remove(index);
                    self.start(&item);
                }
            }
            Step::Reserve => self.reserved.extend(self.queue.reserve(0, None, self.now).inspect(|(_, waiter)| {
                assert_eq!(self.waiting.pop_first(), Some(waiter.to), "the first poller is reserved");
            })),
            Step::Redeem(pick) => {
                if let Some(index) = nth(pick, self.reserved.len()) {
                    let (ticket, waiter) = self.reserved.swap_remove(index);
                    let there = self.queue.redeem(ticket, self.now);
                    assert_eq!(there, self.tickets.remove(&waiter.to).is_some());
                }
            }
            Step::Release(pick) => {
                if let Some(index) = nth(pick, self.reserved.len()) {
                    let (ticket, waiter) = self.reserved.swap_remove(index);
                    self.waiting.extend(self.tickets.contains_key(&waiter.to).then_some(waiter.to));
                    self.queue.unreserve(ticket, waiter);
                }
            }
            Step::Read(pick) => self.read(pick),
            Step::Answer(pick) => self.answer(pick),
            Step::Lose(pick) => {
                if let Some(index) = nth(pick, self.asks.len()) {
                    self.asks.swap_remove(index);
                }
            }
            Step::Sweep => {
                self.now += Duration::from_secs(5);
                assert!(self.queue.sweep(self.now).is_empty(), "a normal queue hands nothing back");
            }
        }
        self.settle();
    }

    fn offer(&mut self, offer: Offer<Job>) {
        *self.credit.entry(offer.task.0).or_default() += 1;
        match self.queue.offer(offer, self.now) {
            Placed::Matched(delivery) => self.hand_out(delivery.to, delivery.item),
            Placed::Queued | Placed::Dropped => {}
            Placed::NoStickyPoller(_) => panic!("not a sticky queue"),
        }
    }

    fn poll(&mut self) {
        self.polls += 1;
        let ticket = self.queue.arrive(poller("worker", None), self.polls, self.now);
        self.tickets.insert(self.polls, ticket);
        self.waiting.insert(self.polls);
    }

    fn hand_out(&mut self, to: Poll, item: Item<Toys>) {
        assert_eq!(self.waiting.pop_first(), Some(to), "the poller that came first is served first");
        self.tickets.remove(&to);
        let Item::Task(held) = &item else { panic!("only tasks were offered") };
        let credit = self.credit.entry(held.offer.task.0).or_default();
        *credit -= 1;
        assert!(*credit >= 0, "task {} was handed out more often than offered", held.offer.task.0);
        self.in_hand.push(item);
    }

    /// Somebody goes: one who waits or is reserved, or one who was handed an item.
    fn drop_one(&mut self, pick: usize) {
        let Some(index) = nth(pick, self.tickets.len() + self.in_hand.len()) else { return };
        if let Some((poll, ticket)) = self.tickets.iter().nth(index).map(|(poll, ticket)| (*poll, *ticket)) {
            let waited = self.waiting.remove(&poll);
            self.tickets.remove(&poll);
            let expected = if waited { Left::Waiting } else { Left::Reserved };
            assert_eq!(self.queue.leave(ticket, Leaving::Gone, self.now), expected);
            return;
        }
        let item = self.in_hand.swap_remove(index - self.tickets.len());
        let Item::Task(held) = &item else { panic!("only tasks were offered") };
        *self.credit.entry(held.offer.task.0).or_default() += 1;
        assert_eq!(self.queue.give_back(item, self.now), None);
    }

    /// The shard starts the task, or refuses because it has been started.
    fn start(&mut self, item: &Item<Toys>) -> Option<Offer<Job>> {
        let Item::Task(held) = item else { panic!("only tasks were offered") };
        let rows = self.rows.get_mut(&held.offer.origin)?;
        rows.remove(&held.offer.position()).then(|| held.offer.clone())
    }

    fn read(&mut self, pick: usize) {
        let Some(index) = nth(pick, self.asks.len()) else { return };
        let Ask { line, from, max, number } = self.asks.swap_remove(index);
        let rows = self.rows.get(&line.shard).into_iter().flatten();
        let mut rows = rows.filter(|position| Start::At((*position).clone()) >= from);
        let offer = |position: &Position<u64>| Offer {
            origin: line.shard,
            rank: position.rank,
            share: None,
            task: Job(position.id),
        };
        let offers = rows.by_ref().take(max).map(offer).collect();
        self.read.push(Found { line, number, offers, next: rows.next().cloned() });
    }

    fn answer(&mut self, pick: usize) {
        let Some(index) = nth(pick, self.read.len()) else { return };
        let found = self.read.swap_remove(index);
        for offer in &found.offers {
            *self.credit.entry(offer.task.0).or_default() += 1;
        }
        self.queue.pulled(found, self.now);
    }

    fn settle(&mut self) {
        while let Some(delivery) = self.queue.next(self.now, &|_| false) {
            self.hand_out(delivery.to, delivery.item);
        }
        self.asks.extend(self.queue.take_asks());
        assert!(self.waiting.is_empty() || self.queue.backlog.is_empty(), "a poller waits beside a task");
        assert_eq!(self.queue.waiting.len(), self.waiting.len());
        let bound = 3 * 4 + usize::try_from(self.polls).expect("few");
        assert!(self.queue.backlog.len() <= bound, "only what came back may exceed the bound");
    }

    /// Everybody takes what they have; then one poller after the other starts all that is left, in order.
    fn finish(&mut self) {
        for item in std::mem::take(&mut self.in_hand) {
            self.start(&item);
        }
        self.reserved.clear();
        while !self.read.is_empty() {
            self.answer(0);
            self.settle();
        }
        let mut last: BTreeMap<u32, Position<u64>> = BTreeMap::new();
        for _ in 0..10_000 {
            if self.rows.values().all(BTreeSet::is_empty) {
                return;
            }
            self.now += Duration::from_secs(5);
            self.queue.sweep(self.now);
            self.settle();
            while !self.asks.is_empty() {
                self.read(0);
                self.answer(0);
                self.settle();
            }
            self.poll();
            self.settle();
            for item in std::mem::take(&mut self.in_hand) {
                let Some(started) = self.start(&item) else { continue };
                let before = last.insert(started.origin, started.position());
                assert!(before.is_none_or(|before| before < started.position()), "a shard's tasks keep their order");
            }
        }
        panic!("lost: {:?}", self.rows);
    }
}

fn nth(pick: usize, len: usize) -> Option<usize> {
    (len > 0).then(|| pick % len)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_task_is_lost_or_handed_out_too_often_and_order_is_kept(steps in prop::collection::vec(step(), 1..200)) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.step(step));
        world.finish();
    }
}
