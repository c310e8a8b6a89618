//! How a workflow or an activity is tried again when it fails: [`RetryPolicy`].

use std::time::Duration;

use weft_protocol::{
    api::common,
    time::{duration, proto_duration},
};

/// Waits grow from the first by a factor, up to the longest, until it succeeds, the attempts are used up, or a timeout
/// rings.
///
/// ```
/// use std::time::Duration;
/// use weft_client::RetryPolicy;
///
/// let policy = RetryPolicy::default().initial_interval(Duration::from_millis(100)).maximum_attempts(5);
/// let once = RetryPolicy::once();
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    pub initial_interval: Duration,
    pub backoff_coefficient: f64,
    /// `None` is a hundred times the first.
    pub maximum_interval: Option<Duration>,
    /// Zero is as many as there is time for.
    pub maximum_attempts: u32,
    /// Kinds of application failures after which it is not tried again.
    pub non_retryable_kinds: Vec<String>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            initial_interval: Duration::from_secs(1),
            backoff_coefficient: 2.0,
            maximum_interval: None,
            maximum_attempts: 0,
            non_retryable_kinds: Vec::new(),
        }
    }
}

impl RetryPolicy {
    /// One attempt.
    #[must_use]
    pub fn once() -> Self {
        Self::default().maximum_attempts(1)
    }

    #[must_use]
    pub fn initial_interval(mut self, interval: Duration) -> Self {
        self.initial_interval = interval;
        self
    }

    #[must_use]
    pub fn backoff_coefficient(mut self, coefficient: f64) -> Self {
        self.backoff_coefficient = coefficient;
        self
    }

    #[must_use]
    pub fn maximum_interval(mut self, interval: Duration) -> Self {
        self.maximum_interval = Some(interval);
        self
    }

    #[must_use]
    pub fn maximum_attempts(mut self, attempts: u32) -> Self {
        self.maximum_attempts = attempts;
        self
    }

    /// How long to wait after an attempt, counted from 1.
    #[must_use]
    pub fn wait_after(&self, attempt: u32) -> Duration {
        let longest = self.maximum_interval.unwrap_or(self.initial_interval.saturating_mul(100));
        let factor = self.backoff_coefficient.powi(i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX));
        // What does not fit a duration is longer than the longest.
        Duration::try_from_secs_f64(self.initial_interval.as_secs_f64() * factor).unwrap_or(longest).min(longest)
    }

    /// Does not try again after application failures of this kind.
    #[must_use]
    pub fn non_retryable(mut self, kind: impl Into<String>) -> Self {
        self.non_retryable_kinds.push(kind.into());
        self
    }
}

impl From<RetryPolicy> for common::RetryPolicy {
    fn from(from: RetryPolicy) -> Self {
        Self {
            initial_interval: Some(proto_duration(from.initial_interval)),
            backoff_coefficient: from.backoff_coefficient,
            maximum_interval: from.maximum_interval.map(proto_duration),
            maximum_attempts: i32::try_from(from.maximum_attempts).unwrap_or(i32::MAX),
            non_retryable_error_types: from.non_retryable_kinds,
        }
    }
}

/// What a policy of the API does not say, or says wrongly, is as by default.
impl From<common::RetryPolicy> for RetryPolicy {
    fn from(from: common::RetryPolicy) -> Self {
        let default = Self::default();
        let interval = |interval: Option<weft_protocol::Duration>| interval.and_then(|it| duration(&it).ok());
        let coefficient = from.backoff_coefficient;
        Self {
            initial_interval: interval(from.initial_interval).unwrap_or(default.initial_interval),
            backoff_coefficient: if coefficient >= 1.0 { coefficient } else { default.backoff_coefficient },
            maximum_interval: interval(from.maximum_interval),
            maximum_attempts: u32::try_from(from.maximum_attempts).unwrap_or(0),
            non_retryable_kinds: from.non_retryable_error_types,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest_whatever_the_numbers() {
        let policy = RetryPolicy::default().initial_interval(Duration::from_millis(10));
        let waits = [1, 2, 3, 8, u32::MAX].map(|attempt| policy.wait_after(attempt).as_millis());
        assert_eq!(waits, [10, 20, 40, 1000, 1000]);
        let endless = RetryPolicy::default().initial_interval(Duration::MAX).backoff_coefficient(f64::MAX);
        assert_eq!(endless.wait_after(2), Duration::MAX);
    }

    #[test]
    fn a_policy_survives_the_wire() {
        let policy = RetryPolicy::once()
            .initial_interval(Duration::from_millis(1))
            .backoff_coefficient(1.0)
            .maximum_interval(Duration::from_secs(9))
            .non_retryable("NoStock");
        assert_eq!(RetryPolicy::from(common::RetryPolicy::from(policy.clone())), policy);
        assert_eq!(RetryPolicy::from(common::RetryPolicy::default()), RetryPolicy::default());
    }
}
