//! A whole seed: a storm in which anything may go wrong and nothing may be lost, and then peace, in which everything has to
//! come to its end.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{runtime::Runtime, task::JoinHandle};
use weft_env::SeededIds;
use weft_protocol::api::history::history_event::Attributes as Event;
use weft_rows::Level;

use super::{
    accounts,
    change::{Change, Leaving},
    client::{self, Doors, Scene},
    coverage::Coverage,
    late::Late,
    laws::{self, Prefixes, Terms},
    machine::{self, Kind, Machine, Opened},
    mischief::Mischief,
    net::Net,
    one_of,
    placement::{Move, Placement},
    record::Record,
    replicas, resets, schedules,
    size::Size,
    told, worker,
};
use crate::{hooks, plan::Plan, plant::Plant};

const CLIENTS: u64 = 3;
const WORKERS: u64 = 2;
const PAYERS: u64 = 2;
/// Virtual milliseconds in which a cluster opens, and in which everything comes to its end without faults.
const OPENING_MAX: u64 = 60_000;
const PEACE_MAX: u64 = 120_000;
const QUIET_MAX: u64 = 20_000;
/// Between two looks at what nodes say of themselves.
const LOOK: u64 = 5;
/// Between two looks at a change of who the nodes are.
const LOOK_AT_CHANGE: u64 = 100;
/// Between two looks at nodes that stopped by themselves, when nothing goes wrong any more.
const LOOK_AFTER: u64 = 500;
/// Of executions in memory.
const CACHE_BYTES: usize = 4 << 20;
const SMALL_CACHE_BYTES: usize = 2 << 10;
/// Of so many seeds one has copies on some nodes only.
const PLACED_EVERY: u64 = 4;
/// Nodes that come while a seed is played, at most.
const NEWCOMERS_MAX: usize = 3;

/// What came of a seed.
#[derive(Debug)]
pub struct ClusterOutcome {
    /// The first thing that did not hold.
    pub violation: Option<String>,
    /// Of all that was said, and when: the same seed has the same.
    pub digest: u64,
    pub coverage: Coverage,
    pub trace: Vec<String>,
    /// What it cost, where that is known. It is not the same each time.
    pub cpu_ms: u64,
}

struct Town {
    size: Size,
    kind: Kind,
    now: u64,
    dice: SeededIds,
    net: Net,
    machines: Vec<Machine>,
    clients: Runtime,
    scene: Scene,
    record: Arc<Record>,
    terms: Terms,
    prefixes: Prefixes,
    /// Where shards have copies on some nodes only.
    placement: Option<Placement>,
    change: Option<Change>,
    /// One of the nodes has lost its data.
    has_wiped: bool,
    /// Until when what one node answers another is lost.
    swallowing: Option<(u64, u32, u32)>,
    late: Late,
}

/// Plays one seed.
#[must_use]
pub fn simulate_cluster(size: Size, seed: u64, plant: Plant, is_traced: bool) -> ClusterOutcome {
    hooks::collect_panics();
    let record = Arc::new(Record::new(is_traced));
    let _listening = told::listen(&record);
    // Of this whole process, which plays one seed.
    weft_rows::unchecked::apply_any(plant == Plant::NoEpoch);
    let town = || Town::new(size, seed, plant, Arc::clone(&record)).play();
    // Panics are found by the hook.
    let _ = catch_unwind(AssertUnwindSafe(town));
    let before = record.first_violation();
    let panic = hooks::collected_panics().into_iter().next();
    panic.iter().for_each(|panic| record.violate(panic.clone()));
    ClusterOutcome {
        violation: hooks::with_panic(before, panic),
        digest: record.digest(),
        coverage: record.coverage(),
        trace: record.lines(),
        cpu_ms: 0,
    }
}

impl Town {
    fn new(size: Size, seed: u64, plant: Plant, record: Arc<Record>) -> Self {
        let dice = SeededIds::new(seed);
        let of_placement = SeededIds::new(!seed);
        let placement = (of_placement.below(PLACED_EVERY) == 0).then(Placement::default);
        // Of the others, and of some that are raised later, not even the build knows copies on some nodes.
        let is_new = placement.is_some() && of_placement.below(2) == 0;
        let newest = if is_new { Level::PLACED } else { Level::WRITTEN_DOWN };
        let nodes = if dice.below(5) == 0 && placement.is_none() { 5 } else { 3 };
        let shards = u16::try_from(1 + dice.below(3)).expect("few");
        let is_large = dice.below(3) == 0;
        // What is missing in the rows shows where they are read.
        let is_read = plant == Plant::NoReceipt;
        let cache_bytes = if is_large && !is_read { CACHE_BYTES } else { SMALL_CACHE_BYTES };
        let kind = Kind { founders: nodes, shards, cache_bytes, plant, newest };
        let machines = (1..=nodes).map(|node| Machine::new(node, kind, dice.fork())).collect();
        let scene = Scene {
            doors: Doors::default(),
            workflows: (0..size.times(3 + dice.below(4), 112)).map(|number| format!("w{number}")).collect(),
            accounts: (0..size.times(2 + dice.below(2), 2))
                .map(|number| format!("account{number}-{}", dice.below(1_000_000)))
                .collect(),
            workflows_min: size.workflows_min(),
            record: Arc::clone(&record),
            dice: Arc::new(dice.fork()),
            plan: Arc::new(Plan::of_errands(&dice, size)),
            book: Arc::default(),
            calm: Arc::default(),
            haste: Arc::default(),
        };
        let (net, clients, terms) = (Net::new(dice.fork()), machine::runtime(), Terms::default());
        let how = if placement.is_some() { ", with copies on some nodes" } else { "" };
        record.note(&format!("{nodes} nodes, {shards} shards, {} workflow ids{how}", scene.workflows.len()));
        let (change, has_wiped, swallowing) = (None, false, None);
        Self {
            size,
            kind,
            now: 0,
            dice,
            net,
            machines,
            clients,
            scene,
            record,
            terms,
            prefixes: Prefixes::default(),
            placement,
            change,
            has_wiped,
            swallowing,
            late: Late::new(seed),
        }
    }

    fn play(mut self) {
        self.restart();
        if !self.until(OPENING_MAX, "the cluster opens", |town| town.machines.iter().all(Machine::is_open)) {
            return;
        }
        if self.placement.is_some() && !self.place() {
            return;
        }
        let clients = self.invite();
        let faults = self.size.times(6 + self.dice.below(8), 5);
        let mut happened = 0;
        while happened < faults || !self.size.is_long_enough(self.now) {
            let mischief = match self.placement {
                Some(_) => Mischief::draw_placed(&self.dice, self.nodes()),
                None => Mischief::draw(&self.dice, self.nodes()),
            };
            self.happen(mischief);
            if self.late.is_due() {
                self.happen(Mischief::Late);
            }
            happened += 1;
            self.pass(self.dice.below(1500));
            if !self.is_sound() {
                return;
            }
        }
        self.heal();
        let done = |town: &Self| {
            let is_up = |machine: &Machine| machine.is_gone || (machine.is_open() && !machine.is_leaving);
            let is_settled = town.change.is_none() && town.placement.as_ref().is_none_or(Placement::is_placed);
            clients.iter().all(JoinHandle::is_finished) && is_settled && town.machines.iter().all(is_up)
        };
        if self.until(PEACE_MAX, "everybody is answered", done) {
            self.settle();
        }
        self.record.cover(|counts| {
            counts.virtual_ms += self.now;
            counts.evicted += self.machines.iter().map(Machine::evicted).sum::<u64>();
            counts.connections += self.net.connections();
            counts.broken_connections += self.net.broken();
            counts.pictures += self.net.pictures();
        });
    }

    /// Everybody who asks for something; workers, who never end, are not given.
    fn invite(&self) -> Vec<JoinHandle<()>> {
        // Dice of its own: it does not matter to it in which order others are answered.
        let scene = || Scene { dice: Arc::new(self.dice.fork()), ..self.scene.clone() };
        for number in 0..WORKERS {
            self.clients.spawn(worker::workflows(scene(), number));
            self.clients.spawn(worker::activities(scene(), number));
        }
        let clients = (0..self.size.times(CLIENTS, 3)).map(|number| {
            let scene = scene();
            let steps = self.size.times(14 + self.dice.below(10), 40);
            self.clients.spawn(client::run(scene, number, steps))
        });
        let errands = self.scene.plan.workflows.iter().map(|plan| {
            let (scene, id, begins_ms) = (scene(), plan.id.clone(), plan.begins_ms);
            if plan.resets.is_empty() {
                self.clients.spawn(worker::errand(scene, id, begins_ms))
            } else {
                self.clients.spawn(resets::errand(scene, id, begins_ms))
            }
        });
        let accounts = self.scene.accounts.iter().map(|account| {
            let scene = scene();
            self.clients.spawn(accounts::keep(scene, account.clone()))
        });
        let payers = (0..PAYERS).map(|number| self.clients.spawn(accounts::pay(scene(), number)));
        let schedule = std::iter::once_with(|| self.clients.spawn(schedules::keep(scene())));
        clients.chain(errands).chain(accounts).chain(payers).chain(schedule).collect()
    }

    fn nodes(&self) -> u32 {
        u32::try_from(self.machines.len()).expect("few nodes")
    }

    fn is_sound(&self) -> bool {
        self.record.first_violation().is_none()
    }

    /// A millisecond goes by, for each node in an order of its own.
    fn tick(&mut self) {
        self.now += 1;
        self.record.is_now(self.now);
        self.net.advance(self.now);
        let first = usize::try_from(self.dice.below(u64::from(self.nodes()))).expect("few nodes");
        for place in 0..self.machines.len() {
            let place = (first + place) % self.machines.len();
            self.machines[place].tick(self.now);
            self.attend(place);
        }
        self.clients.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
        self.prefixes.look(&self.machines, &self.record);
        if self.now.is_multiple_of(LOOK) {
            self.terms.look(&self.machines, &self.record);
            self.late.go_on(self.now, &self.machines, &self.record);
            if let Some(placement) = &mut self.placement {
                placement.look(&self.machines, &self.record);
                placement.go_on(&self.machines, &self.clients, &self.dice, &self.record);
            }
        }
        // Somebody looks after nodes: what broke before may have stopped one only now.
        if self.scene.is_calm() && self.now.is_multiple_of(LOOK_AFTER) {
            self.restart();
        }
        if self.swallowing.is_some_and(|(until, _, _)| until <= self.now) {
            self.swallow_no_more();
        }
        if self.now.is_multiple_of(LOOK_AT_CHANGE)
            && let Some(change) = &mut self.change
            && change.go_on(&mut self.machines, &self.clients, &self.dice, &self.record)
        {
            self.change = None;
        }
    }

    /// Brings a cluster of three to a fourth node, and to the level at which shards have copies on some nodes only, in
    /// either order where an earlier build has founded it, and maybe to a fifth node when things go wrong already.
    fn place(&mut self) -> bool {
        let is_placed = |town: &Self| town.placement.as_ref().is_none_or(Placement::is_placed);
        if self.kind.newest < Level::PLACED && !self.upgrade() {
            return false;
        }
        let is_raised_first = self.dice.below(3) > 0;
        if is_raised_first && !self.raise().until(OPENING_MAX, "the level is raised", is_placed) {
            return false;
        }
        self.change(None);
        if !self.until(OPENING_MAX, "the fourth node is a member", |town| town.change.is_none()) {
            return false;
        }
        if self.raise().dice.below(2) == 0 {
            self.change(None);
        }
        true
    }

    /// Starts one node after the other with a build that knows copies on some nodes.
    fn upgrade(&mut self) -> bool {
        let is_founded = |town: &Self| town.placement.as_ref().is_none_or(|it| it.level() > Level::FIRST);
        if !self.until(OPENING_MAX, "the cluster is founded at the level of the earlier build", is_founded) {
            return false;
        }
        self.kind.newest = Level::PLACED;
        for place in 0..self.machines.len() {
            self.crash(place);
            self.machines[place].newest = Level::PLACED;
            self.restart();
            let all_open = |town: &Self| town.machines.iter().all(Machine::is_open);
            if !self.until(OPENING_MAX, "a node of the next build opens", all_open) {
                return false;
            }
        }
        true
    }

    /// From now on somebody wants the level raised.
    fn raise(&mut self) -> &mut Self {
        self.placement.iter_mut().for_each(Placement::raise);
        self
    }

    /// A node at which a copy is coming or going.
    fn moving(&self) -> Option<u32> {
        one_of(&self.placement.as_ref()?.changing(), &self.dice)
    }

    /// Sees to a node after it did something.
    fn attend(&mut self, place: usize) {
        let machine = &mut self.machines[place];
        if machine.is_running() && machine.disk.is_out() {
            self.record.cover(|counts| counts.power_cuts += 1);
            return self.crash(place);
        }
        match machine.opened() {
            Opened::Not => {}
            Opened::Now(connector) => {
                self.record.note(&format!("node {} is open", machine.node));
                let _within = self.clients.enter();
                self.scene.doors.open(machine.node, connector.channel());
            }
            Opened::Failed(error) => return self.stopped(place, &error),
        }
        if self.now.is_multiple_of(LOOK)
            && let Some(fault) = machine.fault()
        {
            self.stopped(place, &fault);
        }
    }

    /// A node has stopped, or did not start, and says why: it may because of its disk, or because it asked for a minute and
    /// nobody could let it in, and has to when it was removed. Who is started again and never gets in is found in the end.
    fn stopped(&mut self, place: usize, why: &str) {
        let machine = &mut self.machines[place];
        let is_told = machine.is_leaving && why.contains("was removed");
        let is_outside = machine.node > self.kind.founders && why.contains("lets this node join");
        self.record.note(&format!("node {} stops: {why}", machine.node));
        if !(is_told || is_outside || machine.is_ill) {
            return self.record.violate(format!("node {} cannot go on: {why}", machine.node));
        }
        machine.is_gone = is_told;
        self.record.cover(|counts| counts.stops += u64::from(!is_told && machine.is_ill));
        self.crash(place);
    }

    fn pass(&mut self, ms: u64) {
        for _ in 0..ms {
            if !self.is_sound() {
                return;
            }
            self.tick();
        }
    }

    /// Lets time go by until something holds; that it never does is a violation.
    fn until(&mut self, ms_max: u64, what: &str, holds: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..ms_max {
            if !self.is_sound() {
                return false;
            }
            if holds(self) {
                return true;
            }
            self.tick();
        }
        for machine in self.present() {
            self.record.note(&format!("node {} says {}", machine.node, machine.says()));
        }
        self.record.violate(format!("not within {ms_max} ms: {what}"));
        false
    }

    fn crash(&mut self, place: usize) {
        let machine = &mut self.machines[place];
        if !machine.is_running() {
            return;
        }
        self.record.note(&format!("node {} loses its power", machine.node));
        let led = machine.leads();
        let evicted = machine.evicted();
        let node = machine.node;
        let is_amid = self.placement.as_ref().is_some_and(|placement| placement.changing().contains(&node));
        self.record.cover(|counts| {
            counts.crashes_amid += u64::from(is_amid);
            counts.evicted += evicted;
            counts.crashes += 1;
            counts.leaders_lost += u64::from(led);
        });
        self.scene.doors.close(machine.node);
        machine.crash(&self.net);
    }

    fn restart(&mut self) {
        for machine in &mut self.machines {
            if !machine.is_running() && !machine.is_gone {
                let is_torn = machine.is_torn();
                self.record.cover(|counts| {
                    counts.restarts += u64::from(self.now > 0);
                    counts.torn_tails += u64::from(is_torn);
                });
                machine.start(self.now, &self.net);
            }
        }
    }

    fn isolate(&mut self, node: u32) {
        self.record.cover(|counts| counts.isolations += 1);
        for other in (1..=self.nodes()).filter(|other| *other != node) {
            self.net.cut(node, other);
            self.net.cut(other, node);
        }
    }

    /// What one node that leads a shard answers another one does not arrive for a while, and then never.
    fn swallow(&mut self, lasts_ms: u64) {
        let pair = if self.dice.below(4) == 0 { None } else { self.payee_and_payer() };
        let pair = pair.or_else(|| self.two_leaders());
        let Some((from, to)) = pair.filter(|_| self.swallowing.is_none()) else { return };
        self.record.note(&format!("what node {from} answers node {to} is lost"));
        self.record.cover(|counts| counts.swallowed += 1);
        self.net.swallow(from, to);
        self.scene.haste.store(true, Ordering::Relaxed);
        self.swallowing = Some((self.now + lasts_ms, from, to));
    }

    /// Two nodes that lead a shard each, if there are.
    fn two_leaders(&self) -> Option<(u32, u32)> {
        let leading: Vec<u32> = self.machines.iter().filter(|it| it.leads_a_shard()).map(|it| it.node).collect();
        let count = leading.len() as u64;
        let from = self.dice.below(count.max(1));
        let to = (from + 1 + self.dice.below(count.max(2) - 1)) % count.max(1);
        let at = |place| leading.get(usize::try_from(place).expect("few")).copied();
        at(from).zip(at(to)).filter(|(from, to)| from != to)
    }

    /// Where the account is that is paid most, and one that pays it: if they are at two nodes.
    fn payee_and_payer(&self) -> Option<(u32, u32)> {
        let (payee, payers) = self.scene.accounts.split_last()?;
        let payer = payers.get(usize::try_from(self.dice.below(payers.len() as u64)).expect("few"))?;
        let leader = |account: &str| self.machines.iter().find(|it| it.leads_shard_of(account)).map(|it| it.node);
        leader(payee).zip(leader(payer)).filter(|(payee, payer)| payee != payer)
    }

    /// Whoever waits for what was swallowed hears that it does not come.
    fn swallow_no_more(&mut self) {
        if let Some((_, from, to)) = self.swallowing.take() {
            self.net.break_between(from, to);
            self.scene.haste.store(false, Ordering::Relaxed);
        }
    }

    /// The nodes that have not gone.
    fn present(&self) -> impl Iterator<Item = &Machine> {
        self.machines.iter().filter(|machine| !machine.is_gone)
    }

    fn leader(&self) -> Option<usize> {
        self.machines.iter().position(Machine::leads)
    }

    fn heal(&mut self) {
        self.record.note("peace");
        self.scene.calm.store(true, Ordering::Relaxed);
        self.swallow_no_more();
        self.late.end(&self.machines, &self.record);
        self.net.heal();
        self.machines.iter_mut().for_each(Machine::mend);
        self.restart();
    }

    fn happen(&mut self, mischief: Mischief) {
        self.record.note(&format!("{mischief:?}"));
        self.record.cover(|counts| counts.faults += u64::from(mischief.is_fault()));
        match mischief {
            Mischief::Crash(node) => self.crash(node as usize - 1),
            Mischief::PowerCut { node, nth } => self.machines[node as usize - 1].disk.cut_power_during(nth),
            Mischief::CrashLeader => {
                if let Some(place) = self.leader() {
                    self.crash(place);
                }
            }
            Mischief::Restart => self.restart(),
            Mischief::Isolate(node) => self.isolate(node),
            Mischief::IsolateLeader => {
                if let Some(place) = self.leader() {
                    self.isolate(self.machines[place].node);
                }
            }
            Mischief::OneWay { from, to } => {
                self.record.cover(|counts| counts.one_way_cuts += 1);
                self.net.cut(from, to);
            }
            Mischief::Swallow { lasts_ms } => self.swallow(lasts_ms),
            Mischief::Heal => self.net.heal(),
            Mischief::Late => self.late.begin(self.now, &self.machines, &self.record),
            Mischief::Slow { delay_max_ms } => {
                self.record.cover(|counts| counts.slow_spells += 1);
                self.net.slow_down(delay_max_ms);
            }
            Mischief::Break(node) => self.net.break_connections(node),
            Mischief::SlowDisk { node, sync_ms } => {
                self.record.cover(|counts| counts.slow_disks += 1);
                self.machines[node as usize - 1].slow_disk(sync_ms);
            }
            Mischief::FullDisk { node, left } => {
                self.record.cover(|counts| counts.full_disks += 1);
                self.machines[node as usize - 1].fill_disk(left);
            }
            Mischief::FailingDisk { node, nth } => {
                self.record.cover(|counts| counts.failing_disks += 1);
                self.machines[node as usize - 1].fail_sync(nth);
            }
            Mischief::Clock { node, ahead_ms } => {
                self.record.cover(|counts| counts.clock_jumps += 1);
                self.machines[node as usize - 1].set_clock(ahead_ms);
            }
            Mischief::Move { nth } => {
                let placement = self.placement.as_mut();
                let moved = placement.and_then(|it| it.move_something(&self.machines, &self.dice, &self.record));
                if let Some((Move { from, to, .. }, nth)) = moved.zip(nth) {
                    let node = if self.dice.below(2) == 0 { from } else { to };
                    self.machines[node as usize - 1].disk.cut_power_during(nth);
                }
            }
            Mischief::CutMoving { nth } => {
                if let Some(node) = self.moving() {
                    self.machines[node as usize - 1].disk.cut_power_during(nth);
                }
            }
            Mischief::IsolateMoving => {
                if let Some(node) = self.moving() {
                    self.isolate(node);
                }
            }
            Mischief::Join => self.change(None),
            Mischief::Replace(node) => self.change(Some(Leaving { node, is_wiped: false })),
            Mischief::Wipe(node) => self.change(Some(Leaving { node, is_wiped: true })),
        }
    }

    /// A node comes, and one goes, if no other change is under way.
    fn change(&mut self, leaving: Option<Leaving>) {
        let is_there = |leaving: Leaving| {
            let machine = &self.machines[leaving.node as usize - 1];
            !(machine.is_gone || machine.is_leaving || leaving.is_wiped && self.has_wiped)
        };
        let newcomers = self.machines.len() - self.kind.founders as usize;
        if self.change.is_some() || newcomers == NEWCOMERS_MAX || !leaving.is_none_or(is_there) {
            return;
        }
        if let Some(Leaving { node, is_wiped: true }) = leaving {
            self.crash(node as usize - 1);
            self.machines[node as usize - 1].is_gone = true;
            self.has_wiped = true;
        }
        let newcomer = self.nodes() + 1;
        let mut machine = Machine::new(newcomer, self.kind, self.dice.fork());
        machine.start(self.now, &self.net);
        self.machines.push(machine);
        self.change = Some(Change::new(newcomer, leaving));
    }

    /// Nothing is asked for any more: everything is looked at, and replicas become equal.
    fn settle(&mut self) {
        let auditing = self.clients.spawn(audit(self.scene.clone()));
        if !self.until(PEACE_MAX, "everything is looked at", |_| auditing.is_finished()) {
            return;
        }
        let founders = self.kind.founders;
        let equal =
            |town: &Self| town.now.is_multiple_of(100) && replicas::differing(town.present(), founders).is_none();
        for _ in 0..QUIET_MAX {
            if !self.is_sound() || equal(self) {
                return;
            }
            self.tick();
        }
        let differing = replicas::differing(self.present(), founders).unwrap_or_default();
        self.record.violate(format!("replicas differ {QUIET_MAX} ms after the last call: {differing}"));
    }
}

/// Looks at everything, once it has come to its end.
async fn audit(scene: Scene) {
    let record = &scene.record;
    for run in record.runs() {
        let has_deadline = record.run(&run).is_some_and(|known| known.deadline_ms.is_some());
        loop {
            let Some(shown) = scene.read(&run).await else { return };
            if shown.end().is_none() && has_deadline {
                tokio::time::sleep(Duration::from_millis(250)).await;
                continue;
            }
            record.cover(|counts| counts.events += shown.events.len() as u64);
            let is_timed_out = matches!(shown.end(), Some(Event::WorkflowExecutionTimedOutEventAttributes(_)));
            record.cover(|counts| counts.deadlines += u64::from(is_timed_out));
            break;
        }
    }
    let listed = scene.list().await;
    let workflows: BTreeSet<_> = listed.iter().map(|(workflow, _, _)| workflow).collect();
    record.cover(|counts| counts.workflows += workflows.len() as u64);
    let ids: Vec<_> = listed.iter().map(|(workflow, run, _)| (workflow.clone(), run.clone())).collect();
    laws::check(&scene, &ids).await;
    accounts::check(&scene, &ids).await;
    schedules::check(&scene, &ids).await;
    laws::count(&scene, &listed);
}
