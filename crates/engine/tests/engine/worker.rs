//! What workers do with activities and timers, as words of the scenario language.
//!
//! Commands in `complete`: `activity=id:start=10s,close=20s,wait=5s,beat=1s,retry=1s/3,queue=other,eager`,
//! `cancel-activity=5` (its scheduled event), `timer=id:5s`, `cancel-timer=id`.
//! Requests: `take id queue=q`, `finish id result=r`, `fail-activity id type=T delay=2s beat=d`, `stop id details=d`,
//! `beat id details=d`, `return id`; with `by-id` instead of the token, with `stale` by the token before the last, with
//! `big` with more than may be kept.

use weft_engine::{
    ActivityRef, ActivityToken, EventId, FailActivity, Request, StartActivityTask,
    state::{Activity, ActivityStage},
    wire_span,
};
use weft_protocol::api::{
    command::{
        CancelTimerCommandAttributes, Command, RequestCancelActivityTaskCommandAttributes,
        ScheduleActivityTaskCommandAttributes, StartTimerCommandAttributes, command::Attributes,
    },
    common::{ActivityType, Payloads},
    enums::CommandType,
    failure::{Failure, failure::FailureInfo},
    taskqueue::TaskQueue,
};

use crate::script::{Line, Script, application_failure, payloads, poller, retry, span};

/// A command about an activity or a timer; `None` if it is about something else.
pub(crate) fn command(name: &str, value: &str) -> Option<Command> {
    let (command_type, attributes): (_, Attributes) = match name {
        "activity" => (CommandType::ScheduleActivityTask, activity(value).into()),
        "cancel-activity" => {
            let scheduled_event_id = value.parse().expect("an event id is a number");
            let it = RequestCancelActivityTaskCommandAttributes { scheduled_event_id };
            (CommandType::RequestCancelActivityTask, it.into())
        }
        "timer" => {
            let (id, after) = value.split_once(':').expect("a timer has a span");
            let negative = weft_protocol::Duration { seconds: -1, nanos: 0 };
            let after = if after == "negative" { negative } else { wire_span(span(after)) };
            let it = StartTimerCommandAttributes { timer_id: id.to_owned(), start_to_fire_timeout: Some(after) };
            (CommandType::StartTimer, it.into())
        }
        "cancel-timer" => {
            (CommandType::CancelTimer, CancelTimerCommandAttributes { timer_id: value.to_owned() }.into())
        }
        _ => return None,
    };
    Some(Command { command_type: command_type as i32, attributes: Some(attributes), ..Command::default() })
}

fn activity(text: &str) -> ScheduleActivityTaskCommandAttributes {
    let (id, options) = text.split_once(':').unwrap_or((text, "start=10s"));
    let queue = TaskQueue { name: "queue".to_owned(), ..TaskQueue::default() };
    let mut it = ScheduleActivityTaskCommandAttributes {
        activity_id: id.to_owned(),
        activity_type: Some(ActivityType { name: "activity".to_owned() }),
        task_queue: Some(queue),
        ..ScheduleActivityTaskCommandAttributes::default()
    };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let time = || Some(wire_span(span(value)));
        match name {
            "start" => it.start_to_close_timeout = time(),
            "close" => it.schedule_to_close_timeout = time(),
            "wait" => it.schedule_to_start_timeout = time(),
            "beat" => it.heartbeat_timeout = time(),
            "retry" => it.retry_policy = Some(retry(value).wire()),
            "coefficient" => {
                let policy = it.retry_policy.get_or_insert_default();
                policy.backoff_coefficient = value.parse().expect("a coefficient is a number");
            }
            "queue" => it.task_queue = Some(TaskQueue { name: value.to_owned(), ..TaskQueue::default() }),
            "type" => it.activity_type = Some(ActivityType { name: value.to_owned() }),
            "on-build" => it.use_workflow_build_id = true,
            "eager" => it.request_eager_execution = true,
            "big" => it.input = big(),
            name => panic!("{name:?} is no option of an activity"),
        }
    }
    it
}

/// More than may be kept.
fn big() -> Option<Payloads> {
    payloads(&"x".repeat(3 << 20))
}

/// A request about an activity; `None` if the line is about something else.
pub(crate) fn request(script: &Script, line: &Line<'_>) -> Option<Request> {
    let id = line.first();
    let details = || if line.has("big") { big() } else { payloads(line.get("details").unwrap_or("")) };
    let worker = || "worker".into();
    Some(match line.word {
        "take" => Request::StartActivityTask(take(script, line)?),
        "finish" => {
            let result = if line.has("big") { big() } else { payloads(line.get("result").unwrap_or("")) };
            Request::CompleteActivity(which(script, line)?, worker(), result)
        }
        "fail-activity" => Request::FailActivity(which(script, line)?, Box::new(failed(line))),
        "stop" => Request::CancelActivity(which(script, line)?, worker(), details()),
        "beat" => Request::Heartbeat(which(script, line)?, worker(), details()),
        "return" => {
            Request::GiveBackActivityTask(token(script, id, line)?, line.get("request").unwrap_or("take").into())
        }
        _ => return None,
    })
}

/// Is this a word of this file?
pub(crate) fn knows(word: &str) -> bool {
    matches!(word, "take" | "finish" | "fail-activity" | "stop" | "beat" | "return")
}

/// The pending activity of this name.
pub(crate) fn pending<'s>(script: &'s Script, id: &str) -> Option<&'s Activity> {
    script.world.current()?.activities.values().find(|it| it.id.as_str() == id)
}

fn take(script: &Script, line: &Line<'_>) -> Option<StartActivityTask> {
    let activity = pending(script, line.first());
    let started = activity.is_some_and(|it| matches!(it.stage, ActivityStage::Started { .. }));
    let attempt = line.get("attempt").map(|text| text.parse().expect("an attempt is a number"));
    Some(StartActivityTask {
        run: script.world.workflow.current.as_ref()?.run.clone(),
        scheduled_event_id: activity.map_or(EventId(99), |it| it.scheduled_event_id),
        attempt: attempt.unwrap_or_else(|| activity.map_or(1, |it| it.attempt)),
        queue: line.get("queue").map_or_else(|| activity.map_or("queue".into(), |it| it.queue.clone()), Into::into),
        poller: poller(line.get("request").unwrap_or(if started { "other" } else { "take" })),
    })
}

fn which(script: &Script, line: &Line<'_>) -> Option<ActivityRef> {
    if line.has("by-id") {
        return Some(ActivityRef::ById { run: None, activity: line.first().into() });
    }
    token(script, line.first(), line).map(ActivityRef::Token)
}

fn token(script: &Script, id: &str, line: &Line<'_>) -> Option<ActivityToken> {
    let tokens = script.activity_tokens.get(id)?;
    let back = if line.has("stale") { 2 } else { 1 };
    tokens.len().checked_sub(back).map(|at| tokens[at].clone())
}

fn failed(line: &Line<'_>) -> FailActivity {
    let mut failure = application_failure(line.get("type").unwrap_or("Oops"));
    if let Some(FailureInfo::ApplicationFailureInfo(info)) = &mut failure.failure_info {
        info.next_retry_delay = line.get("delay").map(|delay| wire_span(span(delay)));
        info.non_retryable = line.has("final");
    }
    let failure = if line.has("big") { Failure { message: "y".repeat(3 << 20), ..failure } } else { failure };
    FailActivity {
        identity: "worker".into(),
        failure: Some(failure),
        last_heartbeat: line.get("beat").and_then(payloads),
    }
}
