//! The lives of one node, one after the other, as one seed has them.
//!
//! Each life has a tokio runtime of its own with paused time. A mishap drops it in the middle of what it does; the disk
//! and the store then forget what was not synced, and the next life opens on what is left. The last life but one is
//! without faults, and everything comes to its end in it; after one more crash the last one finds everything again.
//!
//! Invariant: from the moment of a mishap nothing that the old life still does reaches the disk or the store.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};
use weft_env::{
    Clock, Ids, Lane, SeededIds, TokioClock, UnixNanos,
    disk::{Disk, SimDisk},
};
use weft_rows::table;
use weft_server::node::{Node, Options, Place, World};
use weft_store::{
    state::{MemoryStore, StateStore, Table},
    wal::{self, GroupId, Wal},
};

use crate::{
    audit, client,
    coverage::Coverage,
    family, hooks, job,
    ledger::Ledger,
    plan::Plan,
    plant::{AfterSkip, Plant, PlantedDisk, PlantedStore, Site},
    scene::Scene,
    schedule, worker,
};

const BIRTH: UnixNanos = UnixNanos(1_700_000_000_000_000_000);
/// Virtual time in which a node opens, and in which everything comes to its end without faults.
const OPENING_MAX: Duration = Duration::from_secs(60);
const PEACE_MAX: Duration = Duration::from_secs(120);
const WORKERS: u64 = 2;

/// What came of a seed.
#[derive(Debug)]
pub struct Outcome {
    /// The first thing that did not hold.
    pub violation: Option<String>,
    /// Of everything that was said and of what the disk was asked: the same seed has the same.
    pub digest: u64,
    pub coverage: Coverage,
    /// Whether the planted bug had its chance.
    pub planted: bool,
    pub trace: Vec<String>,
}

/// How a life ends.
#[derive(Clone, Copy, Debug)]
enum Mishap {
    /// The power goes at this time, and after so many more steps of the scheduler.
    PowerLoss {
        ms: u64,
        steps: u64,
    },
    /// The power goes during the nth change of the disk from now, maybe while the node opens.
    PowerCut {
        nth: u64,
    },
    Kill {
        ms: u64,
        steps: u64,
    },
    Shutdown {
        ms: u64,
    },
}

/// What is left between two lives.
struct Machine {
    seed: u64,
    plant: Plant,
    dice: SeededIds,
    plan: Arc<Plan>,
    ledger: Arc<Ledger>,
    disk: SimDisk,
    store: MemoryStore,
    wall: UnixNanos,
    life: u64,
}

/// Plays one seed.
#[must_use]
pub fn simulate(seed: u64, plant: Plant, is_traced: bool) -> Outcome {
    hooks::collect_panics();
    let ledger = Arc::new(Ledger::new(is_traced));
    let played = catch_unwind(AssertUnwindSafe(|| Machine::new(seed, plant, Arc::clone(&ledger)).play()));
    let panics = hooks::collected_panics();
    if let Some(panic) = panics.first() {
        ledger.violate(panic.clone());
    }
    let (planted, digest) = played.unwrap_or((true, 0));
    Outcome {
        violation: ledger.first_violation(),
        digest: digest ^ ledger.digest(),
        coverage: ledger.coverage(),
        planted,
        trace: ledger.lines(),
    }
}

impl Mishap {
    fn draw(dice: &SeededIds, plant: Plant) -> Self {
        let (ms, steps) = (dice.below(350), dice.below(60));
        let is_gentle = plant == Plant::Nothing;
        if matches!(plant.site(), Site::File | Site::Folder) {
            return Self::PowerCut { nth: 200 + dice.below(200) };
        }
        match dice.below(10) {
            0..=3 => Self::PowerLoss { ms, steps },
            4 if is_gentle => Self::Kill { ms, steps },
            5 if is_gentle => Self::Shutdown { ms },
            // An opening asks the disk some forty times; most of the rest are frames and their syncs.
            _ => Self::PowerCut { nth: dice.below(4 << dice.below(8)) },
        }
    }
}

impl Machine {
    fn new(seed: u64, plant: Plant, ledger: Arc<Ledger>) -> Self {
        let dice = SeededIds::new(seed);
        let plan = Arc::new(Plan::draw(&dice));
        let tables: Vec<Table> = table::TABLES.iter().map(|(id, name)| Table { id: *id, name }).collect();
        let store = MemoryStore::with_crashes(&tables, dice.next_u64()).expect("every table has a number of its own");
        let disk = SimDisk::new(dice.next_u64());
        Self { seed, plant, dice, plan, ledger, disk, store, wall: BIRTH, life: 0 }
    }

    /// Says whether the planted bug had its chance, and a digest of what the disk was asked.
    fn play(mut self) -> (bool, u64) {
        let mishaps = self.plan.mishaps;
        while self.life < mishaps && self.is_sound() {
            let mishap = Mishap::draw(&self.dice, self.plant);
            self.live(Some(mishap), false);
        }
        if self.is_sound() {
            self.live(None, false);
        }
        if self.is_sound() {
            self.live(None, true);
        }
        let planted = match self.plant.site() {
            Site::File | Site::Folder => self.disk.has_skipped(),
            Site::Nowhere | Site::Program | Site::Leader => true,
        };
        let counts = self.disk.counts();
        (planted, counts.writes ^ counts.bytes_written.rotate_left(20) ^ counts.file_syncs.rotate_left(40))
    }

    fn is_sound(&self) -> bool {
        self.ledger.first_violation().is_none()
    }

    fn options(&self) -> Options {
        let mut options = Options::new(Place::Memory);
        options.shards = self.plan.shards;
        options.checkpoint_bytes = self.plan.checkpoint_bytes;
        options.checkpoint_interval = Duration::from_millis(400);
        options.index_interval = Duration::from_millis(20);
        options.give_back_retry = Duration::from_millis(10);
        options.wal = wal_options(self.plan.segment_bytes);
        options.settings.workflow_task_backoff_initial = Duration::from_millis(50);
        options.settings.workflow_task_backoff_max = Duration::from_millis(200);
        options.matching.sticky_poller_gone = Duration::from_millis(300);
        options.matching.pull_retry = Duration::from_millis(200);
        options.matching.sweep_interval = Duration::from_millis(50);
        options
    }

    /// One life, from opening to its end.
    fn live(&mut self, mishap: Option<Mishap>, is_last: bool) {
        self.ledger.note(&format!("life {}: {mishap:?}", self.life));
        self.inspect();
        let runtime = runtime(1 + self.dice.below(8));
        let disk = PlantedDisk::new(self.disk.clone(), self.plant, self.break_disk(mishap));
        let store = PlantedStore::new(self.store.clone(), self.plant);
        let (recycled, writes, persists) = (disk.recycled(), store.writes(), store.persists());
        let life = Life {
            options: self.options(),
            plan: Arc::clone(&self.plan),
            ledger: Arc::clone(&self.ledger),
            dice: Arc::new(self.dice.fork()),
            node_ids: Arc::new(self.dice.fork()),
            disk: Arc::new(disk),
            store: Arc::new(store),
            power: self.disk.clone(),
            wall: self.wall,
            life: self.life,
            is_last,
        };
        let replayed = Arc::clone(&writes);
        let wall = runtime.block_on(life.run(mishap, move || replayed.load(Ordering::Relaxed)));
        self.end(mishap, runtime);
        let jump = i64::try_from(self.dice.below(4_000_000_000)).expect("small") - 1_500_000_000;
        self.wall = UnixNanos(wall.0 + jump);
        self.life += 1;
        self.ledger.cover(|counts| {
            counts.recycled += recycled.load(Ordering::Relaxed);
            counts.checkpoints += persists.load(Ordering::Relaxed) / 2;
        });
    }

    /// Breaks the disk as planned.
    fn break_disk(&self, mishap: Option<Mishap>) -> Arc<AfterSkip> {
        let Some(Mishap::PowerCut { nth }) = mishap else { return Arc::default() };
        self.disk.cut_power_during(nth);
        match self.plant.site() {
            Site::File => {
                self.disk.skip_sync(self.dice.below(4 << self.dice.below(6)));
                AfterSkip::cut_during(self.dice.below(4))
            }
            Site::Folder => {
                self.disk.skip_dir_sync(1 + self.dice.below(6));
                AfterSkip::cut_during(1 + self.dice.below(5))
            }
            Site::Nowhere | Site::Program | Site::Leader => Arc::default(),
        }
    }

    /// What the next life will find: a copy of the log is opened for it, so that nothing is changed.
    fn inspect(&self) {
        let copy = self.disk.copy(self.seed);
        if copy.used() == 0 {
            return;
        }
        let disk: Arc<dyn Disk> = Arc::new(copy);
        let opened = Wal::open(disk, Path::new("/log"), wal_options(self.plan.segment_bytes), Lane::inline());
        // One that cannot be opened is found by the node itself.
        let Ok((log, report)) = opened else { return };
        let purged =
            (0..=u32::from(self.plan.shards)).filter(|group| log.group(GroupId(*group)).state().purged.is_some());
        let purged = purged.count() as u64;
        self.ledger.note(&format!("found {report:?}, purged {purged}"));
        self.ledger.cover(|counts| {
            counts.torn_tails += u64::from(report.torn.is_some());
            counts.purges += purged;
        });
    }

    /// The runtime goes with everything in it; then the disk and the store become what the next life finds.
    fn end(&mut self, mishap: Option<Mishap>, runtime: Runtime) {
        self.disk.cut_power();
        let is_kept = matches!(mishap, Some(Mishap::Kill { .. } | Mishap::Shutdown { .. }));
        self.store = if is_kept { self.store.reopen() } else { self.store.crash() };
        drop(runtime);
        if is_kept {
            self.disk.kill();
        } else {
            self.disk.crash();
        }
        let unknown = self.ledger.open_calls();
        self.ledger.cover(|counts| counts.unknown += unknown);
        self.ledger.cover(|counts| match mishap {
            Some(Mishap::Kill { .. }) => counts.kills += 1,
            Some(Mishap::Shutdown { .. }) => counts.shutdowns += 1,
            Some(Mishap::PowerCut { .. }) => {
                counts.crashes += 1;
                counts.power_cuts += 1;
            }
            Some(Mishap::PowerLoss { .. }) | None => counts.crashes += 1,
        });
    }
}

fn wal_options(segment_bytes: u64) -> wal::Options {
    wal::Options {
        segment_bytes,
        small_segment_bytes: 4096,
        cache_bytes: 8 << 10,
        reserve_bytes: 0,
        spare_segments: 2,
        copy_forward_above: 3,
    }
}

fn runtime(event_interval: u64) -> Runtime {
    let interval = u32::try_from(event_interval).expect("small");
    let built = Builder::new_current_thread().enable_time().start_paused(true).event_interval(interval).build();
    built.expect("a runtime without IO needs nothing of the machine")
}

/// One life of the node.
struct Life {
    options: Options,
    plan: Arc<Plan>,
    ledger: Arc<Ledger>,
    dice: Arc<SeededIds>,
    node_ids: Arc<SeededIds>,
    disk: Arc<dyn Disk>,
    store: Arc<dyn StateStore>,
    /// Says whether the power is out.
    power: SimDisk,
    wall: UnixNanos,
    life: u64,
    is_last: bool,
}

impl Life {
    /// Returns the wall time of its end.
    async fn run(self, mishap: Option<Mishap>, replayed: impl Fn() -> u64) -> UnixNanos {
        let clock = TokioClock::starting_at(self.wall);
        let world = World {
            clock: Arc::new(clock.clone()),
            ids: Arc::<SeededIds>::clone(&self.node_ids),
            disk: Some(Arc::clone(&self.disk)),
            store: Some(Arc::clone(&self.store)),
            inline: true,
            network: None,
            ..World::real()
        };
        let opening = tokio::time::timeout(OPENING_MAX, Node::open(self.options.clone(), world)).await;
        let is_cut = matches!(mishap, Some(Mishap::PowerCut { .. }));
        let node = match opening {
            Ok(Ok(node)) => node,
            Ok(Err(_)) | Err(_) if is_cut && self.power.is_out() => return clock.now(),
            Ok(Err(error)) => {
                self.ledger.violate(format!("life {}: the node does not open: {error}", self.life));
                return clock.now();
            }
            Err(_) => {
                self.ledger.violate(format!("life {}: the node does not open in time", self.life));
                return clock.now();
            }
        };
        let replayed = replayed();
        self.ledger.note(&format!("{:?} open, {replayed} writes replayed", clock.monotonic()));
        if self.life > 0 {
            self.ledger.cover(|counts| {
                counts.replays += u64::from(replayed > 0);
                counts.replayed_writes += replayed;
            });
        }
        let Some(scene) = self.scene(node, mishap.is_none()) else { return clock.now() };
        self.serve(&scene, mishap).await;
        if !is_cut && let Some(fault) = scene.node.fault() {
            self.ledger.violate(format!("life {}: {fault}", self.life));
        }
        clock.now()
    }

    fn scene(&self, node: Node, calm: bool) -> Option<Scene> {
        let Some(namespace) = node.metadata().facts("default") else {
            self.ledger.violate(format!("life {}: the namespace is not there", self.life));
            return None;
        };
        let (plan, ledger, dice) = (Arc::clone(&self.plan), Arc::clone(&self.ledger), Arc::clone(&self.dice));
        Some(Scene { node, namespace, ledger, plan, dice, calm })
    }

    async fn serve(&self, scene: &Scene, mishap: Option<Mishap>) {
        let looking = audit::everything(scene, self.is_last);
        if mishap.is_none() {
            looking.await;
        } else {
            tokio::select! {
                biased;
                () = looking => {}
                () = powerless(scene) => return,
            }
        }
        if self.is_last {
            return;
        }
        let clients: Vec<_> =
            (0..self.plan.workflows.len()).map(|number| tokio::spawn(client::run(scene.clone(), number))).collect();
        for number in 0..WORKERS {
            tokio::spawn(worker::run(scene.clone(), number));
            tokio::spawn(crate::activity::run(scene.clone(), number));
        }
        let debts = tokio::spawn(worker::pay_debts(scene.clone()));
        let scheduler = tokio::spawn(schedule::client(scene.clone()));
        let batcher = tokio::spawn(job::client(scene.clone()));
        match mishap {
            Some(mishap) => self.until(scene, mishap).await,
            None => {
                let everything = async {
                    for task in clients.into_iter().chain([debts, scheduler, batcher]) {
                        // A panic is found by the hook.
                        let _ = task.await;
                    }
                    finished(scene).await;
                    schedule::finished(scene).await;
                    job::finished(scene).await;
                    family::quiesced(scene).await;
                };
                if tokio::time::timeout(PEACE_MAX, everything).await.is_err() {
                    self.ledger.violate(stuck(scene));
                }
                audit::everything(scene, true).await;
                count(scene).await;
            }
        }
    }

    async fn until(&self, scene: &Scene, mishap: Mishap) {
        match mishap {
            Mishap::PowerLoss { ms, steps } | Mishap::Kill { ms, steps } => {
                scene.sleep_ms(ms).await;
                for _ in 0..steps {
                    tokio::task::yield_now().await;
                }
            }
            Mishap::PowerCut { .. } => {
                // It may be that the disk is asked for nothing more.
                let _ = tokio::time::timeout(Duration::from_secs(2), powerless(scene)).await;
            }
            Mishap::Shutdown { ms } => {
                scene.sleep_ms(ms).await;
                scene.node.shutdown().await;
            }
        }
    }
}

/// Until the log has failed; whoever was answered wrongly gets a moment to act on it.
async fn powerless(scene: &Scene) {
    while scene.node.fault().is_none() {
        scene.sleep_ms(1).await;
    }
    scene.sleep_ms(scene.dice.below(5)).await;
}

/// Until no run is open.
async fn finished(scene: &Scene) {
    for plan in &scene.plan.workflows {
        for run in scene.ledger.runs_of(&plan.id) {
            let key = scene.key(&plan.id);
            while scene.look(&key, &run).await.is_none_or(|view| view.is_ok_and(|view| view.execution.is_open())) {
                scene.sleep_ms(150).await;
            }
        }
    }
}

fn stuck(scene: &Scene) -> String {
    let open: Vec<_> = scene.ledger.calls().into_iter().filter(|call| !call.state.is_settled()).collect();
    format!("without faults, not everything came to its end; open calls: {open:?}")
}

/// What the histories tell of the way.
async fn count(scene: &Scene) {
    use weft_protocol::api::history::history_event::Attributes as Event;
    for plan in &scene.plan.workflows {
        let key = scene.key(&plan.id);
        for run in scene.ledger.runs_of(&plan.id) {
            let Some(Ok(view)) = scene.look(&key, &run).await else { continue };
            let core = &view.execution.core;
            let Some(events) = scene.events(&key, &run, &core.branch, core.next_event_id).await else { continue };
            let is_wake = |event: &Event| {
                matches!(
                    event,
                    Event::TimerFiredEventAttributes(_)
                        | Event::WorkflowTaskTimedOutEventAttributes(_)
                        | Event::ActivityTaskTimedOutEventAttributes(_)
                )
            };
            let wakes = events.iter().filter(|event| event.attributes.as_ref().is_some_and(is_wake)).count();
            scene.note(&format!("{} {run} has {} events: {:?}", plan.id, events.len(), core.head));
            let number = |is_it: fn(&Event) -> bool| {
                events.iter().filter(|event| event.attributes.as_ref().is_some_and(is_it)).count() as u64
            };
            scene.ledger.cover(|counts| {
                counts.updates +=
                    number(|event| matches!(event, Event::WorkflowExecutionUpdateCompletedEventAttributes(_)));
                counts.pauses += number(|event| matches!(event, Event::WorkflowExecutionPausedEventAttributes(_)));
                counts.wakes += wakes as u64;
                counts.events += events.len() as u64;
            });
        }
    }
}
