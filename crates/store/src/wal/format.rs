//! The bytes of the log. All numbers are little-endian.
//!
//! ```text
//! segment   one file; sectors of 512 bytes: the header, then frames
//!
//! header    magic "WEFTWAL\0" 8 | version 4 | crc 4 | sequence 8 | generation 8 | oldest 8 | previous end 8 | zeros
//!           sequence      place of the segment in the chain
//!           generation    never used before in this log
//!           oldest        sequence of the first segment that was still needed when this one was started
//!           previous end  where the frames of the segment before end
//!
//! frame     magic "WFRM" 4 | crc 4 | generation 8 | body length 4 | records 4 | body | zeros up to a sector
//! record    kind 1 | group 4 | index 8 | length 4 | bytes
//!           kind   1 entry, 2 vote, 3 truncate (index: the first to go), 4 purge (index: the last to go), 5 committed,
//!                  6 forget (all of the group but its vote)
//! ```
//!
//! Invariants: each checksum (CRC-32, IEEE) covers everything in its sectors but itself. That of a frame begins with
//! the segment's generation and the frame's offset, so that a frame is valid only where and when it was written: what
//! a recycled segment held before is not. No length is believed before the checksum over it agreed and before it was
//! compared with what there is.

use bytes::Bytes;
use weft_env::disk::SECTOR_BYTES;

use super::GroupId;

pub(super) const VERSION: u32 = 1;
/// Where the first frame of a segment begins.
pub(super) const HEADER_BYTES: u64 = SECTOR_BYTES as u64;
pub(super) const FRAME_HEADER_BYTES: usize = 24;
pub(super) const RECORD_HEADER_BYTES: usize = 17;

const SEGMENT_MAGIC: [u8; 8] = *b"WEFTWAL\0";
const FRAME_MAGIC: [u8; 4] = *b"WFRM";

/// What opens a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) sequence: u64,
    pub(super) generation: u64,
    pub(super) oldest: u64,
    pub(super) previous_end: u64,
}

/// What stands where a header should.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FoundHeader {
    /// Nothing was written there yet.
    Blank,
    Valid(SegmentHeader),
    /// A whole header of another format version.
    Version(u32),
    Damaged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Entry,
    Vote,
    Truncate,
    Purge,
    Committed,
    Forget,
}

/// One thing that was asked of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) kind: Kind,
    pub(super) group: GroupId,
    pub(super) index: u64,
    pub(super) bytes: Bytes,
}

/// What the first bytes of a frame say about it, none of it to be believed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) generation: u64,
    body_bytes: u32,
    records: u32,
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; SECTOR_BYTES] {
        let mut sector = [0; SECTOR_BYTES];
        sector[..8].copy_from_slice(&SEGMENT_MAGIC);
        sector[8..12].copy_from_slice(&VERSION.to_le_bytes());
        let numbers = [self.sequence, self.generation, self.oldest, self.previous_end];
        for (place, number) in sector[16..48].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let crc = header_crc(&sector);
        sector[12..16].copy_from_slice(&crc.to_le_bytes());
        sector
    }

    pub(super) fn decode(sector: &[u8; SECTOR_BYTES]) -> FoundHeader {
        if sector.iter().all(|byte| *byte == 0) {
            return FoundHeader::Blank;
        }
        let (version, crc) = (u32_at(sector, 8), u32_at(sector, 12));
        if sector[..8] != SEGMENT_MAGIC || crc != Some(header_crc(sector)) {
            return FoundHeader::Damaged;
        }
        if let Some(version) = version.filter(|version| *version != VERSION) {
            return FoundHeader::Version(version);
        }
        let number = |place: usize| u64_at(sector, place);
        match (number(16), number(24), number(32), number(40)) {
            (Some(sequence), Some(generation), Some(oldest), Some(previous_end)) if oldest <= sequence => {
                FoundHeader::Valid(Self { sequence, generation, oldest, previous_end })
            }
            _ => FoundHeader::Damaged,
        }
    }
}

impl Kind {
    const fn number(self) -> u8 {
        match self {
            Self::Entry => 1,
            Self::Vote => 2,
            Self::Truncate => 3,
            Self::Purge => 4,
            Self::Committed => 5,
            Self::Forget => 6,
        }
    }

    const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Entry,
            2 => Self::Vote,
            3 => Self::Truncate,
            4 => Self::Purge,
            5 => Self::Committed,
            6 => Self::Forget,
            _ => return None,
        })
    }
}

impl Record {
    pub(super) fn encoded_bytes(&self) -> usize {
        RECORD_HEADER_BYTES + self.bytes.len()
    }

    fn encode(&self, into: &mut Vec<u8>) {
        into.push(self.kind.number());
        into.extend_from_slice(&self.group.0.to_le_bytes());
        into.extend_from_slice(&self.index.to_le_bytes());
        into.extend_from_slice(&length(self.bytes.len()).to_le_bytes());
        into.extend_from_slice(&self.bytes);
    }

    /// The record that `bytes` begin with, and how many bytes it has.
    fn decode(bytes: &Bytes) -> Option<(Self, usize)> {
        let kind = Kind::from_number(*bytes.first()?)?;
        let group = GroupId(u32_at(bytes, 1)?);
        let index = u64_at(bytes, 5)?;
        let end = RECORD_HEADER_BYTES.checked_add(usize::try_from(u32_at(bytes, 13)?).ok()?)?;
        if end > bytes.len() {
            return None;
        }
        Some((Self { kind, group, index, bytes: bytes.slice(RECORD_HEADER_BYTES..end) }, end))
    }
}

/// The bytes on disk of a frame whose records have `body` bytes.
pub(super) const fn frame_bytes(body: usize) -> usize {
    (FRAME_HEADER_BYTES + body).next_multiple_of(SECTOR_BYTES)
}

/// Adds a frame to `into`, which becomes what is at `offset` of the segment.
pub(super) fn encode_frame<'a>(
    into: &mut Vec<u8>,
    generation: u64,
    offset: u64,
    records: impl Iterator<Item = &'a Record>,
) {
    let start = into.len();
    into.resize(start + FRAME_HEADER_BYTES, 0);
    let mut count = 0_usize;
    for record in records {
        record.encode(into);
        count += 1;
    }
    let body = into.len() - start - FRAME_HEADER_BYTES;
    into.resize(start + frame_bytes(body), 0);
    let frame = &mut into[start..];
    frame[..4].copy_from_slice(&FRAME_MAGIC);
    frame[8..16].copy_from_slice(&generation.to_le_bytes());
    frame[16..20].copy_from_slice(&length(body).to_le_bytes());
    frame[20..24].copy_from_slice(&length(count).to_le_bytes());
    let crc = frame_crc(frame, generation, offset);
    frame[4..8].copy_from_slice(&crc.to_le_bytes());
}

impl FrameHeader {
    /// Reads the first bytes of what may be a frame.
    pub(super) fn decode(start: &[u8]) -> Option<Self> {
        if start.get(..4)? != FRAME_MAGIC {
            return None;
        }
        Some(Self { generation: u64_at(start, 8)?, body_bytes: u32_at(start, 16)?, records: u32_at(start, 20)? })
    }

    /// The bytes on disk of the whole frame, if there are that many.
    pub(super) fn frame_bytes(&self, available: u64) -> Option<usize> {
        let body = usize::try_from(self.body_bytes).ok()?;
        let bytes = FRAME_HEADER_BYTES.checked_add(body)?.checked_next_multiple_of(SECTOR_BYTES)?;
        (bytes as u64 <= available).then_some(bytes)
    }

    /// The body of the frame, if `frame` is whole and stands where it was written.
    pub(super) fn body(&self, frame: &Bytes, generation: u64, offset: u64) -> Option<Bytes> {
        let crc = u32_at(frame, 4)?;
        let is_valid = self.generation == generation && crc == frame_crc(frame, generation, offset);
        let end = FRAME_HEADER_BYTES.checked_add(usize::try_from(self.body_bytes).ok()?)?;
        (is_valid && end <= frame.len()).then(|| frame.slice(FRAME_HEADER_BYTES..end))
    }

    /// The records of the body, each with the position of its bytes in the frame; `None` if they make no sense.
    pub(super) fn records(&self, body: &Bytes) -> Option<Vec<(Record, usize)>> {
        let mut records = Vec::new();
        let mut at = 0;
        while at < body.len() {
            let (record, bytes) = Record::decode(&body.slice(at..))?;
            records.push((record, FRAME_HEADER_BYTES + at + RECORD_HEADER_BYTES));
            at += bytes;
        }
        (u64::from(self.records) == records.len() as u64).then_some(records)
    }
}

fn frame_crc(frame: &[u8], generation: u64, offset: u64) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&generation.to_le_bytes());
    crc.update(&offset.to_le_bytes());
    crc.update(&frame[..4]);
    crc.update(&frame[8..]);
    crc.finalize()
}

fn header_crc(sector: &[u8; SECTOR_BYTES]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&sector[..12]);
    crc.update(&sector[16..]);
    crc.finalize()
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("records are bounded far below 4 GiB before they are queued")
}

fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    bytes.get(place..)?.first_chunk().copied().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], place: usize) -> Option<u64> {
    bytes.get(place..)?.first_chunk().copied().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests;
