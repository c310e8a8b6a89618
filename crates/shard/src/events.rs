//! Recently appended events, kept decoded so that handing out a task needs no read of the store.
//!
//! Invariant: a reader asks only for events below a `next_event_id` that was answered to it, so events of a batch that
//! is not applied yet are never seen. After leadership is lost everything here is dropped: those ids may come again.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use weft_engine::{Appended, EventId};
use weft_protocol::{api::history::HistoryEvent, prost::Message};

type Branch = weft_engine::state::BranchId;

/// The newest events of branches, bounded by bytes.
pub(crate) struct EventCache {
    inner: Mutex<Inner>,
    bytes_max: usize,
}

#[derive(Default)]
struct Inner {
    tails: HashMap<Branch, Tail>,
    /// Branches by age of their last use, oldest first, with the use's number; stale entries are skipped.
    uses: VecDeque<(u64, Branch)>,
    clock: u64,
    bytes: usize,
}

struct Tail {
    first: EventId,
    events: VecDeque<Arc<HistoryEvent>>,
    bytes: usize,
    used: u64,
}

impl EventCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { inner: Mutex::default(), bytes_max }
    }

    /// Remembers a batch that was just decided. A gap to what is held drops what is held.
    pub(crate) fn append(&self, appended: &Appended) {
        let events: Vec<_> = appended.events.iter().cloned().map(Arc::new).collect();
        let bytes: usize = events.iter().map(|event| event.encoded_len() + 64).sum();
        let mut inner = self.inner.lock();
        let used = inner.touch(&appended.branch);
        let tail = inner.tails.entry(appended.branch.clone()).or_insert_with(|| Tail {
            first: appended.first_event_id,
            events: VecDeque::new(),
            bytes: 0,
            used,
        });
        let mut freed = 0;
        if tail.first.0 + tail.events.len() as i64 != appended.first_event_id.0 {
            freed = core::mem::take(&mut tail.bytes);
            tail.events.clear();
            tail.first = appended.first_event_id;
        }
        tail.used = used;
        tail.bytes += bytes;
        tail.events.extend(events);
        inner.bytes = inner.bytes + bytes - freed;
        inner.shrink(self.bytes_max);
    }

    /// Events `from..to` if all of them are here.
    pub(crate) fn range(&self, branch: &Branch, from: EventId, to: EventId) -> Option<Vec<Arc<HistoryEvent>>> {
        let mut inner = self.inner.lock();
        let used = inner.touch(branch);
        let tail = inner.tails.get_mut(branch)?;
        tail.used = used;
        let start = usize::try_from(from.0 - tail.first.0).ok()?;
        let end = usize::try_from(to.0 - tail.first.0).ok()?;
        if start > end || end > tail.events.len() {
            return None;
        }
        Some(tail.events.range(start..end).cloned().collect())
    }

    pub(crate) fn forget(&self, branch: &Branch) {
        let mut inner = self.inner.lock();
        if let Some(tail) = inner.tails.remove(branch) {
            inner.bytes -= tail.bytes;
        }
    }

    pub(crate) fn clear(&self) {
        *self.inner.lock() = Inner::default();
    }
}

impl Inner {
    fn touch(&mut self, branch: &Branch) -> u64 {
        self.clock += 1;
        self.uses.push_back((self.clock, branch.clone()));
        self.clock
    }

    fn shrink(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max || self.uses.len() > 4 * self.tails.len() + 64 {
            let Some((used, branch)) = self.uses.pop_front() else { return };
            let over = self.bytes > bytes_max;
            match self.tails.get(&branch) {
                Some(tail) if tail.used == used && over => {
                    self.bytes -= tail.bytes;
                    self.tails.remove(&branch);
                }
                // Still in use, only its place in the queue is old: it goes to the back.
                Some(tail) if tail.used == used => self.uses.push_back((used, branch)),
                Some(_) | None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(branch: &str, first: i64, count: i64) -> Appended {
        Appended {
            run: branch.into(),
            branch: branch.into(),
            first_event_id: EventId(first),
            events: (first..first + count).map(|event_id| HistoryEvent { event_id, ..Default::default() }).collect(),
        }
    }

    fn ids(cache: &EventCache, branch: &str, from: i64, to: i64) -> Option<Vec<i64>> {
        let events = cache.range(&branch.into(), EventId(from), EventId(to))?;
        Some(events.iter().map(|event| event.event_id).collect())
    }

    #[test]
    fn a_range_is_given_only_whole() {
        let cache = EventCache::new(1 << 20);
        cache.append(&batch("a", 3, 2));
        cache.append(&batch("a", 5, 1));
        assert_eq!(ids(&cache, "a", 4, 6), Some(vec![4, 5]));
        assert_eq!(ids(&cache, "a", 2, 6), None);
        assert_eq!(ids(&cache, "a", 4, 7), None);
    }

    #[test]
    fn a_gap_drops_what_was_held() {
        let cache = EventCache::new(1 << 20);
        cache.append(&batch("a", 1, 2));
        cache.append(&batch("a", 9, 1));
        assert_eq!(ids(&cache, "a", 1, 3), None);
        assert_eq!(ids(&cache, "a", 9, 10), Some(vec![9]));
    }

    #[test]
    fn the_least_recently_used_branch_goes_first() {
        let cache = EventCache::new(64 * 5);
        cache.append(&batch("a", 1, 2));
        cache.append(&batch("b", 1, 2));
        ids(&cache, "a", 1, 2);
        cache.append(&batch("c", 1, 2));
        assert_eq!(ids(&cache, "b", 1, 2), None);
        assert_eq!(ids(&cache, "a", 1, 2), Some(vec![1]));
    }
}
