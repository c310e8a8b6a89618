//! One Raft group on this node: proposals, reads, leadership, checkpoints.
//!
//! Invariants: proposals enter the log in the order of the calls of [`Group::propose`]; a term belongs to one run of
//! one node, because a node that starts again never resumes the leadership it had but is elected anew: entries that
//! it had sent but not yet on disk would otherwise be written differently under the same term and index. With one
//! voter a group is elected at once: when idle, it does nothing at all.
//!
//! It deliberately does not know what a batch means, nor when to make a checkpoint.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::metrics::{RaftMetrics, RaftServerMetrics};
use openraft::raft::ClientWriteResult;
use openraft::type_config::alias::WatchReceiverOf;
use openraft::{Config, Instant as _, ReadPolicy, ServerState, SnapshotPolicy};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use weft_store::wal::{GroupId, GroupLog};

use crate::codec::message::{Request, Response};
use crate::codec::{self, CodecError, Mark};
use crate::floor;
use crate::heart::Hearing;
#[cfg(feature = "testing")]
use crate::held::Held;
use crate::log::{self, LogStore};
use crate::machine::{Adapter, Applier, Machine, MachineError, Shared};
use crate::network::Network;
use crate::proposal::{self, Health, ProposeError, Raft, ReadError, TransferError};
use crate::pulse::Pulses;
use crate::responder::Answer;
use crate::runtime;
use crate::snapshot::Incoming;
use crate::transport::Transport;
use crate::types::{self, Batch, LogId, NodeId, Types};

/// Proposals that may wait for openraft before [`ProposeError::Full`].
const PROPOSALS_WAITING_MAX: u64 = 4096;

/// Entries that openraft hands to the log in one append.
const APPEND_ENTRIES_MAX: u64 = 1024;

/// Entries that a leader keeps for replicas that are behind, and that a follower keeps in case that it leads next. They
/// are in the log, not in memory; but a log that goes round copies what a quiet group keeps. Of large entries fewer are
/// kept: see [`crate::NodeConfig::kept_bytes`].
pub(crate) const KEPT_FOR_FOLLOWERS: u64 = 10_000;
const KEPT_BY_FOLLOWERS: u64 = 100;

/// So many times as much is kept behind a picture that is on its way: whoever gets it needs what was written meanwhile, and
/// without that another picture.
const KEPT_BEHIND_PICTURES: u64 = 4;

/// How a group behaves.
#[derive(Clone)]
pub struct GroupConfig {
    pub group: GroupId,
    pub node: NodeId,
    /// All randomness of the group (when it stands for election again) comes from it.
    pub seed: u64,
    pub timing: Timing,
    /// The way to the group's other replicas.
    pub transport: Arc<dyn Transport>,
    /// Who votes in the group if it does not exist yet; see [`crate::NodeConfig::founders`].
    pub founders: BTreeSet<NodeId>,
    /// The group's share of [`crate::NodeConfig::kept_bytes`].
    pub(crate) kept_bytes: u64,
    /// Of all groups of the node.
    pub(crate) pulses: Arc<Pulses>,
}

/// How soon a lost leader is missed. Without effect while a group has one voter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    pub heartbeat_ms: u64,
    pub election_min_ms: u64,
    pub election_max_ms: u64,
}

impl Default for Timing {
    fn default() -> Self {
        // A follower gives its leader `election_max_ms` before it votes for another one, and waits for `election_min_ms`
        // at least before it stands itself: a crash is over within a second, a disk that stalls for half of one is none.
        Self { heartbeat_ms: 100, election_min_ms: 250, election_max_ms: 500 }
    }
}

/// Who leads a group, as far as this node knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    pub term: u64,
    /// This node itself only while it leads: what it led before it was started again does not count.
    pub leader: Option<NodeId>,
    /// This node leads, its vote for itself is on disk, and a majority has been heard lately. Proposals may still find
    /// out that it no longer does.
    pub mine: bool,
}

/// Why a group does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the state machine cannot be read: {0}")]
    Machine(#[from] MachineError),
    #[error("the state machine's mark cannot be read: {0}")]
    Mark(#[from] CodecError),
    #[error("the state machine has a checkpoint at entry {checkpoint} but applied entry {applied} last")]
    CheckpointAhead { checkpoint: u64, applied: u64 },
    #[error("the state machine has applied entry {applied}, which the log, that ends at {last}, does not have")]
    MachineAhead { applied: u64, last: u64 },
    #[error("the timing makes no sense: {0}")]
    Timing(String),
    #[error("the group cannot start: {0}")]
    Raft(String),
}

/// Why a checkpoint was not taken note of. Nothing was purged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error("the checkpoint's mark cannot be read: {0}")]
    Mark(#[from] CodecError),
    #[error("a checkpoint at entry {index} is ahead of entry {applied}, the last one applied")]
    Ahead { index: u64, applied: u64 },
    #[error("the group has stopped")]
    Stopped,
}

/// A handle to a running group. When the last one is gone the group stops, as a crash would stop it.
#[derive(Clone)]
pub struct Group {
    inner: Arc<Inner>,
}

struct Inner {
    raft: Raft,
    network: Network,
    hearing: Hearing,
    /// See [`crate::floor`].
    floor: Option<LogId>,
    log: GroupLog,
    machine: Arc<dyn Machine>,
    shared: Arc<Shared>,
    /// openraft has it, as long as the group runs.
    applier: Weak<Applier>,
    kept_bytes: u64,
    leadership: watch::Receiver<Leadership>,
    /// A picture of the leader's state that is coming in.
    incoming: tokio::sync::Mutex<Option<Incoming>>,
    watcher: Mutex<Option<JoinHandle<()>>>,
    /// See [`crate::held`].
    #[cfg(feature = "testing")]
    held: Held,
}

impl Group {
    /// Starts the group from its log and its machine, and founds it if the log has nothing of it. When this returns,
    /// everything that was known to be committed is applied again; leadership follows on its own.
    pub async fn start(config: &GroupConfig, log: GroupLog, machine: Arc<dyn Machine>) -> Result<Self, StartError> {
        let recovered = machine.recover().await?;
        let applied = recovered.applied.map(codec::read_mark).transpose()?;
        let checkpoint = recovered.checkpoint.map(codec::read_mark).transpose()?;
        let installed = recovered.installed.map(codec::read_mark).transpose()?;
        let floor = floor::decode(recovered.floor)?;
        if installed.as_ref().is_some_and(|installed| index_of(Some(installed)) > last_index(&log)) {
            log::begin_behind(&log, installed.as_ref().map(|installed| installed.applied)).await.map_err(refused)?;
        }
        check_order(index_of(checkpoint.as_ref()), index_of(applied.as_ref()), last_index(&log))?;
        let adapter = Adapter::new(Arc::clone(&machine), log.clone(), applied, checkpoint);
        let (shared, applier) = (adapter.shared(), Arc::downgrade(adapter.applier()));
        let settings = Arc::new(settings(&config.timing)?);
        log::found(&log, &config.founders).await.map_err(refused)?;
        let transport = Arc::clone(&config.transport);
        let pulses = Arc::clone(&config.pulses);
        let wanted = Arc::new(watch::Sender::new(()));
        let network = Network { group: config.group, transport, timing: config.timing, pulses, wanted };
        let hearing = Hearing::new(&config.timing);
        let raft = Raft::new(config.node, settings, network.clone(), LogStore::new(log.clone()), adapter);
        let raft = runtime::seeded(config.seed, raft).await.map_err(refused)?;
        shared.started.store(true, Ordering::Release);
        // One whose log has come so far again is as one that was never given up.
        if log::last_place(&log).map_err(refused)? >= floor {
            stand_for_election(&raft, config.node).await?;
        }

        let (sender, leadership) = watch::channel(Leadership::default());
        let (incoming, watcher) = (tokio::sync::Mutex::new(None), Mutex::new(None));
        let kept_bytes = config.kept_bytes;
        let inner = Inner {
            raft,
            network,
            hearing,
            floor,
            log,
            machine,
            shared,
            applier,
            kept_bytes,
            leadership,
            incoming,
            watcher,
            #[cfg(feature = "testing")]
            held: Held::default(),
        };
        let inner = Arc::new(inner);
        let watcher = tokio::spawn(follow(Arc::downgrade(&inner), inner.raft.server_metrics(), config.node, sender));
        *inner.watcher.lock() = Some(watcher);
        Ok(Self { inner })
    }

    /// Proposes a batch. It has its place among the group's proposals when this returns, before the first poll; the
    /// future gives the machine's reply once the batch is committed and applied. Dropping it takes nothing back.
    pub fn propose(&self, batch: Bytes) -> impl Future<Output = Result<Bytes, ProposeError>> + Send + use<> {
        let inner = Arc::clone(&self.inner);
        let (answer, outcome) = Answer::new();
        let is_in = self.enter(batch, answer);
        async move {
            if is_in {
                proposal::outcome(&inner.raft, &inner.shared, outcome).await
            } else {
                Err(proposal::refused(&inner.raft, &inner.shared))
            }
        }
    }

    /// Whether the proposal has its place, or will have it.
    fn enter(&self, batch: Bytes, answer: Answer<ClientWriteResult<Types>>) -> bool {
        #[cfg(feature = "testing")]
        let Some((batch, answer)) = self.inner.held.keep((batch, answer)) else { return true };
        self.enqueue(batch, answer)
    }

    /// Gives the proposal its place in openraft's queue; false if it found no way in.
    pub(crate) fn enqueue(&self, batch: Bytes, answer: Answer<ClientWriteResult<Types>>) -> bool {
        let enqueue = self.inner.raft.client_write_ff(Batch(batch), Some(answer));
        // Polled once and outside of tokio's budget, so that it waits only for room, which is not worth waiting for.
        matches!(tokio::task::unconstrained(enqueue).now_or_never(), Some(Ok(())))
    }

    /// The index that must be applied here before a read that arrived before this call may be answered. Leadership is
    /// confirmed after the call, by asking a majority; leases are not used. On a follower the leader is asked, so that
    /// a follower may answer reads too, once it has [`Group::wait_applied`].
    pub fn read_index(&self) -> impl Future<Output = Result<u64, ReadError>> + Send + use<> {
        let group = self.clone();
        async move {
            let leader = match group.confirmed_index().await {
                Err(ReadError::NotLeader { leader: Some(leader) }) => leader,
                known => return known,
            };
            let patience = group.patience();
            match group.inner.network.peer(leader).ask(&Request::ReadIndex, patience).await {
                Ok(Response::ReadIndex(Ok(index))) => {
                    group.inner.shared.hasten(index);
                    Ok(index)
                }
                // That the leader stopped says nothing of this node.
                Ok(Response::ReadIndex(Err(ReadError::Stopped))) | Err(_) => {
                    Err(ReadError::NotLeader { leader: Some(leader) })
                }
                Ok(Response::ReadIndex(Err(moved))) => Err(moved),
                Ok(Response::Appended(_) | Response::Voted(_) | Response::Transferred(_) | Response::Piece(_)) => {
                    Err(ReadError::NotLeader { leader: None })
                }
            }
        }
    }

    /// The same, if this node leads and was elected in `term`: for answers that stand on what a leader of that term holds
    /// in memory, which the confirmation of anybody else says nothing about.
    pub fn confirm(&self, term: u64) -> impl Future<Output = Result<u64, ReadError>> + Send + use<> {
        let group = self.clone();
        async move {
            let read = group.confirmed_place().await?;
            if read.leader_id.term == term {
                Ok(types::index(read.index))
            } else {
                Err(ReadError::NotLeader { leader: None })
            }
        }
    }

    /// The same, if this node leads.
    pub(crate) async fn confirmed_index(&self) -> Result<u64, ReadError> {
        self.confirmed_place().await.map(|place| types::index(place.index))
    }

    /// The last place that is known to be committed, never before the leader's first entry: so its term is the leader's.
    async fn confirmed_place(&self) -> Result<LogId, ReadError> {
        let read = self.inner.raft.get_read_linearizer(ReadPolicy::ReadIndex).await.map_err(proposal::read_error)?;
        let read = read.read_log_id();
        Ok(types::log_id(read.committed_leader_id().term, read.index()))
    }

    /// How long an answer is waited for that a leader gives at once: after that, another leads or nobody does.
    fn patience(&self) -> Duration {
        Duration::from_millis(2 * self.inner.network.timing.election_max_ms)
    }

    /// Waits until the machine has applied the entry at `index`.
    pub async fn wait_applied(&self, index: u64) -> Result<(), ReadError> {
        let shared = &self.inner.shared;
        shared.hasten(index);
        let mut applied = shared.applied.subscribe();
        let known = applied.wait_for(|applied| *applied >= index || shared.fault.get().is_some());
        let reached = known.await.is_ok_and(|applied| *applied >= index);
        reached.then_some(()).ok_or(ReadError::Stopped)
    }

    /// Hands leadership to another voter, and waits until it has taken it or has plainly not: no proposals are taken
    /// meanwhile. Elections decide who leads, so another node may lead in the end.
    pub async fn transfer_leader(&self, to: NodeId) -> Result<(), TransferError> {
        let mut leadership = self.leadership();
        let known = *leadership.borrow();
        if !known.mine {
            return Err(TransferError::NotLeader { leader: known.leader });
        }
        if !self.voters().contains(&to) {
            return Err(TransferError::NoVoter(to));
        }
        if known.leader == Some(to) {
            return Ok(());
        }
        self.inner.raft.trigger().transfer_leader(to).await.map_err(|_| TransferError::Stopped)?;
        let patience = self.patience();
        let moved = leadership.wait_for(|now| now.term > known.term && now.leader.is_some());
        match tokio::time::timeout(patience, moved).await {
            Ok(Ok(now)) if now.leader == Some(to) => Ok(()),
            Ok(Ok(now)) => Err(TransferError::NotLeader { leader: now.leader }),
            Ok(Err(_)) => Err(TransferError::Stopped),
            Err(_) => Err(TransferError::TimedOut(to)),
        }
    }

    /// Who votes in the group, as far as this node's log says; of two sets of voters while one replaces the other, both.
    pub fn voters(&self) -> BTreeSet<NodeId> {
        self.membership().voter_ids().collect()
    }

    /// Who votes in the group: one set, or two while the second replaces the first.
    pub fn voter_sets(&self) -> Vec<BTreeSet<NodeId>> {
        self.membership().membership().get_joint_config().clone()
    }

    /// Who gets the group's log: voters and learners.
    pub fn members(&self) -> BTreeSet<NodeId> {
        self.membership().nodes().map(|(node, ())| *node).collect()
    }

    /// It has anything of the group: a replica that has just come has no members until a leader fills it.
    pub fn is_filled(&self) -> bool {
        self.membership().nodes().next().is_some()
    }

    fn membership(&self) -> Arc<types::StoredMembership> {
        Arc::clone(&self.inner.raft.server_metrics().borrow_watched().membership_config)
    }

    /// Both are handles to one group.
    #[cfg(test)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn machine(&self) -> &dyn Machine {
        self.inner.machine.as_ref()
    }

    pub(crate) fn incoming(&self) -> &tokio::sync::Mutex<Option<Incoming>> {
        &self.inner.incoming
    }

    #[cfg(feature = "testing")]
    pub(crate) fn door(&self) -> &Held {
        &self.inner.held
    }

    pub(crate) fn hearing(&self) -> &Hearing {
        &self.inner.hearing
    }

    /// Has the followers told what is committed: one of them waits to hear of it.
    pub(crate) fn tell_followers(&self) {
        self.inner.network.wanted.send_replace(());
    }

    pub(crate) fn timing(&self) -> Timing {
        self.inner.network.timing
    }

    pub(crate) fn vote(&self) -> types::Vote {
        self.inner.raft.server_metrics().borrow_watched().vote
    }

    pub(crate) fn floor(&self) -> Option<LogId> {
        self.inner.floor
    }

    /// This node had more of the log once than it has now: it does not stand.
    pub(crate) fn is_behind_floor(&self) -> bool {
        self.inner.is_behind_floor()
    }

    /// A candidate whose log ends here may lack what this node acknowledged before it gave the group up.
    pub(crate) fn may_have_had_more_than(&self, candidate: Option<LogId>) -> bool {
        candidate < self.floor()
    }

    pub(crate) fn raft(&self) -> &Raft {
        &self.inner.raft
    }

    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.leadership.clone()
    }

    /// The index of the last entry that the machine has applied; 0 for none.
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.inner.shared.applied.subscribe()
    }

    /// The index of the last entry in this node's log, purged ones included; 0 for none.
    pub fn last_log_index(&self) -> u64 {
        last_index(&self.inner.log)
    }

    /// Why the group failed, if it did: the node has to stop.
    pub fn fault(&self) -> Option<Arc<str>> {
        match proposal::health(&self.inner.raft, &self.inner.shared) {
            Health::Running | Health::Stopped => None,
            Health::Failed(fault) => Some(fault),
        }
    }

    /// The machine's state up to `mark` is durable and published as such: the log up to it is not needed any more.
    pub async fn checkpointed(&self, mark: Bytes) -> Result<(), CheckpointError> {
        let mark = codec::read_mark(mark)?;
        let (index, applied) = (index_of(Some(&mark)), *self.inner.shared.applied.borrow());
        if index > applied {
            return Err(CheckpointError::Ahead { index, applied });
        }
        let is_known = {
            let mut checkpoint = self.inner.shared.checkpoint.lock();
            let is_known = index_of(checkpoint.as_ref()) >= index;
            if !is_known {
                *checkpoint = Some(mark);
            }
            is_known
        };
        if !is_known {
            self.inner.raft.trigger().snapshot().await.map_err(|_| CheckpointError::Stopped)?;
        }
        // Also where nothing new was applied: a follower that needed the log may have caught up since.
        self.purge(index).await
    }

    /// Purges what the checkpoint at `index` covers and no other replica needs, as soon as openraft knows of it.
    async fn purge(&self, index: u64) -> Result<(), CheckpointError> {
        let mut metrics = self.inner.raft.metrics();
        let known = |metrics: &RaftMetrics<Types>| metrics.snapshot.map_or(0, |id| types::index(id.index));
        while known(&metrics.borrow_watched()) < index {
            metrics.changed().await.map_err(|_| CheckpointError::Stopped)?;
        }
        let held = self.affordable(self.inner.shared.holds.limit(), KEPT_BEHIND_PICTURES);
        let upto = self.needed(&metrics.borrow_watched()).min(held).min(index);
        match types::raft_index(upto) {
            Some(upto) => self.inner.raft.trigger().purge_log(upto).await.map_err(|_| CheckpointError::Stopped),
            None => Ok(()),
        }
    }

    /// Up to where no other replica needs the log, or has fallen so far behind that it gets a picture instead.
    fn needed(&self, metrics: &RaftMetrics<Types>) -> u64 {
        let last = self.last_log_index();
        let others = metrics.membership_config.nodes().filter(|(node, ())| **node != metrics.id);
        match &metrics.replication {
            Some(replication) => {
                let matched =
                    |id: &NodeId| replication.get(id).copied().flatten().map_or(0, |id| types::index(id.index));
                let slowest = others.map(|(id, ())| matched(id)).min().unwrap_or(u64::MAX);
                self.affordable(slowest.max(last.saturating_sub(KEPT_FOR_FOLLOWERS)), 1)
            }
            // Whoever leads next may have one to bring up to date.
            None if others.count() > 0 => self.affordable(last.saturating_sub(KEPT_BY_FOLLOWERS), 1),
            None => u64::MAX,
        }
    }

    /// Behind which the log may be kept for others who need it behind `upto`: not more bytes than so many times the share.
    fn affordable(&self, upto: u64, shares: u64) -> u64 {
        let first = upto.saturating_add(1);
        self.inner.log.within(first, self.inner.kept_bytes.saturating_mul(shares)).saturating_sub(1)
    }

    /// Stops the group. What is not answered yet is answered `Unknown`. The log and the machine stay as they are.
    pub async fn shutdown(&self) {
        #[cfg(feature = "testing")]
        self.inner.held.forget();
        // The only error is that openraft's task panicked: it has stopped.
        let _ = self.inner.raft.shutdown().await;
        if let Some(applier) = self.inner.applier.upgrade() {
            // Nothing is under way to the machine when this returns. What fails is the group's fault.
            let _ = applier.flush().await;
        }
        let watcher = self.inner.watcher.lock().take();
        if let Some(watcher) = watcher {
            // It ends with openraft's task, and has nothing to tell.
            let _ = watcher.await;
        }
    }
}

fn index_of(mark: Option<&Mark>) -> u64 {
    mark.map_or(0, |mark| types::index(mark.applied.index))
}

fn last_index(log: &GroupLog) -> u64 {
    let state = log.state();
    state.last.max(state.purged.map(|(index, _)| index)).unwrap_or(0)
}

/// A machine that knows more than the log stands on a log that lost something, or on another one's.
fn check_order(checkpoint: u64, applied: u64, last: u64) -> Result<(), StartError> {
    if checkpoint > applied {
        return Err(StartError::CheckpointAhead { checkpoint, applied });
    }
    if applied > last {
        return Err(StartError::MachineAhead { applied, last });
    }
    Ok(())
}

fn settings(timing: &Timing) -> Result<Config, StartError> {
    let config = Config {
        cluster_name: "weft".to_owned(),
        heartbeat_interval: timing.heartbeat_ms,
        election_timeout_min: timing.election_min_ms,
        election_timeout_max: timing.election_max_ms,
        max_append_entries: Some(APPEND_ENTRIES_MAX),
        api_channel_size: Some(PROPOSALS_WAITING_MAX),
        // Checkpoints say when the log may be purged, and how far; see `purge`.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        // See `heart`, which does for all groups at once what ticks would do for each.
        enable_tick: false,
        enable_pre_vote: Some(true),
        // See the invariant about terms above.
        enable_leader_restore: Some(false),
        ..Config::default()
    };
    config.validate().map_err(|error| StartError::Timing(error.to_string()))
}

fn refused(error: impl std::fmt::Display) -> StartError {
    StartError::Raft(error.to_string())
}

/// Elects this node at once if nobody else has a vote.
async fn stand_for_election(raft: &Raft, node: NodeId) -> Result<(), StartError> {
    let alone = raft.with_raft_state(move |state| votes_alone(state.membership_state.effective(), node)).await;
    if alone.map_err(refused)? {
        raft.trigger().elect(false).await.map_err(refused)?;
    }
    Ok(())
}

fn votes_alone(membership: &types::StoredMembership, node: NodeId) -> bool {
    membership.voter_ids().eq([node])
}

type Metrics = WatchReceiverOf<Types, RaftServerMetrics<Types>>;

/// Publishes who leads, and whether there are other voters, until openraft stops.
async fn follow(inner: Weak<Inner>, mut metrics: Metrics, node: NodeId, leadership: watch::Sender<Leadership>) {
    loop {
        let (mut now, alone, stands) = {
            let metrics = metrics.borrow_watched();
            let stands = matches!(metrics.state, ServerState::Candidate | ServerState::Leader);
            (leadership_of(&metrics, node), metrics.membership_config.voter_ids().eq([node]), stands)
        };
        let mut look_again = None;
        if let Some(inner) = inner.upgrade() {
            inner.hearing.set_others(!alone, &inner.network.pulses);
            // Whoever led may have taken its own vote, and goes as soon as it has been told that this is so.
            if alone && !stands {
                look_again = Some(Duration::from_millis(inner.network.timing.election_max_ms));
            }
            if now.mine && !alone {
                let patience = Duration::from_millis(inner.network.timing.election_max_ms);
                look_again = Some(patience / 2);
                now =
                    if inner.is_cut_off(2 * patience) { Leadership { leader: None, mine: false, ..now } } else { now };
            }
        }
        publish(&leadership, now);
        let changed = match look_again {
            // Whoever leads hears of a majority all the time, so it has to be asked what is not heard any more.
            Some(soon) => match tokio::time::timeout(soon, metrics.changed()).await {
                Ok(changed) => changed,
                Err(_) => {
                    elect_the_last(&inner, alone && !stands).await;
                    Ok(())
                }
            },
            None => metrics.changed().await,
        };
        if changed.is_err() {
            let term = leadership.borrow().term;
            return publish(&leadership, Leadership { term, leader: None, mine: false });
        }
    }
}

/// A node that is left as the only voter has no ticks that would let it stand for election.
async fn elect_the_last(inner: &Weak<Inner>, is_last: bool) {
    if let (true, Some(inner)) = (is_last, inner.upgrade())
        && !inner.is_behind_floor()
    {
        // The only error is that openraft has stopped, of which there will be news.
        let _ = inner.raft.trigger().elect(false).await;
    }
}

impl Inner {
    fn last_log_id(&self) -> Option<LogId> {
        self.raft.data_metrics().borrow_watched().last_log
    }

    fn is_behind_floor(&self) -> bool {
        self.last_log_id() < self.floor
    }

    /// A leader that no majority has answered for so long may have a successor already: nothing that it takes now will
    /// be committed soon, if ever.
    fn is_cut_off(&self, patience: Duration) -> bool {
        let metrics = self.raft.metrics();
        let acked = metrics.borrow_watched().last_quorum_acked;
        acked.is_some_and(|acked| acked.elapsed() > patience)
    }
}

fn publish(leadership: &watch::Sender<Leadership>, now: Leadership) {
    leadership.send_if_modified(|known| {
        let changed = *known != now;
        *known = now;
        changed
    });
}

fn leadership_of(metrics: &RaftServerMetrics<Types>, node: NodeId) -> Leadership {
    let vote = &metrics.vote;
    // The committed vote on disk may be from this node's last run: then nobody leads until the election is over.
    let leads = |leader| leader != node || metrics.state == ServerState::Leader;
    let leader = Some(vote.leader_id.voted_for).filter(|leader| vote.committed && leads(*leader));
    Leadership { term: vote.leader_id.term, leader, mine: leader == Some(node) }
}

#[cfg(test)]
mod tests;
