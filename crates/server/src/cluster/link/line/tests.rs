//! What a line says of its calls when they are answered, given up and lost.

use bytes::Bytes;
use futures::FutureExt;
use tonic::Code;

use super::*;

fn call(body: usize) -> LinkCall {
    LinkCall { body: Bytes::from(vec![0; body]), ..Default::default() }
}

fn asked(line: &Arc<Line>, body: usize) -> Asked {
    line.ask(call(body)).map_err(|_| "the line has ended").expect("it stands")
}

fn numbers(frame: &LinkRequest) -> Vec<u64> {
    frame.calls.iter().map(|call| call.number).collect()
}

#[test]
fn what_waits_leaves_together_and_each_gets_its_answer() {
    let line = Line::new();
    let (first, second) = (asked(&line, 1), asked(&line, 1));
    let frame = line.frame().expect("it stands");
    assert_eq!(numbers(&frame), [1, 2]);
    for number in [2, 1] {
        line.answer(LinkAnswer { number, ..Default::default() });
    }
    let number = |asked: Asked| asked.now_or_never().expect("answered").expect("an answer").number;
    assert_eq!((number(first), number(second)), (1, 2));
    assert_eq!(line.frame(), Some(LinkRequest::default()), "nobody has given up");
}

#[test]
fn a_full_message_leaves_the_rest_to_the_next() {
    let line = Line::new();
    let _asked = [asked(&line, FRAME_BYTES - 1), asked(&line, 1), asked(&line, 1)];
    assert_eq!(numbers(&line.frame().expect("it stands")), [1, 2]);
    assert_eq!(numbers(&line.frame().expect("it stands")), [3]);
}

#[test]
fn whoever_goes_takes_its_call_back_or_has_the_other_node_end_it() {
    let line = Line::new();
    let left = asked(&line, 1);
    line.frame();
    let waits = asked(&line, 1);
    drop((left, waits));
    let frame = line.frame().expect("it stands");
    assert_eq!((numbers(&frame), frame.given_up), (vec![], vec![1]));
}

#[test]
fn whoever_goes_from_among_many_takes_only_its_own_call_back() {
    let line = Line::new();
    let _left = [asked(&line, FRAME_BYTES)];
    line.frame();
    let mut wait: Vec<_> = (2..=9).map(|_| asked(&line, 1)).collect();
    for place in [7, 3, 0] {
        drop(wait.remove(place));
    }
    let frame = line.frame().expect("it stands");
    assert_eq!((numbers(&frame), frame.given_up), (vec![3, 4, 6, 7, 8], vec![]));
}

#[test]
fn when_it_breaks_what_had_left_is_lost_and_what_had_not_comes_back() {
    let line = Line::new();
    let left = asked(&line, 1);
    line.frame();
    let waits = asked(&line, 2);
    line.close(&Status::unavailable("broken"));
    assert!(matches!(left.now_or_never(), Some(Err(Failed::Lost(status))) if status.code() == Code::Unavailable));
    let Some(Err(Failed::NeverLeft(_, Some(back)))) = waits.now_or_never() else { panic!("it had not left") };
    assert_eq!(back.body.len(), 2);
    assert!(line.ask(call(3)).is_err_and(|back| back.body.len() == 3), "it takes no more");
    assert_eq!(line.frame(), None);
}

#[tokio::test]
async fn the_stream_waits_for_calls_and_ends_with_the_line() {
    use futures::StreamExt;
    let line = Line::new();
    let mut outgoing = Box::pin(Arc::clone(&line).outgoing());
    assert!(outgoing.next().now_or_never().is_none(), "there is nothing to say");
    let _asked = asked(&line, 1);
    assert!(outgoing.next().now_or_never().is_none(), "the other node has not taken it yet");
    line.open();
    assert_eq!(outgoing.next().await.as_ref().map(numbers), Some(vec![1]));
    line.close(&Status::unavailable("over"));
    assert_eq!(outgoing.next().await, None);
}
