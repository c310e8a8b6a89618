//! What a workflow may ask of an activity, and what is filled in where it leaves something out.
//!
//! Invariant: a normalized command has all four timeouts (zero is "none"), none of them longer than the run's, and a whole
//! retry policy. Every activity is retried unless it says otherwise.

use alloc::{format, string::String};
use core::time::Duration;

use weft_protocol::api::{command::ScheduleActivityTaskCommandAttributes, common::Priority};

use crate::{
    change::Run,
    limits::{FAIRNESS_KEY_BYTES_MAX, Limits, Settings},
    retry::{check_policy, is_negative},
    state::RetryPolicy,
    time::{span_from_wire, wire_span},
};

/// Task queues whose names begin like this are the server's own.
pub(crate) const RESERVED_QUEUES: &str = "/_sys/";

/// The four timeouts of an activity.
struct Timeouts {
    schedule_to_close: Duration,
    schedule_to_start: Duration,
    start_to_close: Duration,
    heartbeat: Duration,
}

/// The command with everything filled in.
///
/// # Errors
/// What is wrong with it, in Temporal's words.
pub(crate) fn normalized(
    run: &Run<'_>,
    command: ScheduleActivityTaskCommandAttributes,
) -> Result<ScheduleActivityTaskCommandAttributes, String> {
    let settings = run.at.settings;
    check_names(&command, &settings.limits)?;
    let policy = command.retry_policy.clone().unwrap_or_default();
    check_policy(&policy, settings)?;
    check_queue_of_build(run, &command)?;
    let run_timeout = run.core.start.run_timeout;
    let timeouts = timeouts(&command, settings)?.filled_in(run_timeout).ok_or_else(|| missing(&command))?;
    Ok(ScheduleActivityTaskCommandAttributes {
        schedule_to_close_timeout: Some(wire_span(timeouts.schedule_to_close)),
        schedule_to_start_timeout: Some(wire_span(timeouts.schedule_to_start)),
        start_to_close_timeout: Some(wire_span(timeouts.start_to_close)),
        heartbeat_timeout: Some(wire_span(timeouts.heartbeat)),
        retry_policy: Some(RetryPolicy::filled_in(&policy, settings).wire()),
        ..command
    })
}

/// The options with everything filled in, as one may change a pending activity to; nothing of it is cut to the run's own
/// timeout.
///
/// # Errors
/// What is wrong with it, in Temporal's words.
pub(super) fn changed(
    run: &Run<'_>,
    command: ScheduleActivityTaskCommandAttributes,
) -> Result<ScheduleActivityTaskCommandAttributes, String> {
    let settings = run.at.settings;
    check_names(&command, &settings.limits)?;
    let timeouts = timeouts(&command, settings)?.filled_in(Duration::ZERO).ok_or_else(|| missing(&command))?;
    Ok(ScheduleActivityTaskCommandAttributes {
        schedule_to_close_timeout: Some(wire_span(timeouts.schedule_to_close)),
        schedule_to_start_timeout: Some(wire_span(timeouts.schedule_to_start)),
        start_to_close_timeout: Some(wire_span(timeouts.start_to_close)),
        heartbeat_timeout: Some(wire_span(timeouts.heartbeat)),
        ..command
    })
}

fn check_names(command: &ScheduleActivityTaskCommandAttributes, limits: &Limits) -> Result<(), String> {
    check_queue(command.task_queue.as_ref().map_or("", |queue| queue.name.as_str()), limits.id_bytes)?;
    check_name("activityId", &command.activity_id, limits)?;
    check_name("activityType", type_name(command), limits)?;
    check_priority(command.priority.as_ref()).map_err(|why| format!("invalid priorities: {why}"))
}

/// Does a priority make sense?
///
/// # Errors
/// What is wrong, in Temporal's words.
pub fn check_priority(priority: Option<&Priority>) -> Result<(), &'static str> {
    let Some(priority) = priority else { return Ok(()) };
    if priority.priority_key < 0 {
        return Err("priority key can't be negative");
    }
    if priority.fairness_key.len() > FAIRNESS_KEY_BYTES_MAX {
        return Err("fairness key length exceeds limit");
    }
    if priority.fairness_weight < 0.0 {
        return Err("must be greater than zero");
    }
    Ok(())
}

/// A queue that workflows may name.
pub(crate) fn check_queue(name: &str, limit: usize) -> Result<(), String> {
    if name.is_empty() {
        return Err("missing task queue name".into());
    }
    if name.len() > limit {
        return Err("taskQueue length exceeds limit".into());
    }
    if name.starts_with(RESERVED_QUEUES) {
        return Err(format!("task queue name cannot start with reserved prefix {RESERVED_QUEUES}"));
    }
    Ok(())
}

fn check_name(what: &str, name: &str, limits: &Limits) -> Result<(), String> {
    let (length, limit) = (name.len(), limits.id_bytes);
    match length {
        0 => Err(format!("{what} is not set")),
        length if length > limit => Err(format!("{what} exceeds length limit. Length={length} Limit={limit}")),
        _ => Ok(()),
    }
}

fn type_name(command: &ScheduleActivityTaskCommandAttributes) -> &str {
    command.activity_type.as_ref().map_or("", |it| &it.name)
}

/// An activity that stays on its workflow's build stays on its queue.
fn check_queue_of_build(run: &Run<'_>, command: &ScheduleActivityTaskCommandAttributes) -> Result<(), String> {
    let queue = command.task_queue.as_ref().map_or("", |queue| queue.name.as_str());
    if command.use_workflow_build_id && queue != run.core.start.queue.as_str() {
        return Err("Activity with UseCompatibleVersion cannot run on different task queue.".into());
    }
    Ok(())
}

fn missing(command: &ScheduleActivityTaskCommandAttributes) -> String {
    format!(
        "a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity. ActivityId={} ActivityType={}",
        command.activity_id,
        type_name(command)
    )
}

fn timeouts(command: &ScheduleActivityTaskCommandAttributes, settings: &Settings) -> Result<Timeouts, String> {
    let span = |wire: &Option<weft_protocol::Duration>, name: &str| match wire {
        Some(wire) if is_negative(wire) => Err(format!("invalid {name}: negative duration")),
        Some(wire) => Ok(span_from_wire(wire).min(settings.timeout_max)),
        None => Ok(Duration::ZERO),
    };
    Ok(Timeouts {
        schedule_to_close: span(&command.schedule_to_close_timeout, "ScheduleToCloseTimeout")?,
        schedule_to_start: span(&command.schedule_to_start_timeout, "ScheduleToStartTimeout")?,
        start_to_close: span(&command.start_to_close_timeout, "StartToCloseTimeout")?,
        heartbeat: span(&command.heartbeat_timeout, "HeartbeatTimeout")?,
    })
}

impl Timeouts {
    /// What is left out follows from what is given; `None` if that does not suffice.
    fn filled_in(self, run_timeout: Duration) -> Option<Self> {
        let or = |span: Duration, other: Duration| if span.is_zero() { other } else { span };
        let whole = self.schedule_to_close;
        let filled = if !whole.is_zero() {
            Self {
                schedule_to_start: or(self.schedule_to_start, whole).min(whole),
                start_to_close: or(self.start_to_close, whole).min(whole),
                ..self
            }
        } else if !self.start_to_close.is_zero() {
            Self { schedule_to_close: run_timeout, schedule_to_start: or(self.schedule_to_start, run_timeout), ..self }
        } else {
            return None;
        };
        Some(filled.cut(or(run_timeout, Duration::MAX)))
    }

    /// Nothing of the activity outlives the run, and no heartbeat may come after the attempt's end.
    fn cut(self, longest: Duration) -> Self {
        let start_to_close = self.start_to_close.min(longest);
        Self {
            schedule_to_close: self.schedule_to_close.min(longest),
            schedule_to_start: self.schedule_to_start.min(longest),
            start_to_close,
            heartbeat: self.heartbeat.min(start_to_close),
        }
    }
}
