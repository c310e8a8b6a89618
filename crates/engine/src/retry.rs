//! Whether and when something that failed is tried again. Pure arithmetic.

use core::time::Duration;

use weft_protocol::api::{enums::RetryState, failure::Failure};

use crate::{state::RetryPolicy, time::Timestamp};

/// What becomes of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Retry {
    After(Duration),
    Stop(RetryState),
}

/// Decides about the attempt that just failed (from 1). `None` as failure is a timeout of the whole.
pub(crate) fn decide(
    policy: Option<&RetryPolicy>,
    _attempt: u32,
    _failure: Option<&Failure>,
    _now: Timestamp,
    _expires_at: Option<Timestamp>,
) -> Retry {
    match policy {
        None => Retry::Stop(RetryState::RetryPolicyNotSet),
        Some(_) => Retry::Stop(RetryState::NonRetryableFailure),
    }
}
