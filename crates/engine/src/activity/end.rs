//! How an attempt ends: the activity ends with it and that is written, or it is tried again and that is not.

use alloc::sync::Arc;
use core::time::Duration;

use weft_protocol::api::{
    common::{Payload, Payloads},
    failure::Failure,
    history::HistoryEvent,
};

use crate::{
    change::Run,
    event, failure,
    ids::{EventId, Identity},
    state::{Activity, ActivityStage},
    time::Timestamp,
    workflow_task::schedule,
};

/// Writes the end of an activity, after the start of its last attempt; `ended` is given the number of the latter.
pub(super) fn ended(run: &mut Run<'_>, activity: &Activity, ended: impl FnOnce(EventId) -> HistoryEvent) {
    let started = match &activity.stage {
        ActivityStage::Started { at, identity, request, .. } => {
            run.append(event::activity::started(activity, *at, identity, Some(request)))
        }
        ActivityStage::Scheduled { .. } | ActivityStage::Backoff { .. } => EventId::NONE,
    };
    run.append(ended(started));
    schedule::want(run);
}

/// Writes the end of an activity that no worker had taken, and that somebody outside has done.
pub(super) fn done_elsewhere(
    run: &mut Run<'_>,
    activity: &Activity,
    identity: &Identity,
    ended: impl FnOnce(EventId) -> HistoryEvent,
) {
    let started = run.append(event::activity::started(activity, run.now(), identity, None));
    run.append(ended(started));
    schedule::want(run);
}

/// Writes that an activity which no worker has is cancelled; `requested` is the event that asked for it.
pub(crate) fn canceled(run: &mut Run<'_>, activity: &Activity, requested: EventId, identity: &Identity) {
    let metadata = [("encoding".into(), b"json/plain".to_vec())].into_iter().collect();
    let payload = Payload { metadata, data: b"\"ACTIVITY_ID_NOT_STARTED\"".to_vec(), ..Payload::default() };
    let details = Some(Payloads { payloads: alloc::vec![payload] });
    run.append(event::activity::canceled(activity, EventId::NONE, requested, identity, details));
}

/// The next attempt waits for its time.
pub(super) fn again(run: &mut Run<'_>, id: EventId, failure: Option<Failure>, wait: Duration) {
    let (now, failure) = (run.now(), kept(run, failure));
    run.activities.update(&id, |activity| {
        leave_attempt(activity);
        activity.attempt += 1;
        activity.stage = ActivityStage::Backoff { until: now.after(wait) };
        activity.last_failure = failure;
        activity.last_attempt_ended_at = Some(now);
        begin_anew(activity);
    });
}

/// The next attempt waits until somebody unpauses the activity.
pub(super) fn again_when_unpaused(run: &mut Run<'_>, id: EventId, failure: Option<Failure>) {
    let (now, failure) = (run.now(), kept(run, failure));
    run.activities.update(&id, |activity| {
        let at = leave_attempt(activity).unwrap_or(now);
        activity.attempt += 1;
        activity.stage = ActivityStage::Scheduled { at };
        activity.last_failure = failure;
        activity.last_attempt_ended_at = Some(now);
    });
}

/// Nothing is left of a reset once the next attempt is on its way.
pub(super) fn begin_anew(activity: &mut Activity) {
    if activity.operated.is_none() {
        return;
    }
    if activity.operated.as_ref().is_some_and(|it| it.forgets_heartbeat) {
        activity.heartbeat = None;
    }
    activity.operate(|it| {
        it.reset = false;
        it.forgets_heartbeat = false;
    });
}

/// Remembers who had the attempt that ends, and says since when it had been offered.
fn leave_attempt(activity: &mut Activity) -> Option<Timestamp> {
    match &activity.stage {
        ActivityStage::Started { identity, offered_at, .. } => {
            activity.last_identity = identity.clone();
            Some(*offered_at)
        }
        ActivityStage::Scheduled { .. } | ActivityStage::Backoff { .. } => None,
    }
}

/// What is kept of the failure that ended an attempt.
fn kept(run: &Run<'_>, failure: Option<Failure>) -> Option<Arc<Failure>> {
    let limit = run.at.settings.limits.last_failure_bytes;
    failure.map(|failure| Arc::new(failure::cut(failure, limit, limit, false)))
}
