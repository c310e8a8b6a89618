//! Recently appended events, kept as the bytes of their rows so that handing out a task needs no read of the store.
//!
//! Invariant: a reader asks only for events below a `next_event_id` that was answered to it, so events of a batch that
//! is not applied yet are never seen. After leadership is lost everything here is dropped: those ids may come again.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use parking_lot::Mutex;
use weft_engine::{EventId, state::BranchId};
use weft_rows::EncodedBatch;

/// What a batch costs beyond its bytes, roughly.
const BATCH_BYTES: usize = 96;

/// The newest events of branches, bounded by bytes.
pub(crate) struct EventCache {
    inner: Mutex<Inner>,
    bytes_max: usize,
}

#[derive(Default)]
struct Inner {
    tails: HashMap<BranchId, Tail>,
    /// Branches by age of their last use, oldest first, with the use's number; stale entries are skipped.
    uses: VecDeque<(u64, BranchId)>,
    clock: u64,
    bytes: usize,
}

/// Batches that follow each other.
#[derive(Default)]
struct Tail {
    batches: VecDeque<Batch>,
    bytes: usize,
    used: u64,
}

#[derive(Clone)]
struct Batch {
    first: EventId,
    /// Each the bytes of one event, all of them parts of the same row.
    events: Arc<[Bytes]>,
}

impl EventCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { inner: Mutex::default(), bytes_max }
    }

    /// Remembers a batch that was just decided. A gap to what is held drops what is held.
    pub(crate) fn append(&self, batch: EncodedBatch) {
        let EncodedBatch { branch, first, bytes } = batch;
        let bytes = Bytes::from(bytes);
        let Ok((_, ranges)) = weft_rows::history::event_ranges(&bytes) else { return self.forget(&branch) };
        let weight = bytes.len() + BATCH_BYTES + ranges.len() * size_of::<Bytes>();
        let batch = Batch { first, events: ranges.into_iter().map(|range| bytes.slice(range)).collect() };
        let mut inner = self.inner.lock();
        let used = inner.touch(&branch);
        let tail = inner.tails.entry(branch).or_default();
        let mut freed = 0;
        if tail.next().is_some_and(|next| next != first) {
            freed = core::mem::take(&mut tail.bytes);
            tail.batches.clear();
        }
        tail.used = used;
        tail.bytes += weight;
        tail.batches.push_back(batch);
        inner.bytes = inner.bytes + weight - freed;
        inner.shrink(self.bytes_max);
    }

    /// The bytes of events `from..to` if all of them are here.
    pub(crate) fn range(&self, branch: &BranchId, from: EventId, to: EventId) -> Option<Vec<Bytes>> {
        let batches = {
            let mut inner = self.inner.lock();
            let used = inner.touch(branch);
            let tail = inner.tails.get_mut(branch)?;
            tail.used = used;
            if tail.batches.front()?.first > from || tail.next()? < to {
                return None;
            }
            let start = tail.batches.partition_point(|batch| batch.next() <= from);
            let end = tail.batches.partition_point(|batch| batch.first < to);
            tail.batches.range(start..end.max(start)).cloned().collect::<Vec<_>>()
        };
        Some(batches.iter().flat_map(|batch| batch.between(from, to)).cloned().collect())
    }

    pub(crate) fn forget(&self, branch: &BranchId) {
        let mut inner = self.inner.lock();
        if let Some(tail) = inner.tails.remove(branch) {
            inner.bytes -= tail.bytes;
        }
    }

    pub(crate) fn clear(&self) {
        *self.inner.lock() = Inner::default();
    }
}

impl Tail {
    fn next(&self) -> Option<EventId> {
        self.batches.back().map(Batch::next)
    }
}

impl Batch {
    fn next(&self) -> EventId {
        EventId(self.first.0 + self.events.len() as i64)
    }

    fn between(&self, from: EventId, to: EventId) -> &[Bytes] {
        let place = |id: EventId| usize::try_from(id.0 - self.first.0).unwrap_or(0).min(self.events.len());
        self.events.get(place(from)..place(to)).unwrap_or_default()
    }
}

impl Inner {
    fn touch(&mut self, branch: &BranchId) -> u64 {
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
    use std::collections::BTreeMap;

    use weft_engine::{Appended, RunId, Transition, WorkflowKey};
    use weft_protocol::{api::history::HistoryEvent, prost::Message};

    use super::*;

    fn batch(branch: &str, first: i64, count: i64) -> EncodedBatch {
        let key = WorkflowKey { namespace: "ns".into(), workflow: "w".into() };
        let events = (first..first + count).map(|event_id| HistoryEvent { event_id, ..Default::default() }).collect();
        let run = RunId::from(branch);
        let appended = Appended { run, branch: branch.into(), first_event_id: EventId(first), events };
        let transition = Transition { events: vec![appended], ..Transition::default() };
        weft_rows::encode(&key, &transition, &BTreeMap::new()).batches.remove(0)
    }

    fn ids(cache: &EventCache, branch: &str, from: i64, to: i64) -> Option<Vec<i64>> {
        let events = cache.range(&branch.into(), EventId(from), EventId(to))?;
        Some(events.iter().map(|event| HistoryEvent::decode(event.clone()).unwrap().event_id).collect())
    }

    #[test]
    fn a_range_is_given_only_whole() {
        let cache = EventCache::new(1 << 20);
        cache.append(batch("a", 3, 2));
        cache.append(batch("a", 5, 1));
        cache.append(batch("a", 6, 3));
        assert_eq!(ids(&cache, "a", 4, 6), Some(vec![4, 5]));
        assert_eq!(ids(&cache, "a", 3, 9), Some((3..9).collect()));
        assert_eq!(ids(&cache, "a", 7, 8), Some(vec![7]));
        assert_eq!(ids(&cache, "a", 5, 5), Some(vec![]));
        assert_eq!(ids(&cache, "a", 2, 6), None);
        assert_eq!(ids(&cache, "a", 4, 10), None);
    }

    #[test]
    fn a_gap_drops_what_was_held() {
        let cache = EventCache::new(1 << 20);
        cache.append(batch("a", 1, 2));
        cache.append(batch("a", 9, 1));
        assert_eq!(ids(&cache, "a", 1, 3), None);
        assert_eq!(ids(&cache, "a", 9, 10), Some(vec![9]));
    }

    #[test]
    fn the_least_recently_used_branch_goes_first() {
        let cache = EventCache::new(600);
        cache.append(batch("a", 1, 2));
        cache.append(batch("b", 1, 2));
        ids(&cache, "a", 1, 2);
        cache.append(batch("c", 1, 2));
        assert_eq!(ids(&cache, "b", 1, 2), None);
        assert_eq!(ids(&cache, "a", 1, 2), Some(vec![1]));
    }
}
