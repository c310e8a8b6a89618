//! One node of the cluster: its disk, store and clock, and while it runs its runtime with the production server in it.
//!
//! Invariant: from the moment of a crash nothing that the node still does reaches its disk, its store or the others.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    task::{JoinHandle, LocalSet},
};
use tonic::Status;
use weft_engine::WorkflowKey;
use weft_env::{Hand, Ids, Lane, SeededIds, TokioClock, UnixNanos, disk::SimDisk};
use weft_raft::{Group, GroupId, Leadership, NodeId, TransferError};
use weft_rows::{Level, member::MemberState, table};
use weft_server::{
    ClusterOptions, Connector, Embedded, Network, Server, StartError,
    node::{Node, Notes, Options, Place, World},
};
use weft_shard::Members;
use weft_store::{
    state::{MemoryStore, Table},
    wal::{self, Wal},
};

use super::{client::NAMESPACE, laws::Prefix, net::Net, placement::Move, tally::Tally};
use crate::plant::{Plant, PlantedDisk, PlantedStore};

/// The group that owns no workflows.
const METADATA: GroupId = GroupId(0);
const BIRTH: i64 = 1_700_000_000_000_000_000;
/// As far as a node's wall clock may be off, in both directions, when it starts.
const SKEW_MAX_MS: u64 = 200;
/// So little of the log is kept for others that whoever misses some seconds gets a picture.
const KEPT_LOG_BYTES: u64 = 16 << 10;

/// What all nodes of a cluster have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// Nodes that found the cluster: those with the first numbers.
    pub(crate) founders: u32,
    pub(crate) shards: u16,
    /// For the executions in memory of a shard: with little of it they are read from their rows again and again.
    pub(crate) cache_bytes: usize,
    pub(crate) plant: Plant,
    /// The newest format level that builds support with which nodes are made now.
    pub(crate) newest: Level,
}

pub(crate) struct Machine {
    pub(crate) node: u32,
    kind: Kind,
    /// The newest format level that its build supports.
    pub(crate) newest: Level,
    dice: SeededIds,
    pub(crate) disk: SimDisk,
    pub(crate) store: MemoryStore,
    /// It keeps its name as long as it keeps its data.
    notes: Arc<Notes>,
    running: Option<Running>,
    /// Its disk is not as it should be: it may stop with an error.
    pub(crate) is_ill: bool,
    is_full: bool,
    /// It is out of the cluster, or will be, and stops by itself when it hears of it.
    pub(crate) is_leaving: bool,
    /// It does not start again.
    pub(crate) is_gone: bool,
    /// What it writes to its log takes up to so long.
    sync_ms: u64,
    synced_at: u64,
}

struct Running {
    /// What opens the server; goes before the runtime.
    local: LocalSet,
    runtime: Runtime,
    opening: Option<JoinHandle<Result<Embedded, StartError>>>,
    server: Option<Embedded>,
    clock: TokioClock,
    /// How far its wall clock was set from where it began.
    ahead_ms: i64,
    log: Hand,
    tally: Arc<Tally>,
    /// Its disk has failed, or had no room, since it started.
    refused: Arc<AtomicBool>,
}

/// What an operator asked for, until it is answered.
pub(crate) type Asked = JoinHandle<Result<String, Status>>;

/// What became of an opening.
pub(crate) enum Opened {
    Not,
    Now(Connector),
    Failed(String),
}

impl Machine {
    pub(crate) fn new(node: u32, kind: Kind, dice: SeededIds) -> Self {
        let tables: Vec<Table> = table::TABLES.iter().map(|(id, name)| Table { id: *id, name }).collect();
        let store = MemoryStore::with_crashes(&tables, dice.next_u64()).expect("every table has a number of its own");
        let disk = SimDisk::new(dice.next_u64());
        let notes = Arc::new(Notes::new(SeededIds::new(u64::from(node)).uuid()));
        let (is_ill, is_full, is_leaving, is_gone) = (false, false, false, false);
        let (running, sync_ms, synced_at) = (None, 0, 0);
        let newest = kind.newest;
        Self {
            node,
            kind,
            newest,
            dice,
            disk,
            store,
            notes,
            running,
            is_ill,
            is_full,
            is_leaving,
            is_gone,
            sync_ms,
            synced_at,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.server().is_some()
    }

    fn server(&self) -> Option<&Embedded> {
        self.running.as_ref()?.server.as_ref()
    }

    /// Starts the server on what the disk and the store have.
    pub(crate) fn start(&mut self, now: u64, net: &Net) {
        let runtime = runtime();
        let skew = i64::try_from(self.dice.below(2 * SKEW_MAX_MS)).expect("small") - SKEW_MAX_MS.cast_signed();
        let wall = UnixNanos(BIRTH + (now.cast_signed() + skew) * 1_000_000);
        let clock = {
            let _within = runtime.enter();
            TokioClock::starting_at(wall)
        };
        let network: Arc<dyn Network> = net.of(self.node, self.kind.plant);
        let (lane, log) = Lane::held();
        let disk = PlantedDisk::new(self.disk.clone(), self.kind.plant, Arc::default());
        let refused = disk.refused();
        let tally = Arc::new(Tally::of(&self.store, self.kind.shards));
        let told = Arc::clone(&tally);
        let store = PlantedStore::new(self.store.clone(), self.kind.plant);
        let store = store.watched(Box::new(move |batch| told.write(batch)));
        let world = World {
            clock: Arc::new(clock.clone()),
            ids: Arc::new(self.dice.fork()),
            disk: Some(Arc::new(disk)),
            store: Some(Arc::new(store)),
            inline: true,
            log: Some(lane),
            network: Some(network),
            notes: Some(Arc::clone(&self.notes)),
        };
        let builder = Server::builder(Place::Memory).options(self.options()).world(world);
        let local = LocalSet::new();
        let opening = Some(local.spawn_local(builder.embed()));
        self.running = Some(Running { local, runtime, opening, server: None, clock, ahead_ms: 0, log, tally, refused });
    }

    fn options(&self) -> Options {
        let mut options = Options::new(Place::Memory);
        options.node = self.node;
        options.shards = self.kind.shards;
        let address = |node| format!("node-{node}:1");
        let cluster = ClusterOptions { name: "sim".to_owned(), ..ClusterOptions::default() };
        options.cluster = if self.node <= self.kind.founders {
            let members: BTreeMap<u32, String> = (1..=self.kind.founders).map(|node| (node, address(node))).collect();
            ClusterOptions { members, ..cluster }
        } else {
            // The network lets it speak with whoever listens.
            ClusterOptions { join: vec!["any:1".to_owned()], advertise: address(self.node), ..cluster }
        };
        options.levels.newest = self.newest;
        options.checkpoint_bytes = 64 << 10;
        options.checkpoint_interval = Duration::from_secs(2);
        options.kept_log_bytes = Some(KEPT_LOG_BYTES);
        options.index_interval = Duration::from_millis(50);
        options.wal = wal_options();
        options.shard_limits.cache_bytes = self.kind.cache_bytes;
        options
    }

    /// A millisecond goes by.
    pub(crate) fn tick(&mut self, now: u64) {
        let Some(running) = &self.running else { return };
        if now >= self.synced_at {
            let _within = running.runtime.enter();
            if running.log.release() && self.sync_ms > 0 {
                self.synced_at = now + self.dice.below(self.sync_ms);
            }
        }
        let later = async { tokio::time::sleep(Duration::from_millis(1)).await };
        running.local.block_on(&running.runtime, later);
    }

    /// What it writes to its log takes up to so long from now on.
    pub(crate) fn slow_disk(&mut self, sync_ms: u64) {
        self.sync_ms = sync_ms;
    }

    /// Sets its wall clock so far from where it began.
    pub(crate) fn set_clock(&mut self, ahead_ms: i64) {
        if let Some(running) = &mut self.running {
            running.clock.jump_wall((ahead_ms - running.ahead_ms) * 1_000_000);
            running.ahead_ms = ahead_ms;
        }
    }

    /// There is room for so many more bytes on its disk.
    pub(crate) fn fill_disk(&mut self, left: u64) {
        (self.is_ill, self.is_full) = (true, true);
        self.disk.set_capacity(Some(self.disk.used() + left));
    }

    /// One of its next syncs fails.
    pub(crate) fn fail_sync(&mut self, nth: u64) {
        self.is_ill = true;
        self.disk.fail_sync(nth);
    }

    /// Whatever was done to its disk and its clock is over; one whose disk has failed must stop all the same.
    pub(crate) fn mend(&mut self) {
        self.set_clock(0);
        (self.sync_ms, self.is_full) = (0, false);
        self.disk.set_capacity(None);
        // What is to fail and has not yet does not any more.
        self.disk.cut_power_during(u64::MAX);
        self.disk.fail_sync(u64::MAX);
        // A node that was refused nothing has no reason to stop from now on.
        self.is_ill = self.running.as_ref().is_some_and(|running| running.refused.load(Ordering::Relaxed));
    }

    /// Whether the server has come up since the last look.
    pub(crate) fn opened(&mut self) -> Opened {
        let Some(running) = &mut self.running else { return Opened::Not };
        let Some(opening) = running.opening.take_if(|opening| opening.is_finished()) else { return Opened::Not };
        match running.runtime.block_on(opening) {
            Ok(Ok(server)) => {
                let connector = server.connector().clone();
                running.server = Some(server);
                Opened::Now(connector)
            }
            Ok(Err(error)) => Opened::Failed(error.to_string()),
            Err(panic) => Opened::Failed(panic.to_string()),
        }
    }

    /// Why the server cannot go on, if it cannot.
    pub(crate) fn fault(&self) -> Option<Arc<str>> {
        self.server()?.node().fault()
    }

    /// Executions that have left the memory of its shards since it started.
    pub(crate) fn evicted(&self) -> u64 {
        let Some(server) = self.server() else { return 0 };
        let evicted = |shard: &weft_shard::Shard| Some(shard.stats()?.evicted.load(Ordering::Relaxed));
        server.node().shards().iter().filter_map(evicted).sum()
    }

    /// Whether the last frame of its log was cut off by a crash: a copy is opened, so that nothing is changed.
    pub(crate) fn is_torn(&self) -> bool {
        let copy = self.disk.copy(0);
        if copy.used() == 0 {
            return false;
        }
        let opened = Wal::open(Arc::new(copy), Path::new("/log"), wal_options(), Lane::inline());
        // One that cannot be opened is found by the node itself.
        opened.is_ok_and(|(_, report)| report.torn.is_some())
    }

    /// What the node knows of who leads its groups.
    pub(crate) fn leaderships(&self) -> Vec<(GroupId, Leadership)> {
        let Some(server) = self.server() else { return Vec::new() };
        server.node().raft().groups().map(|(id, group)| (id, *group.leadership().borrow())).collect()
    }

    /// How far the node has applied each group's log.
    pub(crate) fn applied(&self) -> Vec<(GroupId, u64)> {
        let Some(server) = self.server() else { return Vec::new() };
        server.node().raft().groups().map(|(id, group)| (id, *group.applied().borrow())).collect()
    }

    /// What it has of each group of which it is known, and was not told before, up to which entry that is. `newest` are the
    /// last entries that anybody's log is known to have had.
    pub(crate) fn prefixes(&self, newest: &BTreeMap<GroupId, u64>) -> Vec<Prefix> {
        let Some(tally) = self.running.as_ref().map(|running| &running.tally) else { return Vec::new() };
        let settled = self.applied().into_iter().filter_map(|(group, index)| {
            let sums = tally.settled(group, index, newest.get(&group).copied().unwrap_or(0))?;
            Some(Prefix { node: self.node, group, index, sums })
        });
        settled.collect()
    }

    /// The last entry that its log has of each group, or has had.
    pub(crate) fn log_ends(&self) -> Vec<(GroupId, u64)> {
        let Some(node) = self.server().map(Embedded::node) else { return Vec::new() };
        let end = |group: GroupId| {
            let state = node.wal().group(group).state();
            state.last.max(state.purged.map(|(index, _)| index)).unwrap_or(0)
        };
        node.raft().groups().map(|(group, _)| (group, end(group))).collect()
    }

    pub(crate) fn leads(&self) -> bool {
        self.leaderships().iter().any(|(_, known)| known.mine)
    }

    /// Whether it leads a shard, and not the metadata alone: what is asked of shards may be done twice.
    pub(crate) fn leads_a_shard(&self) -> bool {
        !self.led_shards().is_empty()
    }

    /// The shards that it leads, and in which terms.
    pub(crate) fn led_shards(&self) -> Vec<(GroupId, u64)> {
        let led = self.leaderships().into_iter().filter(|(group, known)| known.mine && *group != METADATA);
        led.map(|(group, known)| (group, known.term)).collect()
    }

    /// One of its groups, while it runs. Whoever keeps it keeps it running.
    pub(crate) fn group(&self, group: GroupId) -> Option<Group> {
        self.server()?.node().raft().group(group)
    }

    /// Has it hand over a group, whatever is under way there.
    pub(crate) fn hand_over(&self, group: GroupId, to: NodeId) -> Option<JoinHandle<Result<(), TransferError>>> {
        let (running, group) = (self.running.as_ref()?, self.group(group)?);
        Some(running.runtime.spawn(async move { group.transfer_leader(to).await }))
    }

    /// Whether it leads the shard of a workflow.
    pub(crate) fn leads_shard_of(&self, workflow: &str) -> bool {
        let Some(node) = self.server().map(Embedded::node) else { return false };
        let Some(namespace) = node.metadata().facts(NAMESPACE) else { return false };
        let key = WorkflowKey { namespace: namespace.id.clone(), workflow: workflow.into() };
        node.shard(&key).leadership().borrow().mine
    }

    /// What the node knows of a member.
    pub(crate) fn knows(&self, member: u32) -> Option<MemberState> {
        self.server()?.node().metadata().members().state(member)
    }

    pub(crate) fn shards(&self) -> u16 {
        self.kind.shards
    }

    /// All that the node knows of the cluster, and up to which entry of the metadata.
    pub(crate) fn members(&self) -> Option<(u64, Arc<Members>)> {
        let metadata = self.server()?.node().metadata();
        let index = *metadata.viewed().borrow();
        Some((index, metadata.members()))
    }

    /// For people who ask why something does not go on: what it knows of its groups and of the others.
    pub(crate) fn says(&self) -> String {
        let Some(node) = self.server().map(Embedded::node) else { return "nothing: it does not run".to_owned() };
        let groups = node.raft().groups().map(|(id, group)| {
            let (known, applied) = (*group.leadership().borrow(), *group.applied().borrow());
            format!("{id:?} {known:?}, voters {:?} of {:?}, applied {applied}", group.voter_sets(), group.members())
        });
        let groups = groups.collect::<Vec<_>>().join("; ");
        let members = node.metadata().members();
        let states = members.nodes.values().map(|row| format!("{} {:?}", row.node, row.state)).collect::<Vec<_>>();
        format!("{groups}; nodes {}; moves {:?}; waits {:?}", states.join(", "), members.moves, node.waits())
    }

    /// Whether its log has anything of a group.
    pub(crate) fn has_log(&self, group: GroupId) -> bool {
        self.server().is_some_and(|server| {
            let state = server.node().wal().group(group).state();
            state.last.is_some() || state.purged.is_some()
        })
    }

    /// Asks the node to have a member removed.
    pub(crate) fn remove(&self, member: u32) -> Option<Asked> {
        self.ask(move |node| async move { node.remove_member(member).await })
    }

    /// Asks the node to have the format level raised.
    pub(crate) fn finalize(&self) -> Option<Asked> {
        self.ask(|node| async move { node.finalize().await })
    }

    /// Asks the node to have a vote moved.
    pub(crate) fn move_shard(&self, wanted: Move) -> Option<Asked> {
        self.ask(move |node| async move { node.move_shard(wanted.group, wanted.from, wanted.to).await })
    }

    fn ask<F>(&self, what: impl FnOnce(Node) -> F) -> Option<Asked>
    where
        F: Future<Output = Result<String, Status>> + Send + 'static,
    {
        let running = self.running.as_ref()?;
        let node = running.server.as_ref()?.node().clone();
        Some(running.runtime.spawn(what(node)))
    }

    /// The power goes: what was not synced is lost, or a part of it.
    pub(crate) fn crash(&mut self, net: &Net) {
        self.disk.cut_power();
        self.store = self.store.crash();
        net.unplug(self.node);
        // With it go all tasks of the node, and with them its ends of connections.
        self.running = None;
        self.disk.crash();
        (self.is_ill, self.sync_ms, self.synced_at) = (self.is_full, 0, 0);
    }
}

fn wal_options() -> wal::Options {
    wal::Options {
        segment_bytes: 128 << 10,
        small_segment_bytes: 4096,
        cache_bytes: 64 << 10,
        reserve_bytes: 0,
        spare_segments: 2,
        copy_forward_above: 3,
    }
}

pub(crate) fn runtime() -> Runtime {
    let built = Builder::new_current_thread().enable_time().start_paused(true).build();
    built.expect("a runtime without IO needs nothing of the machine")
}
