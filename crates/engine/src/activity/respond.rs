//! What a worker, or somebody who knows the activity's id, says of an activity.
//!
//! Invariant: an answer that comes again right after it was taken is answered as the first time (rule 2); any other late
//! answer finds nothing.

use alloc::{sync::Arc, vec::Vec};

use prost::Message;
use weft_protocol::api::{common::Payloads, enums::RetryState, failure::Failure};

use super::{end, named};
use crate::{
    answer::Answer,
    change::{Change, Run},
    event, failure,
    ids::Identity,
    refusal::Refusal,
    request::{ActivityRef, ActivityToken, FailActivity, Target},
    retry::{self, Retry},
    state::{Activity, ActivityStage, AnsweredActivity, Heartbeat},
};

/// What an answer says.
#[derive(Clone, Copy)]
enum Said {
    Failed,
    /// Done, or stopped.
    Ended,
}

/// What an answer is about.
enum Found<'c> {
    Pending(Run<'c>, Arc<Activity>),
    /// The same was said before.
    Repeated,
}

/// It is done. A result that is too large is none: the activity fails for it.
pub(crate) fn complete(
    change: &mut Change<'_>,
    which: &ActivityRef,
    identity: &Identity,
    result: Option<Payloads>,
) -> Result<Answer, Refusal> {
    if is_too_large(change, result.as_ref()) {
        return fail_for(change, which, identity, "Complete result exceeds size limit.");
    }
    let Found::Pending(mut run, activity) = find(change, which, Said::Ended)? else { return Ok(Answer::Done) };
    let completed = |started| event::activity::completed(&activity, started, identity, result);
    match &activity.stage {
        ActivityStage::Started { .. } => {
            remember(&mut run, which);
            end::ended(&mut run, &activity, completed);
        }
        ActivityStage::Scheduled { .. } | ActivityStage::Backoff { .. } => {
            end::done_elsewhere(&mut run, &activity, identity, completed);
        }
    }
    Ok(Answer::Done)
}

/// It failed: it is tried again, or it has failed for good.
pub(crate) fn fail(change: &mut Change<'_>, which: &ActivityRef, body: FailActivity) -> Result<Answer, Refusal> {
    let Fitting { failure, last_heartbeat, told } = fitting(change, body.failure, body.last_heartbeat);
    let Found::Pending(mut run, activity) = find(change, which, Said::Failed)? else { return Ok(Answer::Done) };
    started(&activity)?;
    let activity = match last_heartbeat {
        Some(details) => beat(&mut run, &activity, &body.identity, Some(details)),
        None => activity,
    };
    remember(&mut run, which);
    let stops = activity.cancel_requested.is_some() || !retry::is_retryable(failure.as_ref(), &activity.retry);
    if activity.paused().is_some() && !stops {
        end::again_when_unpaused(&mut run, activity.scheduled_event_id, failure);
        return Ok(if told.is_empty() { Answer::Done } else { Answer::FailureCut(told) });
    }
    match decide(&run, &activity, failure.as_ref()) {
        Retry::After(wait) => end::again(&mut run, activity.scheduled_event_id, failure, wait),
        Retry::Stop(state) => end::ended(&mut run, &activity, |started| {
            event::activity::failed(&activity, started, &body.identity, failure, state)
        }),
    }
    Ok(if told.is_empty() { Answer::Done } else { Answer::FailureCut(told) })
}

/// What is kept of a failure and the heartbeat that came with it.
struct Fitting {
    failure: Option<Failure>,
    last_heartbeat: Option<Payloads>,
    /// What the worker is told of what was too large.
    told: Vec<Failure>,
}

fn fitting(change: &Change<'_>, failure: Option<Failure>, last_heartbeat: Option<Payloads>) -> Fitting {
    let mut told = Vec::new();
    let fits = !is_too_large(change, last_heartbeat.as_ref());
    if !fits {
        told.push(failure::too_large("Heartbeat details exceed size limit."));
    }
    let limits = &change.at.settings.limits;
    let (limit, kept) = (limits.blob_bytes_error, limits.blob_bytes_warn);
    let is_cut = failure.as_ref().is_some_and(|failure| failure.encoded_len() > limit);
    let failure = failure.map(|failure| failure::cut(failure, limit, kept, true));
    if is_cut {
        told.extend(failure.clone());
    }
    Fitting { failure, last_heartbeat: last_heartbeat.filter(|_| fits), told }
}

/// It stopped because it was asked to.
pub(crate) fn cancel(
    change: &mut Change<'_>,
    which: &ActivityRef,
    identity: &Identity,
    details: Option<Payloads>,
) -> Result<Answer, Refusal> {
    if is_too_large(change, details.as_ref()) {
        return fail_for(change, which, identity, "Cancel details exceed size limit.");
    }
    let Found::Pending(mut run, activity) = find(change, which, Said::Ended)? else { return Ok(Answer::Done) };
    started(&activity)?;
    let Some(requested) = activity.cancel_requested else {
        let text = "unable to mark activity as canceled without activity being request canceled first";
        return Err(Refusal::InvalidArgument(text.into()));
    };
    remember(&mut run, which);
    end::ended(&mut run, &activity, |started| {
        event::activity::canceled(&activity, started, requested, identity, details)
    });
    Ok(Answer::Done)
}

/// It is alive. The answer says whether it should stop.
pub(crate) fn heartbeat(
    change: &mut Change<'_>,
    which: &ActivityRef,
    identity: &Identity,
    details: Option<Payloads>,
) -> Result<Answer, Refusal> {
    if is_too_large(change, details.as_ref()) {
        fail_for(change, which, identity, "Heartbeat details exceed size limit.")?;
        return Ok(Answer::HeartbeatRecorded { cancel_requested: true, paused: false, reset: false });
    }
    let (mut run, activity) = pending(change, which)?;
    started(&activity)?;
    let cancel_requested = activity.cancel_requested.is_some();
    let (paused, reset) = (activity.paused().is_some(), activity.is_reset());
    beat(&mut run, &activity, identity, details);
    Ok(Answer::HeartbeatRecorded { cancel_requested, paused, reset })
}

/// What the worker sent cannot be kept: the activity fails for good.
fn fail_for(change: &mut Change<'_>, which: &ActivityRef, by: &Identity, why: &str) -> Result<Answer, Refusal> {
    let failure = Some(failure::too_large(why));
    fail(change, which, FailActivity { identity: by.clone(), failure, last_heartbeat: None })
}

fn decide(run: &Run<'_>, activity: &Activity, failure: Option<&Failure>) -> Retry {
    if activity.cancel_requested.is_some() {
        return Retry::Stop(RetryState::CancelRequested);
    }
    retry::decide_activity(&activity.retry, activity.attempt, failure, run.now(), activity.expires_at())
}

fn beat(run: &mut Run<'_>, activity: &Activity, identity: &Identity, details: Option<Payloads>) -> Arc<Activity> {
    let now = run.now();
    let mut heard = activity.clone();
    if let ActivityStage::Started { heartbeat_at, .. } = &mut heard.stage {
        *heartbeat_at = now;
    }
    heard.heartbeat = Some(Heartbeat { at: now, details: details.map(Arc::new) });
    heard.last_identity = identity.clone();
    run.activities.put(activity.scheduled_event_id, heard.clone());
    Arc::new(heard)
}

fn is_too_large(change: &Change<'_>, payloads: Option<&Payloads>) -> bool {
    payloads.is_some_and(|it| it.encoded_len() > change.at.settings.limits.blob_bytes_error)
}

/// By its id an activity is found even if no worker has it.
fn started(activity: &Activity) -> Result<(), Refusal> {
    match &activity.stage {
        ActivityStage::Started { .. } => Ok(()),
        ActivityStage::Scheduled { .. } | ActivityStage::Backoff { .. } => Err(Refusal::ActivityNotStarted),
    }
}

fn find<'c>(change: &'c mut Change<'_>, which: &ActivityRef, said: Said) -> Result<Found<'c>, Refusal> {
    if let ActivityRef::Token(token) = which {
        let run = change.open_run(&of_run(which))?;
        if is_repeated(&run, token, said) {
            return Ok(Found::Repeated);
        }
    }
    pending(change, which).map(|(run, activity)| Found::Pending(run, activity))
}

fn pending<'c>(change: &'c mut Change<'_>, which: &ActivityRef) -> Result<(Run<'c>, Arc<Activity>), Refusal> {
    let run = change.open_run(&of_run(which))?;
    let activity = match which {
        ActivityRef::Token(token) => named(&run, token),
        ActivityRef::ById { activity: id, .. } => {
            let found = run.activities.values().find(|it| it.id == *id).map(|it| it.scheduled_event_id);
            found.and_then(|id| run.activities.shared(&id))
        }
    };
    let activity = activity.ok_or(Refusal::ActivityNotFound)?;
    Ok((run, activity))
}

fn of_run(which: &ActivityRef) -> Target {
    let run = match which {
        ActivityRef::Token(token) => Some(token.run.clone()),
        ActivityRef::ById { run, .. } => run.clone(),
    };
    Target { run, first_run: None }
}

/// The attempt was answered last, and nothing has come of it since but what the same answer does.
fn is_repeated(run: &Run<'_>, token: &ActivityToken, said: Said) -> bool {
    let same = run.core.answered_activity.as_ref().is_some_and(|answered| {
        (answered.scheduled_event_id, answered.attempt, answered.started_at)
            == (token.scheduled_event_id, token.attempt, token.started_at)
    });
    same && match (run.activities.get(&token.scheduled_event_id), said) {
        (None, Said::Failed | Said::Ended) => true,
        (Some(_), Said::Ended) => false,
        (Some(activity), Said::Failed) => activity.attempt == token.attempt + 1 && started(activity).is_err(),
    }
}

fn remember(run: &mut Run<'_>, which: &ActivityRef) {
    if let ActivityRef::Token(token) = which {
        run.core.answered_activity = Some(AnsweredActivity {
            scheduled_event_id: token.scheduled_event_id,
            attempt: token.attempt,
            started_at: token.started_at,
        });
    }
}
