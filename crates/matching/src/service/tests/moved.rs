//! Queues that move between nodes, and shards that could not bring their tasks.

use super::*;

#[test]
fn a_new_queue_asks_all_shards_and_a_workers_own_none() {
    let bench = Bench::new();
    bench.service.ask_for_new_queues([0, 9]);
    let mut poll = bench.waiting(&work());
    let _own = bench.waiting(&host());
    let pulls = std::mem::take(&mut *bench.shards.pulls.lock());
    let asked: Vec<_> = pulls.iter().map(|pull| (pull.key.clone(), pull.shard, pull.from.clone())).collect();
    assert_eq!(asked, [(work(), 0, Start::Beginning), (work(), 9, Start::Beginning)]);
    let pull = pulls.into_iter().next().expect("two were asked");
    bench.service.pulled(pull, vec![job(7)], None);
    assert_eq!(looked(&mut poll), Some(Polled::Task(job(7))));
}

#[test]
fn a_queue_is_told_of_tasks_that_were_not_brought() {
    let bench = Bench::new();
    let _poll = bench.waiting(&work());
    bench.service.shard_has_more(&work(), 3);
    bench.service.shards_have_more(|key| *key == work(), &[4]);
    bench.service.shards_have_more(|key| *key != work(), &[5]);
    bench.service.shard_has_more(&host(), 6);
    let shards: Vec<_> = bench.shards.pulls.lock().iter().map(|pull| pull.shard).collect();
    assert_eq!(shards, [3, 4]);
}

#[test]
fn a_queue_that_has_moved_is_forgotten_with_its_polls() {
    let bench = Bench::new();
    let mut polls = [bench.waiting(&work()), bench.waiting(&host())];
    drop(bench.service.reserve(&host(), Rank::default(), None));
    bench.service.forget_queues(|key| *key == work());
    assert_eq!(looked(&mut polls[0]), Some(Polled::Empty));
    assert_eq!(looked(&mut polls[1]), None);
    assert_eq!(bench.service.queues("default").len(), 1);
    let [_, stays] = polls;
    drop(stays);
    assert_eq!(bench.service.polls_waiting(), 0);
}

#[test]
fn what_a_queue_held_goes_back_when_it_moves() {
    let bench = Bench::new();
    drop(bench.waiting(&host()));
    assert_eq!(bench.service.offer(&host(), job(7)), Offered::Queued);
    assert_eq!(bench.service.offer(&work(), Offer { origin: 9, ..job(8) }), Offered::Queued);
    bench.service.forget_queues(|_| true);
    let orphans = bench.shards.orphans.lock();
    let gone: Vec<_> = orphans.iter().map(|(key, orphans)| (key, &*orphans.tasks, orphans.shards())).collect();
    let task = Offer { origin: 9, ..job(8) };
    assert_eq!(gone, [(&host(), &[job(7)][..], [job(7).origin].into()), (&work(), &[task][..], [9].into())]);
    assert_eq!(bench.service.queues("default"), []);
}

#[test]
fn a_task_recorded_for_a_poller_of_a_queue_that_has_moved_is_undelivered() {
    let bench = Bench::new();
    let mut poll = bench.waiting(&work());
    let reserved = bench.service.reserve(&work(), Rank::default(), None).expect("a poller waits");
    bench.service.forget_queues(|_| true);
    reserved.deliver(70);
    assert_eq!(bench.undelivered(), [70]);
    assert_eq!(looked(&mut poll), Some(Polled::Empty));
}

#[test]
fn a_task_on_its_way_to_a_poll_that_goes_with_its_queue_goes_back() {
    let bench = Bench::new();
    let poll = bench.waiting(&work());
    assert_eq!(bench.service.offer(&work(), Offer { origin: 9, ..job(8) }), Offered::Matched);
    bench.service.forget_queues(|_| true);
    drop(poll);
    let orphans = bench.shards.orphans.lock();
    let gone: Vec<_> = orphans.iter().map(|(key, orphans)| (key, orphans.shards())).collect();
    assert_eq!(gone, [(&work(), [9].into())]);
}
