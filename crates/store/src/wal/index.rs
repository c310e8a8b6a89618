//! What the log holds, in the order in which it was written: each group's marks, and where each entry is.
//!
//! Invariant: this is what replaying the segments from the oldest one gives, no more and no less, so the writer keeps
//! it with the same function that reads the log. A segment is needed while `live` counts an entry in it.
//!
//! Deliberately not here: what was asked and is not durable yet (`front`).

use std::collections::BTreeMap;

use bytes::Bytes;

use super::GroupId;
use super::format::{Kind, Record};

/// Where the bytes of an entry are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) bytes: u32,
    /// Of the entry alone: a read can be checked without its frame.
    pub(super) crc: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) vote: Option<Bytes>,
    pub(super) committed: Option<Bytes>,
    pub(super) purged: Option<(u64, Bytes)>,
}

#[derive(Debug, Default)]
pub(super) struct Index {
    groups: BTreeMap<GroupId, Group>,
    live: BTreeMap<u64, BTreeMap<GroupId, Live>>,
}

#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) marks: Marks,
    pub(super) places: BTreeMap<u64, Place>,
}

/// What one group still needs of one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Live {
    entries: u64,
    bytes: u64,
}

impl Place {
    pub(super) fn new(segment: u64, offset: u64, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).expect("a frame's length was checked, and an entry is shorter");
        Self { segment, offset, bytes: length, crc: crc32fast::hash(bytes) }
    }
}

impl Index {
    /// Takes in one record; `segment` and `offset` are where its bytes stand.
    pub(super) fn apply(&mut self, record: &Record, segment: u64, offset: u64) {
        let group = self.groups.entry(record.group).or_default();
        let gone = match record.kind {
            Kind::Vote => {
                group.marks.vote = Some(detached(&record.bytes));
                BTreeMap::new()
            }
            Kind::Committed => {
                group.marks.committed = Some(detached(&record.bytes));
                BTreeMap::new()
            }
            Kind::Entry => {
                let place = Place::new(segment, offset, &record.bytes);
                let live = self.live.entry(segment).or_default().entry(record.group).or_default();
                live.entries += 1;
                live.bytes += u64::from(place.bytes);
                // An entry that is there already was copied forward.
                group.places.insert(record.index, place).map(|old| (record.index, old)).into_iter().collect()
            }
            Kind::Truncate => group.places.split_off(&record.index),
            Kind::Purge => {
                let is_news = group.marks.purged.as_ref().is_none_or(|(upto, _)| *upto < record.index);
                if is_news {
                    group.marks.purged = Some((record.index, detached(&record.bytes)));
                }
                let kept = group.places.split_off(&record.index.saturating_add(1));
                std::mem::replace(&mut group.places, kept)
            }
            Kind::Forget => {
                group.marks = Marks { vote: group.marks.vote.take(), ..Marks::default() };
                std::mem::take(&mut group.places)
            }
        };
        for place in gone.into_values() {
            self.forget(record.group, place);
        }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.groups.iter().map(|(id, group)| (*id, group))
    }

    pub(super) fn place(&self, group: GroupId, index: u64) -> Option<Place> {
        self.groups.get(&group)?.places.get(&index).copied()
    }

    /// The first index, of those from `from` on, from which on the entries have at most so many bytes.
    pub(super) fn within(&self, group: GroupId, from: u64, bytes: u64) -> u64 {
        let Some(group) = self.groups.get(&group) else { return from };
        let mut room = bytes;
        for (index, place) in group.places.range(from..).rev() {
            match room.checked_sub(u64::from(place.bytes)) {
                Some(rest) => room = rest,
                None => return index + 1,
            }
        }
        from
    }

    /// The records that bring a reader who starts here up to date with every group's marks.
    pub(super) fn marks(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for (&group, Group { marks, .. }) in &self.groups {
            let mut push =
                |kind, index, bytes: &Bytes| records.push(Record { kind, group, index, bytes: bytes.clone() });
            if let Some(vote) = &marks.vote {
                push(Kind::Vote, 0, vote);
            }
            if let Some((upto, mark)) = &marks.purged {
                push(Kind::Purge, *upto, mark);
            }
            if let Some(committed) = &marks.committed {
                push(Kind::Committed, 0, committed);
            }
        }
        records
    }

    /// Whether someone needs an entry in `segment`.
    pub(super) fn needs(&self, segment: u64) -> bool {
        self.live.contains_key(&segment)
    }

    pub(super) fn holders(&self, segment: u64) -> Vec<GroupId> {
        self.live.get(&segment).map(|groups| groups.keys().copied().collect()).unwrap_or_default()
    }

    /// The bytes of the entries in `segment` that someone needs.
    pub(super) fn live_bytes(&self, segment: u64) -> u64 {
        self.live.get(&segment).map_or(0, |groups| groups.values().map(|live| live.bytes).sum())
    }

    /// The entries in `segment` that someone needs.
    pub(super) fn live_entries(&self, segment: u64) -> Vec<(GroupId, u64, Place)> {
        let mut entries = Vec::new();
        for id in self.holders(segment) {
            let places = self.groups.get(&id).into_iter().flat_map(|group| &group.places);
            entries.extend(places.filter(|(_, place)| place.segment == segment).map(|(&index, &p)| (id, index, p)));
        }
        entries
    }

    fn forget(&mut self, group: GroupId, place: Place) {
        let Some(groups) = self.live.get_mut(&place.segment) else { return };
        if let Some(live) = groups.get_mut(&group) {
            live.entries -= 1;
            live.bytes -= u64::from(place.bytes);
            if live.entries == 0 {
                groups.remove(&group);
            }
        }
        if groups.is_empty() {
            self.live.remove(&place.segment);
        }
    }
}

/// A mark lives long: it must not hold the frame or the message that it came in.
fn detached(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
