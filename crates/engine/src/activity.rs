//! Activities: work that a workflow asks for and waits for.
//!
//! Invariant: a token names one attempt; once another attempt began, or the activity ended, it opens nothing. What an
//! attempt did is in history only when the activity ends: attempts that are tried again live in the state alone.

mod due;
mod end;
mod operate;
mod options;
mod respond;

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::time::Duration;

pub(crate) use due::due;
pub(crate) use end::canceled;
pub(crate) use operate::{pause, reset, unpause, update_options};
pub use options::check_priority;
pub(crate) use options::{RESERVED_QUEUES, check_queue, normalized};
pub(crate) use respond::{cancel, complete, fail, heartbeat};

use crate::{
    answer::{Answer, StartedActivityTask},
    change::{Change, Run},
    deadline::ActivityDeadline,
    ids::{EventId, RequestId},
    priority,
    refusal::Refusal,
    request::{ActivityToken, Poller, StartActivityTask},
    state::{Activity, ActivityStage},
    time::Timestamp,
};

/// Hands a scheduled activity to a worker; the same hand-over again gives the same task (rule 13).
pub(crate) fn start(change: &mut Change<'_>, body: &StartActivityTask) -> Result<Answer, Refusal> {
    let mut run = change.run(&body.run).ok_or(Refusal::TaskGone)?;
    let activity = run.activities.get(&body.scheduled_event_id).ok_or(Refusal::TaskGone)?;
    if activity.attempt != body.attempt || activity.queue != body.queue {
        return Err(Refusal::TaskGone);
    }
    match &activity.stage {
        ActivityStage::Started { request, .. } if *request == body.poller.request => {}
        ActivityStage::Started { .. } => return Err(Refusal::TaskTaken),
        ActivityStage::Backoff { .. } => return Err(Refusal::TaskGone),
        ActivityStage::Scheduled { .. } if activity.is_held() => return Err(Refusal::TaskGone),
        ActivityStage::Scheduled { .. } => begin(&mut run, body.scheduled_event_id, &body.poller),
    }
    let task = handed(&run, body.scheduled_event_id).ok_or(Refusal::TaskGone)?;
    Ok(Answer::ActivityTask(Box::new(task)))
}

/// The scheduled attempt is a worker's from now on.
pub(crate) fn begin(run: &mut Run<'_>, id: EventId, poller: &Poller) {
    let at = run.now();
    let (identity, request) = (poller.identity.clone(), poller.request.clone());
    run.activities.update(&id, |activity| {
        let offered_at = match activity.stage {
            ActivityStage::Scheduled { at } => at,
            ActivityStage::Backoff { until } => until,
            ActivityStage::Started { offered_at, .. } => offered_at,
        };
        activity.stage = ActivityStage::Started { at, offered_at, identity, request, heartbeat_at: at };
        if activity.operated.is_some() {
            activity.operate(|it| it.attempt_suspended = Duration::ZERO);
        }
    });
}

/// The started activity as its worker gets it.
pub(crate) fn handed(run: &Run<'_>, id: EventId) -> Option<StartedActivityTask> {
    let activity = run.activities.shared(&id)?;
    let ActivityStage::Started { at, offered_at, .. } = &activity.stage else { return None };
    Some(StartedActivityTask {
        attempt_scheduled_at: *offered_at,
        token: ActivityToken {
            run: run.core.run.clone(),
            scheduled_event_id: id,
            attempt: activity.attempt,
            started_at: *at,
        },
        branch: run.core.branch.clone(),
        workflow_type: run.core.start.workflow_type.clone(),
        scheduled_event: run.written(id),
        priority: priority::merged(run.core.priority(), activity.priority.as_ref()),
        activity,
    })
}

/// The activities that were handed over under this id with an answer, for giving the same answer again.
pub(crate) fn handed_to(run: &Run<'_>, request: &RequestId) -> Vec<StartedActivityTask> {
    let theirs = |activity: &&Activity| match &activity.stage {
        ActivityStage::Started { request: of, .. } => of == request,
        ActivityStage::Scheduled { .. } | ActivityStage::Backoff { .. } => false,
    };
    run.activities.values().filter(theirs).filter_map(|activity| handed(run, activity.scheduled_event_id)).collect()
}

/// The poller to which the task was handed has gone: the same attempt is offered again.
pub(crate) fn give_back(
    change: &mut Change<'_>,
    token: &ActivityToken,
    request: &RequestId,
) -> Result<Answer, Refusal> {
    let mut run = change.run(&token.run).ok_or(Refusal::ActivityNotFound)?;
    let activity = named(&run, token).ok_or(Refusal::ActivityNotFound)?;
    match &activity.stage {
        ActivityStage::Started { request: of, offered_at, .. } if of == request => {
            offer(&mut run, token.scheduled_event_id, *offered_at);
            Ok(Answer::Done)
        }
        ActivityStage::Started { .. } | ActivityStage::Scheduled { .. } | ActivityStage::Backoff { .. } => {
            Err(Refusal::ActivityNotFound)
        }
    }
}

/// The current attempt is offered on its queue, since `at`.
fn offer(run: &mut Run<'_>, id: EventId, at: Timestamp) {
    run.activities.update(&id, |activity| activity.stage = ActivityStage::Scheduled { at });
}

/// The started attempt that a token names; everything in the token must match.
fn named(run: &Run<'_>, token: &ActivityToken) -> Option<Arc<Activity>> {
    let activity = run.activities.shared(&token.scheduled_event_id)?;
    match &activity.stage {
        ActivityStage::Started { at, .. } if activity.attempt == token.attempt && *at == token.started_at => {
            Some(activity)
        }
        ActivityStage::Started { .. } | ActivityStage::Scheduled { .. } | ActivityStage::Backoff { .. } => None,
    }
}

/// Shows every deadline of one activity. None runs while it is paused, or the workflow is.
pub(crate) fn deadlines(activity: &Activity, see: &mut dyn FnMut(Timestamp, ActivityDeadline)) {
    if activity.is_held() {
        return;
    }
    if let Some(at) = activity.expires_at() {
        see(at, ActivityDeadline::ScheduleToClose);
    }
    match &activity.stage {
        ActivityStage::Scheduled { at } => {
            if !activity.schedule_to_start.is_zero() {
                see(at.after(activity.schedule_to_start), ActivityDeadline::ScheduleToStart);
            }
        }
        ActivityStage::Backoff { until } => see(*until, ActivityDeadline::Retry),
        ActivityStage::Started { at, heartbeat_at, .. } => {
            if !activity.start_to_close.is_zero() {
                let suspended = activity.operated.as_ref().map_or(Duration::ZERO, |it| it.attempt_suspended);
                see(at.after(activity.start_to_close).after(suspended), ActivityDeadline::StartToClose);
            }
            if !activity.heartbeat_timeout.is_zero() {
                see(heartbeat_at.after(activity.heartbeat_timeout), ActivityDeadline::Heartbeat);
            }
        }
    }
}
