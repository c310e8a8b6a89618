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
    let now = run.now();
    let limit = run.at.settings.limits.last_failure_bytes;
    let failure = failure.map(|failure| Arc::new(failure::cut(failure, limit, limit, false)));
    run.activities.update(&id, |activity| {
        if let ActivityStage::Started { identity, .. } = &activity.stage {
            activity.last_identity = identity.clone();
        }
        activity.attempt += 1;
        activity.stage = ActivityStage::Backoff { until: now.after(wait) };
        activity.last_failure = failure;
        activity.last_attempt_ended_at = Some(now);
    });
}
