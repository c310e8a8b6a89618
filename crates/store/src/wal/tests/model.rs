//! The log against a model of it, over random requests, crashes, kills and power cuts.
//!
//! The model is the list of all states that the requests lead through, one after the other. After a crash the log must
//! be in one of them, and not in one before the last that was acknowledged: so nothing acknowledged is lost, nothing
//! truncated comes back, nothing is invented, and votes never go back. The same checks find planted bugs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use weft_env::disk::Disk as _;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Append { group: u32, count: u64, bytes: usize },
    Overwrite { group: u32, back: u64, count: u64 },
    Vote { group: u32 },
    Committed { group: u32 },
    Truncate { group: u32, back: u64 },
    Purge { group: u32, ahead: u64 },
    CopyForward { group: u32 },
    Forget { group: u32 },
}

#[derive(Clone, Debug)]
enum Step {
    /// Asked at once: one commit, or as many as it needs.
    Ask(Vec<Op>),
    /// The power goes and comes back.
    Crash,
    /// The process dies.
    Kill,
    /// The log is closed and opened again.
    Restart,
    /// The power goes before the nth change from now, in the middle of whatever is asked then.
    CutPower(u64),
    /// The process dies there.
    Stop(u64),
}

/// Everything of a group but the committed mark, which may lag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Group {
    vote: u64,
    purged: u64,
    entries: BTreeMap<u64, Bytes>,
}

/// Shared, because the model keeps a copy for each step.
type Groups = BTreeMap<u32, Arc<Group>>;

struct Run {
    disk: SimDisk,
    lane: Lane,
    wal: Wal,
    /// The states since the log was opened, oldest first.
    states: Vec<Groups>,
    /// The last of them that was acknowledged.
    acknowledged: Arc<AtomicUsize>,
    /// The committed mark of each group: what it is at least, and what was asked last.
    committed: BTreeMap<u32, (u64, u64)>,
    /// Which state was the last one when a committed mark was asked for: it must not be durable without that state.
    committed_after: BTreeMap<u64, usize>,
    counter: u64,
    /// Groups that were forgotten since the log was opened, and their committed marks with them: those may be any.
    forgotten: BTreeSet<u32>,
    /// What the next death of the process is: a kill, or a loss of power.
    keeps_cache: bool,
}

fn number(bytes: Option<&Bytes>) -> u64 {
    bytes.map_or(0, |bytes| u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")))
}

fn mark(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_le_bytes())
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

impl Run {
    fn new(seed: u64) -> Self {
        let (disk, lane) = (SimDisk::new(seed), Lane::inline());
        Self::on(disk, lane).expect("a fresh disk opens")
    }

    fn on(disk: SimDisk, lane: Lane) -> Result<Self, String> {
        let wal = try_open(&disk, &lane).map_err(|error| error.to_string())?.0;
        Ok(Self {
            disk,
            lane,
            wal,
            states: vec![Groups::new()],
            acknowledged: Arc::default(),
            committed: BTreeMap::new(),
            committed_after: BTreeMap::new(),
            counter: 0,
            forgotten: BTreeSet::new(),
            keeps_cache: false,
        })
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Ask(ops) => self.ask(ops),
            Step::Crash => self.die(false),
            Step::Kill => self.die(true),
            Step::Restart if self.wal.fault().is_none() => {
                self.wal.close();
                if self.wal.fault().is_some() {
                    return self.die(self.keeps_cache);
                }
                let asked: Vec<(u32, u64)> =
                    self.committed.iter().map(|(group, (_, asked))| (*group, *asked)).collect();
                self.committed.extend(asked.into_iter().map(|(group, asked)| (group, (asked, asked))));
                self.die(true)
            }
            Step::Restart => Ok(()),
            Step::CutPower(nth) | Step::Stop(nth) => {
                self.keeps_cache = matches!(step, Step::Stop(_));
                self.disk.cut_power_during(*nth);
                Ok(())
            }
        }
    }

    fn ask(&mut self, ops: &[Op]) -> Result<(), String> {
        if self.wal.fault().is_none() {
            let frames = self.wal.stats().frames;
            let mut requests: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
            for op in ops {
                self.request(op, &mut requests);
            }
            // On the lane, all of them wait for the same commit.
            self.lane.run(move || requests.into_iter().for_each(|request| request()));
            if self.wal.fault().is_none() {
                if self.wal.stats().frames > frames {
                    self.committed.values_mut().for_each(|(least, asked)| *least = *asked);
                }
                return self.check_alive();
            }
        }
        // The disk failed: whatever this process was, it ends here.
        self.die(self.keeps_cache)
    }

    fn request(&mut self, op: &Op, requests: &mut Vec<Box<dyn FnOnce() + Send>>) {
        let mut groups = self.states.last().expect("one state at least").clone();
        match *op {
            Op::Append { group, count, bytes } => {
                let log = self.wal.group(GroupId(group));
                let last = groups.entry(group).or_default().last();
                let entries = self.new_entries(last + 1, count, bytes);
                let done = self.apply_entries(groups, group, &entries);
                requests.push(Box::new(move || log.append(entries, done)));
            }
            Op::Overwrite { group, back, count } => {
                let log = self.wal.group(GroupId(group));
                let model = Arc::make_mut(groups.entry(group).or_default());
                let Some(first) = model.entries.keys().rev().nth(back as usize).copied() else { return };
                model.entries.split_off(&first);
                self.states.push(groups.clone());
                let entries = self.new_entries(first, count.max(1), 40);
                let done = self.apply_entries(groups, group, &entries);
                requests.push(Box::new(move || log.append(entries, done)));
            }
            Op::Vote { group } => {
                let log = self.wal.group(GroupId(group));
                self.counter += 1;
                let vote = mark(self.counter);
                Arc::make_mut(groups.entry(group).or_default()).vote = self.counter;
                let done = self.becomes(groups);
                requests.push(Box::new(move || log.save_vote(vote, done)));
            }
            Op::Committed { group } => {
                let log = self.wal.group(GroupId(group));
                self.counter += 1;
                let committed = mark(self.counter);
                self.committed.entry(group).or_default().1 = self.counter;
                self.committed_after.insert(self.counter, self.states.len() - 1);
                requests.push(Box::new(move || log.save_committed(committed)));
            }
            Op::Truncate { group, back } => {
                let log = self.wal.group(GroupId(group));
                let model = Arc::make_mut(groups.entry(group).or_default());
                let index = model.last().saturating_sub(back);
                model.entries.split_off(&(index + 1));
                let done = self.becomes(groups);
                requests.push(Box::new(move || log.truncate_after(index, done)));
            }
            Op::Purge { group, ahead } => {
                let log = self.wal.group(GroupId(group));
                let model = Arc::make_mut(groups.entry(group).or_default());
                let first = model.entries.keys().next().copied().unwrap_or(model.purged + 1);
                let upto = first + ahead;
                model.entries = model.entries.split_off(&(upto + 1));
                model.purged = model.purged.max(upto);
                let done = self.becomes(groups);
                requests.push(Box::new(move || log.purge(upto, mark(upto), done)));
            }
            Op::CopyForward { group } => {
                let log = self.wal.group(GroupId(group));
                let done = self.becomes(groups);
                requests.push(Box::new(move || log.copy_forward(done)));
            }
            Op::Forget { group } => {
                let log = self.wal.group(GroupId(group));
                let model = Arc::make_mut(groups.entry(group).or_default());
                *model = Group { vote: model.vote, ..Group::default() };
                self.forgotten.insert(group);
                let done = self.becomes(groups);
                requests.push(Box::new(move || log.forget(done)));
            }
        }
    }

    fn new_entries(&mut self, first: u64, count: u64, bytes: usize) -> Vec<LogEntry> {
        let mut entry = |index| {
            self.counter += 1;
            let mut bytes = vec![self.counter as u8; 8 + bytes];
            bytes[..8].copy_from_slice(&self.counter.to_le_bytes());
            LogEntry { index, bytes: Bytes::from(bytes) }
        };
        (first..first + count).map(&mut entry).collect()
    }

    fn apply_entries(&mut self, mut groups: Groups, group: u32, entries: &[LogEntry]) -> Done {
        for entry in entries {
            Arc::make_mut(groups.entry(group).or_default()).entries.insert(entry.index, entry.bytes.clone());
            self.states.push(groups.clone());
        }
        self.becomes(groups)
    }

    /// The next state, and the callback that says that it is durable.
    fn becomes(&mut self, groups: Groups) -> Done {
        self.states.push(groups);
        let (position, acknowledged) = (self.states.len() - 1, self.acknowledged.clone());
        Box::new(move |result| {
            if result.is_ok() {
                let before = acknowledged.swap(position, Ordering::Relaxed);
                assert!(before <= position, "callbacks run in order");
            }
        })
    }

    fn check_alive(&self) -> Result<(), String> {
        let durable = self.acknowledged.load(Ordering::Relaxed) == self.states.len() - 1;
        ensure(durable, || "not everything was acknowledged".to_owned())?;
        for (id, group) in self.states.last().expect("one state at least") {
            let log = self.wal.group(GroupId(*id));
            let (state, last) = (log.state(), group.entries.keys().next_back().copied());
            let purged = state.purged.map_or(0, |(upto, _)| upto);
            let found = (number(state.vote.as_ref()), purged, state.first, state.last);
            let expected = (group.vote, group.purged, group.entries.keys().next().copied(), last);
            ensure(found == expected, || format!("alive: group {id} is {found:?} and not {expected:?}"))?;
            ensure(log.durable() >= group.last(), || format!("{} is durable, not {}", log.durable(), group.last()))?;
            // The last ones are in memory, and those before them are on the disk only.
            let from = last.unwrap_or(0).saturating_sub(6);
            let read = log.read(from..u64::MAX).map_err(|fault| fault.to_string())?;
            let expected = group.entries.range(from..).map(|(index, bytes)| (*index, bytes));
            let is_same = read.iter().map(|entry| (entry.index, &entry.bytes)).eq(expected);
            ensure(is_same, || format!("alive: group {id} holds other entries"))?;
        }
        Ok(())
    }

    /// What the log says it holds, in the model's terms. Groups that hold nothing are left out.
    fn found(&self) -> Result<Groups, String> {
        let mut groups = Groups::new();
        let known = self.states.iter().flat_map(|groups| groups.keys().copied());
        for id in self.wal.groups().into_iter().map(|group| group.0).chain(known) {
            let log = self.wal.group(GroupId(id));
            let state = log.state();
            let read = log.read(0..u64::MAX).map_err(|fault| fault.to_string())?;
            let entries: BTreeMap<u64, Bytes> = read.into_iter().map(|entry| (entry.index, entry.bytes)).collect();
            ensure(state.first == entries.keys().next().copied(), || format!("first: {state:?}"))?;
            ensure(state.last == entries.keys().next_back().copied(), || format!("last: {state:?}"))?;
            let purged = state.purged.map_or(0, |(upto, _)| upto);
            let vote = number(state.vote.as_ref());
            groups.insert(id, Arc::new(Group { vote, purged, entries }));
        }
        Ok(groups)
    }

    fn die(&mut self, keeps_cache: bool) -> Result<(), String> {
        match keeps_cache {
            true => self.disk.kill(),
            false => self.disk.crash(),
        }
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        self.acknowledged = Arc::default();
        self.wal = try_open(&self.disk, &self.lane).map_err(|error| error.to_string())?.0;
        let found = without_empty(self.found()?);
        let state = self.states.iter().rposition(|state| without_empty(state.clone()) == found);
        let state = state.filter(|position| *position >= acknowledged);
        let reached = state.ok_or_else(|| format!("crash: {found:?} is none of {:?}", &self.states[acknowledged..]))?;
        for (group, (least, asked)) in &mut self.committed {
            let found = number(self.wal.group(GroupId(*group)).state().committed.as_ref());
            let may_be = (*least..=*asked).contains(&found) || self.forgotten.contains(group);
            ensure(may_be, || format!("committed {found} of {least} to {asked}"))?;
            let after = self.committed_after.get(&found).copied().unwrap_or(0);
            ensure(after <= reached, || format!("committed {found} is there without what came before it"))?;
            (*least, *asked) = (found, found);
        }
        self.committed_after.clear();
        self.forgotten.clear();
        self.states = vec![self.found()?];
        self.keeps_cache = false;
        Ok(())
    }
}

impl Group {
    fn last(&self) -> u64 {
        self.entries.keys().next_back().copied().unwrap_or(self.purged)
    }
}

fn without_empty(mut groups: Groups) -> Groups {
    groups.retain(|_, group| **group != Group::default());
    groups
}

fn op() -> impl Strategy<Value = Op> {
    let group = 1_u32..4;
    prop_oneof![
        6 => (group.clone(), 1_u64..5, prop_oneof![8 => 0_usize..300, 1 => 300_usize..3000])
            .prop_map(|(group, count, bytes)| Op::Append { group, count, bytes }),
        1 => (group.clone(), 0_u64..4, 1_u64..3).prop_map(|(group, back, count)| Op::Overwrite { group, back, count }),
        2 => group.clone().prop_map(|group| Op::Vote { group }),
        1 => group.clone().prop_map(|group| Op::Committed { group }),
        1 => (group.clone(), 0_u64..6).prop_map(|(group, back)| Op::Truncate { group, back }),
        // The third group is quiet: it is seldom purged.
        3 => (1_u32..3, 0_u64..9).prop_map(|(group, ahead)| Op::Purge { group, ahead }),
        1 => group.clone().prop_map(|group| Op::CopyForward { group }),
        1 => group.prop_map(|group| Op::Forget { group }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        16 => proptest::collection::vec(op(), 1..6).prop_map(Step::Ask),
        1 => Just(Step::Crash),
        1 => Just(Step::Kill),
        1 => Just(Step::Restart),
        1 => (0_u64..12).prop_map(Step::CutPower),
        1 => (0_u64..12).prop_map(Step::Stop),
    ]
}

/// The same cases each time, unless the environment asks for others (`PROPTEST_RNG_SEED`) or more (`PROPTEST_CASES`).
fn config() -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    match config.rng_seed {
        RngSeed::Random => ProptestConfig { rng_seed: RngSeed::Fixed(20), ..config },
        RngSeed::Fixed(_) => config,
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_log_holds_what_the_model_holds(seed: u64, steps in proptest::collection::vec(step(), 1..60)) {
        let mut run = Run::new(seed);
        for step in &steps {
            if let Err(broken) = run.step(step) {
                prop_assert!(false, "{step:?}: {broken}");
            }
        }
        if let Err(broken) = run.die(false) {
            prop_assert!(false, "at the end: {broken}");
        }
    }
}

/// One group writes, another is quiet; segments are left and used again.
fn workload() -> Vec<Step> {
    let mut steps = vec![Step::Ask(vec![Op::Append { group: 3, count: 2, bytes: 50 }, Op::Vote { group: 3 }])];
    for round in 0..24 {
        steps.push(Step::Ask(vec![Op::Append { group: 1, count: 2, bytes: 350 }, Op::Vote { group: 2 }]));
        if round % 3 == 2 {
            steps.push(Step::Ask(vec![Op::Purge { group: 1, ahead: 4 }]));
        }
    }
    steps
}

/// Runs the workload up to the step during which the `nth` sync is skipped, and on to the next crash.
fn finds_skipped_sync(seed: u64, nth: u64) -> Option<bool> {
    let (disk, lane) = (SimDisk::new(seed), Lane::inline());
    disk.skip_sync(nth);
    let Ok(mut run) = Run::on(disk.clone(), lane) else { return Some(true) };
    for step in workload() {
        if run.step(&step).is_err() {
            return Some(true);
        }
        if disk.has_skipped() {
            return Some(run.die(false).is_err());
        }
    }
    None
}

/// Which syncs of the workload are of frames: the only file syncs of a step that prepares no segment.
fn frame_syncs() -> Vec<u64> {
    let mut run = Run::new(0);
    let mut found = Vec::new();
    let syncs = |disk: &SimDisk| disk.counts().file_syncs + disk.counts().dir_syncs;
    for step in workload() {
        let before = (syncs(&run.disk), run.wal.stats().frames);
        run.step(&step).expect("nothing is planted");
        let (after, frames) = (syncs(&run.disk), run.wal.stats().frames);
        // A frame is synced before anything is prepared.
        if frames == before.1 + 1 {
            found.push(before.0);
        }
        assert!(after > before.0);
    }
    found
}

#[test]
fn every_sync_of_a_frame_that_is_left_out_is_found() {
    let syncs = frame_syncs();
    assert!(syncs.len() > 20);
    for nth in syncs {
        let found = (0..12).any(|seed| finds_skipped_sync(seed, nth) == Some(true));
        assert!(found, "sync {nth} was left out, and nobody noticed");
    }
}

#[test]
fn nothing_is_found_where_nothing_was_left_out() {
    for seed in 0..20 {
        assert_eq!(finds_skipped_sync(seed, u64::MAX), None);
    }
}

#[test]
fn each_directory_sync_that_is_left_out_is_found() {
    let (disk, acknowledged) = fill_and_cut(0, 1000, None);
    assert!(acknowledged > 20, "{acknowledged}");
    let named = disk.list(dir()).expect("list").len() as u64;
    assert!(named > 3);
    // The first sync of the directory is for what an earlier process may have left; then one for each file.
    // The last file is a spare that nothing was written to.
    for nth in 1..named {
        let is_found = |seed, power: u64| {
            let (disk, acknowledged) = fill_and_cut(seed, power, Some(nth));
            disk.crash();
            let Ok((wal, _)) = try_open(&disk, &Lane::inline()) else { return true };
            wal.group(G1).state().last.unwrap_or(0) < acknowledged
        };
        let found = (0..140).any(|power| (0..6).any(|seed| is_found(seed, power)));
        assert!(found, "directory sync {nth} was left out, and nobody noticed");
    }
}

/// Fills some segments of a fresh log until the power is cut; gives the disk and the last index acknowledged.
fn fill_and_cut(seed: u64, power: u64, skipped_dir_sync: Option<u64>) -> (SimDisk, u64) {
    let (disk, lane) = (SimDisk::new(seed), Lane::inline());
    if let Some(nth) = skipped_dir_sync {
        disk.skip_dir_sync(nth);
    }
    disk.cut_power_during(power);
    let acknowledged = Arc::new(Mutex::new(0));
    let inside = (disk.clone(), lane.clone(), acknowledged.clone());
    // On the lane, so that the first frames are written before the first spare is made.
    lane.run(move || {
        let (disk, lane, acknowledged) = inside;
        let Ok((wal, _)) = try_open(&disk, &lane) else { return };
        next_after(&wal.group(G1), 1, &acknowledged);
    });
    let last = *acknowledged.lock();
    (disk, last)
}

/// Appends one entry after the other, each when the one before is durable.
fn next_after(log: &GroupLog, index: u64, acknowledged: &Arc<Mutex<u64>>) {
    let (again, noted) = (log.clone(), acknowledged.clone());
    let done: Done = Box::new(move |result| {
        if result.is_ok() && index < 30 {
            *noted.lock() = index;
            next_after(&again, index + 1, &noted);
        }
    });
    log.append(vec![entry(index, 700)], done);
}

#[test]
fn what_a_killed_process_left_in_the_page_cache_is_synced_before_it_is_believed() {
    assert!(!(0..20).any(|seed| loses_what_it_believed(seed, None)));
    // The directory is synced first, then the end of the log.
    assert!((0..20).any(|seed| loses_what_it_believed(seed, Some(1))));
}

/// The process dies between the write and the sync of a frame; then the log is opened and the power goes.
fn loses_what_it_believed(seed: u64, skipped_sync: Option<u64>) -> bool {
    let disk = SimDisk::new(seed);
    let wal = open(&disk);
    now(|done| wal.group(G1).save_vote(mark(1), done));
    disk.cut_power_during(1);
    wal.group(G1).save_vote(mark(2), Box::new(|_| ()));
    disk.kill();
    if let Some(nth) = skipped_sync {
        disk.skip_sync(nth);
    }
    let believed = number(open(&disk).group(G1).state().vote.as_ref());
    assert_eq!(believed, 2, "it was whole in the page cache");
    disk.crash();
    number(open(&disk).group(G1).state().vote.as_ref()) < believed
}
