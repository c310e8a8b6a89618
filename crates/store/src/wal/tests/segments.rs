//! Segments: moving on, recycling, and who holds them.

use weft_env::disk::{Disk, OpenMode};

use super::*;

/// One group writes and purges `rounds` times.
fn churn(log: &GroupLog, rounds: Range<u64>) {
    for index in rounds {
        append(log, index..index + 1, 400);
        if index > 3 {
            purge(log, index - 3);
        }
    }
}

#[test]
fn segments_are_recycled_so_a_log_that_is_purged_does_not_grow() {
    let disk = SimDisk::new(1);
    let wal = open(&disk);
    churn(&wal.group(G1), 1..20);
    let files = disk.list(dir()).expect("list");
    churn(&wal.group(G1), 20..500);
    assert!(wal.stats().segments <= 3, "{:?}", wal.stats());
    let after = disk.list(dir()).expect("list");
    assert!(after.len() <= 6, "{after:?}");
    assert_eq!(files[0], after[0], "the same files are used again");
    disk.crash();
    let log = open(&disk).group(G1);
    assert_eq!(log.read(0..1000).expect("read"), entries(497..500, 400));
}

#[test]
fn what_a_recycled_segment_held_before_is_never_taken_for_new() {
    for rounds in 100..140 {
        let disk = SimDisk::new(rounds);
        let wal = open(&disk);
        churn(&wal.group(G1), 1..rounds);
        disk.crash();
        let (wal, report) = try_open(&disk, &Lane::inline()).expect("opens");
        assert_eq!(report.torn, None, "old contents are no torn frame");
        assert_eq!(wal.group(G1).read(0..1000).expect("read"), entries(rounds - 3..rounds, 400));
    }
}

#[test]
fn the_first_frame_of_each_segment_carries_every_groups_marks() {
    let disk = SimDisk::new(1);
    let wal = open(&disk);
    let quiet = wal.group(G2);
    now(|done| quiet.save_vote(Bytes::from_static(b"v"), done));
    quiet.save_committed(Bytes::from_static(b"c"));
    purge(&quiet, 7);
    let before = quiet.state();
    churn(&wal.group(G1), 1..300);
    disk.crash();
    assert_eq!(open(&disk).group(G2).state(), before);
}

#[test]
fn a_quiet_group_holds_the_oldest_segment_only_until_its_entries_are_copied_forward() {
    let disk = SimDisk::new(1);
    let wal = open(&disk);
    append(&wal.group(G2), 1..3, 50);
    churn(&wal.group(G1), 1..10);
    assert_eq!(wal.oldest_segment_holders(), [G2]);
    churn(&wal.group(G1), 10..600);
    let stats = wal.stats();
    assert!(stats.segments <= small().copy_forward_above as u64 + 1, "{stats:?}");
    assert!(disk.used() <= 9 * small().segment_bytes, "{}", disk.used());
    assert_eq!(wal.group(G2).read(0..9).expect("read"), entries(1..3, 50));
    disk.crash();
    assert_eq!(open(&disk).group(G2).read(0..9).expect("read"), entries(1..3, 50));
}

#[test]
fn a_group_that_holds_much_is_named_and_let_go_when_asked() {
    let disk = SimDisk::new(1);
    let wal = open(&disk);
    let (busy, quiet) = (wal.group(G1), wal.group(G2));
    append(&quiet, 1..9, 300);
    churn(&busy, 1..80);
    assert_eq!(wal.oldest_segment_holders(), [G2]);
    let held = wal.stats().segments;
    for _ in 0..held {
        if wal.oldest_segment_holders() == [G2] {
            now(|done| quiet.copy_forward(done));
        }
    }
    assert!(wal.stats().segments < held);
    assert_eq!(quiet.read(0..20).expect("read"), entries(1..9, 300));
    disk.crash();
    assert_eq!(open(&disk).group(G2).read(0..20).expect("read"), entries(1..9, 300));
}

#[test]
fn copying_forward_brings_back_nothing_that_was_dropped_meanwhile() {
    let disk = SimDisk::new(1);
    let lane = Lane::inline();
    let wal = try_open(&disk, &lane).expect("opens").0;
    let (busy, quiet) = (wal.group(G1), wal.group(G2));
    append(&quiet, 1..7, 20);
    churn(&busy, 1..18);
    let same = quiet.clone();
    // On the lane everything below waits for one commit.
    lane.run(move || {
        same.truncate_after(4, Box::new(|_| ()));
        same.append(vec![entry(5, 90)], Box::new(|_| ()));
        same.purge(2, Bytes::new(), Box::new(|_| ()));
        same.copy_forward(Box::new(|_| ()));
        same.truncate_after(4, Box::new(|_| ()));
    });
    assert_eq!(quiet.read(0..9).expect("read"), entries(3..5, 20));
    churn(&busy, 18..100);
    disk.crash();
    assert_eq!(open(&disk).group(G2).read(0..9).expect("read"), entries(3..5, 20));
}

#[test]
fn a_fresh_log_opens_with_a_small_segment_and_makes_the_full_one_later() {
    let disk = SimDisk::new(1);
    let lane = Lane::inline();
    let options = Options { segment_bytes: 4 << 20, small_segment_bytes: 8192, ..small() };
    let (opened, used) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(0)));
    let (inside, inside_used) = ((lane.clone(), disk.clone(), opened.clone()), used.clone());
    lane.run(move || {
        let (lane, disk, opened) = inside;
        *opened.lock() = Some(Wal::open(Arc::new(disk.clone()), dir(), options, lane).expect("opens").0);
        *inside_used.lock() = disk.used();
    });
    assert_eq!(*used.lock(), 8192, "all that opening waits for");
    let wal = opened.lock().take().expect("opened");
    assert_eq!(disk.used(), 8192 + (4 << 20));
    assert_eq!(wal.stats().spares, 1);
    append(&wal.group(G1), 1..3, 8000);
    purge(&wal.group(G1), 2);
    append(&wal.group(G1), 3..200, 60_000);
    disk.crash();
    let wal = Wal::open(Arc::new(disk), dir(), options, Lane::inline()).expect("opens").0;
    assert_eq!(wal.group(G1).read(3..200).expect("read"), entries(3..200, 60_000));
}

#[test]
fn a_clean_start_finds_its_spares_again() {
    let disk = SimDisk::new(1);
    let wal = open(&disk);
    churn(&wal.group(G1), 1..100);
    wal.close();
    let files = disk.list(dir()).expect("list");
    let again = open(&disk);
    assert!(again.stats().spares > 0);
    assert!(disk.list(dir()).expect("list").iter().all(|name| files.contains(name)));
}

#[test]
fn a_burst_of_more_than_a_segment_becomes_several_frames_and_leaves_segments_that_can_be_recycled() {
    let disk = SimDisk::new(1);
    let lane = Lane::inline();
    let wal = try_open(&disk, &lane).expect("opens").0;
    let log = wal.group(G1);
    lane.run(move || log.append(entries(1..30, 700), Box::new(|_| ())));
    assert!((8..29).contains(&wal.stats().frames), "{:?}", wal.stats());
    for name in disk.list(dir()).expect("list") {
        let file = disk.open(&dir().join(name), OpenMode::Read).expect("opened");
        assert_eq!(file.len().expect("len"), small().segment_bytes);
    }
}
