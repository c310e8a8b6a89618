//! What a desk does with answers that nobody waits for any more.

use uuid::Uuid;
use weft_env::RealClock;

use super::*;
use crate::cluster::{ClusterOptions, Gate, Inbox, Peers, Reach};

/// A link on which calls of these numbers are being made.
fn held(numbers: &[u64]) -> (Held, Vec<oneshot::Receiver<()>>) {
    let peers = Peers::new(1, Uuid::nil(), &ClusterOptions::default(), &Reach::Tcp);
    let (_close, closing) = watch::channel(false);
    let gate = Gate::new(&peers, Inbox::default(), Arc::new(RealClock::new()), closing);
    let (running, given_up) = numbers
        .iter()
        .map(|number| {
            let (stands, given_up) = oneshot::channel();
            ((*number, stands), given_up)
        })
        .unzip();
    let (introduced, answers) = (HeaderMap::new(), Answers::default());
    (Held { doors: gate.doors(), introduced, answers, running: Mutex::new(running) }, given_up)
}

fn answer(number: u64, body: usize) -> LinkAnswer {
    LinkAnswer { number, body: vec![0; body].into(), ..Default::default() }
}

fn numbers(held: &Held) -> Vec<u64> {
    held.answers.frame().expect("it stands").answers.iter().map(|answer| answer.number).collect()
}

#[tokio::test]
async fn answers_of_calls_that_were_given_up_do_not_leave() {
    let (held, mut given_up) = held(&[1, 2, 3]);
    held.finish(1, answer(1, 0));
    held.finish(2, answer(2, 0));
    held.forget(&BTreeSet::from([1, 3]));
    assert!(given_up.pop().expect("a call").await.is_err(), "the call is ended");
    // It was ready at the same moment.
    held.finish(3, answer(3, 0));
    assert_eq!(numbers(&held), [2]);
    assert!(held.running.lock().is_empty());
}

#[tokio::test]
async fn a_full_message_leaves_the_other_answers_to_the_next() {
    let (held, _given_up) = held(&[1, 2, 3]);
    for (number, body) in [(3, FRAME_BYTES - 1), (1, 1), (2, 1)] {
        held.finish(number, answer(number, body));
    }
    assert_eq!([numbers(&held), numbers(&held)], [vec![3, 1], vec![2]]);
}
