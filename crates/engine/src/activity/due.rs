//! Deadlines of activities: four timeouts, and the end of a wait before the next attempt.
//!
//! A timeout of one attempt is tried again as a failure is. One of the whole is not, nor is one before the start: another
//! offer on the same queue would wait as long.

use alloc::sync::Arc;

use weft_protocol::api::enums::{RetryState, TimeoutType};

use super::{deadlines, end, offer};
use crate::{
    change::Run,
    deadline::ActivityDeadline,
    event, failure,
    ids::EventId,
    retry::{self, Retry},
    state::Activity,
};

/// A deadline has come, if it is still the activity's.
pub(crate) fn due(run: &mut Run<'_>, id: EventId, what: ActivityDeadline) {
    let Some(activity) = run.activities.shared(&id) else { return };
    let now = run.now();
    let mut is_due = false;
    deadlines(&activity, &mut |at, which| is_due |= which == what && at <= now);
    if !is_due {
        return;
    }
    match what {
        ActivityDeadline::ScheduleToClose => time_out(run, &activity, TimeoutType::ScheduleToClose),
        ActivityDeadline::ScheduleToStart => time_out(run, &activity, TimeoutType::ScheduleToStart),
        ActivityDeadline::StartToClose => time_out(run, &activity, TimeoutType::StartToClose),
        ActivityDeadline::Heartbeat => time_out(run, &activity, TimeoutType::Heartbeat),
        ActivityDeadline::Retry => offer(run, id, now),
    }
}

fn time_out(run: &mut Run<'_>, activity: &Arc<Activity>, kind: TimeoutType) {
    let failure = failure::timeout(kind);
    let whole = matches!(kind, TimeoutType::ScheduleToClose | TimeoutType::ScheduleToStart);
    let decision = if activity.cancel_requested.is_some() {
        Retry::Stop(RetryState::CancelRequested)
    } else if whole {
        Retry::Stop(RetryState::Timeout)
    } else {
        let expires_at = activity.expires_at();
        retry::decide_activity(&activity.retry, activity.attempt, Some(&failure), run.now(), expires_at)
    };
    let state = match decision {
        Retry::After(wait) => return end::again(run, activity.scheduled_event_id, Some(failure), wait),
        Retry::Stop(state) => state,
    };
    let no_time = state == RetryState::Timeout && kind != TimeoutType::ScheduleToStart;
    let failure = if no_time { failure::no_time_left() } else { failure };
    let heartbeat = activity.heartbeat.as_ref().and_then(|it| it.details.as_deref().cloned());
    let failure = failure::with_facts(failure, heartbeat, activity.last_failure.as_deref().cloned());
    end::ended(run, activity, |started| event::activity::timed_out(activity, started, failure, state));
}
