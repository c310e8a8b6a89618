//! What leaves together, and who is answered by whom.

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};

use super::*;

/// Answers each heartbeat with itself, but for empty ones; remembers what came.
#[derive(Default)]
struct Echo(Mutex<Vec<Vec<GroupId>>>);

impl Transport for Echo {
    fn send(&self, _: NodeId, _: GroupId, _: Bytes) -> BoxFuture<'static, Answer> {
        std::future::ready(Err(Unreachable("a heartbeat goes with a pulse".to_owned()))).boxed()
    }

    fn pulse(&self, to: NodeId, message: Bytes) -> BoxFuture<'static, Answer> {
        let beats = pulse::read_request(message).expect("a pulse");
        self.0.lock().push(beats.iter().map(|(group, _)| *group).collect());
        if to == DEAF {
            return std::future::pending().boxed();
        }
        let answers: Vec<_> = beats.into_iter().map(|(_, beat)| Some(beat).filter(|beat| !beat.is_empty())).collect();
        std::future::ready(Ok(pulse::response(&answers))).boxed()
    }
}

const NODE: NodeId = NodeId(2);
const DEAF: NodeId = NodeId(3);

fn pulses() -> (Arc<Echo>, Arc<Pulses>) {
    let echo = Arc::new(Echo::default());
    (Arc::clone(&echo), Pulses::new(echo, Timing::default()))
}

fn beat(group: u32) -> Bytes {
    Bytes::from(format!("beat of {group}"))
}

#[tokio::test(start_paused = true)]
async fn what_is_expected_leaves_together_and_each_has_its_own_answer() {
    let (echo, pulses) = pulses();
    pulses.expect(&BTreeMap::from([(NODE, 5)]));
    let sent = (0..5).map(|group| {
        let pulses = Arc::clone(&pulses);
        // They come one after the other, as groups come to it.
        async move {
            tokio::time::sleep(Duration::from_micros(900) * group).await;
            pulses.send(NODE, GroupId(group), beat(group)).await
        }
    });
    let answers = join_all(sent).await;
    assert_eq!(answers, (0..5).map(|group| Ok(beat(group))).collect::<Vec<_>>());
    assert_eq!(*echo.0.lock(), [(0..5).map(GroupId).collect::<Vec<_>>()]);
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_come_is_not_waited_for_long() {
    let (echo, pulses) = pulses();
    pulses.expect(&BTreeMap::from([(NODE, 2)]));
    assert_eq!(pulses.send(NODE, GroupId(1), beat(1)).await, Ok(beat(1)));
    assert_eq!(pulses.send(NODE, GroupId(2), beat(2)).await, Ok(beat(2)));
    assert_eq!(*echo.0.lock(), [vec![GroupId(1)], vec![GroupId(2)]]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_expected_leaves_at_once() {
    let (echo, pulses) = pulses();
    let sent = pulses.send(NODE, GroupId(1), beat(1));
    assert_eq!(tokio::time::timeout(Duration::from_millis(1), sent).await, Ok(Ok(beat(1))));
    assert_eq!(echo.0.lock().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_does_not_answer_takes_no_answer_from_the_others() {
    let (_, pulses) = pulses();
    pulses.expect(&BTreeMap::from([(NODE, 3)]));
    let sent = [beat(0), Bytes::new(), beat(2)].into_iter().zip(0..).map(|(beat, group)| {
        let pulses = Arc::clone(&pulses);
        async move { pulses.send(NODE, GroupId(group), beat).await }
    });
    let answers = join_all(sent).await;
    assert_eq!((&answers[0], &answers[2]), (&Ok(beat(0)), &Ok(beat(2))));
    assert!(answers[1].is_err());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_answer_is_given_up() {
    let (_, pulses) = pulses();
    let sent = pulses.send(DEAF, GroupId(1), beat(1));
    let answer = tokio::time::timeout(Duration::from_secs(1), sent).await.expect("it ends by itself");
    assert!(answer.is_err());
}
