//! A token bucket: how many tasks per second a queue hands out.
//!
//! Invariant: over any stretch of time no more than `burst + rate * stretch` tokens are taken, where the burst is one
//! second's worth and at least one. Kept as the moment at which the bucket is full again, so there is nothing to refill.

use std::time::Duration;

/// Below this rate nothing is handed out within the life of any poll: taken as zero.
const RATE_MIN: f64 = 1e-6;

#[derive(Debug, Default)]
pub(crate) struct Bucket {
    limit: Limit,
    /// When the bucket will be full again. In the past: it is full.
    full_at: Duration,
}

#[derive(Debug, Default, PartialEq)]
enum Limit {
    #[default]
    Unlimited,
    Stopped,
    Paced {
        /// Between two tokens.
        interval: Duration,
        /// How far `full_at` may lie ahead for a token to be there: the burst less one token, in time.
        ahead_max: Duration,
    },
}

impl Limit {
    fn of(rate: f64) -> Option<Self> {
        if rate.is_nan() || rate < 0.0 {
            return None;
        }
        if rate < RATE_MIN {
            return Some(Self::Stopped);
        }
        let burst = rate.floor().max(1.0);
        let seconds = (burst - 1.0) / rate;
        // An infinite rate divides to NaN above: it is no limit.
        if !seconds.is_finite() {
            return Some(Self::Unlimited);
        }
        Some(Self::Paced { interval: Duration::from_secs_f64(1.0 / rate), ahead_max: Duration::from_secs_f64(seconds) })
    }
}

impl Bucket {
    /// Sets the rate; zero stops everything, a rate that is no number is ignored. Tokens already owed stay owed, but
    /// never more than one interval of the new rate.
    pub(crate) fn set(&mut self, rate: f64, now: Duration) {
        let Some(limit) = Limit::of(rate) else { return };
        if limit == self.limit {
            return;
        }
        if let Limit::Paced { ahead_max, .. } = limit {
            self.full_at = self.full_at.min(now.saturating_add(ahead_max));
        }
        self.limit = limit;
    }

    /// Takes the limit away.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes one token, if there is one.
    pub(crate) fn take(&mut self, now: Duration) -> bool {
        if self.ready_at().is_none_or(|ready| ready > now) {
            return false;
        }
        if let Limit::Paced { interval, .. } = self.limit {
            self.full_at = self.full_at.max(now).saturating_add(interval);
        }
        true
    }

    /// Puts back a token whose task was not handed over after all.
    pub(crate) fn refund(&mut self) {
        if let Limit::Paced { interval, .. } = self.limit {
            self.full_at = self.full_at.saturating_sub(interval);
        }
    }

    /// It is as if nothing had been taken.
    pub(crate) fn is_full(&self, now: Duration) -> bool {
        self.full_at <= now
    }

    /// When the next token is there; `None` if never at this rate.
    pub(crate) fn ready_at(&self) -> Option<Duration> {
        match self.limit {
            Limit::Unlimited => Some(Duration::ZERO),
            Limit::Stopped => None,
            Limit::Paced { ahead_max, .. } => Some(self.full_at.saturating_sub(ahead_max)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bucket;
    use std::time::Duration;

    const START: Duration = Duration::from_secs(100);

    /// Tokens taken in `seconds`, trying every millisecond.
    fn taken(bucket: &mut Bucket, from: Duration, seconds: u64) -> usize {
        (0..seconds * 1000).filter(|ms| bucket.take(from + Duration::from_millis(*ms))).count()
    }

    #[test]
    fn without_a_rate_nothing_is_held_back() {
        assert_eq!(taken(&mut Bucket::default(), START, 1), 1000);
    }

    #[test]
    fn a_rate_gives_one_seconds_worth_at_once_and_then_its_pace() {
        let mut bucket = Bucket::default();
        bucket.set(5.0, START);
        assert_eq!((0..100).filter(|_| bucket.take(START)).count(), 5);
        assert_eq!(bucket.ready_at(), Some(START + Duration::from_millis(200)));
        assert_eq!(taken(&mut bucket, START, 10), 49, "the first of the ten seconds was taken in advance");
    }

    #[test]
    fn a_rate_below_one_gives_single_tokens() {
        let mut bucket = Bucket::default();
        bucket.set(0.5, START);
        assert_eq!(taken(&mut bucket, START, 10), 5);
    }

    #[test]
    fn a_rate_of_zero_stops_and_a_new_rate_starts_again_at_once() {
        let mut bucket = Bucket::default();
        bucket.set(0.0, START);
        assert!(!bucket.take(START));
        assert_eq!(bucket.ready_at(), None);
        bucket.set(1.0, START);
        assert!(bucket.take(START));
    }

    #[test]
    fn a_debt_at_a_slow_rate_does_not_outlive_it() {
        let mut bucket = Bucket::default();
        bucket.set(0.001, START);
        assert!(bucket.take(START));
        bucket.set(100.0, START);
        assert!(bucket.take(START));
    }

    #[test]
    fn rates_that_are_no_rates_are_ignored_or_unlimited() {
        let mut bucket = Bucket::default();
        for rate in [f64::NAN, -1.0, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE] {
            bucket.set(1.0, START);
            bucket.set(rate, START);
        }
        bucket.set(f64::MAX, START);
        assert!((0..1_000).all(|_| bucket.take(START)));
    }

    #[test]
    fn a_refunded_token_can_be_taken_again() {
        let mut bucket = Bucket::default();
        bucket.set(1.0, START);
        assert!(bucket.take(START));
        assert!(!bucket.take(START));
        bucket.refund();
        assert!(bucket.take(START));
    }
}
