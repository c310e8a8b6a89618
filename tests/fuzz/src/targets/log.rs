//! The write-ahead log opened on files of any bytes: it opens or says why not, and a log that opened can be read, goes
//! on, and is the same when it is opened again.
//!
//! ```text
//! input   1 if checksums are to be made right | { sectors u8 | so many sectors of one file }
//! ```
//!
//! No fuzzer guesses a checksum, so it may ask for them: with them right, what is behind them is reached.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use weft_env::{
    Lane,
    disk::{Disk, OpenMode, SECTOR_BYTES, SimDisk},
};
use weft_store::wal::{GroupId, GroupState, LogEntry, Options, Wal};

pub(crate) const DIR: &str = "/log";
const SEGMENT_MAGIC: &[u8] = b"WEFTWAL\0";
const FRAME_MAGIC: &[u8] = b"WFRM";
const FRAME_HEADER_BYTES: usize = 24;

pub(crate) fn options() -> Options {
    Options {
        segment_bytes: 4096,
        small_segment_bytes: 4096,
        cache_bytes: 4096,
        reserve_bytes: 0,
        spare_segments: 1,
        copy_forward_above: 3,
    }
}

/// What the target takes these files from.
pub(crate) fn input(repairs: bool, files: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut bytes = vec![u8::from(repairs)];
    for mut file in files {
        file.resize(file.len().next_multiple_of(SECTOR_BYTES), 0);
        bytes.push(u8::try_from(file.len() / SECTOR_BYTES).unwrap_or(u8::MAX));
        bytes.extend(file);
    }
    bytes
}

fn files(input: &[u8]) -> Vec<Vec<u8>> {
    let Some((repairs, mut rest)) = input.split_first() else { return Vec::new() };
    let mut files = Vec::new();
    while let Some((sectors, after)) = rest.split_first() {
        let (file, after) = after.split_at(after.len().min(usize::from(*sectors) * SECTOR_BYTES));
        let mut file = file.to_vec();
        if repairs % 2 == 1 {
            repair(&mut file);
        }
        files.push(file);
        rest = after;
    }
    files
}

/// Makes every checksum right, as the layout in the log's format says.
fn repair(file: &mut [u8]) {
    if file.len() < SECTOR_BYTES || !file.starts_with(SEGMENT_MAGIC) {
        return;
    }
    let crc = crc(&[&file[..12], &file[16..SECTOR_BYTES]]);
    file[12..16].copy_from_slice(&crc);
    let generation: [u8; 8] = file[24..32].try_into().unwrap_or_default();
    let mut at = SECTOR_BYTES;
    while let Some(frame) = file.get_mut(at..).filter(|frame| frame.len() >= FRAME_HEADER_BYTES) {
        let body = u32::from_le_bytes(frame[16..20].try_into().unwrap_or_default()) as usize;
        let length = (FRAME_HEADER_BYTES + body).next_multiple_of(SECTOR_BYTES);
        if frame.starts_with(FRAME_MAGIC) && length <= frame.len() {
            frame[8..16].copy_from_slice(&generation);
            let crc = self::crc(&[&generation, &(at as u64).to_le_bytes(), &frame[..4], &frame[8..length]]);
            frame[4..8].copy_from_slice(&crc);
            at += length;
        } else {
            at += SECTOR_BYTES;
        }
    }
}

fn crc(parts: &[&[u8]]) -> [u8; 4] {
    let mut crc = crc32fast::Hasher::new();
    parts.iter().for_each(|part| crc.update(part));
    crc.finalize().to_le_bytes()
}

pub(super) fn run(input: &[u8]) {
    let disk = SimDisk::new(0);
    disk.create_dir_all(Path::new(DIR)).expect("a simulated disk");
    for (number, bytes) in files(input).iter().enumerate() {
        let path = Path::new(DIR).join(format!("{number:08}.seg"));
        let file = disk.open(&path, OpenMode::Create).expect("another name each");
        file.write_at(bytes, 0).and_then(|()| file.sync_all()).expect("there is room");
    }
    disk.sync_dir(Path::new(DIR)).expect("a simulated disk");
    let Some(wal) = open(&disk) else { return };
    let before = picture(&wal);
    wal.close();
    drop(wal);
    let wal = open(&disk).expect("a log that was opened is opened again");
    assert_eq!(picture(&wal), before, "a log that was opened is the same when it is opened again");
    go_on(&wal);
    let after = picture(&wal);
    wal.close();
    drop(wal);
    let wal = open(&disk).expect("a log that went on is opened again");
    assert_eq!(picture(&wal), after, "what was acknowledged is there");
}

fn open(disk: &SimDisk) -> Option<Wal> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Wal::open(disk, Path::new(DIR), options(), Lane::inline()).ok().map(|(wal, _)| wal)
}

/// All that the log holds.
fn picture(wal: &Wal) -> Vec<(GroupId, GroupState, Vec<LogEntry>)> {
    let group = |id: GroupId| {
        let group = wal.group(id);
        let entries = group.read(0..u64::MAX).expect("a log that was opened can be read");
        (id, group.state(), entries)
    };
    wal.groups().into_iter().map(group).collect()
}

fn go_on(wal: &Wal) {
    let group = wal.group(GroupId(7));
    let next = group.state().last.or(group.state().purged.map(|(index, _)| index)).unwrap_or(0).checked_add(1);
    // A log whose numbers have come to their end takes no more.
    let Some(index) = next.filter(|index| *index < u64::MAX) else { return };
    let entry = LogEntry { index, bytes: Bytes::from_static(b"one more") };
    group.append(vec![entry], Box::new(|done| assert!(done.is_ok(), "{done:?}")));
}
