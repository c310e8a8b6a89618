//! Reads the log when it is opened.
//!
//! Invariants: nothing that was acknowledged is passed over. The newest valid header says where the chain of segments
//! begins and each header where the segment before it ends, so in all segments but the newest every frame must be
//! valid. In the newest one an invalid frame ends the log if no valid frame of its generation comes after it; if one
//! does, the log is damaged and is not opened. Afterwards the end of the log is written again and synced, because what
//! was read may have come from a page cache that the disk never saw.
//!
//! Deliberately not here: repairs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use weft_env::disk::{Disk, OpenMode, SECTOR_BYTES};

use super::format::{FRAME_HEADER_BYTES, FoundHeader, FrameHeader, HEADER_BYTES, SegmentHeader, VERSION};
use super::index::Index;
use super::supply::{SegmentFile, number_of};
use super::{OpenError, OpenReport, Torn};

/// How much is read at once where the whole rest of a segment is searched for frames.
const SEARCH_BYTES: usize = 1 << 20;

/// A log that was read.
pub(super) struct Found {
    pub(super) index: Index,
    /// The segments that the newest header says are needed, oldest first.
    pub(super) chain: Vec<(SegmentHeader, SegmentFile)>,
    /// Where the next frame goes, in the last segment of the chain.
    pub(super) end: u64,
    /// Files that hold nothing.
    pub(super) free: Vec<SegmentFile>,
    /// Above the number of every file there.
    pub(super) next_number: u64,
    pub(super) report: OpenReport,
}

/// The files of the directory by what their headers say.
#[derive(Default)]
struct Files {
    valid: BTreeMap<u64, (SegmentHeader, SegmentFile)>,
    damaged: Vec<SegmentFile>,
    free: Vec<SegmentFile>,
    next_number: u64,
}

/// A frame that was read and is whole.
struct Frame {
    header: FrameHeader,
    body: Bytes,
    bytes: u64,
}

pub(super) fn read(disk: &dyn Disk, dir: &Path) -> Result<Found, OpenError> {
    disk.create_dir_all(dir).map_err(|error| OpenError::io("create", dir, error))?;
    disk.sync_dir(dir).map_err(|error| OpenError::io("sync", dir, error))?;
    let mut files = classify(disk, dir)?;
    check_damaged(&files)?;
    let mut found = Found {
        index: Index::default(),
        chain: Vec::new(),
        end: HEADER_BYTES,
        next_number: files.next_number,
        free: std::mem::take(&mut files.free),
        report: OpenReport::default(),
    };
    let newest = files.valid.last_key_value().map(|(_, (header, _))| *header);
    if let Some(newest) = newest {
        let needed = files.valid.split_off(&newest.oldest);
        let old = std::mem::take(&mut files.valid);
        found.free.extend(old.into_values().map(|(_, file)| file));
        found.chain = check_chain(newest, needed, &files.damaged)?;
        found.replay()?;
    }
    found.free.extend(files.damaged);
    Ok(found)
}

fn classify(disk: &dyn Disk, dir: &Path) -> Result<Files, OpenError> {
    let mut files = Files::default();
    for name in disk.list(dir).map_err(|error| OpenError::io("list", dir, error))? {
        let Some(number) = number_of(&name) else { continue };
        files.next_number = files.next_number.max(number.saturating_add(1));
        let path = dir.join(name);
        let handle = disk.open(&path, OpenMode::Write).map_err(|error| OpenError::io("open", &path, error))?;
        let bytes = handle.len().map_err(|error| OpenError::io("measure", &path, error))?;
        let file = SegmentFile { path, handle: Arc::from(handle), bytes };
        let mut sector = [0; SECTOR_BYTES];
        file.read(&mut sector, 0)?;
        match SegmentHeader::decode(&sector) {
            FoundHeader::Blank => files.free.push(file),
            FoundHeader::Damaged => files.damaged.push(file),
            FoundHeader::Version(found) => {
                return Err(OpenError::Version { path: file.path, found, known: VERSION });
            }
            FoundHeader::Valid(header) => {
                let path = file.path.clone();
                if files.valid.insert(header.sequence, (header, file)).is_some() {
                    return Err(OpenError::Damaged { path, offset: 0, reason: "another file is the same segment" });
                }
            }
        }
    }
    Ok(files)
}

/// A header that is damaged is of no matter if its file holds nothing newer than the other segments: it was being
/// written when the power went, or the file was free.
fn check_damaged(files: &Files) -> Result<(), OpenError> {
    let newest = files.valid.last_key_value().map_or(0, |(_, (header, _))| header.generation);
    for file in &files.damaged {
        if file.frame_after(HEADER_BYTES, newest.saturating_add(1))?.is_some() {
            return Err(file.damaged(0, "the segment header is invalid, and valid frames come after it"));
        }
    }
    Ok(())
}

fn check_chain(
    newest: SegmentHeader,
    needed: BTreeMap<u64, (SegmentHeader, SegmentFile)>,
    damaged: &[SegmentFile],
) -> Result<Vec<(SegmentHeader, SegmentFile)>, OpenError> {
    let mut expected = newest.oldest;
    for (sequence, (_, file)) in &needed {
        if *sequence != expected {
            return Err(match damaged.first() {
                Some(damaged) => damaged.damaged(0, "the segment header is invalid, and a segment is missing"),
                None => file.damaged(0, "the segment before this one is missing"),
            });
        }
        expected = expected.saturating_add(1);
    }
    Ok(needed.into_values().collect())
}

impl Found {
    fn replay(&mut self) -> Result<(), OpenError> {
        let ends: Vec<u64> = self.chain.iter().skip(1).map(|(next, _)| next.previous_end).collect();
        let mut last = None;
        for (position, (header, file)) in self.chain.iter().enumerate() {
            self.report.segments += 1;
            let end = ends.get(position).copied();
            let mut at = HEADER_BYTES;
            last = None;
            while end.is_none_or(|end| at < end) {
                let Some(frame) = file.frame_at(at, header.generation)? else { break };
                take_in(&mut self.index, &mut self.report, header.sequence, file, &frame, at)?;
                last = Some(at);
                at += frame.bytes;
            }
            match end {
                Some(end) if at != end => return Err(file.damaged(at, "a frame is invalid, and the log goes on")),
                Some(_) => {}
                None => self.end = at,
            }
        }
        let Some((header, file)) = self.chain.last() else { return Ok(()) };
        if file.frame_after(self.end, header.generation)?.is_some() {
            return Err(file.damaged(self.end, "a frame is invalid, and a valid one comes after it"));
        }
        if file.is_torn(self.end, header.generation)? {
            self.report.torn = Some(Torn { file: file.path.clone(), offset: self.end });
        }
        self.check_entries(file)?;
        settle(header, file, last, self.end)
    }

    /// Entries are dense: if some are missing, the log has lost them.
    fn check_entries(&self, newest: &SegmentFile) -> Result<(), OpenError> {
        for (_, group) in self.index.groups() {
            let (first, last) = (group.places.keys().next(), group.places.keys().next_back());
            if let (Some(first), Some(last)) = (first, last)
                && last - first + 1 != group.places.len() as u64
            {
                return Err(newest.damaged(self.end, "entries of a group are missing"));
            }
        }
        Ok(())
    }
}

fn take_in(
    index: &mut Index,
    report: &mut OpenReport,
    sequence: u64,
    file: &SegmentFile,
    frame: &Frame,
    at: u64,
) -> Result<(), OpenError> {
    // The checksum agreed, so this is no torn write: another program, or a bug, wrote it.
    let records = frame.header.records(&frame.body);
    let records = records.ok_or_else(|| file.damaged(at, "a valid frame holds unknown records"))?;
    report.frames += 1;
    report.records += records.len() as u64;
    for (record, offset) in &records {
        index.apply(record, sequence, at + *offset as u64);
    }
    Ok(())
}

/// Writes the end of the log again and syncs it. The bytes are the same, so nothing can be torn by it.
fn settle(header: &SegmentHeader, file: &SegmentFile, last: Option<u64>, end: u64) -> Result<(), OpenError> {
    let failed = |action| move |error| OpenError::io(action, &file.path, error);
    if let Some(last) = last {
        let mut frame = vec![0; usize::try_from(end - last).unwrap_or_default()];
        file.read(&mut frame, last)?;
        file.handle.write_at(&frame, last).map_err(failed("write"))?;
    }
    file.handle.write_at(&header.encode(), 0).map_err(failed("write"))?;
    file.handle.sync_data().map_err(failed("sync"))
}

impl SegmentFile {
    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<usize, OpenError> {
        self.handle.read_at(buffer, offset).map_err(|error| OpenError::io("read", &self.path, error))
    }

    fn damaged(&self, offset: u64, reason: &'static str) -> OpenError {
        OpenError::Damaged { path: self.path.clone(), offset, reason }
    }

    /// The frame that begins at `offset`, if a valid one does.
    fn frame_at(&self, offset: u64, generation: u64) -> Result<Option<Frame>, OpenError> {
        let mut start = [0; FRAME_HEADER_BYTES];
        let read = self.read(&mut start, offset)?;
        let header = FrameHeader::decode(&start[..read]).filter(|header| header.generation == generation);
        let available = self.bytes.saturating_sub(offset);
        let Some((header, bytes)) = header.and_then(|header| Some((header, header.frame_bytes(available)?))) else {
            return Ok(None);
        };
        let mut frame = vec![0; bytes];
        let read = self.read(&mut frame, offset)?;
        frame.truncate(read);
        let frame = Bytes::from(frame);
        let body = header.body(&frame, generation, offset);
        Ok(body.map(|body| Frame { header, body, bytes: bytes as u64 }))
    }

    /// Where the first valid frame of `generation` at or after `offset` begins. Frames begin at sectors.
    fn frame_after(&self, offset: u64, generation: u64) -> Result<Option<u64>, OpenError> {
        let mut buffer = vec![0; SEARCH_BYTES.min(usize::try_from(self.bytes).unwrap_or(SEARCH_BYTES))];
        let mut base = offset;
        while base < self.bytes {
            let read = self.read(&mut buffer, base)?;
            if read == 0 {
                break;
            }
            for (place, sector) in buffer[..read].chunks(SECTOR_BYTES).enumerate() {
                let at = base + (place * SECTOR_BYTES) as u64;
                let is_likely = FrameHeader::decode(sector).is_some_and(|header| header.generation == generation);
                if is_likely && self.frame_at(at, generation)?.is_some() {
                    return Ok(Some(at));
                }
            }
            base += read as u64;
        }
        Ok(None)
    }

    /// Whether what is at the end of the log is part of a frame of this generation, and not just old contents.
    fn is_torn(&self, offset: u64, generation: u64) -> Result<bool, OpenError> {
        let mut start = [0; FRAME_HEADER_BYTES];
        let read = self.read(&mut start, offset)?;
        let is_cut = read > 0 && !self.bytes.is_multiple_of(SECTOR_BYTES as u64);
        let ours = start.get(8..16) == Some(generation.to_le_bytes().as_slice());
        Ok(is_cut || ours)
    }
}
