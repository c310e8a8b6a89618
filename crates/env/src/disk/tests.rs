//! What the two disks promise.

use std::path::{Path, PathBuf};

use super::*;

fn file(disk: &dyn Disk, path: &Path) -> Box<dyn DiskFile> {
    disk.open(path, OpenMode::Create).expect("created")
}

fn contents(disk: &dyn Disk, path: &Path) -> Vec<u8> {
    let file = disk.open(path, OpenMode::Read).expect("opened");
    let mut bytes = vec![0; file.len().expect("len") as usize];
    file.read_exact_at(&mut bytes, 0).expect("read");
    bytes
}

fn sim(seed: u64) -> (SimDisk, PathBuf) {
    let disk = SimDisk::new(seed);
    disk.create_dir_all(Path::new("/d")).expect("dir");
    (disk, PathBuf::from("/d/f"))
}

fn both_disks(check: impl Fn(&dyn Disk, &Path)) {
    check(&SimDisk::new(1), Path::new("/data"));
    let temporary = tempfile::tempdir().expect("temporary directory");
    check(&RealDisk, &temporary.path().join("a"));
}

#[test]
fn both_disks_read_what_was_written_and_list_it_sorted() {
    both_disks(|disk, root| {
        let dir = root.join("b/c");
        disk.create_dir_all(&dir).expect("dir");
        disk.create_dir_all(&dir).expect("again");
        let second = file(disk, &dir.join("2"));
        file(disk, &dir.join("1"));
        second.write_at(b"abc", 2).expect("write");
        second.sync_data().expect("sync");
        second.sync_all().expect("sync");
        disk.sync_dir(&dir).expect("sync");
        assert_eq!(disk.list(&dir).expect("list"), ["1", "2"]);
        assert_eq!(contents(disk, &dir.join("2")), b"\0\0abc");
        let mut short = [7; 4];
        assert_eq!(second.read_at(&mut short, 3).expect("read"), 2);
        assert!(second.read_exact_at(&mut short, 3).is_err());
        second.set_len(1).expect("set_len");
        disk.rename(&dir.join("2"), &dir.join("1")).expect("rename");
        assert_eq!(contents(disk, &dir.join("1")), b"\0");
        disk.remove(&dir.join("1")).expect("remove");
        assert!(disk.list(&dir).expect("list").is_empty());
        assert!(disk.available(&dir).expect("available") > 0);
    });
}

#[test]
fn both_disks_refuse_a_name_that_exists_and_one_that_does_not() {
    both_disks(|disk, dir| {
        disk.create_dir_all(dir).expect("dir");
        let path = dir.join("f");
        assert_eq!(disk.open(&path, OpenMode::Write).expect_err("absent").kind(), io::ErrorKind::NotFound);
        file(disk, &path);
        assert_eq!(disk.open(&path, OpenMode::Create).expect_err("present").kind(), io::ErrorKind::AlreadyExists);
        assert!(disk.open(&path, OpenMode::Read).expect("opened").write_at(b"x", 0).is_err());
    });
}

#[test]
fn a_crash_keeps_what_was_synced_and_any_sectors_of_the_rest() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..64 {
        let (disk, path) = sim(seed);
        let handle = file(&disk, &path);
        handle.write_at(&[1; 3 * SECTOR_BYTES], 0).expect("write");
        handle.sync_data().expect("sync");
        disk.sync_dir(Path::new("/d")).expect("sync");
        handle.write_at(&[2; 3 * SECTOR_BYTES], 0).expect("write");
        disk.crash();
        assert!(handle.len().is_err(), "a handle from before the crash is dead");
        let sectors: Vec<Vec<u8>> = contents(&disk, &path).chunks(SECTOR_BYTES).map(<[u8]>::to_vec).collect();
        assert!(sectors.iter().all(|sector| sector.iter().all(|byte| *byte == sector[0])));
        seen.insert(sectors.iter().map(|sector| sector[0]).collect::<Vec<_>>());
    }
    assert_eq!(seen.len(), 8, "every subset of three sectors: {seen:?}");
}

#[test]
fn a_name_that_was_not_synced_may_be_lost_and_one_that_was_is_not() {
    let mut survived = 0;
    for seed in 0..64 {
        let (disk, path) = sim(seed);
        file(&disk, &path).sync_all().expect("sync");
        disk.crash();
        survived += disk.list(Path::new("/d")).expect("list").len();
        let (disk, path) = sim(seed);
        file(&disk, &path);
        disk.sync_dir(Path::new("/d")).expect("sync");
        disk.crash();
        assert_eq!(disk.list(Path::new("/d")).expect("list"), ["f"]);
    }
    assert!((1..64).contains(&survived), "{survived}");
}

#[test]
fn a_removal_or_a_rename_that_was_not_synced_may_come_undone() {
    let mut pictures = std::collections::BTreeSet::new();
    for seed in 0..64 {
        let (disk, path) = sim(seed);
        file(&disk, &path);
        file(&disk, Path::new("/d/old"));
        disk.sync_dir(Path::new("/d")).expect("sync");
        disk.remove(&path).expect("remove");
        disk.rename(Path::new("/d/old"), Path::new("/d/new")).expect("rename");
        disk.crash();
        pictures.insert(disk.list(Path::new("/d")).expect("list"));
    }
    assert_eq!(pictures.len(), 4, "{pictures:?}");
}

#[test]
fn a_kill_loses_nothing() {
    let (disk, path) = sim(3);
    file(&disk, &path).write_at(b"kept", 0).expect("write");
    disk.kill();
    assert_eq!(contents(&disk, &path), b"kept");
}

#[test]
fn what_a_failed_sync_left_is_readable_and_lost_at_the_crash_even_if_the_next_sync_works() {
    for seed in 0..16 {
        let (disk, path) = sim(seed);
        let handle = file(&disk, &path);
        disk.sync_dir(Path::new("/d")).expect("sync");
        handle.write_at(b"gone", 0).expect("write");
        disk.fail_sync(0);
        assert!(handle.sync_data().is_err());
        assert_eq!(contents(&disk, &path), b"gone");
        assert!(handle.sync_data().is_ok());
        disk.crash();
        assert!(contents(&disk, &path).is_empty());
    }
}

#[test]
fn a_skipped_sync_says_ok_and_does_nothing() {
    let lost = (0..64).any(|seed| {
        let (disk, path) = sim(seed);
        let handle = file(&disk, &path);
        disk.sync_dir(Path::new("/d")).expect("sync");
        handle.write_at(b"x", 0).expect("write");
        disk.skip_sync(0);
        handle.sync_data().expect("a lie");
        assert!(disk.has_skipped());
        disk.crash();
        contents(&disk, &path).is_empty()
    });
    assert!(lost);
}

#[test]
fn a_full_disk_refuses_growth_and_takes_overwrites() {
    let (disk, path) = sim(1);
    disk.set_capacity(Some(10));
    let handle = file(&disk, &path);
    handle.write_at(&[1; 8], 0).expect("fits");
    assert_eq!(disk.available(&path).expect("available"), 2);
    assert_eq!(handle.write_at(&[2; 8], 4).expect_err("full").kind(), io::ErrorKind::StorageFull);
    handle.write_at(&[3; 8], 0).expect("an overwrite");
    disk.remove(&path).expect("remove");
    assert_eq!(disk.available(&path).expect("available"), 10);
}

#[test]
fn after_the_power_is_cut_everything_fails_until_the_crash() {
    let (disk, path) = sim(1);
    let handle = file(&disk, &path);
    disk.sync_dir(Path::new("/d")).expect("sync");
    disk.cut_power_during(1);
    handle.write_at(b"x", 0).expect("still on");
    assert!(!disk.is_out());
    assert!(handle.sync_data().is_err());
    assert!(disk.is_out());
    assert!(handle.write_at(b"x", 0).is_err());
    disk.crash();
    disk.open(&path, OpenMode::Write).expect("opened").write_at(b"y", 0).expect("on again");
    disk.cut_power();
    assert!(disk.remove(&path).is_err());
    disk.kill();
    assert_eq!(disk.list(Path::new("/d")).expect("list"), ["f"]);
}

/// What is left of three sectors, over many seeds, when the power goes during the `nth` step of writing and syncing.
fn left_when_cut_during(nth: u64) -> std::collections::BTreeSet<Vec<u8>> {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..64 {
        let (disk, path) = sim(seed);
        let handle = file(&disk, &path);
        handle.write_at(&[1; 3 * SECTOR_BYTES], 0).expect("write");
        handle.sync_data().expect("sync");
        disk.sync_dir(Path::new("/d")).expect("sync");
        disk.cut_power_during(nth);
        let done = handle.write_at(&[2; 3 * SECTOR_BYTES], 0).and_then(|()| handle.sync_data());
        assert!(done.is_err());
        assert!(handle.write_at(&[3; 3 * SECTOR_BYTES], 0).is_err());
        disk.crash();
        seen.insert(contents(&disk, &path).chunks(SECTOR_BYTES).map(|sector| sector[0]).collect());
    }
    seen
}

#[test]
fn the_power_tears_the_write_or_the_sync_that_is_under_way() {
    for nth in [0, 1] {
        let seen = left_when_cut_during(nth);
        assert_eq!(seen.len(), 8, "every subset of three sectors and nothing of later writes: {seen:?}");
        assert!(seen.iter().flatten().all(|byte| *byte != 3));
    }
}

#[test]
fn a_name_that_is_made_when_the_power_goes_may_be_there() {
    let is_there = |seed| {
        let (disk, path) = sim(seed);
        disk.cut_power_during(0);
        disk.open(&path, OpenMode::Create).expect_err("the power is out");
        disk.crash();
        !disk.list(Path::new("/d")).expect("list").is_empty()
    };
    let survived = (0..64).filter(|seed| is_there(*seed)).count();
    assert!((1..64).contains(&survived), "{survived}");
}

#[test]
fn failing_reads_fail_until_they_work_again() {
    let (disk, path) = sim(1);
    let handle = file(&disk, &path);
    disk.fail_reads(true);
    assert!(handle.read_at(&mut [0], 0).is_err());
    disk.fail_reads(false);
    assert!(handle.read_at(&mut [0], 0).is_ok());
}

#[test]
fn the_same_seed_and_calls_leave_the_same_disk() {
    let run = |seed| {
        let (disk, path) = sim(seed);
        let handle = file(&disk, &path);
        disk.sync_dir(Path::new("/d")).expect("sync");
        handle.write_at(&[9; 40 * SECTOR_BYTES], 0).expect("write");
        disk.crash();
        (contents(&disk, &path), disk.counts())
    };
    assert_eq!(run(5), run(5));
    assert!((0..16).any(|seed| run(seed).0 != run(5).0));
}
