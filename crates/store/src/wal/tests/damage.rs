//! A log that is cut or changed at every byte: a torn end is cut off, and anything else stops the node with the file
//! and the offset.

use weft_env::disk::{Disk, OpenMode, SECTOR_BYTES};

use super::*;

/// Three frames in one segment; the offsets at which they begin, and their end.
fn three_frames() -> (SimDisk, PathBuf, [u64; 4]) {
    let disk = SimDisk::new(1);
    let wal = open(&disk);
    let log = wal.group(G1);
    let mut ends = [512; 4];
    for (position, index) in [1, 2, 3].into_iter().enumerate() {
        append(&log, index..index + 1, 600);
        ends[position + 1] = wal.stats().bytes;
    }
    wal.close();
    (disk, dir().join("00000000.seg"), ends)
}

fn damaged(disk: &SimDisk, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Result<(Wal, OpenReport), OpenError> {
    let disk = disk.copy(1);
    disk.edit(path, change).expect("edit");
    try_open(&disk, &Lane::inline())
}

fn check_cut(disk: &SimDisk, path: &Path, at: u64, kept: u64, change: impl FnOnce(&mut Vec<u8>)) -> Option<Torn> {
    let (wal, report) = damaged(disk, path, change).expect("opens");
    assert_eq!(wal.group(G1).read(0..9).expect("read"), entries(1..kept + 1, 600));
    // The log goes on where it was cut, and what comes now is kept.
    append(&wal.group(G1), kept + 1..kept + 2, 30);
    if let Some(torn) = &report.torn {
        assert_eq!(*torn, Torn { file: path.to_owned(), offset: at });
    }
    report.torn
}

#[track_caller]
fn check_stops(result: Result<(Wal, OpenReport), OpenError>, path: &Path, at: u64) {
    match result.map(|_| ()) {
        Err(OpenError::Damaged { path: named, offset, .. }) => assert_eq!((named.as_path(), offset), (path, at)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_last_frame_that_is_cut_at_any_byte_is_cut_off_and_reported() {
    let (disk, path, [_, _, last, end]) = three_frames();
    for len in last..end {
        let torn = check_cut(&disk, &path, last, 2, |bytes| bytes.truncate(len as usize));
        assert_eq!(torn.is_some(), len > last, "cut at {len}");
    }
}

#[test]
fn a_last_frame_that_is_changed_at_any_byte_is_cut_off_and_reported() {
    let (disk, path, [_, _, last, end]) = three_frames();
    for place in last..end {
        let torn = check_cut(&disk, &path, last, 2, |bytes| bytes[place as usize] ^= 0xff);
        // Without its generation nothing tells the frame from what the segment held before.
        let is_generation = (last + 8..last + 16).contains(&place);
        assert_eq!(torn.is_some(), !is_generation, "changed at {place}");
    }
}

#[test]
fn a_last_frame_that_misses_any_of_its_sectors_is_cut_off() {
    let (disk, path, [_, _, last, end]) = three_frames();
    let sectors = (end - last) as usize / SECTOR_BYTES;
    for lost in 1..1_usize << sectors {
        check_cut(&disk, &path, last, 2, |bytes| {
            for sector in (0..sectors).filter(|sector| lost & (1 << sector) != 0) {
                bytes[last as usize + sector * SECTOR_BYTES..][..SECTOR_BYTES].fill(0);
            }
        });
    }
}

#[test]
fn a_frame_that_is_changed_at_any_byte_before_a_good_one_stops_the_node() {
    let (disk, path, [_, middle, last, _]) = three_frames();
    for place in middle..last {
        check_stops(damaged(&disk, &path, |bytes| bytes[place as usize] ^= 0xff), &path, middle);
    }
}

#[test]
fn a_frame_that_is_lost_before_a_good_one_stops_the_node() {
    let (disk, path, [_, middle, last, _]) = three_frames();
    check_stops(damaged(&disk, &path, |bytes| bytes[middle as usize..last as usize].fill(0)), &path, middle);
}

#[test]
fn a_header_that_is_changed_at_any_byte_stops_the_node() {
    let (disk, path, _) = three_frames();
    for place in 0..SECTOR_BYTES {
        check_stops(damaged(&disk, &path, |bytes| bytes[place] ^= 0xff), &path, 0);
    }
}

#[test]
fn a_header_without_a_frame_is_a_torn_first_frame() {
    let (disk, path, _) = three_frames();
    for change in [|sector: &mut [u8]| sector.fill(0), |sector: &mut [u8]| sector[20] ^= 1] {
        let (wal, _) = damaged(&disk, &path, |bytes| {
            bytes[512..].fill(0);
            change(&mut bytes[..512]);
        })
        .expect("opens");
        assert_eq!(wal.group(G1).state(), GroupState::default());
        append(&wal.group(G1), 1..2, 10);
    }
}

/// A chain of several segments, all needed.
fn chain() -> (SimDisk, Vec<PathBuf>) {
    let disk = SimDisk::new(1);
    let log = open(&disk).group(G1);
    for index in 1..20 {
        append(&log, index..index + 1, 900);
    }
    let names = disk.list(dir()).expect("list");
    let header = |path: &PathBuf| {
        let mut sector = [0; SECTOR_BYTES];
        disk.open(path, OpenMode::Read).and_then(|file| file.read_exact_at(&mut sector, 0)).expect("read");
        match SegmentHeader::decode(&sector) {
            format::FoundHeader::Valid(header) => Some(header.sequence),
            _ => None,
        }
    };
    let mut paths: Vec<PathBuf> = names.into_iter().map(|name| dir().join(name)).collect();
    paths.retain(|path| header(path).is_some());
    paths.sort_by_key(header);
    (disk, paths)
}

#[test]
fn a_last_frame_of_a_segment_that_is_not_the_last_stops_the_node() {
    let (disk, paths) = chain();
    assert!(paths.len() > 3);
    for path in &paths[..paths.len() - 1] {
        // Frames of 900 bytes have two sectors: three of them fit after the header.
        let at = 512 + 2 * 1024;
        check_stops(damaged(&disk, path, |bytes| bytes[at + 30] ^= 1), path, at as u64);
    }
}

#[test]
fn a_damaged_header_within_the_chain_stops_the_node() {
    let (disk, paths) = chain();
    for path in &paths {
        check_stops(damaged(&disk, path, |bytes| bytes[17] ^= 1), path, 0);
    }
}

#[test]
fn a_missing_segment_stops_the_node_and_names_the_next_one() {
    let (disk, paths) = chain();
    for (position, path) in paths[..paths.len() - 1].iter().enumerate() {
        let disk = disk.copy(1);
        disk.remove(path).expect("remove");
        check_stops(try_open(&disk, &Lane::inline()), &paths[position + 1], 0);
    }
}

#[test]
fn a_log_of_a_later_version_is_refused() {
    let (disk, path, _) = three_frames();
    let result = damaged(&disk, &path, |bytes| {
        bytes[8] = 2;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&bytes[..12]);
        crc.update(&bytes[16..512]);
        bytes[12..16].copy_from_slice(&crc.finalize().to_le_bytes());
    });
    assert!(matches!(result.map(|_| ()), Err(OpenError::Version { found: 2, known: 1, .. })));
}

#[test]
fn other_files_in_the_directory_are_left_alone() {
    let (disk, _, _) = three_frames();
    for name in ["LOCK", "1.seg", "0000000x.seg", "00000000.seg.old"] {
        disk.open(&dir().join(name), OpenMode::Create).expect("created").write_at(b"theirs", 0).expect("write");
    }
    open(&disk);
    assert!(disk.list(dir()).expect("list").contains(&"0000000x.seg".to_owned()));
}

proptest::proptest! {
    #[test]
    fn whatever_is_written_over_a_log_it_opens_with_a_prefix_or_says_where_it_is_damaged(
        at in 0_usize..4096,
        junk in proptest::collection::vec(0_u8.., 1..1200),
        len in 0_usize..5000,
    ) {
        let (disk, path, _) = three_frames();
        let opened = damaged(&disk, &path, |bytes| {
            let end = bytes.len().min(at + junk.len());
            bytes[at..end].copy_from_slice(&junk[..end - at]);
            bytes.resize(len, 7);
        });
        match opened {
            Ok((wal, _)) => {
                let read = wal.group(G1).read(0..9).expect("read");
                assert_eq!(read, entries(1..read.len() as u64 + 1, 600));
            }
            Err(error) => assert!(matches!(error, OpenError::Damaged { .. }), "{error}"),
        }
    }
}
