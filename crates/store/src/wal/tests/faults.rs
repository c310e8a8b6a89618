//! A disk that fails, fills up, or lies.

use std::io;

use super::*;

fn refusal(ask: impl FnOnce(Done)) -> Option<Result<(), Arc<Fault>>> {
    let (done, answer) = answer();
    ask(done);
    answer.get()
}

#[test]
fn a_failed_sync_fails_everything_for_ever_and_is_not_retried() {
    let disk = SimDisk::new(1);
    let lane = Lane::inline();
    let wal = try_open(&disk, &lane).expect("opens").0;
    let log = wal.group(G1);
    append(&log, 1..2, 10);
    disk.fail_sync(0);
    let failed = refusal(|done| log.append(entries(2..3, 10), done)).expect("answered").expect_err("failed");
    assert!(matches!(&*failed, Fault::Disk { action: "sync", path, .. } if path.starts_with(dir())), "{failed}");
    let syncs = disk.counts().file_syncs;
    assert_eq!(wal.fault(), Some(failed.clone()));
    assert_eq!(refusal(|done| log.save_vote(Bytes::new(), done)), Some(Err(failed.clone())));
    assert_eq!(refusal(|done| wal.barrier(done)), Some(Err(failed.clone())));
    assert_eq!(log.read(1..2), Err((*failed).clone()));
    assert!(!wal.room());
    wal.close();
    assert_eq!(disk.counts().file_syncs, syncs);
    assert_eq!(log.durable(), 1);
    disk.crash();
    assert_eq!(open(&disk).group(G1).read(0..9).expect("read"), entries(1..2, 10));
}

#[test]
fn everyone_in_a_frame_that_failed_is_told() {
    let disk = SimDisk::new(1);
    let lane = Lane::inline();
    let wal = try_open(&disk, &lane).expect("opens").0;
    disk.fail_sync(0);
    let told = Arc::new(Mutex::new(Vec::new()));
    let inside = (wal.clone(), told.clone());
    lane.run(move || {
        for group in 1..20 {
            let told = inside.1.clone();
            let done: Done = Box::new(move |result| told.lock().push((group, result.is_err())));
            inside.0.group(GroupId(group)).append(entries(1..2, 700), done);
        }
    });
    assert_eq!(*told.lock(), (1..20).map(|group| (group, true)).collect::<Vec<_>>());
}

#[test]
fn a_callback_that_panics_stops_the_log() {
    let disk = SimDisk::new(1);
    let wal = open(&disk);
    wal.group(G1).append(entries(1..2, 10), Box::new(|_| panic!("on purpose")));
    assert_eq!(wal.fault().as_deref(), Some(&Fault::Panicked));
    assert_eq!(refusal(|done| wal.barrier(done)), Some(Err(Arc::new(Fault::Panicked))));
}

#[test]
fn a_failed_read_is_told_and_stops_nothing() {
    let disk = SimDisk::new(1);
    let wal = open(&disk);
    let log = wal.group(G1);
    append(&log, 1..20, 300);
    disk.fail_reads(true);
    assert!(matches!(log.read(1..2), Err(Fault::Disk { action: "read", .. })));
    disk.fail_reads(false);
    assert_eq!(log.read(1..2).expect("read"), entries(1..2, 300));
    assert_eq!(wal.fault(), None);
}

#[test]
fn an_entry_that_rots_on_the_disk_is_never_returned() {
    let disk = SimDisk::new(1);
    let log = open(&disk).group(G1);
    append(&log, 1..20, 300);
    let path = dir().join("00000000.seg");
    disk.edit(&path, |bytes| bytes.iter_mut().skip(512).step_by(7).for_each(|byte| *byte ^= 1)).expect("edit");
    assert!(matches!(log.read(1..2), Err(Fault::Damaged { path: named, .. }) if named == path));
}

/// A disk with room for six segments, of which one is the reserve.
fn tight() -> (SimDisk, Options) {
    let disk = SimDisk::new(1);
    let options = Options { segment_bytes: 16 << 10, small_segment_bytes: 4096, reserve_bytes: 16 << 10, ..small() };
    disk.set_capacity(Some(6 * options.segment_bytes));
    (disk, options)
}

#[test]
fn a_full_disk_is_told_before_it_hurts_and_recovers_when_there_is_room() {
    let (disk, options) = tight();
    let wal = Wal::open(Arc::new(disk.clone()), dir(), options, Lane::inline()).expect("opens").0;
    let log = wal.group(G1);
    let mut index = 1;
    while wal.room() {
        append(&log, index..index + 1, 400);
        index += 1;
    }
    // What was already on its way, as much as a segment, still fits.
    append(&log, index..index + 30, 400);
    assert!(!wal.room());
    assert_eq!(log.read(0..1000).expect("read"), entries(1..index + 30, 400));
    // The checkpoint's purge fits too, and makes room.
    purge(&log, index + 29);
    append(&log, index + 30..index + 60, 400);
    purge(&log, index + 59);
    assert!(wal.room() || wal.room(), "{:?} {}", wal.stats(), disk.used());
    append(&log, index + 60..index + 90, 400);
    assert_eq!(wal.fault(), None);
    disk.crash();
    let wal = Wal::open(Arc::new(disk), dir(), options, Lane::inline()).expect("opens").0;
    assert_eq!(wal.group(G1).read(0..1000).expect("read"), entries(index + 60..index + 90, 400));
}

#[test]
fn copies_do_not_fill_one_small_segment_after_the_other() {
    let (disk, options) = tight();
    // No room for a segment of full size beyond the reserve: each entry has a small one of its own.
    disk.set_capacity(Some(2 * options.segment_bytes));
    let wal = Wal::open(Arc::new(disk.clone()), dir(), options, Lane::inline()).expect("opens").0;
    (1..7).for_each(|index| append(&wal.group(G1), index..index + 1, 3000));
    let stats = wal.stats();
    assert!(stats.segments > options.copy_forward_above as u64, "{stats:?}");
    assert!(stats.bytes < 2 * 6 * 3000, "{stats:?}");
    assert_eq!(wal.group(G1).read(0..9).expect("read"), entries(1..7, 3000));
}

#[test]
fn what_does_not_fit_waits_until_there_is_room() {
    let (disk, options) = tight();
    let wal = Wal::open(Arc::new(disk.clone()), dir(), options, Lane::inline()).expect("opens").0;
    let log = wal.group(G1);
    let (mut index, mut waiting) = (1, Vec::new());
    while waiting.is_empty() {
        let (done, waits) = answer();
        log.append(entries(index..index + 1, 400), done);
        match waits.get() {
            Some(result) => assert_eq!(result, Ok(())),
            None => waiting.push(waits),
        }
        index += 1;
    }
    assert!(!wal.room());
    assert_eq!(wal.fault(), None);
    assert_eq!(log.durable(), index - 2);
    assert_eq!(log.read(index - 1..index).expect("read"), entries(index - 1..index, 400));
    disk.set_capacity(None);
    assert!(wal.room());
    assert!(waiting.pop().expect("one").is_ok());
    assert_eq!(log.durable(), index - 1);
}

#[test]
fn closing_a_log_on_a_full_disk_does_not_wait_for_ever() {
    let (disk, options) = tight();
    let wal = Wal::open(Arc::new(disk.clone()), dir(), options, Lane::inline()).expect("opens").0;
    let log = wal.group(G1);
    let (mut index, mut waiting) = (1, None);
    while waiting.is_none() {
        let (done, waits) = answer();
        log.append(entries(index..index + 1, 400), done);
        index += 1;
        waiting = waits.get().is_none().then_some(waits);
    }
    wal.close();
    let told = waiting.expect("one").get().expect("told");
    assert!(matches!(told.as_ref().map_err(|fault| &**fault), Err(Fault::Disk { .. })), "{told:?}");
}

#[test]
fn opening_on_a_full_disk_says_so() {
    let disk = SimDisk::new(1);
    disk.set_capacity(Some(100));
    let error = try_open(&disk, &Lane::inline()).map(|_| ()).expect_err("full");
    assert!(matches!(&error, OpenError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull), "{error}");
}
