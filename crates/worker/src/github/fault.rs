//! What GitHub refuses, and why.

use std::time::Duration;

use weft_env::{Clock, RealClock};

use super::Error;

/// Longer nobody waits for it; its limits are by the hour.
const WAIT_MAX: Duration = Duration::from_secs(3600);

pub(super) fn status(error: &octocrab::Error) -> Option<u16> {
    match error {
        octocrab::Error::GitHub { source, .. } => Some(source.status_code.as_u16()),
        _ => None,
    }
}

/// In one line, with what it says of single fields.
pub(super) fn message(error: &octocrab::Error) -> String {
    let octocrab::Error::GitHub { source, .. } = error else { return causes(error) };
    let details = source.errors.iter().flatten().filter_map(|it| it["message"].as_str());
    let words: Vec<&str> = std::iter::once(source.message.as_str()).chain(details).collect();
    format!("{} ({})", words.join(": "), source.status_code)
}

/// Too many calls come with 403 or 429, and headers or words that say so.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(super) fn fault(error: octocrab::Error) -> Error {
    let octocrab::Error::GitHub { source, .. } = &error else { return Error::Service(causes(&error)) };
    let said = message(&error);
    let header = |name: &str| source.headers.as_ref()?.get(name)?.to_str().ok();
    let after = header("retry-after").and_then(|it| it.parse().ok()).map(Duration::from_secs);
    let is_spent = header("x-ratelimit-remaining") == Some("0");
    let reset = source.rate_limit_reset.filter(|_| is_spent).map(until);
    let wait = after.or(reset).map(|wait| wait.min(WAIT_MAX));
    match source.status_code.as_u16() {
        403 if wait.is_some() || source.message.contains("rate limit") => Error::Busy { said, wait },
        429 => Error::Busy { said, wait },
        408 | 500.. => Error::Service(said),
        404 => Error::NotThere(said),
        401 => Error::Denied(format!("{said}: the token is not, or no more, good")),
        _ => Error::Denied(said),
    }
}

fn until(unix_seconds: u64) -> Duration {
    let now = u64::try_from(RealClock::new().now().0 / 1_000_000_000).unwrap_or_default();
    Duration::from_secs(unix_seconds.saturating_sub(now))
}

/// All that is said of an error, but not the backtrace that its first words hold.
pub(super) fn causes(error: &octocrab::Error) -> String {
    let mut words = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    words.join(": ")
}
