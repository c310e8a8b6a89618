//! All heartbeats from this node to another one as one message.
//!
//! Invariants: a heartbeat is answered by the group that it was sent to, or not at all, so it proves for its group what it
//! would have proved alone; one that nobody answers holds up no other one for longer than half the time between two beats;
//! what is sent in between (reads confirm their leader so) waits for nothing but what is ready at the same moment.
//!
//! It deliberately does not say when hearts beat: see `heart`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use weft_store::wal::GroupId;

use crate::codec::pulse;
use crate::group::Timing;
use crate::node::Node;
use crate::receive::ReceiveError;
use crate::transport::{Transport, Unreachable};
use crate::types::NodeId;

/// So long a pulse waits for heartbeats that are to come with it.
const GATHER_MAX: Duration = Duration::from_millis(5);

type Answer = Result<Bytes, Unreachable>;

/// The heartbeats of a node to all others.
pub(crate) struct Pulses {
    transport: Arc<dyn Transport>,
    timing: Timing,
    ways: Mutex<BTreeMap<NodeId, Arc<Way>>>,
    /// Told when a group has other members for the first time.
    pub(crate) others: Notify,
}

/// What waits to be sent to one node.
#[derive(Default)]
struct Way {
    waiting: Mutex<Waiting>,
    complete: Notify,
}

#[derive(Default)]
struct Waiting {
    beats: Vec<Beat>,
    /// So many are to leave together.
    expected: usize,
    /// They will be sent.
    leaving: bool,
}

struct Beat {
    group: GroupId,
    message: Bytes,
    answer: oneshot::Sender<Answer>,
}

impl Pulses {
    pub(crate) fn new(transport: Arc<dyn Transport>, timing: Timing) -> Arc<Self> {
        Arc::new(Self { transport, timing, ways: Mutex::default(), others: Notify::new() })
    }

    /// So many groups are about to send a heartbeat to each of these nodes.
    pub(crate) fn expect(&self, beats: &BTreeMap<NodeId, usize>) {
        for (node, count) in beats {
            self.way(*node).waiting.lock().expected = *count;
        }
    }

    /// Sends a heartbeat with all others that leave now, and gives back what the group there answered.
    pub(crate) async fn send(self: &Arc<Self>, to: NodeId, group: GroupId, message: Bytes) -> Answer {
        let (answer, answered) = oneshot::channel();
        let way = self.way(to);
        let (is_first, is_complete) = {
            let mut waiting = way.waiting.lock();
            waiting.beats.push(Beat { group, message, answer });
            (!std::mem::replace(&mut waiting.leaving, true), waiting.beats.len() >= waiting.expected)
        };
        if is_first {
            let pulses = Arc::clone(self);
            tokio::spawn(async move { pulses.leave(to, &way).await });
        } else if is_complete {
            way.complete.notify_one();
        }
        answered.await.unwrap_or_else(|_| Err(Unreachable("no answer came with the others".to_owned())))
    }

    fn way(&self, to: NodeId) -> Arc<Way> {
        Arc::clone(self.ways.lock().entry(to).or_default())
    }

    async fn leave(&self, to: NodeId, way: &Way) {
        // What is ready now goes too.
        tokio::task::yield_now().await;
        let is_complete = || {
            let waiting = way.waiting.lock();
            waiting.beats.len() >= waiting.expected
        };
        let complete = async {
            while !is_complete() {
                way.complete.notified().await;
            }
        };
        // Some may not come: their group lost its leadership, or still waits for an answer.
        let _ = tokio::time::timeout(GATHER_MAX, complete).await;
        let Waiting { beats, .. } = std::mem::take(&mut *way.waiting.lock());
        let message = pulse::request(beats.iter().map(|beat| (beat.group, &beat.message)));
        let patience = Duration::from_millis(self.timing.election_max_ms);
        let answers = match tokio::time::timeout(patience, self.transport.pulse(to, message)).await {
            Ok(Ok(answer)) => pulse::read_response(answer).map_err(|error| Unreachable(error.to_string())),
            Ok(Err(unreachable)) => Err(unreachable),
            Err(_) => Err(Unreachable(format!("node {to}: no answer within {patience:?}"))),
        };
        give(beats, answers);
    }
}

/// Gives each its answer.
fn give(beats: Vec<Beat>, answers: Result<Vec<Option<Bytes>>, Unreachable>) {
    let mut answers = answers.map(Vec::into_iter);
    for Beat { answer, .. } in beats {
        let given = match &mut answers {
            Ok(answers) => answers.next().flatten().ok_or_else(|| Unreachable("the group does not answer".to_owned())),
            Err(unreachable) => Err(unreachable.clone()),
        };
        // Whoever lost patience does not want it any more.
        let _ = answer.send(given);
    }
}

impl Node {
    /// The heartbeats of another node came in, those of all groups that it leads: what its [`Transport::pulse`] sent here.
    pub async fn receive_pulse(&self, message: Bytes) -> Result<Bytes, ReceiveError> {
        let beats = pulse::read_request(message)?;
        if self.has_stopped() {
            return Err(ReceiveError::Stopped);
        }
        let mut answers: Vec<Option<Bytes>> = vec![None; beats.len()];
        let each = beats.into_iter().enumerate().map(|(place, (group, beat))| async move {
            // A group that is not here, or has stopped, has no answer: the others have.
            (place, self.receive(group, beat).await.ok())
        });
        let running: FuturesUnordered<_> = each.collect();
        let mut running = std::pin::pin!(running.take_until(tokio::time::sleep(self.pulse_patience())));
        while let Some((place, answer)) = running.next().await {
            answers[place] = answer;
        }
        Ok(pulse::response(&answers))
    }
}

#[cfg(test)]
mod tests;
