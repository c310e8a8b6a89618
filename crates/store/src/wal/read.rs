//! Reads entries: from memory, or else from the segment that holds them.
//!
//! Invariant: what is returned is what was appended. Nothing pins a segment while it is read, so each entry's own
//! checksum is compared, and an entry that does not agree is looked up again: it may have been copied forward or
//! purged meanwhile. Only if it has not, the disk is at fault.

use std::ops::Range;

use bytes::Bytes;

use super::index::Place;
use super::supply::SegmentFile;
use super::{Fault, GroupId, Inner, LogEntry};

enum Source {
    Memory(Bytes),
    Disk(Place),
}

impl Inner {
    pub(super) fn read(&self, group: GroupId, range: Range<u64>) -> Result<Vec<LogEntry>, Fault> {
        let sources = self.sources(group, range)?;
        let mut entries = Vec::with_capacity(sources.len());
        for (index, source) in sources {
            let bytes = match source {
                Source::Memory(bytes) => Some(bytes),
                Source::Disk(place) => self.read_from_disk(group, index, place)?,
            };
            entries.extend(bytes.map(|bytes| LogEntry { index, bytes }));
        }
        Ok(entries)
    }

    fn sources(&self, group: GroupId, range: Range<u64>) -> Result<Vec<(u64, Source)>, Fault> {
        let ledger = self.ledger.lock();
        if let Some(fault) = &ledger.fault {
            return Err((**fault).clone());
        }
        let state = ledger.front.state(group);
        let (Some(first), Some(last)) = (state.first, state.last) else { return Ok(Vec::new()) };
        let source = |index| {
            let recent = ledger.front.recent(group, index).map(Source::Memory);
            let source = recent.or_else(|| ledger.index.place(group, index).map(Source::Disk));
            source.map(|source| (index, source))
        };
        Ok((range.start.max(first)..range.end.min(last + 1)).filter_map(source).collect())
    }

    /// The entry's bytes; `None` if it was dropped meanwhile.
    fn read_from_disk(&self, group: GroupId, index: u64, mut place: Place) -> Result<Option<Bytes>, Fault> {
        loop {
            let result = self.read_place(place);
            let Err(fault) = result else { return result.map(Some) };
            match self.ledger.lock().index.place(group, index) {
                Some(now) if now == place => return Err(fault),
                Some(now) => place = now,
                None => return Ok(None),
            }
        }
    }

    pub(super) fn read_place(&self, place: Place) -> Result<Bytes, Fault> {
        let file = self.ledger.lock().segments.get(&place.segment).cloned();
        let file = file.ok_or_else(|| Fault::Damaged { path: self.dir.clone(), offset: place.offset })?;
        read_checked(&file, place)
    }
}

fn read_checked(file: &SegmentFile, place: Place) -> Result<Bytes, Fault> {
    let mut bytes = vec![0; place.bytes as usize];
    let read = file.handle.read_exact_at(&mut bytes, place.offset);
    read.map_err(|error| Fault::disk("read", &file.path, &error))?;
    if crc32fast::hash(&bytes) == place.crc {
        Ok(Bytes::from(bytes))
    } else {
        Err(Fault::Damaged { path: file.path.clone(), offset: place.offset })
    }
}
