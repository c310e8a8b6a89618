//! What happens because time passes: rates allow the next task, pollers are forgotten, sticky workers are given up.
//!
//! Invariant: one timer for the whole service. A queue is forgotten only when nothing is lost by it.

use super::{Inner, Service};
use crate::key::QueueKey;
use crate::payload::Payloads;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl<P: Payloads> Service<P> {
    /// Runs until [`Service::shutdown`]. Polls and offers work without it, but nothing that depends on time passing.
    pub async fn run(&self) {
        let inner = &*self.0;
        let mut sweep_at = inner.clock.monotonic().saturating_add(inner.options.sweep_interval);
        while !inner.is_closed() {
            let wake_at = inner.next_alarm().map_or(sweep_at, |alarm| alarm.min(sweep_at));
            tokio::select! {
                biased;
                () = inner.changed.notified() => {}
                () = inner.clock.sleep_until(wake_at) => {}
            }
            let now = inner.clock.monotonic();
            inner.ring(now);
            if now >= sweep_at {
                inner.sweep();
                sweep_at = now.saturating_add(inner.options.sweep_interval);
            }
        }
    }
}

impl<P: Payloads> Inner<P> {
    fn next_alarm(&self) -> Option<Duration> {
        self.alarms.lock().first().map(|(at, _)| *at)
    }

    /// Looks at the queues whose rate allows a task by now.
    fn ring(&self, now: Duration) {
        while let Some(key) = self.take_alarm(now) {
            self.with_existing(&key, (), |_, _, (), _| (), |()| ());
        }
    }

    fn take_alarm(&self, now: Duration) -> Option<QueueKey> {
        let mut alarms = self.alarms.lock();
        if alarms.first().is_none_or(|(at, _)| *at > now) {
            return None;
        }
        alarms.pop_first().map(|(_, key)| key)
    }

    fn sweep(&self) {
        for index in 0..self.lots.len() {
            self.sweep_lot(index);
        }
    }

    fn sweep_lot(&self, index: usize) {
        let now = self.clock.monotonic();
        let mut orphaned = Vec::new();
        let mut asked = Vec::new();
        let mut lot = self.lots[index].lock();
        lot.retain(|key, queue| {
            let orphans = if self.is_branch { queue.sweep_branch(now) } else { queue.sweep(now) };
            if !orphans.is_empty() {
                orphaned.push((key.clone(), orphans));
            }
            let wants = self.settle(key, queue, now);
            if !wants.is_empty() {
                asked.push((key.clone(), wants));
            }
            let keep = !queue.is_idle(now);
            if !keep {
                self.queues.fetch_sub(1, Ordering::Relaxed);
            }
            keep
        });
        drop(lot);
        orphaned.into_iter().for_each(|(key, orphans)| self.hand_back(&key, orphans));
        asked.into_iter().for_each(|(key, wants)| self.pull(&key, wants));
    }
}
