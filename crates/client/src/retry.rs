//! How often, and how soon, a call is repeated that failed for a passing reason.
//!
//! Invariant: no attempt begins when the time for all of them has gone by, whatever it went by with: a server that has lost
//! its majority takes as long as its caller lets it before it says so.
//!
//! Only calls that are harmless to repeat come here: see [`Repeat`].

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};

use weft_env::{Clock, RealClock};

use crate::Error;

/// Waits grow from `first` by half each time, up to `longest`, with chance in them, until `total` has gone by since the
/// first attempt failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    pub first: Duration,
    pub longest: Duration,
    /// Zero: no call is repeated.
    pub total: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { first: Duration::from_millis(50), longest: Duration::from_secs(2), total: Duration::from_secs(10) }
    }
}

impl Retry {
    /// Every call is tried once.
    pub const NEVER: Self = Self { first: Duration::ZERO, longest: Duration::ZERO, total: Duration::ZERO };
}

/// Whether a call may be sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It reads, or carries a request id by which the server knows it again.
    Harmless,
    /// Sent twice it may do, or say, something else.
    Never,
}

pub(crate) async fn run<T, F>(retry: Retry, repeat: Repeat, attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    run_by(&RealClock::new(), retry, repeat, attempt).await
}

async fn run_by<T, F>(
    clock: &dyn Clock,
    retry: Retry,
    repeat: Repeat,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    if repeat == Repeat::Never || retry.total.is_zero() {
        return attempt().await;
    }
    let waits = ExponentialBuilder::new()
        .with_factor(1.5)
        .with_jitter()
        .with_min_delay(retry.first)
        .with_max_delay(retry.longest)
        .without_max_times();
    let mut give_up = None;
    // From the first failure on: until then it may have been a long poll that was well.
    let in_time = |_: &Error, wait: Option<Duration>| {
        let now = clock.monotonic();
        let give_up = *give_up.get_or_insert(now.saturating_add(retry.total));
        wait.filter(|wait| now + *wait < give_up)
    };
    attempt.retry(waits).when(Error::is_transient).adjust(in_time).await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use weft_env::{TokioClock, UnixNanos};

    use super::*;

    /// Waits that take no time.
    const AT_ONCE: Retry = Retry { first: Duration::ZERO, longest: Duration::ZERO, total: Duration::from_secs(1) };

    fn unreachable() -> Error {
        Error::Unreachable { address: "a:1".to_owned(), why: "x".to_owned() }
    }

    fn refused() -> Error {
        let error = weft_protocol::error::Error::invalid_argument("x");
        Error::Refused { call: "Call", error: Box::new(error) }
    }

    /// How often a call is tried that fails so twice and then succeeds.
    async fn tries(retry: Retry, repeat: Repeat, failure: fn() -> Error) -> u32 {
        let tries = Cell::new(0);
        let attempt = || {
            tries.set(tries.get() + 1);
            let failed = tries.get() < 3;
            async move { if failed { Err(failure()) } else { Ok(()) } }
        };
        // How it ended does not matter here, only how often it was tried.
        let _ = run(retry, repeat, attempt).await;
        tries.get()
    }

    #[tokio::test]
    async fn a_passing_failure_is_tried_again_until_it_passes() {
        assert_eq!(tries(AT_ONCE, Repeat::Harmless, unreachable).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_that_take_long_count_too() {
        const ATTEMPT: Duration = Duration::from_secs(4);
        let (clock, tries) = (TokioClock::starting_at(UnixNanos(0)), Cell::new(0));
        let attempt = || {
            tries.set(tries.get() + 1);
            async {
                tokio::time::sleep(ATTEMPT).await;
                Err::<(), _>(unreachable())
            }
        };
        let retry = Retry::default();
        run_by(&clock, retry, Repeat::Harmless, attempt).await.expect_err("it never passes");
        assert_eq!(tries.get(), 4, "the fourth began in time after the first had failed, and there is none after it");
        assert!(clock.monotonic() < ATTEMPT + retry.total + ATTEMPT, "{:?}", clock.monotonic());
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_that_was_well_for_longer_than_that_is_made_again_when_it_breaks() {
        let (clock, tries) = (TokioClock::starting_at(UnixNanos(0)), Cell::new(0));
        let attempt = || {
            tries.set(tries.get() + 1);
            let is_first = tries.get() == 1;
            async move {
                tokio::time::sleep(Retry::default().total * 2).await;
                if is_first { Err(unreachable()) } else { Ok(()) }
            }
        };
        run_by(&clock, Retry::default(), Repeat::Harmless, attempt).await.expect("it is well again");
        assert_eq!(tries.get(), 2);
    }

    #[tokio::test]
    async fn what_may_do_harm_or_will_not_pass_is_tried_once() {
        assert_eq!(tries(AT_ONCE, Repeat::Never, unreachable).await, 1);
        assert_eq!(tries(AT_ONCE, Repeat::Harmless, refused).await, 1);
        assert_eq!(tries(Retry::NEVER, Repeat::Harmless, unreachable).await, 1);
    }
}
