//! One node of the cluster: its disk and store, and while it runs its runtime with the production server in it.
//!
//! Invariant: from the moment of a crash nothing that the node still does reaches its disk, its store or the others.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    task::{JoinHandle, LocalSet},
};
use weft_env::{Ids, SeededIds, TokioClock, UnixNanos, disk::SimDisk};
use weft_raft::{GroupId, Leadership};
use weft_rows::table;
use weft_server::{
    ClusterOptions, Connector, Embedded, Network, Server, StartError,
    node::{Options, Place, World},
};
use weft_store::{
    state::{MemoryStore, Table},
    wal,
};

use super::net::Net;
use crate::plant::{Plant, PlantedDisk, PlantedStore};

const BIRTH: i64 = 1_700_000_000_000_000_000;
/// As far as a node's wall clock may be off, in both directions.
const SKEW_MAX_MS: u64 = 200;

pub(crate) struct Machine {
    pub(crate) node: u32,
    nodes: u32,
    shards: u16,
    plant: Plant,
    dice: SeededIds,
    pub(crate) disk: SimDisk,
    pub(crate) store: MemoryStore,
    running: Option<Running>,
}

struct Running {
    /// What opens the server; goes before the runtime.
    local: LocalSet,
    runtime: Runtime,
    opening: Option<JoinHandle<Result<Embedded, StartError>>>,
    server: Option<Embedded>,
}

/// What became of an opening.
pub(crate) enum Opened {
    Not,
    Now(Connector),
    Failed(String),
}

impl Machine {
    pub(crate) fn new(node: u32, nodes: u32, shards: u16, plant: Plant, dice: SeededIds) -> Self {
        let tables: Vec<Table> = table::TABLES.iter().map(|(id, name)| Table { id: *id, name }).collect();
        let store = MemoryStore::with_crashes(&tables, dice.next_u64()).expect("every table has a number of its own");
        let disk = SimDisk::new(dice.next_u64());
        Self { node, nodes, shards, plant, dice, disk, store, running: None }
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
        let network: Arc<dyn Network> = net.of(self.node, self.plant);
        let world = World {
            clock: Arc::new(clock),
            ids: Arc::new(self.dice.fork()),
            disk: Some(Arc::new(PlantedDisk::new(self.disk.clone(), self.plant, Arc::default()))),
            store: Some(Arc::new(PlantedStore::new(self.store.clone(), self.plant))),
            inline: true,
            network: Some(network),
        };
        let builder = Server::builder(Place::Memory).options(self.options()).world(world);
        let local = LocalSet::new();
        let opening = local.spawn_local(builder.embed());
        self.running = Some(Running { local, runtime, opening: Some(opening), server: None });
    }

    fn options(&self) -> Options {
        let mut options = Options::new(Place::Memory);
        options.node = self.node;
        options.shards = self.shards;
        let members: BTreeMap<u32, String> = (1..=self.nodes).map(|node| (node, format!("node-{node}:1"))).collect();
        options.cluster = ClusterOptions { name: "sim".to_owned(), members, ..ClusterOptions::default() };
        options.checkpoint_bytes = 64 << 10;
        options.checkpoint_interval = Duration::from_secs(2);
        options.index_interval = Duration::from_millis(50);
        options.wal = wal::Options {
            segment_bytes: 128 << 10,
            small_segment_bytes: 4096,
            cache_bytes: 64 << 10,
            reserve_bytes: 0,
            spare_segments: 2,
            copy_forward_above: 3,
        };
        options
    }

    /// A millisecond goes by.
    pub(crate) fn tick(&mut self) {
        if let Some(running) = &self.running {
            let later = async { tokio::time::sleep(Duration::from_millis(1)).await };
            running.local.block_on(&running.runtime, later);
        }
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

    pub(crate) fn leads(&self) -> bool {
        self.leaderships().iter().any(|(_, known)| known.mine)
    }

    /// The power goes: what was not synced is lost, or a part of it.
    pub(crate) fn crash(&mut self, net: &Net) {
        self.disk.cut_power();
        self.store = self.store.crash();
        net.unplug(self.node);
        // With it go all tasks of the node, and with them its ends of connections.
        self.running = None;
        self.disk.crash();
    }
}

pub(crate) fn runtime() -> Runtime {
    let built = Builder::new_current_thread().enable_time().start_paused(true).build();
    built.expect("a runtime without IO needs nothing of the machine")
}
