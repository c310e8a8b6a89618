//! Writes frames, one after the other, and moves from segment to segment.
//!
//! Invariants: a frame is written only when the one before it is synced. The first frame of a segment is written
//! together with the segment's header and begins with every group's marks, so whoever starts reading there knows them.
//! A sector that was synced is never written again until its segment is recycled.

use std::collections::BTreeMap;

use super::format::{FRAME_HEADER_BYTES, HEADER_BYTES, RECORD_HEADER_BYTES, Record, SegmentHeader};
use super::format::{encode_frame, frame_bytes};
use super::index::Index;
use super::ledger::{Batch, Written};
use super::supply::{SegmentFile, Supply, Trouble};
use super::thrift::Thrift;

pub(super) struct Writer {
    pub(super) supply: Supply,
    /// All that are in use, by sequence; the last one is being written.
    segments: BTreeMap<u64, SegmentFile>,
    header: SegmentHeader,
    file: SegmentFile,
    /// Where the next frame goes.
    end: u64,
    buffer: Vec<u8>,
    pub(super) thrift: Thrift,
}

impl Writer {
    pub(super) fn new(
        supply: Supply,
        header: SegmentHeader,
        segments: BTreeMap<u64, SegmentFile>,
        file: SegmentFile,
        end: u64,
    ) -> Self {
        let thrift = Thrift::new(supply.segment_bytes());
        Self { supply, segments, header, file, end, buffer: Vec::new(), thrift }
    }

    pub(super) fn segments(&self) -> &BTreeMap<u64, SegmentFile> {
        &self.segments
    }

    /// Whether the segment has no frame yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.end == HEADER_BYTES
    }

    /// Makes sure that the frame for `batch` fits, in the next segment if it does not in this one.
    pub(super) fn make_room(&mut self, batch: &Batch) -> Result<(), Trouble> {
        let needed = frame_bytes(batch.records().map(Record::encoded_bytes).sum()) as u64;
        // A frame that is larger than a whole segment makes its segment longer.
        if self.is_fresh() || self.end + needed <= self.file.bytes {
            return Ok(());
        }
        let file = self.supply.take()?;
        let sequence = self.header.sequence + 1;
        // The segment before stays in the chain even if nobody needs it: until this one's first frame is durable, the
        // marks are there only.
        let oldest = self.segments.keys().next().copied().unwrap_or(self.header.sequence);
        let generation = self.header.generation + 1;
        self.header = SegmentHeader { sequence, generation, oldest, previous_end: self.end };
        self.segments.insert(sequence, file.clone());
        self.file = file;
        self.end = HEADER_BYTES;
        Ok(())
    }

    /// Writes and syncs one frame. `marks` are those of all groups, if the segment is fresh.
    pub(super) fn write(&mut self, marks: &[Record], batch: &Batch) -> Result<Written, Trouble> {
        self.buffer.clear();
        let is_fresh = self.is_fresh();
        if is_fresh {
            self.buffer.extend_from_slice(&self.header.encode());
        }
        encode_frame(&mut self.buffer, self.header.generation, self.end, marks.iter().chain(batch.records()));
        let start = if is_fresh { 0 } else { self.end };
        self.file.write(&self.buffer, start)?;
        self.file.sync()?;
        let mut at = self.end + (FRAME_HEADER_BYTES + marks.iter().map(Record::encoded_bytes).sum::<usize>()) as u64;
        let mut offsets = Vec::new();
        for record in batch.records() {
            offsets.push(at + RECORD_HEADER_BYTES as u64);
            at += record.encoded_bytes() as u64;
        }
        let bytes = self.buffer.len() as u64;
        self.end = start + bytes;
        self.lengthen();
        Ok(Written { segment: self.header.sequence, is_first: is_fresh, bytes, offsets })
    }

    /// Gives up the oldest segments as far as nobody needs them.
    pub(super) fn release(&mut self, index: &Index) -> bool {
        let mut has_released = false;
        while let Some(oldest) = self.segments.first_entry() {
            let sequence = *oldest.key();
            if sequence == self.header.sequence || index.needs(sequence) {
                break;
            }
            self.supply.release(sequence, oldest.remove());
            has_released = true;
        }
        has_released
    }

    /// The header of this segment is durable: what it says is not needed can be used again.
    pub(super) fn reclaim(&mut self) -> Result<(), Trouble> {
        self.supply.reclaim(self.header.oldest)
    }

    fn lengthen(&mut self) {
        if self.end > self.file.bytes {
            self.file.bytes = self.end;
            self.segments.insert(self.header.sequence, self.file.clone());
        }
    }
}
