//! Many groups and one heart a node: what it costs when nothing happens, and what becomes of the groups of a node that dies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weft_env::disk::SimDisk;
use weft_env::{Clock, Lane, TokioClock, UnixNanos};
use weft_store::wal::GroupId;

use crate::testing::net::{Faults, Net};
use crate::testing::{Recorder, open};
use crate::{KEPT_BYTES, Leadership, Machine, Node, NodeConfig, NodeId, ProposeError, ReadError, Timing};

const GROUPS: u32 = 16;

/// Nodes with the same groups, over a network in memory.
struct Hearts {
    net: Net,
    nodes: BTreeMap<NodeId, Node>,
}

impl Hearts {
    /// Nodes 1 to `size` are to be there; the first `running` of them are.
    async fn start(seed: u64, size: u64, running: u64) -> Self {
        let net = Net::new(seed);
        let mut nodes = BTreeMap::new();
        for id in (1..=running).map(NodeId) {
            let disk = SimDisk::new(seed * 100 + id.0);
            let wal = open(&disk, Lane::inline());
            let config = NodeConfig {
                node: id,
                seed: seed * 1000 + id.0,
                timing: Timing::default(),
                transport: net.transport(id),
                founders: (1..=size).map(NodeId).collect(),
                kept_bytes: KEPT_BYTES,
                groups_max: 1,
            };
            let machines = (0..GROUPS).map(GroupId).map(|group| {
                let machine: Arc<dyn Machine> = Arc::new(Recorder::new(wal.group(group)));
                (group, machine)
            });
            let node = Node::start(&config, &wal, machines).await.expect("the node starts");
            net.join(id, node.clone());
            nodes.insert(id, node);
        }
        Self { net, nodes }
    }

    async fn ready(&self) {
        for node in self.nodes.values() {
            node.ready().await.expect("every group has a leader");
        }
    }

    /// Who leads how many groups, as the running nodes say of themselves.
    fn leads(&self) -> BTreeMap<NodeId, usize> {
        let led = |node: &Node| node.groups().filter(|(_, group)| group.leadership().borrow().mine).count();
        self.nodes.iter().map(|(id, node)| (*id, led(node))).collect()
    }

    /// Leaves all groups to one node.
    async fn gather(&self, to: NodeId) {
        for node in self.nodes.values() {
            for (_, group) in node.groups() {
                if group.leadership().borrow().mine {
                    group.transfer_leader(to).await.expect("it takes over");
                }
            }
        }
    }

    async fn crash(&mut self, id: NodeId) {
        self.net.leave(id);
        self.nodes.remove(&id).expect("the node runs").shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn idle_groups_cost_one_message_a_pair_and_beat() {
    let hearts = Hearts::start(1, 3, 3).await;
    hearts.ready().await;
    // Each leads something.
    tokio::time::sleep(Duration::from_secs(2)).await;
    hearts.net.take_sent();
    let terms = |hearts: &Hearts| -> Vec<Leadership> {
        hearts.nodes.values().flat_map(Node::groups).map(|(_, group)| *group.leadership().borrow()).collect()
    };
    let before = terms(&hearts);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let sent = hearts.net.take_sent();
    let beats = 60 * 1000 / usize::try_from(Timing::default().heartbeat_ms).expect("small");
    assert_eq!(sent.messages, 0, "nothing but heartbeats");
    let leading = hearts.leads().values().filter(|led| **led > 0).count();
    assert_eq!(sent.pulses.len(), 2 * leading, "from each that leads to each other");
    for (pair, pulses) in &sent.pulses {
        assert!((beats - 10..=beats + 1).contains(pulses), "{pair:?}: {pulses} pulses, and {beats} beats");
    }
    assert_eq!(terms(&hearts), before, "nobody else stood");
}

#[tokio::test(start_paused = true)]
async fn the_groups_of_a_node_that_dies_are_shared_by_the_others_within_a_second() {
    let mut took = Vec::new();
    for seed in 0..8 {
        let mut hearts = Hearts::start(seed, 3, 3).await;
        hearts.ready().await;
        hearts.gather(NodeId(2)).await;
        let clock = TokioClock::starting_at(UnixNanos(0));
        let begun = clock.monotonic();
        hearts.crash(NodeId(2)).await;
        while hearts.leads().values().sum::<usize>() < GROUPS as usize {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        took.push(clock.monotonic() - begun);
        let leads = hearts.leads();
        assert!(leads.values().all(|led| *led >= 4), "seed {seed}: {leads:?}");
        for (_, group) in hearts.nodes.values().flat_map(Node::groups) {
            if group.leadership().borrow().mine {
                group.propose(Bytes::from_static(b"after")).await.expect("whoever leads commits");
            }
        }
    }
    let promise = Duration::from_millis(Timing::default().election_max_ms - Timing::default().heartbeat_ms);
    assert!(took.iter().all(|took| *took > promise), "what was promised to the leader holds: {took:?}");
    assert!(took.iter().all(|took| *took < Duration::from_secs(1)), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_reaches_nobody_confirms_nothing_and_loses_all() {
    let hearts = Hearts::start(5, 3, 3).await;
    hearts.ready().await;
    hearts.gather(NodeId(1)).await;
    hearts.net.part(NodeId(1), NodeId(2));
    hearts.net.part(NodeId(1), NodeId(3));
    let old: BTreeMap<GroupId, u64> =
        hearts.nodes[&NodeId(1)].groups().map(|(id, group)| (id, group.leadership().borrow().term)).collect();
    for (id, group) in hearts.nodes[&NodeId(1)].groups() {
        let confirmed = group.confirm(old[&id]).await;
        assert!(matches!(confirmed, Err(ReadError::NotLeader { .. })), "{confirmed:?}");
        let mut leadership = group.leadership();
        leadership.wait_for(|known| !known.mine).await.expect("it notices");
    }
    let refused = hearts.nodes[&NodeId(1)].group(GroupId(3)).expect("it has it").propose(Bytes::new()).await;
    assert_eq!(refused, Err(ProposeError::LeaseExpired), "in openraft it leads until it hears of another");
    for (id, group) in hearts.nodes[&NodeId(2)].groups() {
        let mut leadership = group.leadership();
        let known = leadership.wait_for(|known| known.term > old[&id] && known.leader.is_some()).await;
        assert_ne!(known.expect("somebody else is elected").leader, Some(NodeId(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn lost_and_late_heartbeats_cost_no_leadership() {
    let hearts = Hearts::start(6, 3, 3).await;
    hearts.ready().await;
    hearts.gather(NodeId(3)).await;
    let known = |hearts: &Hearts| -> BTreeSet<(GroupId, u64)> {
        let all = hearts.nodes.values().flat_map(Node::groups);
        all.map(|(id, group)| (id, group.leadership().borrow().term)).collect()
    };
    let before = known(&hearts);
    // Of five beats one has to arrive.
    hearts.net.set_faults(Faults { lost_percent: 5, doubled_percent: 10, delay_max_ms: 30 });
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(known(&hearts), before);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_reach_the_other_voter_neither_leads_nor_raises_the_term() {
    let hearts = Hearts::start(7, 2, 1).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let group = hearts.nodes[&NodeId(1)].group(GroupId(3)).expect("it has it");
    assert_eq!(*group.leadership().borrow(), Leadership::default());
    assert_eq!(group.propose(Bytes::new()).await, Err(ProposeError::NotLeader { leader: None }));
    assert_eq!(group.read_index().await, Err(ReadError::NotLeader { leader: None }));
    assert_eq!(group.last_log_index(), 1);
    // It asked all the time.
    assert!(hearts.net.take_sent().messages > 60);
}
