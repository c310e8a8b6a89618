//! The outbox alone: order, retries, bounds, and what is read again.

use weft_engine::{EventId, MessageBody, Step};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn key(workflow: &str) -> WorkflowKey {
    WorkflowKey { namespace: "ns".into(), workflow: workflow.into() }
}

fn id(event: i64, step: Step) -> MessageId {
    MessageId { run: "run".into(), event_id: EventId(event), step }
}

fn to(target: &str) -> Arc<Message> {
    Arc::new(Message::new(key(target), MessageBody::Acknowledge))
}

fn outbox(held: usize, under_way: usize) -> Outbox {
    Outbox::new(&Limits { outbox_held: held, outbox_under_way: under_way, ..Limits::default() })
}

fn next(outbox: &mut Outbox) -> Option<(i64, String)> {
    outbox.next().map(|it| (it.id.event_id.0, it.lane.target.workflow.to_string()))
}

fn lane(target: &str) -> Lane {
    Lane { sender: key("p"), target: key(target) }
}

#[test]
fn one_message_at_a_time_goes_from_one_to_another_in_order() {
    let mut outbox = outbox(10, 10);
    outbox.post(key("p"), id(7, Step::Ask), to("a"));
    outbox.post(key("p"), id(5, Step::Ask), to("a"));
    outbox.post(key("p"), id(6, Step::Ask), to("b"));
    assert_eq!(next(&mut outbox), Some((5, "a".into())));
    assert_eq!(next(&mut outbox), Some((6, "b".into())));
    assert_eq!(next(&mut outbox), None);
    // What follows from the first goes before the second.
    outbox.post(key("p"), id(5, Step::Follow), to("a"));
    outbox.settled(&key("p"), &id(5, Step::Ask));
    assert_eq!(next(&mut outbox), None, "it has not returned");
    outbox.returned(&lane("a"), &id(5, Step::Ask), SECOND);
    assert_eq!(outbox.next().map(|it| it.id), Some(id(5, Step::Follow)));
}

#[test]
fn a_message_is_delivered_again_until_its_row_is_gone() {
    let mut outbox = outbox(10, 10);
    outbox.post(key("p"), id(5, Step::Ask), to("a"));
    let mut now = SECOND;
    let mut last = Duration::ZERO;
    for _ in 0..5 {
        assert!(next(&mut outbox).is_some());
        outbox.returned(&lane("a"), &id(5, Step::Ask), now);
        assert_eq!(next(&mut outbox), None);
        let at = outbox.next_wake().expect("it waits");
        assert!(at - now >= last, "ever longer");
        last = at - now;
        now = at;
        outbox.wake(now);
    }
    outbox.settled(&key("p"), &id(5, Step::Ask));
    assert_eq!((next(&mut outbox), outbox.next_wake()), (None, None));
    assert!(outbox.lanes.is_empty() && outbox.held == 0);
}

#[test]
fn a_message_that_was_answered_is_delivered_again_only_if_the_answer_came_to_nothing() {
    let mut outbox = outbox(10, 10);
    outbox.post(key("p"), id(5, Step::Ask), to("a"));
    outbox.post(key("p"), id(6, Step::Ask), to("a"));
    assert_eq!(next(&mut outbox), Some((5, "a".into())));
    outbox.answered(&lane("a"), &id(5, Step::Ask));
    outbox.wake(100 * SECOND);
    assert_eq!((next(&mut outbox), outbox.next_wake()), (None, None), "its row goes in the end");
    outbox.unrecorded(&lane("a"), &id(5, Step::Ask), SECOND);
    outbox.wake(100 * SECOND);
    assert_eq!(next(&mut outbox), Some((5, "a".into())));
    outbox.answered(&lane("a"), &id(5, Step::Ask));
    outbox.settled(&key("p"), &id(5, Step::Ask));
    assert_eq!(next(&mut outbox), Some((6, "a".into())));
    // What is said of one that is gone says nothing of the next.
    outbox.unrecorded(&lane("a"), &id(5, Step::Ask), SECOND);
    assert_eq!(outbox.next_wake(), None);
}

#[test]
fn a_message_that_is_taken_back_while_it_waits_is_not_delivered() {
    let mut outbox = outbox(10, 10);
    outbox.post(key("p"), id(5, Step::Ask), to("a"));
    next(&mut outbox);
    outbox.returned(&lane("a"), &id(5, Step::Ask), SECOND);
    outbox.settled(&key("p"), &id(5, Step::Ask));
    assert_eq!((outbox.next_wake(), outbox.held), (None, 0));
}

#[test]
fn no_more_are_under_way_than_may_be() {
    let mut outbox = outbox(10, 2);
    for (event, target) in [(5, "a"), (6, "b"), (7, "c")] {
        outbox.post(key("p"), id(event, Step::Ask), to(target));
    }
    assert!(next(&mut outbox).is_some() && next(&mut outbox).is_some());
    assert_eq!(next(&mut outbox), None);
    outbox.returned(&lane("a"), &id(5, Step::Ask), SECOND);
    assert_eq!(next(&mut outbox), Some((7, "c".into())));
}

#[test]
fn what_is_not_held_is_read_when_there_is_room_without_what_was_settled_meanwhile() {
    let mut outbox = outbox(2, 10);
    for (event, target) in [(5, "a"), (6, "b"), (7, "c"), (8, "d")] {
        outbox.post(key("p"), id(event, Step::Ask), to(target));
    }
    assert_eq!(outbox.held, 2);
    assert_eq!(outbox.read(), None, "there is no room");
    outbox.settled(&key("p"), &id(5, Step::Ask));
    assert_eq!(outbox.read(), Some(None));
    outbox.settled(&key("p"), &id(7, Step::Ask));
    let row = |event, target| (key("p"), id(event, Step::Ask), Message::clone(&to(target)));
    outbox.take(Page { messages: vec![row(6, "b"), row(7, "c")], next: Some(b"on".to_vec()) });
    assert_eq!(outbox.held, 1, "6 was held and 7 is settled");
    assert_eq!(outbox.read(), Some(Some(b"on".to_vec())));
    outbox.take(Page { messages: vec![row(8, "d")], next: None });
    // One was missed while it was behind, so all is read once more.
    outbox.settled(&key("p"), &id(6, Step::Ask));
    assert_eq!(outbox.read(), Some(None));
    outbox.take(Page::default());
    outbox.post(key("p"), id(9, Step::Ask), to("e"));
    assert_eq!(outbox.held, 2, "nothing is missing any more");
}
