//! A rate over the last half minute: tasks per second that came in or went out.
//!
//! Invariant: constant size; what is older than the window is forgotten when it is next looked at. Only for people to
//! read: nothing is decided by it.

use crate::poller::TaskRates;
use std::collections::BTreeMap;
use std::time::Duration;

const WINDOW_SECONDS: u64 = 30;

#[derive(Debug, Default)]
pub(crate) struct Meter {
    counts: [u32; WINDOW_SECONDS as usize],
    /// The second that was counted last.
    latest: u64,
}

impl Meter {
    pub(crate) fn count(&mut self, now: Duration) {
        self.forget_until(now.as_secs());
        let slot = &mut self.counts[slot(self.latest)];
        *slot = slot.saturating_add(1);
    }

    pub(crate) fn per_second(&mut self, now: Duration) -> f64 {
        self.forget_until(now.as_secs());
        let total: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        // A sum of 30 counts of 32 bits is exact in a double.
        total as f64 / WINDOW_SECONDS as f64
    }

    fn forget_until(&mut self, second: u64) {
        let gone = second.saturating_sub(self.latest).min(WINDOW_SECONDS);
        for ahead in 1..=gone {
            self.counts[slot(self.latest + ahead)] = 0;
        }
        self.latest = self.latest.max(second);
    }
}

fn slot(second: u64) -> usize {
    usize::try_from(second % WINDOW_SECONDS).expect("below 30")
}

/// What came into a queue and what went out, by priority.
#[derive(Debug, Default)]
pub(crate) struct Rates(BTreeMap<u32, (Meter, Meter)>);

impl Rates {
    pub(crate) fn added(&mut self, priority: u32, now: Duration) {
        self.0.entry(priority).or_default().0.count(now);
    }

    pub(crate) fn dispatched(&mut self, priority: u32, now: Duration) {
        self.0.entry(priority).or_default().1.count(now);
    }

    pub(crate) fn added_per_second(&mut self, now: Duration) -> f64 {
        self.0.values_mut().map(|(added, _)| added.per_second(now)).sum()
    }

    pub(crate) fn dispatched_per_second(&mut self, now: Duration) -> f64 {
        self.0.values_mut().map(|(_, dispatched)| dispatched.per_second(now)).sum()
    }

    pub(crate) fn by_priority(&mut self, now: Duration) -> BTreeMap<u32, TaskRates> {
        let rates = self.0.iter_mut().map(|(priority, (added, dispatched))| {
            (*priority, TaskRates { added: added.per_second(now), dispatched: dispatched.per_second(now) })
        });
        rates.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Meter;
    use std::time::Duration;

    #[test]
    fn a_rate_is_the_mean_of_the_last_thirty_seconds_and_fades() {
        let mut meter = Meter::default();
        let at = |second: u64| Duration::from_secs(1_000 + second);
        for second in 0..60 {
            (0..3).for_each(|_| meter.count(at(second)));
        }
        assert_eq!(meter.per_second(at(59)), 3.0);
        assert_eq!(meter.per_second(at(74)), 1.5);
        assert_eq!(meter.per_second(at(200)), 0.0);
    }
}
