//! What is held, what is dropped, and that a pull finds all that was dropped.

use super::{Ask, Backlog, Found, Held, Kept, LOOKED_AT_MAX};
use crate::payload::toys::{Job, job};
use crate::payload::{LineId, Near, Offer, Position, Rank, Share, Start};
use std::sync::Arc;
use std::time::Duration;

const NOW: Duration = Duration::from_secs(1);

fn at(id: u64) -> Position<u64> {
    job(id).position()
}

fn full(ids: impl IntoIterator<Item = u64>) -> Backlog<Job> {
    let mut backlog = Backlog::new(4, 0);
    for id in ids.into_iter() {
        backlog.hold(job(id), NOW);
    }
    backlog
}

fn line(shard: u32) -> LineId {
    LineId { shard, lane: 0 }
}

fn pop(backlog: &mut Backlog<Job>) -> Option<Held<Job>> {
    pop_near(backlog, &|_| false)
}

fn pop_near(backlog: &mut Backlog<Job>, near: Near<'_>) -> Option<Held<Job>> {
    backlog.pop(NOW, |_| true, |_| None, near)
}

fn popped(backlog: &mut Backlog<Job>) -> Vec<u64> {
    std::iter::from_fn(|| pop(backlog)).map(|held| held.offer.task.0).collect()
}

fn found(ask: &Ask<u64>, ids: &[u64], next: Option<u64>) -> Found<Job> {
    let offers = ids.iter().map(|id| job(*id)).collect();
    Found { line: ask.line, number: ask.number, offers, next: next.map(at) }
}

/// A backlog that held 1 to 4, dropped 5 and handed out 1 and 2, and the question that this led to.
fn asking() -> (Backlog<Job>, Ask<u64>) {
    let mut backlog = full(1..=5);
    pop(&mut backlog);
    assert!(backlog.take_asks().is_empty(), "more than half is still held");
    pop(&mut backlog);
    let ask = backlog.take_asks().pop().expect("half of the room is free");
    (backlog, ask)
}

#[test]
fn a_task_that_becomes_more_urgent_overtakes_the_others() {
    let urgent = |id| Offer { rank: Rank { priority: 0, order: id }, ..job(id) };
    let mut backlog = full([1, 2, 3]);
    assert_eq!(backlog.hold(urgent(3), NOW), Kept::Duplicate);
    assert_eq!(backlog.len(), 3);
    assert_eq!(popped(&mut backlog), [3, 1, 2]);
    // What a pull brought may be older than what is known: nothing leaves for what is in the shard only.
    let mut backlog = full(1..=5);
    assert_eq!(backlog.hold(Offer { rank: Rank { priority: 9, order: 1 }, ..job(1) }, NOW), Kept::Duplicate);
    assert_eq!(pop(&mut backlog).map(|held| held.offer.task.0), Some(1));
}

#[test]
fn tasks_leave_by_priority_then_order_over_all_shards() {
    let mut backlog = Backlog::new(10, 0);
    for (origin, priority, order) in [(0, 3, 5), (1, 3, 4), (2, 5, 1), (0, 1, 9), (1, 3, 6)] {
        let task = Job(u64::from(priority) * 10 + order);
        backlog.hold(Offer { origin, rank: Rank { priority, order }, share: None, task }, NOW);
    }
    assert_eq!(popped(&mut backlog), [19, 34, 35, 36, 51]);
    assert!(backlog.is_clear());
}

#[test]
fn a_task_that_is_held_is_not_held_twice() {
    let mut backlog = full([1]);
    assert_eq!(backlog.hold(job(1), NOW), Kept::Duplicate);
    backlog.put_back(Held { offer: job(1), since: NOW }, NOW);
    assert_eq!((backlog.len(), popped(&mut backlog)), (1, vec![1]));
}

#[test]
fn each_shard_has_room_of_its_own() {
    let mut backlog = full(1..=5);
    assert!(backlog.has_more());
    assert_eq!(backlog.hold(Offer { origin: 1, ..job(6) }, NOW), Kept::Held);
}

#[test]
fn what_was_dropped_is_pulled_when_half_the_room_is_free() {
    let (mut backlog, ask) = asking();
    assert_eq!(ask, Ask { line: line(0), from: Start::At(at(5)), max: 2, number: ask.number });
    assert_eq!(backlog.pulled(found(&ask, &[5], None), NOW), [3]);
    assert!(!backlog.has_more());
    assert_eq!(popped(&mut backlog), [3, 4, 5]);
    assert!(backlog.is_clear());
}

#[test]
fn a_later_task_does_not_overtake_those_left_in_the_shard() {
    let mut backlog = full(1..=5);
    pop(&mut backlog);
    assert_eq!(backlog.hold(job(6), NOW), Kept::Dropped, "there is room, but 5 comes first");
}

#[test]
fn a_better_task_pushes_out_the_worst_which_is_pulled_later() {
    let mut backlog = full([2, 3, 4, 5]);
    assert_eq!(backlog.hold(job(1), NOW), Kept::Held);
    assert_eq!(backlog.hold(job(5), NOW), Kept::Dropped);
    assert_eq!(popped(&mut backlog), [1, 2, 3, 4]);
    assert_eq!(backlog.take_asks().first().map(|ask| ask.from.clone()), Some(Start::At(at(5))));
}

#[test]
fn what_is_dropped_while_a_pull_is_under_way_is_pulled_next() {
    let (mut backlog, ask) = asking();
    assert_eq!(backlog.hold(job(6), NOW), Kept::Dropped);
    backlog.pulled(found(&ask, &[5], None), NOW);
    assert!(backlog.has_more(), "the answer did not know of 6");
    pop(&mut backlog);
    let next = backlog.take_asks().pop().expect("there is room again");
    assert_eq!(next.from, Start::At(at(6)));
}

#[test]
fn an_answer_with_more_behind_it_is_followed_by_the_next_question() {
    let (mut backlog, ask) = asking();
    popped(&mut backlog);
    backlog.pulled(found(&ask, &[5, 6], Some(7)), NOW);
    let next = backlog.take_asks().pop().expect("half of the room is free");
    assert_eq!((next.from, next.max), (Start::At(at(7)), 2));
}

#[test]
fn an_unanswered_pull_is_asked_again_and_either_answer_will_do() {
    let (mut backlog, ask) = asking();
    let retry = Duration::from_secs(5);
    backlog.sweep(NOW + Duration::from_secs(4), retry);
    assert!(backlog.take_asks().is_empty());
    backlog.hold(job(6), NOW);
    backlog.sweep(NOW + retry, retry);
    let again = backlog.take_asks().pop().expect("asked again");
    assert_eq!((&again.from, again.number), (&ask.from, ask.number));
    backlog.pulled(found(&ask, &[5], None), NOW);
    assert!(backlog.has_more(), "6 was dropped after the first asking");
    backlog.pulled(found(&again, &[5, 6], None), NOW);
    assert!(backlog.has_more(), "the second answer is to a question that is settled");
}

#[test]
fn a_late_answer_to_an_older_question_says_nothing_of_what_is_left() {
    let (mut backlog, ask) = asking();
    popped(&mut backlog);
    let early = found(&ask, &[5], None);
    for id in 6..=7 {
        backlog.hold(job(id), NOW);
    }
    backlog.pulled(found(&ask, &[5], Some(6)), NOW);
    let next = backlog.take_asks().pop().expect("half of the room is free");
    backlog.pulled(early, NOW);
    assert!(backlog.has_more(), "6 and 7 are in the shard only");
    backlog.pulled(found(&next, &[6, 7], None), NOW);
    assert_eq!(popped(&mut backlog), [5, 6, 7]);
}

#[test]
fn an_empty_answer_that_promises_more_is_not_asked_for_in_a_loop() {
    let (mut backlog, ask) = asking();
    backlog.pulled(found(&ask, &[], Some(5)), NOW);
    assert!(backlog.take_asks().is_empty());
    backlog.sweep(NOW, Duration::from_secs(5));
    assert_eq!(backlog.take_asks().len(), 1);
}

#[test]
fn a_task_that_overtook_and_came_back_is_pulled_in_its_turn() {
    let (mut backlog, ask) = asking();
    backlog.put_back(Held { offer: job(6), since: NOW }, NOW);
    assert_eq!(backlog.len(), 2);
    backlog.pulled(found(&ask, &[5], Some(6)), NOW);
    assert_eq!(popped(&mut backlog), [3, 4, 5]);
    let next = backlog.take_asks().pop().expect("6 is in the shard");
    backlog.pulled(found(&next, &[6], None), NOW);
    assert_eq!(popped(&mut backlog), [6]);
}

#[test]
fn a_shard_that_was_not_heard_is_asked_from_the_beginning() {
    let mut backlog: Backlog<Job> = Backlog::new(4, 0);
    backlog.mark_all(7, NOW);
    assert_eq!(backlog.take_asks(), [Ask { line: line(7), from: Start::Beginning, max: 4, number: 1 }]);
    assert!(!backlog.is_clear());
}

/// What goes, when shard 2 is near and a task may overtake others that came at most 10 before it.
fn popped_near_2(offers: impl IntoIterator<Item = Offer<Job>>) -> Vec<u64> {
    let mut backlog = Backlog::new(10, 10);
    for offer in offers {
        backlog.hold(offer, NOW);
    }
    std::iter::from_fn(|| pop_near(&mut backlog, &|shard| shard == 2)).map(|held| held.offer.task.0).collect()
}

fn of(origin: u32, id: u64) -> Offer<Job> {
    Offer { origin, ..job(id) }
}

#[test]
fn a_task_that_is_near_goes_first_unless_another_is_much_older() {
    assert_eq!(popped_near_2([of(1, 1), of(1, 30), of(2, 5), of(2, 12)]), [5, 1, 12, 30]);
    // Nothing is near.
    assert_eq!(popped_near_2([of(1, 1), of(3, 4), of(1, 5)]), [1, 4, 5]);
}

#[test]
fn what_is_near_is_looked_for_among_so_many_shards() {
    let others = (0..LOOKED_AT_MAX as u32).map(|number| Offer { origin: 10 + number, ..job(1) });
    let offers = others.enumerate().map(|(at, offer)| Offer { task: Job(at as u64), ..offer });
    let near = Offer { task: Job(1000), ..of(2, 1) };
    assert_eq!(popped_near_2(offers.chain([near]))[..3], [0, 1000, 1]);
}

#[test]
fn a_task_that_is_near_goes_before_none_that_is_more_urgent_or_whose_key_has_its_turn() {
    let urgent = |id| Offer { rank: Rank { priority: 0, order: id }, ..of(1, id) };
    assert_eq!(popped_near_2([of(2, 1), of(1, 2), urgent(3)]), [3, 1, 2]);
    let share = |key: &str| Some(Share { lane: 1, key: Arc::from(key), weight: 1000 });
    let keyed = |offer: Offer<Job>, key| Offer { share: share(key), ..offer };
    // The keys take turns, and only `b` has a task that is near.
    let offers = [keyed(of(1, 1), "a"), keyed(of(1, 2), "a"), keyed(of(3, 3), "b"), keyed(of(2, 4), "b")];
    assert_eq!(popped_near_2(offers), [1, 4, 2, 3]);
}
