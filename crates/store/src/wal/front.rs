//! What callers see of the log: everything that was asked so far, durable or not, and the recent entries themselves.
//!
//! Invariants: an entry that is not durable stays in memory; of the others the oldest go when there are more than
//! `cache_bytes`. Each item that was handed to the log has a ticket, and tickets become durable in order.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{Fault, GroupId, GroupState, LogEntry};

#[derive(Debug)]
pub(super) struct Front {
    groups: BTreeMap<GroupId, Group>,
    /// The entries in memory, oldest first, and some that have gone since.
    queue: VecDeque<(GroupId, u64, Ticket)>,
    cached_entries: usize,
    cached_bytes: usize,
    cache_bytes: usize,
    durable: Ticket,
}

/// The place in the order in which items were handed to the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(pub(super) u64);

#[derive(Debug, Default)]
struct Group {
    state: GroupState,
    /// The last entry that is durable.
    durable: u64,
    /// The last purge that is durable.
    durable_purge: u64,
    recent: BTreeMap<u64, Recent>,
}

#[derive(Debug)]
struct Recent {
    ticket: Ticket,
    bytes: Bytes,
}

impl Front {
    pub(super) fn new(cache_bytes: usize) -> Self {
        Self {
            groups: BTreeMap::new(),
            queue: VecDeque::new(),
            cached_entries: 0,
            cached_bytes: 0,
            cache_bytes,
            durable: Ticket::default(),
        }
    }

    /// A group as the log was found to have it.
    pub(super) fn restore(&mut self, id: GroupId, state: GroupState) {
        let purged = state.purged.as_ref().map_or(0, |(upto, _)| *upto);
        let durable = state.last.unwrap_or(0);
        self.groups.insert(id, Group { state, durable, durable_purge: purged, recent: BTreeMap::new() });
    }

    pub(super) fn ids(&self) -> Vec<GroupId> {
        self.groups.keys().copied().collect()
    }

    pub(super) fn state(&self, id: GroupId) -> GroupState {
        self.groups.get(&id).map(|group| group.state.clone()).unwrap_or_default()
    }

    pub(super) fn durable_index(&self, id: GroupId) -> u64 {
        self.groups.get(&id).map_or(0, |group| group.durable.max(group.durable_purge))
    }

    pub(super) fn durable_ticket(&self) -> Ticket {
        self.durable
    }

    pub(super) fn set_vote(&mut self, id: GroupId, vote: Bytes) {
        self.groups.entry(id).or_default().state.vote = Some(vote);
    }

    pub(super) fn set_committed(&mut self, id: GroupId, committed: Bytes) {
        self.groups.entry(id).or_default().state.committed = Some(committed);
    }

    /// Whether `entries` continue the group's log or replace its end.
    pub(super) fn check_append(&self, id: GroupId, entries: &[LogEntry]) -> Result<(), Fault> {
        let state = self.groups.get(&id).map(|group| &group.state);
        let purged = state.and_then(|state| state.purged.as_ref()).map_or(0, |(upto, _)| *upto);
        let mut last = state.and_then(|state| state.last);
        for (position, entry) in entries.iter().enumerate() {
            let index = entry.index;
            let follows = last.is_none_or(|last| index == last + 1 || (position == 0 && index <= last));
            if index <= purged || !follows || index == u64::MAX {
                return Err(Fault::Gap { index, last: last.unwrap_or(purged) });
            }
            last = Some(index);
        }
        Ok(())
    }

    /// Takes in entries that passed [`Front::check_append`] and follow the last one.
    pub(super) fn append(&mut self, id: GroupId, entries: &[LogEntry], ticket: Ticket) {
        let group = self.groups.entry(id).or_default();
        for LogEntry { index, bytes } in entries {
            group.state.first.get_or_insert(*index);
            group.state.last = Some(*index);
            self.cached_bytes += bytes.len();
            self.cached_entries += 1;
            group.recent.insert(*index, Recent { ticket, bytes: bytes.clone() });
            self.queue.push_back((id, *index, ticket));
        }
    }

    /// Drops the entries from `from` on; says whether there were any.
    pub(super) fn truncate_from(&mut self, id: GroupId, from: u64) -> bool {
        let Some(group) = self.groups.get_mut(&id) else { return false };
        if group.state.last.is_none_or(|last| last < from) {
            return false;
        }
        let gone = group.recent.split_off(&from);
        group.durable = group.durable.min(from.saturating_sub(1));
        if group.state.first.is_some_and(|first| first < from) {
            group.state.last = Some(from - 1);
        } else {
            (group.state.first, group.state.last) = (None, None);
        }
        self.forget(&gone);
        true
    }

    /// Drops the entries up to `upto`; says whether that was news.
    pub(super) fn purge(&mut self, id: GroupId, upto: u64, mark: Bytes) -> bool {
        let group = self.groups.entry(id).or_default();
        if group.state.purged.as_ref().is_some_and(|(purged, _)| *purged >= upto) {
            return false;
        }
        group.state.purged = Some((upto, mark));
        let kept = group.recent.split_off(&upto.saturating_add(1));
        let gone = std::mem::replace(&mut group.recent, kept);
        if group.state.last.is_some_and(|last| last > upto) {
            group.state.first = group.state.first.map(|first| first.max(upto + 1));
        } else {
            (group.state.first, group.state.last) = (None, None);
        }
        self.forget(&gone);
        true
    }

    /// Drops all of a group but its vote; says whether there was anything.
    pub(super) fn forget_group(&mut self, id: GroupId) -> bool {
        let Some(group) = self.groups.get_mut(&id) else { return false };
        let vote = group.state.vote.clone();
        let kept = Group { state: GroupState { vote, ..GroupState::default() }, ..Group::default() };
        let Group { state, recent, .. } = std::mem::replace(group, kept);
        self.forget(&recent);
        state.last.is_some() || state.purged.is_some() || state.committed.is_some()
    }

    /// The entry, if it is in memory.
    pub(super) fn recent(&self, id: GroupId, index: u64) -> Option<Bytes> {
        self.groups.get(&id)?.recent.get(&index).map(|recent| recent.bytes.clone())
    }

    /// Whether the log still has the entry and it is durable, so that a copy of it may be written.
    pub(super) fn is_settled(&self, id: GroupId, index: u64) -> bool {
        let Some(group) = self.groups.get(&id) else { return false };
        let held = group.state.first.is_some_and(|first| first <= index) && group.state.last >= Some(index);
        held && group.recent.get(&index).is_none_or(|recent| recent.ticket <= self.durable)
    }

    /// The entry that came with `ticket` is durable, unless something else has taken its place.
    pub(super) fn entry_is_durable(&mut self, id: GroupId, index: u64, ticket: Ticket) {
        if let Some(group) = self.groups.get_mut(&id)
            && group.recent.get(&index).is_some_and(|recent| recent.ticket == ticket)
        {
            group.durable = group.durable.max(index);
        }
    }

    pub(super) fn purge_is_durable(&mut self, id: GroupId, upto: u64) {
        // Not of one that was forgotten meanwhile: its entries are others.
        if let Some(group) = self.groups.get_mut(&id)
            && group.state.purged.as_ref().is_some_and(|(purged, _)| *purged >= upto)
        {
            group.durable_purge = group.durable_purge.max(upto);
        }
    }

    /// All items up to `ticket` are durable: their entries may go.
    pub(super) fn ticket_is_durable(&mut self, ticket: Ticket) {
        self.durable = self.durable.max(ticket);
        self.evict();
    }

    fn forget(&mut self, gone: &BTreeMap<u64, Recent>) {
        self.cached_entries -= gone.len();
        self.cached_bytes -= gone.values().map(|recent| recent.bytes.len()).sum::<usize>();
        // Each pass halves the queue at least, so it costs a constant per entry.
        if self.queue.len() > 2 * self.cached_entries + 1024 {
            let groups = &self.groups;
            self.queue.retain(|(id, index, ticket)| {
                let recent = groups.get(id).and_then(|group| group.recent.get(index));
                recent.is_some_and(|recent| recent.ticket == *ticket)
            });
        }
    }

    fn evict(&mut self) {
        while self.cached_bytes > self.cache_bytes {
            let Some((id, index, ticket)) = self.queue.pop_front_if(|(_, _, ticket)| *ticket <= self.durable) else {
                break;
            };
            if let Some(group) = self.groups.get_mut(&id)
                && group.recent.get(&index).is_some_and(|recent| recent.ticket == ticket)
                && let Some(gone) = group.recent.remove(&index)
            {
                self.cached_bytes -= gone.bytes.len();
                self.cached_entries -= 1;
            }
        }
    }
}
