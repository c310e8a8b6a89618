//! When a workflow with a cron schedule runs next.

use core::time::Duration;

use crate::{moment::Moment, time::Timestamp};

/// How long from `now` to the schedule's next tick after `after`, in whole seconds rounded up; `None` if there is no
/// schedule or it has no tick left.
pub(crate) fn backoff(cron: &str, after: Timestamp, at: &Moment<'_>) -> Option<Duration> {
    if cron.is_empty() {
        return None;
    }
    let wait = at.calendar.next(cron, after)?.since(at.now);
    Some(Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)))
}
