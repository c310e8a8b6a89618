//! Workers that have shut down: their polls end, and one that comes late finds nothing.
//!
//! Invariant: at most [`REMEMBERED_MAX`] are remembered, each for as long as a poll that was on its way may take.

use super::{Inner, Service};
use crate::key::QueueKey;
use crate::payload::Payloads;
use crate::poller::PollerInfo;
use crate::queue::Queue;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// More than go at once in a large cluster that is deployed anew.
const REMEMBERED_MAX: usize = 10_000;

/// Who has gone lately.
#[derive(Debug, Default)]
pub(super) struct Gone {
    workers: BTreeMap<Name, Duration>,
    in_order: VecDeque<(Name, Duration)>,
}

/// A namespace's id and a worker's instance key.
type Name = (Arc<str>, Arc<str>);

impl Gone {
    fn remember(&mut self, name: Name, now: Duration, memory: Duration) {
        self.workers.insert(name.clone(), now);
        self.in_order.push_back((name, now));
        while let Some((name, at)) = self.in_order.front()
            && (self.in_order.len() > REMEMBERED_MAX || now.saturating_sub(*at) >= memory)
        {
            // It may have gone a second time since.
            if self.workers.get(name) == Some(at) {
                self.workers.remove(name);
            }
            self.in_order.pop_front();
        }
    }

    fn knows(&self, name: &Name, now: Duration, memory: Duration) -> bool {
        !self.workers.is_empty() && self.workers.get(name).is_some_and(|at| now.saturating_sub(*at) < memory)
    }
}

impl<P: Payloads> Service<P> {
    /// A worker shuts down: its polls at these queues end empty-handed, now and from now on. A poll for which a task is
    /// just being recorded as started ends with that task.
    pub fn worker_gone(&self, namespace: &str, worker: &str, queues: &[QueueKey]) {
        let inner = &*self.0;
        let now = inner.clock.monotonic();
        inner.gone.lock().remember((namespace.into(), worker.into()), now, inner.options.worker_gone_memory);
        for key in queues {
            inner.with_existing(key, (), |_, queue, (), now| queue.end_polls_of(worker, now), |()| ());
        }
    }
}

impl<P: Payloads> Inner<P> {
    /// To be looked at under the lock of the queue: whoever goes ends the polls of its queues after it was remembered.
    pub(super) fn has_gone(&self, key: &QueueKey, poller: &PollerInfo, now: Duration) -> bool {
        let Some(worker) = &poller.worker else { return false };
        let name = (Arc::clone(&key.namespace), Arc::clone(worker));
        self.gone.lock().knows(&name, now, self.options.worker_gone_memory)
    }
}

impl<P: Payloads, W> Queue<P, W> {
    /// Ends the polls of one worker.
    fn end_polls_of(&mut self, worker: &str, now: Duration) {
        self.end_polls_that(|poller| poller.worker.as_deref() == Some(worker), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_went_are_remembered_for_a_while_and_not_too_many() {
        let memory = Duration::from_secs(30);
        let name = |number: usize| (Arc::from("namespace"), Arc::from(format!("worker-{number}")));
        let at = Duration::from_secs;
        let mut gone = Gone::default();
        gone.remember(name(1), at(0), memory);
        gone.remember(name(2), at(20), memory);
        gone.remember(name(1), at(25), memory);
        assert!(gone.knows(&name(1), at(31), memory) && !gone.knows(&name(1), at(55), memory));
        gone.remember(name(3), at(40), memory);
        assert!(gone.knows(&name(1), at(40), memory), "it went again at 25");
        (10..10 + REMEMBERED_MAX).for_each(|number| gone.remember(name(number), at(41), memory));
        assert_eq!((gone.workers.len(), gone.in_order.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
        assert!(!gone.knows(&name(3), at(41), memory));
    }
}
