//! What operators do to pending activities: pause, unpause, begin again, change options.
//!
//! Invariant: a started attempt goes on; its worker hears with its next heartbeat what was done. What was done shows in no
//! event. Semantics: `service/history/workflow/activity.go` of Temporal's server.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::time::Duration;

use weft_protocol::api::{
    activity::ActivityOptions as WireOptions, command::ScheduleActivityTaskCommandAttributes, common::ActivityType,
    enums::TaskQueueKind, taskqueue::TaskQueue,
};

use super::{end::begin_anew, options};
use crate::{
    answer::Answer,
    change::Run,
    ids::EventId,
    pause_info,
    refusal::Refusal,
    request::{PauseActivities, ResetActivities, UnpauseActivities, UpdateActivities, WhichActivities},
    retry,
    state::{Activity, ActivityOptions, ActivityPause, ActivityStage, RetryPolicy},
    time::{Timestamp, span_from_wire, wire_span},
};

/// Paused activities are not offered, and none of their timeouts runs.
pub(crate) fn pause(run: &mut Run<'_>, which: &WhichActivities, body: &PauseActivities) -> Result<Answer, Refusal> {
    let pause = ActivityPause {
        at: run.now(),
        identity: body.identity.clone(),
        reason: body.reason.clone(),
        request: body.request.clone(),
    };
    for id in named(run, which)? {
        match run.activities.get(&id).and_then(Activity::paused) {
            Some(paused) if paused.request == body.request => {}
            Some(_) => return Err(Refusal::Precondition("activity is already paused".into())),
            None => {
                run.activities.update(&id, |activity| activity.operate(|it| it.paused = Some(pause.clone())));
            }
        }
    }
    pause_info::tell(run);
    Ok(Answer::Done)
}

/// What waits is offered again, at once or somewhen within the jitter. Activities that are not paused are left alone.
pub(crate) fn unpause(run: &mut Run<'_>, which: &WhichActivities, body: &UnpauseActivities) -> Result<Answer, Refusal> {
    for id in named(run, which)? {
        let (now, until) = (run.now(), spread(run, id, body.jitter));
        run.activities.update(&id, |activity| {
            if activity.paused().is_none() {
                return;
            }
            activity.operate(|it| it.paused = None);
            if body.reset_attempts {
                activity.attempt = 1;
            }
            if body.reset_heartbeat {
                activity.heartbeat = None;
            }
            offer_again(activity, now, until);
        });
    }
    pause_info::tell(run);
    Ok(Answer::Done)
}

/// Begins again with the first attempt: at once if the activity waits, after the running attempt otherwise.
pub(crate) fn reset(run: &mut Run<'_>, which: &WhichActivities, body: &ResetActivities) -> Result<Answer, Refusal> {
    for id in named(run, which)? {
        let (now, until) = (run.now(), spread(run, id, body.jitter));
        run.activities.update(&id, |activity| {
            activity.attempt = 1;
            activity.operate(|it| {
                it.reset = true;
                it.forgets_heartbeat |= body.reset_heartbeat;
                if !body.keep_paused {
                    it.paused = None;
                }
            });
            if body.restore_original {
                // Temporal leaves the priority as it is here.
                let priority = activity.priority.clone();
                restore(activity);
                activity.priority = priority;
            }
            if activity.paused().is_none() {
                offer_again(activity, now, until);
            }
        });
    }
    pause_info::tell(run);
    Ok(Answer::Done)
}

/// Changes options, of a started attempt too.
pub(crate) fn update_options(
    run: &mut Run<'_>,
    which: &WhichActivities,
    body: &UpdateActivities,
) -> Result<Answer, Refusal> {
    let mut last = None;
    for id in named(run, which)? {
        let Some(activity) = run.activities.shared(&id) else { continue };
        let changed = match body {
            UpdateActivities::Restore => None,
            UpdateActivities::Merge { options, paths } => {
                Some(merged(run, &activity, options, paths).map_err(|why| Refusal::InvalidArgument(why.into()))?)
            }
        };
        let now = run.now();
        last = run.activities.update(&id, |activity| {
            match changed {
                Some(options) => change(activity, options),
                None => restore(activity),
            }
            reschedule(activity, now);
            activity.options()
        });
    }
    let options = last.ok_or(Refusal::NoSuchActivity)?;
    Ok(Answer::ActivityOptions(Box::new(options)))
}

/// The pending activities that are meant, at least one.
fn named(run: &Run<'_>, which: &WhichActivities) -> Result<Vec<EventId>, Refusal> {
    let meant = |activity: &&Activity| match which {
        WhichActivities::Id(id) => activity.id == *id,
        WhichActivities::Type(name) => activity.activity_type == *name,
        WhichActivities::All => true,
    };
    let found: Vec<EventId> = run.activities.values().filter(meant).map(|it| it.scheduled_event_id).collect();
    if found.is_empty() { Err(Refusal::NoSuchActivity) } else { Ok(found) }
}

/// Somewhen within the jitter, another time for each activity.
fn spread(run: &Run<'_>, id: EventId, jitter: Duration) -> Timestamp {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let chance = run.at.jitter.wrapping_add(id.0.unsigned_abs().wrapping_mul(GOLDEN));
    let wait = (u128::from(chance) * jitter.as_nanos()) >> 64;
    run.now().after(Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX)))
}

/// What waits is offered, now or later; a started attempt goes on.
fn offer_again(activity: &mut Activity, now: Timestamp, until: Timestamp) {
    if activity.is_started() {
        return;
    }
    activity.stage = if until > now { ActivityStage::Backoff { until } } else { ActivityStage::Scheduled { at: now } };
    activity.last_failure = None;
    begin_anew(activity);
}

/// What waits for its time waits as long as the policy says from now on.
fn reschedule(activity: &mut Activity, now: Timestamp) {
    let since = match &activity.stage {
        ActivityStage::Started { .. } => return,
        ActivityStage::Scheduled { at } => *at,
        ActivityStage::Backoff { .. } => now,
    };
    if let (2.., Some(ended)) = (activity.attempt, activity.last_attempt_ended_at) {
        let until = ended.after(retry::usual_wait(&activity.retry, activity.attempt - 1));
        activity.stage =
            if until > now { ActivityStage::Backoff { until } } else { ActivityStage::Scheduled { at: since } };
    }
    activity.last_failure = None;
    begin_anew(activity);
}

fn change(activity: &mut Activity, options: ActivityOptions) {
    let before = activity.options();
    activity.operate(|it| {
        it.original.get_or_insert_with(|| Box::new(before));
    });
    set(activity, options);
}

fn restore(activity: &mut Activity) {
    if let Some(original) = activity.operated.as_ref().and_then(|it| it.original.clone()) {
        activity.operate(|it| it.original = None);
        set(activity, *original);
    }
}

fn set(activity: &mut Activity, options: ActivityOptions) {
    let ActivityOptions { queue, schedule_to_close, schedule_to_start, start_to_close, .. } = options;
    activity.queue = queue;
    activity.schedule_to_close = schedule_to_close;
    activity.schedule_to_start = schedule_to_start;
    activity.start_to_close = start_to_close;
    activity.heartbeat_timeout = options.heartbeat_timeout;
    activity.retry = options.retry;
    activity.priority = options.priority;
}

/// The activity's options with what is named taken from `from`, checked and filled in.
fn merged(run: &Run<'_>, activity: &Activity, from: &WireOptions, paths: &[String]) -> Result<ActivityOptions, String> {
    let mut into = activity.options().wire();
    for path in paths {
        merge(&mut into, from, path)?;
    }
    if let Some(policy) = &into.retry_policy {
        if paths.iter().any(|path| path.starts_with("retry_policy.")) {
            retry::check_parts(policy)?;
        }
        retry::check_policy(policy, run.at.settings)?;
    }
    let command = options::changed(
        run,
        ScheduleActivityTaskCommandAttributes {
            activity_id: activity.id.as_str().into(),
            activity_type: Some(ActivityType { name: String::from(&*activity.activity_type) }),
            task_queue: into.task_queue,
            schedule_to_close_timeout: into.schedule_to_close_timeout,
            schedule_to_start_timeout: into.schedule_to_start_timeout,
            start_to_close_timeout: into.start_to_close_timeout,
            heartbeat_timeout: into.heartbeat_timeout,
            ..ScheduleActivityTaskCommandAttributes::default()
        },
    )?;
    let span = |wire: &Option<weft_protocol::Duration>| wire.as_ref().map(span_from_wire).unwrap_or_default();
    // Which failures are not retried is not changed.
    let types = activity.retry.non_retryable_types.clone();
    let retry = RetryPolicy::filled_in(&into.retry_policy.unwrap_or_default(), run.at.settings);
    Ok(ActivityOptions {
        queue: command.task_queue.as_ref().map_or("", |queue| &queue.name).into(),
        schedule_to_close: span(&command.schedule_to_close_timeout),
        schedule_to_start: span(&command.schedule_to_start_timeout),
        start_to_close: span(&command.start_to_close_timeout),
        heartbeat_timeout: span(&command.heartbeat_timeout),
        retry: RetryPolicy { non_retryable_types: types, ..retry },
        priority: into.priority,
    })
}

/// Takes what one path names. Paths that name nothing are passed over, as Temporal does.
fn merge(into: &mut WireOptions, from: &WireOptions, path: &str) -> Result<(), String> {
    let (whole, part) = path.split_once('.').unwrap_or((path, ""));
    match (whole, part) {
        ("task_queue", "name") => {
            let name = from.task_queue.as_ref().ok_or("TaskQueue is not provided")?.name.clone();
            into.task_queue.get_or_insert_default().name = name;
        }
        ("schedule_to_close_timeout", "") => into.schedule_to_close_timeout = from.schedule_to_close_timeout,
        ("schedule_to_start_timeout", "") => into.schedule_to_start_timeout = from.schedule_to_start_timeout,
        ("start_to_close_timeout", "") => into.start_to_close_timeout = from.start_to_close_timeout,
        ("heartbeat_timeout", "") => into.heartbeat_timeout = from.heartbeat_timeout,
        ("priority", "") => into.priority.clone_from(&from.priority),
        ("priority", part) => {
            let from = from.priority.as_ref().ok_or("Priority is not provided")?;
            let into = into.priority.get_or_insert_default();
            match part {
                "priority_key" => into.priority_key = from.priority_key,
                "fairness_key" => into.fairness_key.clone_from(&from.fairness_key),
                "fairness_weight" => into.fairness_weight = from.fairness_weight,
                _ => {}
            }
        }
        ("retry_policy", part) => {
            let from = from.retry_policy.as_ref().ok_or("RetryPolicy is not provided")?;
            let into = into.retry_policy.get_or_insert_default();
            match part {
                "" => into.clone_from(from),
                "initial_interval" => into.initial_interval = from.initial_interval,
                "backoff_coefficient" => into.backoff_coefficient = from.backoff_coefficient,
                "maximum_interval" => into.maximum_interval = from.maximum_interval,
                "maximum_attempts" => into.maximum_attempts = from.maximum_attempts,
                _ => {}
            }
        }
        _ => {}
    }
    Ok(())
}

impl ActivityOptions {
    /// As the API has them.
    #[must_use]
    pub fn wire(&self) -> WireOptions {
        let span = |span: Duration| Some(wire_span(span));
        WireOptions {
            task_queue: Some(TaskQueue {
                name: self.queue.as_str().into(),
                kind: TaskQueueKind::Normal.into(),
                normal_name: String::new(),
            }),
            schedule_to_close_timeout: span(self.schedule_to_close),
            schedule_to_start_timeout: span(self.schedule_to_start),
            start_to_close_timeout: span(self.start_to_close),
            heartbeat_timeout: span(self.heartbeat_timeout),
            retry_policy: Some(self.retry.wire()),
            priority: self.priority.clone(),
            ..WireOptions::default()
        }
    }
}
