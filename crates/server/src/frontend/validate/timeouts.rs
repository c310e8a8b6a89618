//! Timeouts and retry policies that come from outside.

use std::time::Duration;

use weft_engine::{Settings, check_retry_policy, state::RetryPolicy};
use weft_protocol::{
    api::{self, common},
    error::Error,
    time,
};

/// A timeout: absent is zero, negative or nonsense is refused, endless is shortened.
pub(crate) fn span(given: Option<&api::Duration>, invalid: &str) -> Result<Duration, Error> {
    time::duration_capped(given).map_err(|why| Error::invalid_argument(format!("{invalid} cause: {why}")))
}

/// A retry policy with its defaults filled in.
pub(crate) fn retry(given: Option<&common::RetryPolicy>, settings: &Settings) -> Result<Option<RetryPolicy>, Error> {
    let Some(given) = given else { return Ok(None) };
    check_retry_policy(given, settings).map_err(Error::invalid_argument)?;
    Ok(Some(RetryPolicy::filled_in(given, settings)))
}

#[cfg(test)]
mod tests {
    use weft_protocol::error::text;

    use super::*;

    fn check(seconds: i64, nanos: i32, expected: Result<Duration, &str>) {
        let found = span(Some(&api::Duration { seconds, nanos }), text::RUN_TIMEOUT_INVALID);
        assert_eq!(found.map_err(|it| it.message), expected.map_err(str::to_owned), "{seconds} s {nanos} ns");
    }

    #[test]
    fn a_timeout_is_taken_shortened_or_refused_with_its_reason() {
        assert_eq!(span(None, text::RUN_TIMEOUT_INVALID), Ok(Duration::ZERO));
        check(0, 0, Ok(Duration::ZERO));
        check(5, 1, Ok(Duration::new(5, 1)));
        check(i64::MAX, 0, Ok(time::DURATION_MAX));
        let negative = "An invalid WorkflowRunTimeoutSeconds is set on request. cause: negative duration";
        check(-1, 0, Err(negative));
        check(0, -1, Err(negative));
        check(
            i64::MIN,
            i32::MIN,
            Err("An invalid WorkflowRunTimeoutSeconds is set on request. cause: nanos out of range"),
        );
        check(
            1,
            -1,
            Err("An invalid WorkflowRunTimeoutSeconds is set on request. \
                 cause: duration has seconds and nanos with different signs"),
        );
    }

    #[test]
    fn a_retry_policy_is_filled_in_or_refused() {
        let settings = Settings::default();
        assert_eq!(retry(None, &settings), Ok(None));
        let filled = retry(Some(&common::RetryPolicy::default()), &settings).expect("it is fine").expect("it is there");
        assert_eq!((filled.initial, filled.max_interval), (Duration::from_secs(1), Duration::from_secs(100)));
        for coefficient in [0.5, -1.0, f64::NAN, f64::NEG_INFINITY] {
            let policy = common::RetryPolicy { backoff_coefficient: coefficient, ..Default::default() };
            let refused = retry(Some(&policy), &settings).expect_err("it is refused");
            assert_eq!(refused.message, "BackoffCoefficient cannot be less than 1 on retry policy.");
        }
    }
}
