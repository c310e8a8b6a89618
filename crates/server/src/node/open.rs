//! Putting a node together, from the disk up.
//!
//! Invariant (rule 4): nothing reads a shard before its log is replayed; the node is given out only when every shard has a
//! leader, and those that this node leads take calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    io,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use tokio::sync::watch;
use uuid::Uuid;
use weft_engine::{NamespaceId, Timestamp, cron::WallCalendar};
use weft_env::{
    Clock, Ids, Lane, Pool, RealClock, RealIds, SkippingClock,
    disk::{Disk, RealDisk, SimDisk},
};
use weft_matching::{Service, Workers};
use weft_raft::{self as raft, GroupId, Machine, MachineError, StartError};
use weft_rows::{
    Level,
    namespace::{NamespaceRow, NamespaceState},
    table,
};
use weft_shard::{GivenUp, Members, MembersChange, Metadata, MetadataConfig, Replica};
use weft_store::{
    datadir::{self, DataDir},
    state::{self, StateStore, StoreError, Table},
    wal::{self, Wal},
};
use weft_visibility::{Index, Visibility};

use crate::{
    cluster::{ClusterError, JoinError, Links, MeetError, Network, Peers, Reach},
    exchange::{self, Lent},
};

use super::{
    NamespaceSeed, Node, NodeInner, Notes, Options, Place, background,
    checkpoint::Checkpointer,
    copies::{self, Copies},
    dispatch::{Away, FromShards, ToPollers},
    feed::Feeds,
    hold::Hold,
    joining::Known,
    lists::{Around, Lists, ToIndex},
    mend::{self, Mender},
    post::ToShards,
};

/// The metadata group; shards follow.
pub(crate) const METADATA_GROUP: u32 = 0;

/// Work that may wait for a reader thread, or for the lane of the store's writes.
const QUEUED_MAX: usize = 4096;

/// How long closed workflows are kept where time is skipped: a test looks at them after months that took no time.
const KEPT_WHERE_TIME_IS_SKIPPED: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What a simulation swaps: clock, entropy, disk, threads and the way to other nodes. The rest is the same code.
pub struct World {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    /// The log's disk; `None` is the real one.
    pub disk: Option<Arc<dyn Disk>>,
    /// The applied state of a simulated node; `None` opens the backend of the options.
    pub store: Option<Arc<dyn StateStore>>,
    /// Everything on the caller's thread, in order.
    pub inline: bool,
    /// The lane of the log if it is another one: of a disk that takes its time, say.
    pub log: Option<Lane>,
    /// What is known of data in memory beside them, for a cluster of as many shards as the options say; with `None` they are
    /// new at each start, as if they had been lost.
    pub notes: Option<Arc<Notes>>,
    /// The way to the other nodes; `None` is TCP.
    pub network: Option<Arc<dyn Network>>,
}

impl World {
    /// The world as it is, but for its wall time, which `clock` skips. Only a node in memory opens in it.
    #[must_use]
    pub fn skipping(clock: SkippingClock) -> Self {
        Self { clock: Arc::new(clock), ..Self::real() }
    }

    /// What tells the data that a node makes now to join a cluster from all others.
    fn incarnation(&self, options: &Options) -> Option<Uuid> {
        options
            .cluster
            .joins()
            .then(|| self.notes.as_ref().map_or_else(|| self.ids.uuid(), |notes| notes.incarnation()))
    }

    /// The world as it is.
    #[must_use]
    pub fn real() -> Self {
        Self {
            clock: Arc::new(RealClock::new()),
            ids: Arc::new(RealIds),
            disk: None,
            store: None,
            inline: false,
            log: None,
            notes: None,
            network: None,
        }
    }
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "time is skipped in memory only: a data directory would keep times of the future, and what it holds already \
         would not be waited for"
    )]
    Skips,
    #[error(transparent)]
    DataDir(#[from] datadir::Error),
    #[error("the log cannot be opened: {0}")]
    Log(#[from] wal::OpenError),
    #[error("the applied state cannot be opened: {0}")]
    Store(#[from] StoreError),
    #[error("the visibility index cannot be opened: {0}")]
    Visibility(#[from] weft_visibility::Error),
    #[error("the visibility index cannot be built again: {0}")]
    Index(String),
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] io::Error),
    #[error(transparent)]
    Machine(#[from] MachineError),
    #[error("a Raft group cannot be started: {0}")]
    Raft(#[from] StartError),
    #[error("what is left of a shard that was given up cannot be removed: {0}")]
    Copy(String),
    #[error("the Raft groups found no leader: {0}")]
    NoLeader(String),
    #[error("the metadata group does not answer: {0}")]
    Metadata(String),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Join(#[from] JoinError),
    #[error(transparent)]
    Meet(#[from] MeetError),
    /// This build does not fit the cluster's format level.
    #[error("{0}")]
    Level(String),
    /// This node is out of its cluster.
    #[error("{0}")]
    Expelled(Arc<str>),
}

impl From<mend::Error> for OpenError {
    fn from(error: mend::Error) -> Self {
        match error {
            mend::Error::Store(error) => Self::Machine(error),
            mend::Error::Index(error) => Self::Index(error),
        }
    }
}

/// The disk side of a node.
struct Ground {
    disk: Arc<dyn Disk>,
    log: PathBuf,
    store: Arc<dyn StateStore>,
    index: Index,
    /// Holds the directory's lock, until it is handed on to whoever does so for as long as the node lives.
    directory: Option<DataDir>,
    shards: u16,
}

/// The threads of a node.
struct Threads {
    log: Lane,
    apply: Lane,
    index: Lane,
    readers: Pool,
}

impl Node {
    /// Opens the data, replays the log and starts everything; returns when calls can be answered.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing is left running.
    pub async fn open(options: Options, world: World) -> Result<Self, OpenError> {
        let reach = world.network.clone().map_or(Reach::Tcp, Reach::Network);
        let links = Links::of(&options, &reach)?;
        let (hold, _) = Hold::new(Arc::clone(&world.clock));
        Self::open_among(options, world, links, hold).await
    }

    pub(crate) async fn open_among(
        options: Options,
        world: World,
        links: Links,
        hold: Arc<Hold>,
    ) -> Result<Self, OpenError> {
        let (peers, clock) = (links.peers.clone(), Arc::clone(&world.clock));
        let told = peers.expulsion.clone();
        tokio::select! {
            biased;
            opened = Self::open_if_wanted(options, world, links, hold) => opened,
            why = told.heard() => Err(OpenError::Expelled(why)),
            never = super::joining::ask_whether_wanted(&peers, clock.as_ref()) => match never {},
        }
    }

    async fn open_if_wanted(
        mut options: Options,
        world: World,
        links: Links,
        hold: Arc<Hold>,
    ) -> Result<Self, OpenError> {
        if options.place != Place::Memory && world.clock.skipping().is_some() {
            return Err(OpenError::Skips);
        }
        let level = super::joining::ask(&mut options, &links.peers, &world).await?;
        let threads = Threads::start(&options, &world)?;
        let mut ground = Ground::prepare(&options, &world, level)?;
        ground.check(&options)?;
        let (founders, known) = (ground.founders(&options), ground.known(&options, &world));
        let store = ground.held(&hold);
        if let Some(notes) = &world.notes {
            notes.raise(level);
            hold.keep_notes(Arc::clone(notes));
        }
        // The data directory knows how many shards its cluster was made with.
        options.shards = ground.shards;
        let (wal, report) = Wal::open(Arc::clone(&ground.disk), &ground.log, options.wal, threads.log.clone())?;
        if let Some(torn) = &report.torn {
            tracing::warn!(file = %torn.file.display(), offset = torn.offset, "cut a torn last frame off the log");
        }
        let (log, clock) = (wal.clone(), Arc::clone(&world.clock));
        let found = Found { options, world, links, threads, ground, founders, known, store, wal, level };
        tokio::select! {
            biased;
            opened = found.open(hold) => opened,
            never = background::look_for_room(&log, clock.as_ref()) => match never {},
        }
    }
}

/// What there is of a node when its log is open.
struct Found {
    options: Options,
    world: World,
    links: Links,
    threads: Threads,
    ground: Ground,
    founders: BTreeSet<u32>,
    known: Known,
    store: Arc<dyn StateStore>,
    wal: Wal,
    /// Of data that are made now.
    level: Level,
}

impl Found {
    async fn open(self, hold: Arc<Hold>) -> Result<Node, OpenError> {
        let Self { options, world, links, threads, ground, founders, known, store, wal, level } = self;
        let has_log = !wal.groups().is_empty();
        let own = super::joining::meet_founders(&options, &links, &world, hold.directory(), has_log).await?;
        let known = Known { incarnation: known.incarnation.or(own), ..known };
        let visibility = Visibility::new(ground.index, threads.index.clone())?;
        let groups = METADATA_GROUP..=u32::from(options.shards);
        let feeds = Arc::new(Feeds::new(ToIndex::new(visibility.clone(), groups), Arc::clone(&hold)));
        let is_placed = is_placed(level, &hold, store.as_ref())?;
        // Whatever was founded was founded before: an empty log waits for a leader.
        let founders = if is_placed { BTreeSet::new() } else { founders };
        let mut replicas = Vec::new();
        for (group, owns) in copies::owners(options.shards) {
            let (store, apply) = (Arc::clone(&store), threads.apply.clone());
            let rest = GivenUp { group, owns, store: Arc::clone(&store), lane: apply.clone() };
            if rest.is_begun()? {
                let cleared = copies::clear_away(&wal, &visibility, &rest).await;
                cleared.map_err(|error| OpenError::Copy(error.to_string()))?;
                feeds.begin(group);
            }
            let has_any = group == METADATA_GROUP || copies::has_log(&wal, group) || rest.is_there()?;
            if is_placed && !has_any {
                // The metadata say whether there is to be a copy of it.
                continue;
            }
            replicas.push((group, Replica::open(group, owns, store, apply, Arc::<Feeds>::clone(&feeds))?));
        }
        // Opening a replica ends what a crash interrupted: before that its rows may be half replaced.
        mend::before_replay(&visibility, &store, options.shards).await?;
        let log = wal.group(GroupId(METADATA_GROUP)).state();
        let known = Known { is_new: known.is_new || (log.last.is_none() && log.purged.is_none()), ..known };
        let known = (known, hold.as_ref());
        super::joining::meet(&options, &links.peers, &world, known, store.as_ref()).await?;
        // Data that were made before the level was raised are told of it only now. Nobody fills what has just been opened.
        let is_placed = is_placed || hold.level() >= Level::PLACED;
        let raft = start_groups(&options, &world, &wal, &replicas, &links, (founders, is_placed, &store)).await?;
        let metadata = start_metadata(&options, &raft, &replicas, &store, &world.clock)?;
        feeds.attach(&metadata);
        if !links.peers.is_alone() {
            tokio::spawn(super::members::follow(links.peers.clone(), Arc::downgrade(&metadata)));
        }
        let reader = Arc::clone(&metadata);
        let looked = threads.readers.call(move || reader.look()).await.map_err(|panic| panic.to_string());
        looked.and_then(|looked| looked).map_err(OpenError::Metadata)?;
        super::joining::keep_level(&options, metadata.members().level, &hold)?;
        begin_alone(&options, &metadata, &hold).await?;
        seed_namespaces(&options, &world, &metadata).await?;
        let clock = Arc::clone(&world.clock);
        let heard = Arc::<super::leadership::Heard>::default();
        let around = Around::new(links.peers.clone(), Arc::clone(&heard), Arc::clone(&metadata), options.shards);
        let lists = Lists { visibility, raft: raft.clone(), pool: threads.readers.clone(), clock, around };
        let base = Base { options, world, links, threads, wal, store, raft, metadata, feeds, heard, lists, replicas };
        base.assemble(hold).await
    }
}

/// Everything below the shards.
struct Base {
    options: Options,
    world: World,
    links: Links,
    threads: Threads,
    wal: Wal,
    store: Arc<dyn StateStore>,
    raft: raft::Node,
    metadata: Arc<Metadata>,
    heard: Arc<super::leadership::Heard>,
    feeds: Arc<Feeds>,
    lists: Lists,
    replicas: Vec<(u32, Arc<Replica>)>,
}

impl Base {
    async fn assemble(self, hold: Arc<Hold>) -> Result<Node, OpenError> {
        let from_shards = Arc::new(FromShards::default());
        let matching = Service::new(
            self.options.matching.clone(),
            Arc::clone(&self.world.clock),
            Arc::<FromShards>::clone(&from_shards),
        );
        let post = Arc::new(ToShards::default());
        let jobs = Arc::new(super::Jobs::default());
        let (away, outlets) = match self.links.peers.is_alone() {
            true => (None, None),
            false => {
                let (away, outlets) = Away::new(self.links.peers.others(), &self.options, &self.world.clock);
                (Some(away), Some(outlets))
            }
        };
        let dispatch = Arc::new(ToPollers { matching: matching.clone(), away: away.clone() });
        let copies = self.copies(&dispatch, &post, &jobs)?;
        let (stop, stopping) = watch::channel(false);
        let workers = Workers::new(&self.options.matching, Arc::clone(&self.world.clock));
        let cluster = self.links.peers.cluster;
        let inner = Arc::new(NodeInner {
            options: self.options,
            checkpointer: Checkpointer::starting(self.world.clock.monotonic()),
            is_founding: super::members::is_founding(&hold, &self.links.peers, &self.wal),
            clock: self.world.clock,
            ids: self.world.ids,
            copies,
            metadata: self.metadata,
            matching: matching.clone(),
            lent_tasks: Lent::default(),
            dispatch,
            telling: parking_lot::Mutex::default(),
            workers,
            lists: self.lists,
            queries: super::Queries::default(),
            jobs: Arc::clone(&jobs),
            raft: self.raft,
            peers: self.links.peers,
            crossings: super::crossing::Crossings::default(),
            lent: super::views::Lent::default(),
            backups: super::point::readers(),
            heard: self.heard,
            waits: parking_lot::Mutex::default(),
            wal: self.wal,
            store: self.store,
            pool: self.threads.readers,
            stopping,
            stop,
            mender: Mender::default(),
            removal: super::Removal::default(),
            cluster: hold.directory().map_or(cluster, |directory| directory.identity().cluster),
            hold: Arc::clone(&hold),
        });
        hold.attach(&inner);
        from_shards.attach(&inner);
        post.attach(&inner);
        inner.configure_queues();
        jobs.attach(&inner);
        if let (Some(away), Some(outlets)) = (away, outlets) {
            away.attach(&inner, outlets);
            exchange::follow(&inner);
        }
        tokio::spawn(async move { matching.run().await });
        background::keep_house(&inner);
        shards_settled(&inner).await;
        self.links.inbox.attach(&inner);
        background::live_among_others(&inner);
        Ok(Node(inner))
    }

    fn copies(
        &self,
        dispatch: &Arc<ToPollers>,
        post: &Arc<ToShards>,
        jobs: &Arc<super::Jobs>,
    ) -> Result<Copies, OpenError> {
        let ground = copies::Ground {
            wal: self.wal.clone(),
            store: Arc::clone(&self.store),
            apply: self.threads.apply.clone(),
            readers: self.threads.readers.clone(),
            raft: self.raft.clone(),
            feeds: Arc::clone(&self.feeds),
            visibility: self.lists.visibility.clone(),
        };
        let parts = copies::Parts {
            ground,
            node: u64::from(self.options.node),
            limits: self.options.shard_limits.clone(),
            settings: self.options.settings.clone(),
            clock: Arc::clone(&self.world.clock),
            ids: Arc::clone(&self.world.ids),
            metadata: Arc::clone(&self.metadata),
            dispatch: Arc::clone(dispatch),
            post: Arc::clone(post),
            jobs: Arc::clone(jobs),
            calendar: Arc::new(WallCalendar),
            time: Arc::default(),
        };
        Ok(Copies::start(parts, self.options.shards, metadata_of(&self.replicas)?, &self.replicas))
    }
}

fn metadata_of(replicas: &[(u32, Arc<Replica>)]) -> Result<Arc<Replica>, OpenError> {
    let metadata = replicas.iter().find(|(group, _)| *group == METADATA_GROUP).map(|(_, replica)| Arc::clone(replica));
    metadata.ok_or_else(|| OpenError::Metadata("its group was not started".to_owned()))
}

impl Threads {
    fn start(options: &Options, world: &World) -> io::Result<Self> {
        let log = world.log.clone();
        if world.inline {
            let (lane, readers) = (Lane::inline, Pool::inline());
            return Ok(Self { log: log.unwrap_or_else(lane), apply: lane(), index: lane(), readers });
        }
        Ok(Self {
            log: log.map_or_else(|| Lane::thread("weft-log", QUEUED_MAX), Ok)?,
            apply: Lane::thread("weft-apply", QUEUED_MAX)?,
            index: Lane::thread("weft-index", QUEUED_MAX)?,
            readers: Pool::threads("weft-read", options.readers, QUEUED_MAX)?,
        })
    }
}

impl Ground {
    /// Data that are made now are at `level`.
    fn prepare(options: &Options, world: &World, level: Level) -> Result<Self, OpenError> {
        match &options.place {
            Place::Memory => {
                let store = match &world.store {
                    Some(store) => Arc::clone(store),
                    None => state::in_memory(&tables())?,
                };
                let disk = world.disk.clone().unwrap_or_else(|| Arc::new(SimDisk::new(0)));
                Ok(Self {
                    disk,
                    log: PathBuf::from("/log"),
                    store,
                    index: Index::in_memory()?,
                    directory: None,
                    shards: options.shards,
                })
            }
            Place::Directory(path) => {
                let cluster = options.cluster.id().unwrap_or_else(|| world.ids.uuid());
                let founding = options.founding(cluster, level, world.incarnation(options));
                let known = options.levels.oldest.number()..=options.levels.newest.number();
                let directory = DataDir::open(path, &founding, &known)?;
                let store = state::open(options.backend, &directory.state(), &tables(), options.store_cache_bytes)?;
                let index = Index::open(&directory.visibility())?;
                let disk = world.disk.clone().unwrap_or_else(|| Arc::new(RealDisk));
                let shards = directory.identity().shards;
                Ok(Self { disk, log: directory.log(), store, index, directory: Some(directory), shards })
            }
        }
    }
}

impl Ground {
    /// Whether the data is that of this node and its cluster. The data of a node of its own become those of a cluster whose
    /// only member it is.
    fn check(&mut self, options: &Options) -> Result<(), OpenError> {
        let Some(directory) = &mut self.directory else { return Ok(()) };
        let identity = directory.identity();
        if identity.node != options.node {
            return Err(ClusterError::OtherNode { found: identity.node, wanted: options.node }.into());
        }
        match options.cluster.id() {
            Some(wanted) if wanted != identity.cluster => {
                // Made up for a node of its own; a cluster's is made from its name.
                if identity.cluster.get_version_num() != 4 {
                    return Err(ClusterError::OtherCluster { found: identity.cluster, wanted }.into());
                }
                if !options.cluster.members.keys().eq([&options.node]) {
                    return Err(ClusterError::NotTheOnlyMember { node: options.node }.into());
                }
                directory.adopt(wanted)?;
                tracing::info!(cluster = %wanted, "the data of this node are those of a cluster now");
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whose data these are, to a cluster that this node joins or has joined.
    fn known(&self, options: &Options, world: &World) -> Known {
        match &self.directory {
            Some(directory) => Known { incarnation: directory.identity().joined, is_new: directory.is_new() },
            // What is in memory was nobody's before, unless it is known of it that it was there.
            None => {
                let is_new = world.notes.as_ref().is_none_or(|notes| notes.level().is_none());
                Known { incarnation: world.incarnation(options), is_new }
            }
        }
    }

    /// The store, which holds the directory from now on.
    fn held(&mut self, hold: &Arc<Hold>) -> Arc<dyn StateStore> {
        if let Some(directory) = self.directory.take() {
            hold.keep(directory);
        }
        hold.over(Arc::clone(&self.store))
    }

    /// Who votes in groups that this node knows nothing of: nobody, if it joined a cluster that was there.
    fn founders(&self, options: &Options) -> BTreeSet<u32> {
        let joined =
            self.directory.as_ref().map_or(options.cluster.joins(), |directory| directory.identity().joined.is_some());
        match (joined, options.cluster.is_alone()) {
            (true, _) => BTreeSet::new(),
            (false, true) => BTreeSet::from([options.node]),
            (false, false) => options.cluster.members.keys().copied().collect(),
        }
    }
}

/// Shards have copies on some nodes only, as far as is known of the cluster's level before anything runs.
fn is_placed(told: Level, hold: &Hold, store: &dyn StateStore) -> Result<bool, OpenError> {
    let stored = Members::read(store).map_err(OpenError::Metadata)?.level;
    Ok([told, hold.level(), stored].into_iter().max() >= Some(Level::PLACED))
}

pub(super) fn tables() -> Vec<Table> {
    table::TABLES.iter().map(|(id, name)| Table { id: *id, name }).collect()
}

/// What each group may keep of its log at least for replicas that are behind, however many groups there are: a follower
/// that is only a few large entries behind gets those, and not a picture.
const KEPT_BYTES_OF_GROUP: u64 = 16 << 20;

/// How long a node waits at its start for the leaders of shards of which it may have no more than is left of a copy. Nobody
/// sends the log of such a one any more: it would be waited for in vain, by the one that is to remove it.
const SHARDS_MAX: Duration = Duration::from_secs(5);

/// Waits for `work`, and where copies are on some nodes only no longer than [`SHARDS_MAX`].
async fn in_time_if<T>(is_bounded: bool, clock: &dyn Clock, work: impl Future<Output = T>) -> Option<T> {
    let end = clock.monotonic() + SHARDS_MAX;
    tokio::select! {
        biased;
        done = work => Some(done),
        () = clock.sleep_until(end), if is_bounded => None,
    }
}

async fn start_groups(
    options: &Options,
    world: &World,
    wal: &Wal,
    replicas: &[(u32, Arc<Replica>)],
    links: &Links,
    (founders, is_placed, store): (BTreeSet<u32>, bool, &Arc<dyn StateStore>),
) -> Result<raft::Node, OpenError> {
    let way: Arc<dyn raft::Transport> = Arc::new(links.peers.clone());
    let groups = usize::from(options.shards) + 1;
    let spare = raft::KEPT_BYTES.max(KEPT_BYTES_OF_GROUP * groups as u64);
    let config = raft::NodeConfig {
        node: raft::NodeId(u64::from(options.node)),
        seed: world.ids.next_u64(),
        timing: raft::Timing::default(),
        transport: world.network.as_ref().map_or_else(|| Arc::clone(&way), |network| network.between(Arc::clone(&way))),
        founders: founders.into_iter().map(|node| raft::NodeId(u64::from(node))).collect(),
        kept_bytes: options.kept_log_bytes.unwrap_or(spare),
        groups_max: groups,
    };
    let machines = replicas.iter().map(|(group, replica)| {
        let machine: Arc<dyn Machine> = Arc::<Replica>::clone(replica);
        (GroupId(*group), machine)
    });
    // What `meet` knows already, and may know better.
    let met = Members::read(store.as_ref()).map_err(OpenError::Metadata)?;
    let node = raft::Node::start(&config, wal, machines).await?;
    links.inbox.attach_raft(&node);
    // Every group has a leader, and those led here have replayed their log (rule 4).
    let ready = async {
        node.group_ready(GroupId(METADATA_GROUP)).await?;
        let is_bounded = is_placed && !links.peers.is_alone();
        in_time_if(is_bounded, world.clock.as_ref(), node.ready()).await.unwrap_or(Ok(()))
    };
    tokio::select! {
        ready = ready => ready.map_err(|error: raft::ReadError| OpenError::NoLeader(error.to_string()))?,
        error = get_to_know(options, &node, &links.peers, store.as_ref(), met) => return Err(error),
    }
    Ok(node)
}

/// Learns of the others from what is replayed: there may be no leader without those that the store had not heard of when
/// it held `last`. The cluster's level may stand there too.
async fn get_to_know(
    options: &Options,
    node: &raft::Node,
    peers: &Peers,
    store: &dyn StateStore,
    mut last: Members,
) -> OpenError {
    let Some(metadata) = node.group(GroupId(METADATA_GROUP)).filter(|_| !peers.is_alone()) else {
        return std::future::pending().await;
    };
    let mut applied = metadata.applied();
    loop {
        match Members::read(store) {
            Err(error) => return OpenError::Metadata(error),
            Ok(members) if last == members => {}
            Ok(members) => {
                if let Err(misfit) = super::joining::check_level(options, members.level) {
                    return misfit;
                }
                super::members::acquaint(peers, &members);
                last = members;
            }
        }
        if applied.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

fn start_metadata(
    options: &Options,
    raft: &raft::Node,
    replicas: &[(u32, Arc<Replica>)],
    store: &Arc<dyn StateStore>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Metadata>, OpenError> {
    let group = raft.group(GroupId(METADATA_GROUP));
    let (replica, group) =
        (metadata_of(replicas)?, group.ok_or_else(|| OpenError::Metadata("it does not run".to_owned()))?);
    Ok(Arc::new(Metadata::new(MetadataConfig {
        node: u64::from(options.node),
        group,
        replica,
        store: Arc::clone(store),
        clock: Arc::clone(clock),
        predefined: super::lists::predefined(),
    })))
}

/// Waits until the shards whose copies are here have settled, where that is sure to come.
async fn shards_settled(node: &NodeInner) {
    let settled = join_all(node.copies.here().into_iter().map(|shard| async move { shard.settled().await }));
    let is_placed = node.metadata.members().level >= Level::PLACED && !node.peers.is_alone();
    in_time_if(is_placed, node.clock.as_ref(), settled).await;
}

/// A node of its own whose data are new begins at the newest level that it supports. They are new until there is a
/// namespace, so that a start that was cut off does not leave them at the first level.
async fn begin_alone(options: &Options, metadata: &Metadata, hold: &Hold) -> Result<(), OpenError> {
    let newest = options.levels.newest;
    if !options.cluster.is_alone() || metadata.members().level >= newest || metadata.view().iter().next().is_some() {
        return Ok(());
    }
    // Closed to builds that do not support it before anything is written of it.
    super::joining::keep_level(options, newest, hold)?;
    let decide = |_: &Members| Ok::<_, Infallible>((vec![MembersChange::Level(newest)], ()));
    metadata.change_members(decide).await.map_err(|error| OpenError::Metadata(error.to_string()))
}

/// Registers the configured namespaces that are not there yet, or waits until the node that leads the metadata has done
/// so.
async fn seed_namespaces(options: &Options, world: &World, metadata: &Metadata) -> Result<(), OpenError> {
    let (mut viewed, mut leadership) = (metadata.viewed(), metadata.leadership());
    loop {
        // First, so that nothing is missed that comes after the look.
        viewed.mark_unchanged();
        let leads = leadership.borrow_and_update().mine;
        let missing = missing_namespaces(options, world, metadata);
        if missing.is_empty() {
            return Ok(());
        }
        if leads {
            // Lost leadership is news of which the next round hears.
            let seeded = metadata.change(|_| Ok::<_, Infallible>((missing, ()))).await;
            tracing::debug!(seeded = seeded.is_ok(), "registering the configured namespaces");
            if seeded.is_ok() {
                continue;
            }
        }
        // An error means that the group has ended.
        let ended = tokio::select! {
            changed = viewed.changed() => changed.is_err(),
            changed = leadership.changed() => changed.is_err(),
        };
        if ended {
            return Err(OpenError::Metadata("its group has stopped".to_owned()));
        }
    }
}

fn missing_namespaces(options: &Options, world: &World, metadata: &Metadata) -> Vec<NamespaceRow> {
    let now = Timestamp(world.clock.now().0);
    let row = |seed: &NamespaceSeed| NamespaceRow {
        id: NamespaceId::from(world.ids.uuid().hyphenated().to_string()),
        name: seed.name.clone(),
        description: String::new(),
        owner_email: String::new(),
        data: BTreeMap::new(),
        retention: if world.clock.skipping().is_some() { KEPT_WHERE_TIME_IS_SKIPPED } else { seed.retention },
        state: NamespaceState::Registered,
        search_attributes: seed.search_attributes.clone(),
        created_at: now,
    };
    let view = metadata.view();
    options.namespaces.iter().filter(|seed| view.by_name(&seed.name).is_none()).map(row).collect()
}
