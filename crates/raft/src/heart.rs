//! The one heart of a node: makes all groups that lead here send their heartbeats at once, and makes voters stand whose
//! leader is not heard any more. openraft's own ticks would do both for each group apart.
//!
//! Invariants: a group stands only through a pre-vote, so a node that hears nobody disturbs nobody; who leads, what a
//! heartbeat proves and who may vote is left to openraft, and a heart that stands still costs nothing but leaderships.
//! While no group of the node has other members, it rests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::join_all;
use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::type_config::TypeConfigExt;
use openraft::type_config::alias::InstantOf;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use weft_store::wal::GroupId;

use crate::candidacy::{Candidacy, Look, rank};
use crate::group::{Group, Timing};
use crate::groups::Groups;
use crate::pulse::Pulses;
use crate::types::{NodeId, Types};

/// Looks at the groups between two beats.
const LOOKS_PER_BEAT: u32 = 4;

/// What a group on this node has heard of its leader.
pub(crate) struct Hearing {
    started: InstantOf<Types>,
    /// Microseconds since the start; see [`Look::promised_until`].
    promised_until: AtomicU64,
    others: AtomicBool,
}

impl Hearing {
    /// A leader that is there will be heard before a vote is asked for.
    pub(crate) fn new(timing: &Timing) -> Self {
        let promised_until = AtomicU64::new(timing.election_min_ms * 1000);
        Self { started: Types::now(), promised_until, others: AtomicBool::new(false) }
    }

    fn now(&self) -> Duration {
        Types::now() - self.started
    }

    /// Nobody stands here for so long.
    pub(crate) fn promise(&self, span_ms: u64) {
        let until = (self.now() + Duration::from_millis(span_ms)).as_micros();
        self.promised_until.fetch_max(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn promised_until(&self) -> Duration {
        Duration::from_micros(self.promised_until.load(Ordering::Relaxed))
    }

    /// Whether the group has voters on other nodes.
    pub(crate) fn set_others(&self, others: bool, pulses: &Pulses) {
        if !self.others.swap(others, Ordering::Relaxed) && others {
            pulses.others.notify_one();
        }
    }
}

/// Stops when it is dropped.
pub(crate) struct Heart {
    task: JoinHandle<()>,
    stopped: AtomicBool,
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Heart {
    pub(crate) fn start(node: NodeId, seed: u64, timing: Timing, pulses: Arc<Pulses>, groups: &Arc<Groups>) -> Self {
        let beating = Beating { node, seed, timing, pulses, groups: Arc::downgrade(groups), standing: BTreeMap::new() };
        Self { task: tokio::spawn(beating.run()), stopped: AtomicBool::new(false) }
    }

    /// The groups are about to stop.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.task.abort();
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

struct Beating {
    node: NodeId,
    seed: u64,
    timing: Timing,
    pulses: Arc<Pulses>,
    groups: Weak<Groups>,
    standing: BTreeMap<GroupId, Candidacy>,
}

impl Beating {
    async fn run(mut self) {
        let between = Duration::from_millis(self.timing.heartbeat_ms) / LOOKS_PER_BEAT;
        let mut looks = tokio::time::interval(between);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for look in (0..LOOKS_PER_BEAT).cycle() {
            looks.tick().await;
            let Some(groups) = self.groups.upgrade().map(|groups| groups.now()) else { return };
            if !groups.values().any(|group| group.hearing().others.load(Ordering::Relaxed)) {
                drop(groups);
                self.pulses.others.notified().await;
                continue;
            }
            if look == 0 {
                self.beat(&groups).await;
            }
            self.look(&groups).await;
        }
    }

    /// All groups that are led here send their heartbeats.
    async fn beat(&self, groups: &BTreeMap<GroupId, Group>) {
        let mut expected: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut leading = Vec::new();
        for group in groups.values() {
            let metrics = group.raft().server_metrics();
            let metrics = metrics.borrow_watched();
            if metrics.state != ServerState::Leader {
                continue;
            }
            for (member, ()) in metrics.membership_config.nodes().filter(|(member, ())| **member != self.node) {
                *expected.entry(*member).or_default() += 1;
            }
            leading.push(group);
        }
        self.pulses.expect(&expected);
        let beats = leading.iter().map(|group| group.raft().trigger());
        let beats = join_all(beats.map(|trigger| async move { trigger.heartbeat().await }));
        // A group whose queue is full is late alone; and it hears of its followers anyway.
        let _ = tokio::time::timeout(Duration::from_millis(self.timing.heartbeat_ms), beats).await;
    }

    /// Voters that hear of no leader stand.
    async fn look(&mut self, groups: &BTreeMap<GroupId, Group>) {
        let standing: Vec<&Group> =
            groups.iter().filter(|(id, group)| self.stands(**id, group)).map(|(_, group)| group).collect();
        let elections = standing.iter().map(|group| group.raft().trigger());
        let elections = join_all(elections.map(|trigger| async move { trigger.elect(true).await }));
        let _ = tokio::time::timeout(Duration::from_millis(self.timing.heartbeat_ms), elections).await;
    }

    fn stands(&mut self, id: GroupId, group: &Group) -> bool {
        let metrics = group.raft().server_metrics();
        let metrics = metrics.borrow_watched();
        if metrics.state == ServerState::Leader {
            return false;
        }
        let hearing = group.hearing();
        let (now, promised_until) = (hearing.now(), hearing.promised_until());
        if now < promised_until || group.is_behind_floor() {
            return false;
        }
        let leader = Some(metrics.vote.leader_id.voted_for).filter(|_| metrics.vote.committed);
        let voters = metrics.membership_config.voter_ids().collect();
        let Some(rank) = rank(id, &voters, leader, self.node) else { return false };
        let campaigning = metrics.state == ServerState::Candidate;
        let seed = self.seed.wrapping_add(u64::from(id.0));
        let candidacy = self.standing.entry(id).or_insert_with(|| Candidacy::new(self.timing, seed));
        candidacy.stands(Look { now, promised_until, rank, campaigning })
    }
}
