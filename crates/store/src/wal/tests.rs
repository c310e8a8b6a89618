//! The log as its callers see it, on a simulated disk. Each family of behaviours has a file of its own.

mod damage;
mod faults;
mod model;
mod segments;

use std::sync::mpsc::{Receiver, TryRecvError, channel};

use weft_env::disk::{RealDisk, SimDisk};

use super::*;

const G1: GroupId = GroupId(1);
const G2: GroupId = GroupId(2);

/// What became of a request.
struct Answer(Receiver<Result<(), Arc<Fault>>>);

impl Answer {
    fn get(&self) -> Option<Result<(), Arc<Fault>>> {
        match self.0.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => panic!("a callback was dropped or answered twice"),
        }
    }

    fn is_ok(&self) -> bool {
        self.get() == Some(Ok(()))
    }
}

fn answer() -> (Done, Answer) {
    let (sender, receiver) = channel();
    (Box::new(move |result| sender.send(result).expect("the test waits")), Answer(receiver))
}

fn dir() -> &'static Path {
    Path::new("/wal")
}

fn small() -> Options {
    Options {
        segment_bytes: 4096,
        small_segment_bytes: 4096,
        cache_bytes: 1024,
        reserve_bytes: 0,
        spare_segments: 2,
        copy_forward_above: 4,
    }
}

fn try_open(disk: &SimDisk, lane: &Lane) -> Result<(Wal, OpenReport), OpenError> {
    Wal::open(Arc::new(disk.clone()), dir(), small(), lane.clone())
}

fn open(disk: &SimDisk) -> Wal {
    try_open(disk, &Lane::inline()).expect("opens").0
}

fn entry(index: u64, bytes: usize) -> LogEntry {
    LogEntry { index, bytes: Bytes::from(vec![index as u8; bytes]) }
}

fn entries(range: Range<u64>, bytes: usize) -> Vec<LogEntry> {
    range.map(|index| entry(index, bytes)).collect()
}

/// Asks and expects that it is durable at once, as on an inline lane.
fn now(ask: impl FnOnce(Done)) {
    let (done, answer) = answer();
    ask(done);
    assert_eq!(answer.get(), Some(Ok(())));
}

fn append(log: &GroupLog, range: Range<u64>, bytes: usize) {
    now(|done| log.append(entries(range, bytes), done));
}

fn purge(log: &GroupLog, upto: u64) {
    now(|done| log.purge(upto, Bytes::from_static(b"mark"), done));
}

#[test]
fn what_was_written_is_there_after_a_crash() {
    let disk = SimDisk::new(1);
    let log = open(&disk).group(G1);
    append(&log, 1..6, 100);
    now(|done| log.save_vote(Bytes::from_static(b"v"), done));
    log.save_committed(Bytes::from_static(b"c"));
    now(|done| log.truncate_after(4, done));
    purge(&log, 2);
    let before = (log.state(), log.read(0..10));
    disk.crash();
    let log = open(&disk).group(G1);
    assert_eq!((log.state(), log.read(0..10)), before);
    assert_eq!(log.read(0..10).expect("read"), entries(3..5, 100));
    assert_eq!(log.durable(), 4);
    assert_eq!(
        log.state(),
        GroupState {
            vote: Some(Bytes::from_static(b"v")),
            committed: Some(Bytes::from_static(b"c")),
            purged: Some((2, Bytes::from_static(b"mark"))),
            first: Some(3),
            last: Some(4),
        }
    );
}

#[test]
fn it_says_from_where_on_its_entries_have_so_many_bytes() {
    let wal = open(&SimDisk::new(1));
    let log = wal.group(G1);
    append(&log, 1..11, 100);
    append(&log, 11..13, 300);
    let within = |from, bytes| log.within(from, bytes);
    assert_eq!([within(1, 1600), within(1, 1599), within(1, 600), within(1, 599), within(1, 0)], [1, 2, 11, 12, 13]);
    assert_eq!([within(5, 10_000), within(12, 10), within(20, 0), within(u64::MAX, 0)], [5, 13, 20, u64::MAX]);
    purge(&log, 6);
    assert_eq!(within(1, 10_000), 1, "what is purged has none");
    assert_eq!(wal.group(G2).within(3, 0), 3);
}

#[test]
fn what_is_asked_during_a_commit_shares_the_next_frame() {
    let disk = SimDisk::new(1);
    let lane = Lane::inline();
    let wal = try_open(&disk, &lane).expect("opens").0;
    let before = disk.counts();
    let answers: Arc<Mutex<Vec<Answer>>> = Arc::default();
    let (first, second) = (wal.group(G1), wal.group(G2));
    let inside = (wal.clone(), answers.clone());
    first.append(
        entries(1..2, 10),
        Box::new(move |_| {
            for group in 3..13 {
                let (done, answer) = answer();
                inside.0.group(GroupId(group)).append(entries(1..2, 10), done);
                inside.1.lock().push(answer);
            }
            assert_eq!(inside.0.group(GroupId(3)).durable(), 0);
            assert_eq!(inside.0.group(GroupId(3)).read(1..2).expect("read"), entries(1..2, 10));
        }),
    );
    assert!(answers.lock().iter().all(Answer::is_ok));
    assert_eq!(wal.stats().frames, 2);
    assert_eq!(wal.stats().syncs, 2);
    assert_eq!(wal.stats().entries, 11);
    assert_eq!(disk.counts().file_syncs - before.file_syncs, 2);
    assert_eq!(second.state(), GroupState::default());
    assert_eq!(wal.groups().len(), 11);
}

#[test]
fn a_chain_of_a_hundred_thousand_callbacks_needs_no_deep_stack() {
    fn next(log: GroupLog, index: u64) {
        let again = log.clone();
        let last = index == 100_000;
        log.append(
            entries(index..index + 1, 0),
            Box::new(move |_| {
                again.purge(index, Bytes::new(), Box::new(|_| ()));
                if !last {
                    next(again, index + 1);
                }
            }),
        );
    }
    let disk = SimDisk::new(1);
    let log = open(&disk).group(G1);
    next(log.clone(), 1);
    assert_eq!(log.state().purged.expect("purged").0, 100_000);
}

#[test]
fn a_committed_mark_causes_no_frame_and_rides_with_the_next_one() {
    let disk = SimDisk::new(1);
    let wal = open(&disk);
    wal.group(G1).save_committed(Bytes::from_static(b"c"));
    assert_eq!(wal.stats().frames, 0);
    append(&wal.group(G2), 1..2, 1);
    assert_eq!(wal.stats().frames, 1);
    disk.crash();
    assert_eq!(open(&disk).group(G1).state().committed, Some(Bytes::from_static(b"c")));
}

#[test]
fn closing_writes_the_committed_mark_and_refuses_what_comes_after() {
    let disk = SimDisk::new(1);
    let wal = open(&disk);
    wal.group(G1).save_committed(Bytes::from_static(b"c"));
    wal.close();
    wal.close();
    let (done, refused) = answer();
    wal.group(G1).save_vote(Bytes::new(), done);
    assert_eq!(refused.get(), Some(Err(Arc::new(Fault::Closed))));
    disk.crash();
    let log = open(&disk).group(G1);
    assert_eq!(log.state().committed, Some(Bytes::from_static(b"c")));
    assert_eq!(log.state().vote, None);
}

#[test]
fn an_append_that_overlaps_replaces_the_end() {
    let disk = SimDisk::new(1);
    let log = open(&disk).group(G1);
    append(&log, 1..6, 10);
    append(&log, 3..5, 20);
    let expected = [entries(1..3, 10), entries(3..5, 20)].concat();
    assert_eq!(log.read(0..9).expect("read"), expected);
    disk.crash();
    assert_eq!(open(&disk).group(G1).read(0..9).expect("read"), expected);
}

#[test]
fn an_append_that_leaves_a_hole_is_refused_and_changes_nothing() {
    let disk = SimDisk::new(1);
    let wal = open(&disk);
    let log = wal.group(G1);
    append(&log, 1..3, 10);
    let refused = |entries| {
        let (done, answer) = answer();
        log.append(entries, done);
        answer.get()
    };
    let gap = |index, last| Some(Err(Arc::new(Fault::Gap { index, last })));
    assert_eq!(refused(vec![entry(4, 1)]), gap(4, 2));
    assert_eq!(refused(vec![entry(3, 1), entry(5, 1)]), gap(5, 3));
    assert_eq!(refused(vec![entry(0, 1)]), gap(0, 2));
    purge(&log, 2);
    assert_eq!(refused(vec![entry(2, 1)]), gap(2, 2));
    assert_eq!(wal.stats().frames, 2);
    assert_eq!(wal.fault(), None);
}

#[test]
fn a_purge_beyond_the_last_entry_empties_the_log_and_the_next_entry_follows_it() {
    let disk = SimDisk::new(1);
    let log = open(&disk).group(G1);
    append(&log, 1..4, 10);
    purge(&log, 9);
    assert_eq!((log.state().first, log.state().last, log.durable()), (None, None, 9));
    purge(&log, 5);
    assert_eq!(log.state().purged.expect("purged").0, 9);
    append(&log, 10..12, 10);
    disk.crash();
    let log = open(&disk).group(G1);
    assert_eq!((log.state().first, log.state().last), (Some(10), Some(11)));
    assert_eq!(log.state().purged.expect("purged").0, 9);
}

#[test]
fn a_group_that_is_forgotten_keeps_its_vote_and_begins_anew() {
    let disk = SimDisk::new(1);
    let wal = open(&disk);
    let (log, other) = (wal.group(G1), wal.group(G2));
    now(|done| log.save_vote(Bytes::from_static(b"vote"), done));
    append(&log, 1..40, 100);
    purge(&log, 7);
    append(&other, 1..3, 10);
    log.save_committed(Bytes::from_static(b"committed"));
    let kept = GroupState { vote: Some(Bytes::from_static(b"vote")), ..GroupState::default() };
    now(|done| log.forget(done));
    assert_eq!((log.state(), log.durable()), (kept.clone(), 0));
    assert_eq!(wal.oldest_segment_holders(), Vec::new(), "it holds no segment any more");
    let frames = wal.stats().frames;
    now(|done| log.forget(done));
    assert_eq!(wal.stats().frames, frames, "there was nothing left");
    disk.crash();
    let wal = open(&disk);
    assert_eq!(wal.group(G1).state(), kept);
    assert_eq!(wal.group(G2).state().last, Some(2));
    append(&wal.group(G1), 1..3, 10);
    disk.crash();
    let state = open(&disk).group(G1).state();
    assert_eq!((state.first, state.last, state.purged), (Some(1), Some(2), None));
}

#[test]
fn a_request_with_nothing_to_write_waits_for_what_came_before_and_costs_no_frame() {
    let disk = SimDisk::new(1);
    let lane = Lane::inline();
    let wal = try_open(&disk, &lane).expect("opens").0;
    let log = wal.group(G1);
    now(|done| wal.barrier(done));
    now(|done| log.truncate_after(7, done));
    now(|done| log.append(Vec::new(), done));
    assert_eq!(wal.stats().frames, 0);
    let (done, waits) = answer();
    lane.run(move || {
        log.append(entries(1..2, 10), Box::new(|_| ()));
        log.when_durable(done);
        assert_eq!(waits.get(), None);
        // Checked when the lane has run the commit, below.
        drop(waits);
    });
    assert_eq!(wal.stats().frames, 1);
}

#[test]
fn entries_that_left_the_memory_are_read_from_the_disk() {
    let disk = SimDisk::new(1);
    let log = open(&disk).group(G1);
    append(&log, 1..20, 300);
    let before = disk.counts().reads;
    assert_eq!(log.read(1..20).expect("read"), entries(1..20, 300));
    let from_disk = disk.counts().reads - before;
    assert_eq!(from_disk, 16, "three entries of 300 bytes fit in 1024");
    assert_eq!(log.read(18..20).expect("read"), entries(18..20, 300));
    assert_eq!(disk.counts().reads - before, from_disk);
}

#[test]
fn an_entry_larger_than_a_segment_is_taken() {
    let disk = SimDisk::new(1);
    let log = open(&disk).group(G1);
    append(&log, 1..2, 10);
    append(&log, 2..3, 50_000);
    append(&log, 3..4, 10);
    disk.crash();
    let log = open(&disk).group(G1);
    assert_eq!(log.read(2..4).expect("read"), [entry(2, 50_000), entry(3, 10)]);
}

#[test]
fn it_runs_on_a_thread_and_a_real_disk() {
    let temporary = tempfile::tempdir().expect("temporary directory");
    let dir = temporary.path().join("wal");
    let open = || {
        let lane = Lane::thread("wal", 4).expect("a thread");
        let options = Options { segment_bytes: 64 << 10, ..small() };
        Wal::open(Arc::new(RealDisk), &dir, options, lane).expect("opens").0
    };
    let wal = open();
    let (sender, receiver) = channel();
    for group in 1..9 {
        for index in 1..101 {
            let sender = sender.clone();
            let done: Done = Box::new(move |result| sender.send(result).expect("the test waits"));
            wal.group(GroupId(group)).append(entries(index..index + 1, 200), done);
        }
    }
    drop(sender);
    assert_eq!(receiver.iter().filter(Result::is_ok).count(), 800);
    assert!(wal.stats().frames <= 800);
    wal.close();
    drop(wal);
    let wal = open();
    for group in 1..9 {
        assert_eq!(wal.group(GroupId(group)).read(0..200).expect("read"), entries(1..101, 200));
    }
    wal.close();
}
