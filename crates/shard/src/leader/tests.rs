//! What is due stays due, whatever keeps a leader from doing it: a shard of its own over a log on a simulated disk, in
//! virtual time.

mod messages;

use std::{
    collections::BTreeMap,
    path::Path,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use weft_engine::{
    ConflictPolicy, Delivery, Namespace, NamespaceId, OnConflict, Reply, Request, ReusePolicy, Settings, StartWorkflow,
    Target, TerminateBody, WorkflowKey, cron::WallCalendar,
};
use weft_env::{Ids, Lane, Pool, SeededIds, UnixNanos, VirtualClock, disk::SimDisk};
use weft_raft::{GroupId, Machine, Node, NodeConfig, NodeId};
use weft_rows::{Slot, SlotRange, picture::Owns, table};
use weft_store::{
    state::{KeyRange, MemoryStore, Order, Row, StateStore, StateView, StoreError, StoreStats, Table, WriteBatch},
    wal::{Options, Wal},
};

use crate::{
    Config, Directory, Dispatch, Failure, Feed, Jobs, Limits, NodeTime, Offered, Post, Postmark, Replica, Reservation,
    Shard, ShardId, TaskRef,
};

const GROUP: u32 = 2;
const SLOTS: SlotRange = SlotRange { first: Slot(0), last: Slot(16383) };
const RETENTION: Duration = Duration::from_secs(86_400);
/// So often everything else may go on before something must have happened.
const TURNS: usize = 2000;

/// Everything outside the shard: nothing of it matters here.
struct Outside {
    namespace: Arc<Namespace>,
    /// How often matching was told that there are more tasks.
    more: AtomicUsize,
    /// Messages that were sent. Each is told that its target is not found.
    sent: AtomicUsize,
}

impl Dispatch for Outside {
    fn offer(&self, _shard: ShardId, _key: &WorkflowKey, _task: TaskRef) -> Offered {
        Offered::Accepted
    }

    fn has_more(&self, _shard: ShardId) {
        self.more.fetch_add(1, Ordering::Relaxed);
    }

    fn reserve(&self, _key: &WorkflowKey, _task: &TaskRef) -> Option<Box<dyn Reservation>> {
        None
    }
}

impl Directory for Outside {
    fn namespace(&self, _id: &NamespaceId) -> Option<Arc<Namespace>> {
        Some(Arc::clone(&self.namespace))
    }
}

impl Post for Outside {
    fn deliver(&self, _delivery: Delivery, _postmark: Postmark) -> BoxFuture<'static, Result<Reply, Failure>> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        Box::pin(futures::future::ready(Ok(Reply::NotFound)))
    }
}

impl Jobs for Outside {
    fn work_on(&self, _job: &WorkflowKey) {}
}

impl Feed for Outside {
    fn feed(&self, _group: u32, _index: u64, _changes: Vec<Vec<u8>>) {}

    fn replaced(&self, _group: u32, _index: u64) {}
}

/// A store that fails to read executions for as long as it is told to, and counts how often it is asked what is due.
struct Store {
    memory: Arc<MemoryStore>,
    failed: Mutex<Option<usize>>,
    wake_reads: AtomicUsize,
}

impl StateView for Store {
    fn get(&self, table: u8, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.failed.lock().as_mut().filter(|_| table == table::EXECUTION) {
            Some(failed) => {
                *failed += 1;
                Err(StoreError::Faulted { cause: "planted".to_owned() })
            }
            None => self.memory.get(table, key),
        }
    }

    fn scan(&self, table: u8, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        if table == table::WAKE {
            self.wake_reads.fetch_add(1, Ordering::Relaxed);
        }
        self.memory.scan(table, range, order, limit)
    }
}

impl StateStore for Store {
    fn apply(&self, batch: WriteBatch) -> Result<(), StoreError> {
        self.memory.apply(batch)
    }

    fn persist(&self) -> Result<(), StoreError> {
        self.memory.persist()
    }

    fn view(&self) -> Result<Box<dyn StateView>, StoreError> {
        self.memory.view()
    }

    fn close(&self) -> Result<(), StoreError> {
        self.memory.close()
    }

    fn stats(&self) -> StoreStats {
        self.memory.stats()
    }
}

struct World {
    shard: Shard,
    store: Arc<Store>,
    clock: VirtualClock,
    namespace: Arc<Namespace>,
    outside: Arc<Outside>,
    /// The disk has some.
    room: Arc<AtomicBool>,
    starts: AtomicUsize,
    _raft: Node,
}

impl World {
    /// A shard that keeps no workflow in memory that it need not keep.
    async fn new(limits: Limits) -> Self {
        Self::with(limits, WriteBatch::default()).await
    }

    /// One that has these rows.
    async fn with(limits: Limits, rows: WriteBatch) -> Self {
        let tables: Vec<_> = table::TABLES.iter().map(|&(id, name)| Table { id, name }).collect();
        let memory = Arc::new(MemoryStore::new(&tables).expect("an empty store"));
        memory.apply(rows).expect("there is room");
        let store = Arc::new(Store { memory, failed: Mutex::default(), wake_reads: AtomicUsize::new(0) });
        let namespace = Arc::new(Namespace {
            id: "ns".into(),
            name: "ns".into(),
            retention: RETENTION,
            search_attributes: Arc::new(BTreeMap::new()),
        });
        let outside = Arc::new(Outside {
            namespace: Arc::clone(&namespace),
            more: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
        });
        let held: Arc<dyn StateStore> = Arc::<Store>::clone(&store);
        let replica = Replica::open(
            GROUP,
            Owns::Slots(SLOTS),
            Arc::clone(&held),
            Lane::inline(),
            Arc::<Outside>::clone(&outside),
        );
        let replica = replica.expect("a new replica");
        let wal = Wal::open(Arc::new(SimDisk::new(1)), Path::new("/log"), Options::default(), Lane::inline());
        let machine: Arc<dyn Machine> = Arc::<Replica>::clone(&replica);
        let wal = wal.expect("a new log").0;
        let raft = Node::start(&NodeConfig::alone(NodeId(1), 1), &wal, [(GroupId(GROUP), machine)]).await;
        let raft = raft.expect("the group starts");
        let clock = VirtualClock::starting_at(UnixNanos(1_700_000_000_000_000_000));
        let ids: Arc<dyn Ids> = Arc::new(SeededIds::new(1));
        let room = Arc::new(AtomicBool::new(true));
        let has_room = Arc::clone(&room);
        let config = Config {
            id: ShardId(0),
            node: 1,
            slots: SLOTS,
            limits: Limits { cache_bytes: 0, ..limits },
            settings: Settings::default(),
            clock: Arc::new(clock.clone()),
            time: Arc::new(NodeTime::default()),
            ids,
            calendar: Arc::new(WallCalendar),
            pool: Pool::inline(),
            store: held,
            replica,
            group: raft.group(GroupId(GROUP)).expect("it runs"),
            dispatch: Arc::<Outside>::clone(&outside),
            directory: Arc::<Outside>::clone(&outside),
            post: Arc::<Outside>::clone(&outside),
            jobs: Arc::<Outside>::clone(&outside),
            room: Arc::new(move || has_room.load(Ordering::Relaxed)),
        };
        let shard = Shard::start(config).0;
        shard.settled().await;
        Self { shard, store, clock, namespace, outside, room, starts: AtomicUsize::new(0), _raft: raft }
    }

    fn key(&self) -> WorkflowKey {
        WorkflowKey { namespace: self.namespace.id.clone(), workflow: "order".into() }
    }

    async fn ask(&self, request: Request) {
        self.shard.ask(self.key(), Arc::clone(&self.namespace), request).await.expect("an answer");
    }

    /// A run that has ended, and is there until its retention is over.
    async fn ended_run(&self) {
        let count = self.starts.fetch_add(1, Ordering::Relaxed);
        self.ask(Request::Start(Box::new(start(count)))).await;
        let body = TerminateBody { identity: "me".into(), reason: String::new(), details: None, links: Vec::new() };
        self.ask(Request::Terminate(Target::default(), body)).await;
    }

    fn runs(&self) -> usize {
        let all = KeyRange::prefix(Vec::new());
        self.store.memory.scan(table::EXECUTION, &all, Order::Ascending, usize::MAX).expect("readable").len()
    }

    /// Lets time go by, a second a turn, until this holds.
    async fn until(&self, holds: impl Fn() -> bool, what: &str) {
        for _ in 0..TURNS {
            if holds() {
                return;
            }
            self.clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
        assert!(holds(), "{what}: not within {TURNS} seconds");
    }
}

fn start(count: usize) -> StartWorkflow {
    StartWorkflow {
        request: format!("start-{count}").into(),
        workflow_type: "order".into(),
        queue: "q".into(),
        input: None,
        header: None,
        memo: None,
        search_attributes: None,
        execution_timeout: None,
        run_timeout: None,
        task_timeout: Duration::from_secs(10),
        start_delay: Duration::ZERO,
        retry: None,
        cron: "".into(),
        identity: "me".into(),
        reuse: ReusePolicy::AllowDuplicate,
        conflict: ConflictPolicy::Fail,
        eager: None,
        user_metadata: None,
        links: Vec::new(),
        priority: None,
        versioning_override: None,
        continued_failure: None,
        last_completion_result: None,
        on_conflict: OnConflict::default(),
    }
}

#[tokio::test]
async fn who_is_ready_to_ask_shares_the_batch() {
    let world = World::new(Limits::default()).await;
    let batches = || world.shard.stats().expect("the shard is here").batches.load(Ordering::Relaxed);
    let start = |workflow: &str, count| {
        let (shard, namespace) = (world.shard.clone(), Arc::clone(&world.namespace));
        let key = WorkflowKey { workflow: workflow.into(), ..world.key() };
        async move { shard.ask(key, namespace, Request::Start(Box::new(start(count)))).await }
    };
    let before = batches();
    let mut first = pin!(start("first", 0));
    assert!(futures::poll!(&mut first).is_pending());
    // The shard has its turn before this one.
    let second = tokio::spawn(start("second", 1));
    first.await.expect("it is started");
    second.await.expect("no panic").expect("it is started");
    assert_eq!(batches() - before, 1);
}

#[tokio::test]
async fn what_is_due_while_the_store_cannot_be_read_is_done_when_it_can() {
    let world = World::new(Limits::default()).await;
    world.ended_run().await;
    *world.store.failed.lock() = Some(0);
    world.clock.advance(2 * RETENTION);
    world.until(|| world.store.failed.lock().is_some_and(|failed| failed > 0), "the run is read").await;
    assert_eq!(world.runs(), 1);
    *world.store.failed.lock() = None;
    world.until(|| world.runs() == 0, "the run goes").await;
}

#[tokio::test]
async fn what_is_due_for_a_workflow_id_that_too_many_calls_wait_for_is_done_after_them() {
    let world = World::new(Limits { waiting_per_workflow: 1, ..Limits::default() }).await;
    world.ended_run().await;
    world.ended_run().await;
    assert_eq!(world.runs(), 2);
    world.clock.advance(2 * RETENTION);
    world.until(|| world.runs() == 0, "both runs go").await;
}

#[tokio::test]
async fn what_is_due_for_an_execution_that_is_set_aside_is_done_when_that_is_lifted() {
    let world = World::new(Limits::default()).await;
    world.ended_run().await;
    world.shard.quarantine().expect("it is here").add(&world.key(), None, "planted".to_owned());
    let before = world.outside.more.load(Ordering::Relaxed);
    world.clock.advance(2 * RETENTION);
    for _ in 0..TURNS {
        world.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(world.runs(), 1);
    assert!(world.shard.clear_quarantine(world.key()).await);
    world.until(|| world.runs() == 0, "the run goes").await;
    assert_eq!(world.outside.more.load(Ordering::Relaxed), before + 1, "its tasks are asked for");
}

#[tokio::test]
async fn while_the_disk_is_full_more_than_one_read_gives_is_read_again_only_after_a_pause() {
    let world = World::new(Limits { wakes_per_read: 1, ..Limits::default() }).await;
    world.ended_run().await;
    world.ended_run().await;
    world.room.store(false, Ordering::Relaxed);
    let reads = || world.store.wake_reads.load(Ordering::Relaxed);
    let before = reads();
    world.clock.advance(2 * RETENTION);
    // Nothing but what is done at once: time stands still.
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
    assert!((1..=3).contains(&(reads() - before)), "{} reads", reads() - before);
    assert_eq!(world.runs(), 2);
    world.room.store(true, Ordering::Relaxed);
    world.until(|| world.runs() == 0, "both runs go").await;
}
