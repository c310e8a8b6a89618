//! A network in memory between the nodes of a test, that loses, delays, doubles and reorders messages as a seed has it,
//! and parts nodes from each other when the test says so.
//!
//! A message that is lost, on its way or on the way back, is noticed only when the sender loses patience, as in a real
//! network; one to a node that is down is refused at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use weft_env::SeededIds;
use weft_store::wal::GroupId;

use crate::{Node, NodeId, Transport, Unreachable};

/// How long a sender waits for an answer that does not come.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the network does to messages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) lost_percent: u64,
    pub(crate) doubled_percent: u64,
    pub(crate) delay_max_ms: u64,
}

/// Clones are handles to the same network.
#[derive(Clone)]
pub(crate) struct Net {
    state: Arc<Mutex<State>>,
}

struct State {
    nodes: BTreeMap<NodeId, Node>,
    /// Pairs that hear nothing of each other, the smaller first.
    parted: BTreeSet<(NodeId, NodeId)>,
    faults: Faults,
    chance: SeededIds,
    sent: Sent,
}

/// What was sent, whether or not it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// To one group.
    pub(crate) messages: usize,
    /// Heartbeats of all groups together, from one node to another.
    pub(crate) pulses: BTreeMap<(NodeId, NodeId), usize>,
}

/// What is sent.
#[derive(Clone)]
enum Parcel {
    Message(GroupId, Bytes),
    Pulse(Bytes),
}

/// What becomes of one message one way.
enum Fate {
    Lost,
    Arrives { after: Duration, again_after: Option<Duration> },
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            nodes: BTreeMap::new(),
            parted: BTreeSet::new(),
            faults: Faults::default(),
            chance: SeededIds::new(seed),
            sent: Sent::default(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn transport(&self, from: NodeId) -> Arc<dyn Transport> {
        Arc::new(Wire { from, net: self.clone() })
    }

    pub(crate) fn join(&self, id: NodeId, node: Node) {
        self.state.lock().nodes.insert(id, node);
    }

    pub(crate) fn leave(&self, id: NodeId) {
        self.state.lock().nodes.remove(&id);
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.state.lock().faults = faults;
    }

    /// Nothing passes between these two any more.
    pub(crate) fn part(&self, one: NodeId, other: NodeId) {
        self.state.lock().parted.insert((one.min(other), one.max(other)));
    }

    pub(crate) fn heal(&self) {
        self.state.lock().parted.clear();
    }

    /// What was sent since this was asked last.
    pub(crate) fn take_sent(&self) -> Sent {
        std::mem::take(&mut self.state.lock().sent)
    }

    fn count(&self, from: NodeId, to: NodeId, parcel: &Parcel) {
        let sent = &mut self.state.lock().sent;
        match parcel {
            Parcel::Message(..) => sent.messages += 1,
            Parcel::Pulse(_) => *sent.pulses.entry((from, to)).or_default() += 1,
        }
    }

    fn fate(&self, from: NodeId, to: NodeId) -> Fate {
        let state = self.state.lock();
        let Faults { lost_percent, doubled_percent, delay_max_ms } = state.faults;
        if state.parted.contains(&(from.min(to), from.max(to))) || state.chance.below(100) < lost_percent {
            return Fate::Lost;
        }
        let delay = || Duration::from_millis(state.chance.below(delay_max_ms + 1));
        let after = delay();
        let again_after = (state.chance.below(100) < doubled_percent).then(delay);
        Fate::Arrives { after, again_after }
    }

    async fn deliver(self, to: NodeId, parcel: Parcel, after: Duration) -> Result<Bytes, Unreachable> {
        if !after.is_zero() {
            tokio::time::sleep(after).await;
        }
        let node = self.state.lock().nodes.get(&to).cloned();
        let node = node.ok_or_else(|| Unreachable("the node is down".to_owned()))?;
        let answer = match parcel {
            Parcel::Message(group, message) => node.receive(group, message).await,
            Parcel::Pulse(message) => node.receive_pulse(message).await,
        };
        answer.map_err(|error| Unreachable(error.to_string()))
    }
}

struct Wire {
    from: NodeId,
    net: Net,
}

impl Transport for Wire {
    fn send(&self, to: NodeId, group: GroupId, message: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        self.carry(to, Parcel::Message(group, message))
    }

    fn pulse(&self, to: NodeId, message: Bytes) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        self.carry(to, Parcel::Pulse(message))
    }
}

impl Wire {
    fn carry(&self, to: NodeId, parcel: Parcel) -> BoxFuture<'static, Result<Bytes, Unreachable>> {
        let (net, from) = (self.net.clone(), self.from);
        net.count(from, to, &parcel);
        async move {
            let lost = || async {
                tokio::time::sleep(PATIENCE).await;
                Err(Unreachable("no answer".to_owned()))
            };
            let Fate::Arrives { after, again_after } = net.fate(from, to) else { return lost().await };
            if let Some(again) = again_after {
                tokio::spawn(net.clone().deliver(to, parcel.clone(), again));
            }
            // What has arrived is done, whether or not the sender still waits.
            let delivered = tokio::spawn(net.clone().deliver(to, parcel, after));
            let answer = delivered.await.map_err(|error| Unreachable(error.to_string()))??;
            match net.fate(to, from) {
                Fate::Lost => lost().await,
                Fate::Arrives { after, .. } => {
                    tokio::time::sleep(after).await;
                    Ok(answer)
                }
            }
        }
        .boxed()
    }
}
