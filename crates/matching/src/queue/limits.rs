//! How many tasks per second a queue hands out, and who says so.
//!
//! Invariant: what an operator set goes over what workers say, which goes over no limit at all; when the first is taken
//! away the second is in force again.

use crate::bucket::Bucket;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// For so long a queue counts as held back by its rate.
const HELD_BACK: Duration = Duration::from_secs(30);

/// Fairness keys whose rates are kept; what one has used up is forgotten when there are more.
const KEYS_MAX: usize = 10_000;
/// Tasks per second that no queue reaches.
const UNLIMITED: f64 = 100_000.0;
/// The largest weight, in thousandths.
const WEIGHT_MAX: f64 = 1_000_000.0;

/// What an operator set for a queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueConfig {
    /// Tasks per second, whatever workers say.
    pub rate: Option<f64>,
    /// Tasks per second of each fairness key, times its weight.
    pub key_rate: Option<f64>,
    /// Weights of fairness keys, whatever their tasks say.
    pub weights: BTreeMap<Arc<str>, f64>,
}

/// Who says how many tasks per second a queue hands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateSource {
    /// Nobody: there is no limit.
    #[default]
    System,
    Worker,
    Config,
}

#[derive(Debug, Default)]
pub(crate) struct Limits {
    config: Arc<QueueConfig>,
    worker: Option<f64>,
    bucket: Bucket,
    /// Of fairness keys, if each of them has a rate.
    keys: BTreeMap<Arc<str>, Bucket>,
    /// When a task was last kept back though a poll waited.
    held_back: Option<Duration>,
}

/// Whether so many tasks per second are a limit.
pub fn is_limit(rate: f64) -> bool {
    rate < UNLIMITED
}

impl Limits {
    pub(crate) fn configure(&mut self, config: Arc<QueueConfig>, now: Duration) {
        if config.key_rate != self.config.key_rate {
            self.keys.clear();
        }
        self.config = config;
        self.apply(now);
    }

    /// Workers say how many tasks per second they want in all, or that they do not care any more.
    pub(crate) fn worker_says(&mut self, rate: Option<f64>, now: Duration) {
        self.worker = rate.filter(|rate| *rate >= 0.0);
        self.apply(now);
    }

    /// What a fairness key has instead of what its tasks say, in thousandths.
    pub(crate) fn weight(&self, key: &str) -> Option<u32> {
        let weight = self.config.weights.get(key)? * 1000.0;
        // Within the range of a u32 by the clamp.
        Some(weight.clamp(1.0, WEIGHT_MAX) as u32)
    }

    /// A task of this fairness key may go, as far as the key's own rate is concerned.
    pub(crate) fn key_may(&self, key: &str, now: Duration) -> bool {
        self.key_ready_at(key).is_some_and(|at| at <= now)
    }

    /// When a task of this fairness key may go; `None` if never at this rate.
    pub(crate) fn key_ready_at(&self, key: &str) -> Option<Duration> {
        match self.config.key_rate {
            None => Some(Duration::ZERO),
            Some(rate) if rate <= 0.0 => None,
            Some(_) => self.keys.get(key).map_or(Some(Duration::ZERO), Bucket::ready_at),
        }
    }

    /// A task of this fairness key goes.
    pub(crate) fn take_key(&mut self, key: &Arc<str>, weight: u32, now: Duration) {
        let Some(rate) = self.config.key_rate else { return };
        if self.keys.len() >= KEYS_MAX {
            self.keys.retain(|_, bucket| !bucket.is_full(now));
        }
        if self.keys.len() >= KEYS_MAX {
            self.keys.clear();
        }
        let bucket = self.keys.entry(Arc::clone(key)).or_default();
        bucket.set(rate * f64::from(weight) / 1000.0, now);
        bucket.take(now);
    }

    /// A task of this fairness key did not go after all.
    pub(crate) fn refund_key(&mut self, key: &str) {
        if let Some(bucket) = self.keys.get_mut(key) {
            bucket.refund();
        }
    }

    /// Takes a token for a task that has a poll.
    pub(crate) fn take(&mut self, now: Duration) -> bool {
        let taken = self.bucket.take(now);
        if !taken {
            self.held_back = Some(now);
        }
        taken
    }

    pub(crate) fn refund(&mut self) {
        self.bucket.refund();
    }

    pub(crate) fn ready_at(&self) -> Option<Duration> {
        self.bucket.ready_at()
    }

    pub(crate) fn in_force(&self) -> (Option<f64>, RateSource) {
        match (self.config.rate, self.worker) {
            (Some(rate), _) => (Some(rate), RateSource::Config),
            (None, Some(rate)) => (Some(rate), RateSource::Worker),
            (None, None) => (None, RateSource::System),
        }
    }

    /// Tasks are counted before they go. What no queue reaches is no limit: Go's SDK says 100,000 if nobody says anything.
    pub(crate) fn is_limited(&self) -> bool {
        self.in_force().0.is_some_and(is_limit) || self.config.key_rate.is_some()
    }

    pub(crate) fn holds_back(&self, now: Duration) -> bool {
        self.held_back.is_some_and(|at| now.saturating_sub(at) < HELD_BACK)
    }

    fn apply(&mut self, now: Duration) {
        match self.in_force().0 {
            Some(rate) => self.bucket.set(rate, now),
            None => self.bucket.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::payload::toys::job;
    use crate::poller::QueueStats;
    use crate::queue::tests::Bench;
    use crate::{QueueConfig, RateSource};
    use std::sync::Arc;
    use weft_env::UnixNanos;

    fn configure(bench: &mut Bench, rate: Option<f64>) {
        let config = QueueConfig { rate, ..QueueConfig::default() };
        bench.queue.configure(Arc::new(config), bench.now);
        bench.settle();
    }

    fn stats(bench: &mut Bench) -> QueueStats {
        bench.queue.describe(bench.now, UnixNanos(0))
    }

    #[test]
    fn what_is_set_goes_over_what_workers_say_and_back() {
        let mut bench = Bench::activities();
        for id in 1..=20 {
            bench.offer(job(id));
        }
        configure(&mut bench, Some(0.0));
        for to in 1..=20 {
            bench.poll_as(to, "worker", Some(5.0));
        }
        bench.pass(10.0);
        let stopped = stats(&mut bench);
        assert_eq!((bench.tasks().len(), stopped.rate, stopped.rate_source), (0, Some(0.0), RateSource::Config));
        assert!(stopped.rate_limited);
        configure(&mut bench, Some(2.0));
        assert_eq!(bench.tasks().len(), 2);
        bench.pass(1.0);
        assert_eq!(bench.tasks().len(), 4, "two a second");
        configure(&mut bench, None);
        assert_eq!((stats(&mut bench).rate, stats(&mut bench).rate_source), (Some(5.0), RateSource::Worker));
        bench.pass(1.0);
        assert_eq!(bench.tasks().len(), 10, "one at once, and five a second");
        bench.poll_as(21, "worker", None);
        assert_eq!(bench.tasks().len(), 20);
        assert_eq!((stats(&mut bench).rate, stats(&mut bench).rate_source), (None, RateSource::System));
        bench.pass(30.0);
        assert!(!stats(&mut bench).rate_limited);
    }

    #[test]
    fn a_rate_that_is_set_keeps_its_pace_for_minutes() {
        let mut bench = Bench::activities();
        configure(&mut bench, Some(2.5));
        for id in 0..400 {
            bench.offer(job(id));
            bench.poll(1);
        }
        for second in 1..=60_u32 {
            for _ in 0..10 {
                bench.pass(0.1);
            }
            let most = 2.0 + 2.5 * f64::from(second);
            let least = 2.5 * f64::from(second) - 2.5;
            let handed = bench.tasks().len() as f64;
            assert!(least <= handed && handed <= most, "{handed} after {second} s");
        }
    }
}
