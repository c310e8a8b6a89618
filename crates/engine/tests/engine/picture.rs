//! Events, answers and refusals as one line each.

use std::{collections::BTreeMap, fmt::Write};

use crate::{family, operate, schedule_words};

use weft_engine::{
    Answer, Effect, QueryDisposition, QueryOutcome, Refusal, StartConflict, Started, StartedWorkflowTask, UpdateNews,
    UpdateStatus, VisibilityChange,
};
use weft_protocol::api::{
    common::Payloads,
    enums::{RetryState, TaskQueueKind, TimeoutType, WorkflowExecutionStatus, WorkflowTaskFailedCause},
    failure::Failure,
    history::{HistoryEvent, history_event::Attributes},
};

/// `3 WorkflowTaskStarted scheduled=2`
pub(crate) fn event(event: &HistoryEvent) -> String {
    let mut line = format!("{} {:?}", event.event_id, event.event_type());
    if let Some(attributes) = &event.attributes {
        describe(&mut line, attributes);
    }
    if let Some(summary) = event.user_metadata.as_ref().and_then(|it| it.summary.as_ref()) {
        say(&mut line, "summary", &String::from_utf8_lossy(&summary.data));
    }
    line
}

pub(crate) fn say(line: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        write!(line, " {name}={value}").expect("a String takes everything");
    }
}

pub(crate) fn number(line: &mut String, name: &str, value: i64) {
    if value != 0 {
        write!(line, " {name}={value}").expect("a String takes everything");
    }
}

fn span(line: &mut String, name: &str, value: Option<&weft_protocol::Duration>) {
    if let Some(value) = value.filter(|it| it.seconds != 0 || it.nanos != 0) {
        let seconds = value.seconds as f64 + f64::from(value.nanos) / 1e9;
        write!(line, " {name}={seconds}s").expect("a String takes everything");
    }
}

pub(crate) fn text(payloads: Option<&Payloads>) -> String {
    let parts = payloads.iter().flat_map(|it| &it.payloads).map(|it| String::from_utf8_lossy(&it.data).into_owned());
    parts.collect::<Vec<_>>().join(",")
}

/// `message(cause(…))`
pub(crate) fn failure(failure: Option<&Failure>) -> String {
    failure.map_or_else(String::new, |it| match &it.cause {
        Some(cause) => format!("{:?}({})", it.message, self::failure(Some(cause))),
        None => format!("{:?}", it.message),
    })
}

pub(crate) fn retry_state(line: &mut String, state: i32) {
    let state = RetryState::try_from(state).expect("a known state");
    if state != RetryState::Unspecified {
        say(line, "retry", &format!("{state:?}"));
    }
}

#[expect(clippy::too_many_lines, reason = "one arm per event type, nothing else")]
fn describe(line: &mut String, attributes: &Attributes) {
    match attributes {
        Attributes::WorkflowExecutionStartedEventAttributes(it) => {
            number(line, "attempt", i64::from(it.attempt));
            if !it.continued_execution_run_id.is_empty() {
                say(line, "by", &format!("{:?}", it.initiator()));
            }
            say(line, "input", &text(it.input.as_ref()));
            say(line, "after", &it.continued_execution_run_id);
            say(line, "parent", it.parent_workflow_execution.as_ref().map_or("", |it| &it.run_id));
            number(line, "initiated", it.parent_initiated_event_id);
            say(line, "root", it.root_workflow_execution.as_ref().map_or("", |it| &it.run_id));
            say(line, "last", &text(it.last_completion_result.as_ref()));
            say(line, "failure", &failure(it.continued_failure.as_ref()));
            span(line, "run-timeout", it.workflow_run_timeout.as_ref());
            span(line, "execution-timeout", it.workflow_execution_timeout.as_ref());
            span(line, "backoff", it.first_workflow_task_backoff.as_ref());
            if it.eager_execution_accepted {
                line.push_str(" eager");
            }
            if it.versioning_override.is_some() {
                line.push_str(" auto-upgrade");
            }
        }
        Attributes::WorkflowTaskScheduledEventAttributes(it) => {
            let queue = it.task_queue.clone().unwrap_or_default();
            if queue.kind() == TaskQueueKind::Sticky {
                say(line, "sticky", &queue.name);
            }
            if it.attempt > 1 {
                number(line, "attempt", i64::from(it.attempt));
            }
            span(line, "timeout", it.start_to_close_timeout.as_ref());
        }
        Attributes::WorkflowTaskStartedEventAttributes(it) => {
            number(line, "scheduled", it.scheduled_event_id);
            if it.suggest_continue_as_new {
                line.push_str(" suggest-continue-as-new");
            }
        }
        Attributes::WorkflowTaskCompletedEventAttributes(it) => {
            number(line, "scheduled", it.scheduled_event_id);
            number(line, "started", it.started_event_id);
        }
        Attributes::WorkflowTaskFailedEventAttributes(it) => {
            let cause = WorkflowTaskFailedCause::try_from(it.cause).expect("a known cause");
            say(line, "cause", &format!("{cause:?}"));
            say(line, "failure", &failure(it.failure.as_ref()));
        }
        Attributes::WorkflowTaskTimedOutEventAttributes(it) => {
            let kind = TimeoutType::try_from(it.timeout_type).expect("a known type");
            say(line, "type", &format!("{kind:?}"));
        }
        Attributes::ActivityTaskScheduledEventAttributes(it) => {
            say(line, "id", &it.activity_id);
            span(line, "schedule-to-close", it.schedule_to_close_timeout.as_ref());
            span(line, "schedule-to-start", it.schedule_to_start_timeout.as_ref());
            span(line, "start-to-close", it.start_to_close_timeout.as_ref());
            span(line, "heartbeat", it.heartbeat_timeout.as_ref());
        }
        Attributes::ActivityTaskStartedEventAttributes(it) => {
            number(line, "scheduled", it.scheduled_event_id);
            number(line, "attempt", i64::from(it.attempt));
            say(line, "last-failure", &failure(it.last_failure.as_ref()));
        }
        Attributes::ActivityTaskCompletedEventAttributes(it) => {
            number(line, "scheduled", it.scheduled_event_id);
            number(line, "started", it.started_event_id);
            say(line, "result", &text(it.result.as_ref()));
        }
        Attributes::ActivityTaskFailedEventAttributes(it) => {
            number(line, "scheduled", it.scheduled_event_id);
            number(line, "started", it.started_event_id);
            retry_state(line, it.retry_state);
            say(line, "failure", &failure(it.failure.as_ref()));
        }
        Attributes::ActivityTaskTimedOutEventAttributes(it) => {
            number(line, "scheduled", it.scheduled_event_id);
            number(line, "started", it.started_event_id);
            retry_state(line, it.retry_state);
            say(line, "failure", &failure(it.failure.as_ref()));
        }
        Attributes::ActivityTaskCanceledEventAttributes(it) => {
            number(line, "scheduled", it.scheduled_event_id);
            number(line, "started", it.started_event_id);
            number(line, "requested", it.latest_cancel_requested_event_id);
        }
        Attributes::ActivityTaskCancelRequestedEventAttributes(it) => number(line, "scheduled", it.scheduled_event_id),
        Attributes::TimerStartedEventAttributes(it) => {
            say(line, "id", &it.timer_id);
            span(line, "after", it.start_to_fire_timeout.as_ref());
        }
        Attributes::TimerFiredEventAttributes(it) => {
            say(line, "id", &it.timer_id);
            number(line, "started", it.started_event_id);
        }
        Attributes::TimerCanceledEventAttributes(it) => {
            say(line, "id", &it.timer_id);
            number(line, "started", it.started_event_id);
        }
        Attributes::WorkflowExecutionSignaledEventAttributes(it) => {
            say(line, "name", &it.signal_name);
            say(line, "from", it.external_workflow_execution.as_ref().map_or("", |it| &it.run_id));
        }
        Attributes::WorkflowExecutionCancelRequestedEventAttributes(it) => {
            say(line, "cause", &it.cause);
            say(line, "from", it.external_workflow_execution.as_ref().map_or("", |it| &it.run_id));
            number(line, "initiated", it.external_initiated_event_id);
        }
        Attributes::WorkflowExecutionTerminatedEventAttributes(it) => {
            say(line, "reason", &format!("{:?}", it.reason));
            say(line, "details", &text(it.details.as_ref()));
        }
        Attributes::WorkflowExecutionCompletedEventAttributes(it) => {
            say(line, "result", &text(it.result.as_ref()));
            say(line, "next", &it.new_execution_run_id);
        }
        Attributes::WorkflowExecutionFailedEventAttributes(it) => {
            say(line, "failure", &failure(it.failure.as_ref()));
            retry_state(line, it.retry_state);
            say(line, "next", &it.new_execution_run_id);
        }
        Attributes::WorkflowExecutionTimedOutEventAttributes(it) => {
            retry_state(line, it.retry_state);
            say(line, "next", &it.new_execution_run_id);
        }
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(it) => {
            say(line, "next", &it.new_execution_run_id);
            span(line, "backoff", it.backoff_start_interval.as_ref());
        }
        Attributes::WorkflowExecutionPausedEventAttributes(it) => say(line, "reason", &it.reason),
        Attributes::MarkerRecordedEventAttributes(it) => say(line, "name", &it.marker_name),
        other if family::describe(line, other) => {}
        Attributes::WorkflowExecutionOptionsUpdatedEventAttributes(it) => {
            say(line, "attached", &it.attached_request_id);
            number(line, "urgency", it.priority.as_ref().map_or(0, |it| i64::from(it.priority_key)));
        }
        _ => {}
    }
}

/// What the caller got, if that is more than "done".
pub(crate) fn answer(answer: &Answer) -> Option<String> {
    match answer {
        Answer::Done => None,
        Answer::Started(it) => Some(started(it)),
        Answer::Update(it) => Some(update(it)),
        Answer::UpdateWithStart(start, it) => Some(format!("{}, {}", started(start), update(it))),
        Answer::Signaled(run) => Some(format!("signaled {run}")),
        Answer::WorkflowTask(it) => Some(task(it)),
        Answer::ActivityTask(it) => Some(format!("activity task {} attempt={}", it.activity.id, it.token.attempt)),
        Answer::TaskCompleted(it) => {
            let new = it.new_task.as_deref().map(task);
            let eager = it.eager_activities.iter().map(|it| format!("eager {}", it.activity.id));
            let reset = it.reset_to.map(|event| format!("nothing after {event}"));
            let parts: Vec<String> = reset.into_iter().chain(new).chain(eager).collect();
            (!parts.is_empty()).then(|| parts.join(", "))
        }
        Answer::TaskFailed { message } => Some(format!("task failed: {message}")),
        Answer::TaskFailedBefore { event, .. } => Some(format!("task failed before: event {event}")),
        Answer::Outgrown { why } => Some(format!("outgrown: {why}")),
        Answer::FailureCut(told) => Some(format!("failure cut, told of {}", told.len())),
        Answer::TaskTimedOut => Some("task timed out".into()),
        Answer::HeartbeatRecorded { cancel_requested, paused, reset } => {
            let flags = [(*paused, " paused"), (*reset, " reset")];
            let flags: String = flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag).collect();
            Some(format!("heard, cancel_requested={cancel_requested}{flags}"))
        }
        Answer::ActivityOptions(it) => Some(operate::options(it)),
        Answer::RunOptions(it) => Some(operate::of_run(it)),
        Answer::Query(QueryDisposition::Attached(_)) => Some("query attached".into()),
        Answer::Query(QueryDisposition::Direct(it)) => {
            let sticky = it.sticky.as_ref().map(|it| format!(" sticky={}", it.queue)).unwrap_or_default();
            Some(format!("query direct{sticky}"))
        }
        Answer::Query(QueryDisposition::Rejected(status)) => Some(format!("query rejected: {status:?}")),
        Answer::Reset(run) => Some(format!("reset to {run}")),
        Answer::ResetPlan(plan) => Some(format!("would share up to {} {plan:?}", plan.finish)),
        Answer::Delivered(reply) => Some(format!("{reply:?}")),
        // What the shard finds then is shown.
        Answer::ChainEnd(_) => None,
        Answer::Job(job) => Some(format!("{job:?}")),
        Answer::ScheduleCreated { .. } | Answer::Schedule(_) => schedule_words::answer(answer),
    }
}

fn started(it: &Started) -> String {
    let eager = it.eager_task.as_deref().map(|it| format!(" with {}", task(it))).unwrap_or_default();
    let how = if it.started { "started" } else { "uses" };
    format!("{how} {} {:?}{eager}", it.run, it.status)
}

fn update(it: &UpdateStatus) -> String {
    let run = if it.run.as_str() == "run-1" { String::new() } else { format!(" in {}", it.run) };
    format!("update {:?}{run}", it.stage)
}

/// `task 2..4 attempt=1`, with what is shown after the history.
fn task(it: &StartedWorkflowTask) -> String {
    let mut line = format!("task events {}..{}", it.first_event, it.next_event);
    if it.token.attempt > 1 {
        write!(line, " attempt={}", it.token.attempt).expect("a String takes everything");
    }
    for shown in &it.suffix {
        write!(line, " + {}", event(shown)).expect("a String takes everything");
    }
    for message in &it.messages {
        write!(line, " update={}", message.protocol_instance_id).expect("a String takes everything");
    }
    if !it.queries.is_empty() {
        let ids: Vec<String> = it.queries.keys().map(|id| id.wire()).collect();
        write!(line, " queries={}", ids.join(",")).expect("a String takes everything");
    }
    line
}

pub(crate) fn refusal(refusal: &Refusal) -> String {
    match refusal {
        Refusal::InvalidArgument(text) => format!("invalid argument: {text}"),
        Refusal::NotReady(text) => format!("not ready: {text}"),
        Refusal::Busy(text) => format!("busy: {text}"),
        Refusal::Precondition(text) => format!("not now: {text}"),
        Refusal::AlreadyStarted { run, conflict, .. } => {
            format!("already started: {run} closed={}", *conflict != StartConflict::Running)
        }
        other => format!("{other:?}"),
    }
}

/// What lists show of memo and search attributes; of a run that was listed before also that there are none any more.
pub(crate) fn listed(change: &VisibilityChange, fresh: bool) -> Option<String> {
    let VisibilityChange::Upsert(info) = change else { return None };
    if info.r#type.as_ref().is_some_and(|it| it.name == weft_engine::schedule::WORKFLOW_TYPE) {
        return None;
    }
    let memo = info.memo.iter().flat_map(|it| &it.fields);
    let attributes = info.search_attributes.iter().flat_map(|it| &it.indexed_fields);
    let fields: BTreeMap<_, _> = memo.chain(attributes).collect();
    // Every run has its builds as soon as a worker has answered (`builds.rs`).
    if fields.keys().copied().eq(["BuildIds"]) {
        return None;
    }
    let fields = fields.into_iter().filter(|(name, _)| *name != "BuildIds");
    let shown = fields.map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(&value.data)));
    let shown: Vec<String> = shown.collect();
    let emptied = !fresh && info.status() == WorkflowExecutionStatus::Running;
    (emptied || !shown.is_empty()).then(|| format!("listed {:?} {}", info.status(), shown.join(" ")))
}

/// Effects that callers wait for.
pub(crate) fn effect(effect: &Effect) -> Option<String> {
    match effect {
        Effect::AnswerQuery { query, outcome } => Some(match outcome {
            QueryOutcome::Result(_) => format!("query {} answered", query.0),
            QueryOutcome::Release(..) => format!("query {} released", query.0),
            QueryOutcome::NotReady => format!("query {} given up", query.0),
        }),
        Effect::Warn { what, value, limit, .. } => Some(format!("warn {what} {value} > {limit}")),
        Effect::Removed { run } => Some(format!("removed {run}")),
        Effect::Deliver { id, message } => Some(family::message(id, message)),
        Effect::Settled(id) => Some(format!("settled {} {:?}", id.event_id, id.step)),
        Effect::OfferWorkflowTask(it) if it.sticky_of.is_some() => Some(format!("offered on {}", it.queue)),
        Effect::UpdateMoved { update, news, .. } => Some(match news {
            UpdateNews::Accepted => format!("update {update} accepted"),
            UpdateNews::Completed(_) => format!("update {update} completed"),
            UpdateNews::Rejected(why) => format!("update {update} rejected: {}", failure(Some(why))),
            UpdateNews::Closed { continues } => format!("update {update} closed, continues={continues}"),
            UpdateNews::CutShort => format!("update {update} cut short"),
            UpdateNews::TaskFailed => format!("update {update} given up"),
        }),
        Effect::Remind { .. }
        | Effect::OfferWorkflowTask(_)
        | Effect::OfferActivityTask(_)
        | Effect::WakeAt { .. }
        | Effect::HistoryGrew { .. }
        | Effect::WorkOnJob => None,
    }
}
