//! Whether and when something that failed is tried again. Pure arithmetic, for activities and for workflows.
//!
//! Invariant: a decision says either how long to wait or, as history shows it, why there is no other attempt.
//! Semantics: `service/history/workflow/retry.go` of Temporal's server.

use alloc::{borrow::ToOwned, format, string::String};
use core::time::Duration;

use weft_protocol::api::{
    common::RetryPolicy as WirePolicy,
    enums::{RetryState, TimeoutType},
    failure::{Failure, failure::FailureInfo},
};

use crate::{
    limits::Settings,
    state::RetryPolicy,
    time::{Timestamp, span_from_wire, wire_span},
};

/// Failure types that stand for timeouts in a list of what is not retried.
const TIMEOUT_PREFIX: &str = "TemporalTimeout:";

/// What becomes of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Retry {
    After(Duration),
    Stop(RetryState),
}

/// Decides about the run whose attempt (from 1) just failed. A delay that the failure asks for is cut to the policy's
/// longest interval.
pub(crate) fn decide(
    policy: Option<&RetryPolicy>,
    attempt: u32,
    failure: Option<&Failure>,
    now: Timestamp,
    expires_at: Option<Timestamp>,
) -> Retry {
    let Some(policy) = policy else { return Retry::Stop(RetryState::RetryPolicyNotSet) };
    let wait = match asked_delay(failure) {
        Some(delay) if !delay.is_zero() => Some(policy.bounded(delay)),
        Some(_) | None => interval(policy, attempt),
    };
    outcome(policy, attempt, failure, wait, now, expires_at)
}

/// Decides about the attempt (from 1) of an activity that just failed. A delay that the failure asks for counts, however
/// long it is.
pub(crate) fn decide_activity(
    policy: &RetryPolicy,
    attempt: u32,
    failure: Option<&Failure>,
    now: Timestamp,
    expires_at: Option<Timestamp>,
) -> Retry {
    let wait = match asked_delay(failure) {
        // No delay at all is no retry: Temporal says that there is no time for one.
        Some(delay) => (!delay.is_zero()).then_some(delay),
        None => interval(policy, attempt),
    };
    outcome(policy, attempt, failure, wait, now, expires_at)
}

fn outcome(
    policy: &RetryPolicy,
    attempt: u32,
    failure: Option<&Failure>,
    wait: Option<Duration>,
    now: Timestamp,
    expires_at: Option<Timestamp>,
) -> Retry {
    if !is_retryable(failure, policy) {
        return Retry::Stop(RetryState::NonRetryableFailure);
    }
    if policy.max_attempts > 0 && attempt >= policy.max_attempts {
        return Retry::Stop(RetryState::MaximumAttemptsReached);
    }
    match wait {
        Some(wait) if expires_at.is_none_or(|at| now.after(wait) <= at) => Retry::After(wait),
        Some(_) | None => Retry::Stop(RetryState::Timeout),
    }
}

/// How long an activity waits after an attempt (from 1) that said nothing of it.
pub(crate) fn usual_wait(policy: &RetryPolicy, attempt: u32) -> Duration {
    interval(policy, attempt).unwrap_or_default()
}

/// The wait after this attempt; `None` if it is longer than can be said and nothing bounds it.
fn interval(policy: &RetryPolicy, attempt: u32) -> Option<Duration> {
    let seconds = policy.initial.as_secs_f64() * power(policy.coefficient, attempt.saturating_sub(1));
    match Duration::try_from_secs_f64(seconds) {
        Ok(wait) if !wait.is_zero() => Some(policy.bounded(wait)),
        Ok(_) | Err(_) => (!policy.max_interval.is_zero()).then_some(policy.max_interval),
    }
}

/// By squaring: multiplications only, so every machine gets the same bits.
fn power(base: f64, exponent: u32) -> f64 {
    let (mut result, mut square, mut left) = (1.0, base, exponent);
    while left > 0 {
        if left & 1 == 1 {
            result *= square;
        }
        square *= square;
        left >>= 1;
    }
    result
}

fn asked_delay(failure: Option<&Failure>) -> Option<Duration> {
    match failure?.failure_info.as_ref()? {
        FailureInfo::ApplicationFailureInfo(info) => info.next_retry_delay.as_ref().map(span_from_wire),
        _ => None,
    }
}

/// Could another attempt follow this failure at all?
pub(crate) fn is_retryable(failure: Option<&Failure>, policy: &RetryPolicy) -> bool {
    failure.is_none_or(|failure| may_follow(failure, policy))
}

fn may_follow(failure: &Failure, policy: &RetryPolicy) -> bool {
    let listed = |name: &str| policy.non_retryable_types.iter().any(|it| it == name);
    match &failure.failure_info {
        Some(FailureInfo::TerminatedFailureInfo(_) | FailureInfo::CanceledFailureInfo(_)) => false,
        Some(FailureInfo::TimeoutFailureInfo(info)) => match info.timeout_type() {
            kind @ (TimeoutType::StartToClose | TimeoutType::Heartbeat) => {
                !listed(&format!("{TIMEOUT_PREFIX}{}", timeout_name(kind)))
            }
            TimeoutType::ScheduleToStart | TimeoutType::ScheduleToClose | TimeoutType::Unspecified => false,
        },
        Some(FailureInfo::ServerFailureInfo(info)) => !info.non_retryable,
        Some(FailureInfo::ApplicationFailureInfo(info)) => !info.non_retryable && !listed(&info.r#type),
        Some(_) | None => true,
    }
}

/// A timeout's name as messages and lists of failure types have it.
pub(crate) fn timeout_name(kind: TimeoutType) -> &'static str {
    match kind {
        TimeoutType::Unspecified => "Unspecified",
        TimeoutType::StartToClose => "StartToClose",
        TimeoutType::ScheduleToStart => "ScheduleToStart",
        TimeoutType::ScheduleToClose => "ScheduleToClose",
        TimeoutType::Heartbeat => "Heartbeat",
    }
}

impl RetryPolicy {
    /// A policy as the API has it, with the defaults for what it leaves out. Zero is "left out" everywhere.
    #[must_use]
    pub fn filled_in(wire: &WirePolicy, settings: &Settings) -> Self {
        let given =
            |span: &Option<weft_protocol::Duration>| span.as_ref().map(span_from_wire).filter(|span| !span.is_zero());
        let initial = given(&wire.initial_interval).unwrap_or(settings.default_retry_initial);
        let longest = initial.saturating_mul(settings.default_retry_max_factor);
        let coefficient = wire.backoff_coefficient;
        Self {
            initial,
            coefficient: if coefficient == 0.0 { settings.default_retry_coefficient } else { coefficient },
            max_interval: given(&wire.maximum_interval).unwrap_or(longest),
            max_attempts: u32::try_from(wire.maximum_attempts).unwrap_or(0),
            non_retryable_types: wire.non_retryable_error_types.clone(),
        }
    }

    /// As the API and history have it.
    #[must_use]
    pub fn wire(&self) -> WirePolicy {
        WirePolicy {
            initial_interval: Some(wire_span(self.initial)),
            backoff_coefficient: self.coefficient,
            maximum_interval: Some(wire_span(self.max_interval)),
            maximum_attempts: i32::try_from(self.max_attempts).unwrap_or(i32::MAX),
            non_retryable_error_types: self.non_retryable_types.clone(),
        }
    }

    /// Not longer than the longest interval; zero bounds nothing.
    fn bounded(&self, span: Duration) -> Duration {
        if self.max_interval.is_zero() { span } else { span.min(self.max_interval) }
    }
}

/// Does a policy make sense, once its defaults are filled in?
///
/// # Errors
/// What is wrong, in Temporal's words.
pub fn check_policy(wire: &WirePolicy, settings: &Settings) -> Result<(), String> {
    if wire.maximum_attempts == 1 {
        // One attempt is no retry: nothing else of the policy matters.
        return Ok(());
    }
    let filled = RetryPolicy::filled_in(wire, settings);
    if wire.initial_interval.as_ref().is_some_and(is_negative) {
        return Err("invalid InitialInterval set on retry policy: negative duration".to_owned());
    }
    if filled.coefficient.is_nan() || filled.coefficient < 1.0 {
        return Err("BackoffCoefficient cannot be less than 1 on retry policy.".to_owned());
    }
    if wire.maximum_interval.as_ref().is_some_and(is_negative) {
        return Err("invalid MaximumInterval set on retry policy: negative duration".to_owned());
    }
    if filled.max_interval < filled.initial {
        return Err("MaximumInterval cannot be less than InitialInterval on retry policy.".to_owned());
    }
    if wire.maximum_attempts < 0 {
        return Err("MaximumAttempts cannot be negative on retry policy.".to_owned());
    }
    let wrong =
        wire.non_retryable_error_types.iter().filter_map(|name| name.strip_prefix(TIMEOUT_PREFIX)).find(|name| {
            use TimeoutType::{Heartbeat, ScheduleToClose, ScheduleToStart, StartToClose};
            ![StartToClose, ScheduleToStart, ScheduleToClose, Heartbeat].into_iter().any(|it| timeout_name(it) == *name)
        });
    wrong.map_or(Ok(()), |name| Err(format!("Invalid timeout type value: {name}.")))
}

/// Does a policy of which parts were replaced have all that it needs? What is left out then is not filled in.
pub(crate) fn check_parts(wire: &WirePolicy) -> Result<(), String> {
    let negative = wire.initial_interval.as_ref().is_some_and(is_negative);
    if wire.maximum_attempts != 1 && !negative && wire.backoff_coefficient < 1.0 {
        return Err("BackoffCoefficient cannot be less than 1 on retry policy.".to_owned());
    }
    Ok(())
}

pub(crate) fn is_negative(span: &weft_protocol::Duration) -> bool {
    span.seconds < 0 || span.nanos < 0
}

#[cfg(test)]
mod tests;
