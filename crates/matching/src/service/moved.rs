//! Queues and shards that move between nodes.
//!
//! Invariant: what a queue forgets, or was never told, is in the rows of the shards: its new owner asks them for it. So a
//! queue that comes into being among several nodes begins by asking, and one that was somebody else's for a while asks
//! again. An owner that hears late that there is a new one hands back what it forgets: some of it may have been offered here
//! after the new one had asked.

use super::{Inner, Reply, Service};
use crate::key::QueueKey;
use crate::payload::Payloads;
use crate::queue::Queue;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl<P: Payloads> Service<P> {
    /// From now on a queue that comes into being asks these shards for what they have for it. A worker's own queue does
    /// not: what it holds stands in the shards under the normal one.
    pub fn ask_for_new_queues(&self, shards: impl IntoIterator<Item = u32>) {
        self.0.shards_unheard.lock().extend(shards);
    }

    /// A shard has tasks of this queue that were not brought here. A queue that is not known here asks when it is.
    pub fn shard_has_more(&self, key: &QueueKey, shard: u32) {
        self.0.with_existing(key, (), |_, queue, (), now| queue.mark_all(shard, now), |()| ());
    }

    /// The shards may have tasks, of any of those of these queues that are known here, that were not brought here.
    pub fn shards_have_more(&self, which: impl Fn(&QueueKey) -> bool, shards: &[u32]) {
        for key in self.0.keys(|key| !key.sticky && which(key)) {
            let mark = |_: &Inner<P>, queue: &mut Queue<P, Reply<P>>, (), now: Duration| {
                shards.iter().for_each(|shard| queue.mark_all(*shard, now));
            };
            self.0.with_existing(&key, (), mark, |()| ());
        }
    }

    /// Says whether this node leads a shard, as far as it knows: of tasks of much the same age those of such shards go first to
    /// who polls here, see [`Options::overtaking_max`](crate::Options).
    pub fn shard_is_near(&self, shard: u32, is_near: bool) {
        let mut near = self.0.near.write();
        if is_near {
            near.insert(shard)
        } else {
            near.remove(&shard)
        };
    }

    /// Forgets queues that another node owns now: their polls end empty-handed, their queries are dropped, and what they held
    /// is handed back.
    pub fn forget_queues(&self, which: impl Fn(&QueueKey) -> bool) {
        let inner = &*self.0;
        for key in inner.keys(which) {
            let Some(mut queue) = inner.lot(&key).lock().remove(&key) else { continue };
            inner.queues.fetch_sub(1, Ordering::Relaxed);
            let orphans = queue.unload(inner.clock.monotonic());
            inner.hand_back(&key, orphans);
        }
    }
}

impl<P: Payloads> Inner<P> {
    fn keys(&self, which: impl Fn(&QueueKey) -> bool) -> Vec<QueueKey> {
        let of = |lot: &super::Lot<P>| lot.keys().filter(|key| which(key)).cloned().collect::<Vec<_>>();
        self.lots.iter().flat_map(|lot| of(&lot.lock())).collect()
    }
}
