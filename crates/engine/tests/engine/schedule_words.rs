//! Schedules as words of the scenario language.
//!
//! `schedule every=10m overlap=buffer-one limit=3 paused pause-on-failure catchup=1m keep input=9 not=1-3
//! request=r` creates one (not in these months; with so many bytes of input; `pinned=name:build` to a version),
//! `reschedule … token=1` changes it, `unschedule` deletes it, `look` shows it. `patch trigger=allow-all pause=why
//! unpause=why backfill=600..1800:skip request=r` does one thing or several; times are seconds.

use std::time::Duration;

use weft_engine::{
    Answer, Request, Timestamp,
    schedule::{CreateSchedule, ScheduleBody, ScheduleRequest, UpdateSchedule, canonical, info},
    state::schedule::{Overlap, Policies},
};
use weft_protocol::api::{
    common::WorkflowType,
    schedule::{
        BackfillRequest, Range, SchedulePatch, ScheduleSpec, StructuredCalendarSpec, TriggerImmediatelyRequest,
    },
    taskqueue::TaskQueue,
    workflow::NewWorkflowExecutionInfo,
};

use crate::{
    operate,
    script::{Line, payloads, span},
};

/// What random sequences say about schedules.
pub(crate) const LINES: &[&str] = &[
    "schedule every=1h",
    "schedule every=1h overlap=buffer-all request=other",
    "reschedule every=90m overlap=terminate",
    "reschedule every=1h token=1 request=u",
    "patch trigger",
    "patch trigger=allow-all request=t",
    "patch pause=stop",
    "patch unpause=go backfill=0..7200:buffer-all",
    "unschedule",
    "look",
    "ring",
];

pub(crate) fn request(line: &Line<'_>) -> Option<Request> {
    let request = line.get("request").map(Into::into);
    let asked = match line.word {
        "schedule" => ScheduleRequest::Create(Box::new(CreateSchedule {
            request: request.unwrap_or_else(|| "create".into()),
            body: body(line),
            patch: None,
            memo: None,
            search_attributes: None,
        })),
        "reschedule" => ScheduleRequest::Update(Box::new(UpdateSchedule {
            request,
            token: line.get("token").map(|token| token.parse().expect("a token is a number")),
            body: body(line),
            memo: None,
            search_attributes: None,
        })),
        "patch" => ScheduleRequest::Patch(request, Box::new(patch(line))),
        "unschedule" => ScheduleRequest::Delete,
        "look" => ScheduleRequest::Describe,
        "ring" => ScheduleRequest::Wake,
        _ => return None,
    };
    Some(Request::Schedule(Box::new(asked)))
}

fn body(line: &Line<'_>) -> ScheduleBody {
    let mut spec = ScheduleSpec::default();
    spec.cron_string.extend(line.get("every").map(|every| format!("@every {every}")));
    spec.jitter = line.get("jitter").map(|jitter| weft_engine::wire_span(span(jitter)));
    spec.exclude_structured_calendar.extend(line.get("not").map(months));
    let limit = line.get("limit").map(|limit| limit.parse().expect("a limit is a number"));
    ScheduleBody {
        spec: canonical(spec).expect("a spec"),
        action: Some(NewWorkflowExecutionInfo {
            workflow_id: "w".to_owned(),
            workflow_type: Some(WorkflowType { name: "Type".to_owned() }),
            versioning_override: operate::versioning(line),
            input: line
                .get("input")
                .and_then(|bytes| payloads(&"x".repeat(bytes.parse().expect("a size is a number")))),
            task_queue: Some(TaskQueue { name: "queue".to_owned(), ..TaskQueue::default() }),
            ..NewWorkflowExecutionInfo::default()
        }),
        policies: Policies {
            overlap: line.get("overlap").map_or(Overlap::Skip, |name| overlap(name).expect("a policy")),
            catchup_window: line.get("catchup").map_or(Duration::from_secs(365 * 24 * 3600), span),
            pause_on_failure: line.has("pause-on-failure"),
            keep_workflow_id: line.has("keep"),
        },
        paused: line.has("paused"),
        notes: String::new(),
        limited: limit.is_some(),
        remaining: limit.unwrap_or_default(),
    }
}

/// `1-3`: all of the months from January to March.
fn months(text: &str) -> StructuredCalendarSpec {
    let range = |start, end| vec![Range { start, end, step: 1 }];
    let (first, last) = text.split_once('-').expect("a range");
    let month = |text: &str| text.parse().expect("a month is a number");
    StructuredCalendarSpec {
        second: range(0, 59),
        minute: range(0, 59),
        hour: range(0, 23),
        day_of_month: range(1, 31),
        month: range(month(first), month(last)),
        day_of_week: range(0, 6),
        ..StructuredCalendarSpec::default()
    }
}

fn overlap(name: &str) -> Option<Overlap> {
    Some(match name {
        "" => return None,
        "skip" => Overlap::Skip,
        "buffer-one" => Overlap::BufferOne,
        "buffer-all" => Overlap::BufferAll,
        "cancel" => Overlap::CancelOther,
        "terminate" => Overlap::TerminateOther,
        "allow-all" => Overlap::AllowAll,
        name => panic!("{name:?} is no policy"),
    })
}

fn patch(line: &Line<'_>) -> SchedulePatch {
    let wire = |name: &str| overlap(name).map_or(0, |overlap| overlap.wire() as i32);
    let text = |name: &str| line.get(name).unwrap_or_default().to_owned();
    let backfill = line.get("backfill").map(|text| {
        let (range, overlap) = text.split_once(':').unwrap_or((text, ""));
        let (start, end) = range.split_once("..").expect("a range");
        let time = |text: &str| {
            let seconds: i64 = text.parse().expect("a time is a number of seconds");
            Some(Timestamp(seconds * 1_000_000_000).wire())
        };
        BackfillRequest { start_time: time(start), end_time: time(end), overlap_policy: wire(overlap) }
    });
    SchedulePatch {
        trigger_immediately: line
            .get("trigger")
            .map(|name| TriggerImmediatelyRequest { overlap_policy: wire(name), scheduled_time: None }),
        backfill_request: backfill.into_iter().collect(),
        pause: text("pause"),
        unpause: text("unpause"),
    }
}

/// What of a description matters; nothing that is zero.
pub(crate) fn answer(answer: &Answer) -> Option<String> {
    match answer {
        Answer::ScheduleCreated { token } => Some(format!("scheduled token={token}")),
        Answer::Schedule(schedule) => {
            let (schedule, now) = &**schedule;
            let key = weft_engine::WorkflowKey { namespace: "ns".into(), workflow: "s".into() };
            let info = info(&key, schedule, *now);
            let progress = &schedule.progress;
            let mut line = format!("schedule token={}", progress.token);
            let mut say = |name: &str, value: String| {
                if !value.is_empty() && value != "0" {
                    line.push_str(&format!(" {name}={value}"));
                }
            };
            say("paused", if progress.paused { format!("{:?}", progress.notes) } else { String::new() });
            say("left", if progress.limited { format!("{}.", progress.remaining) } else { String::new() });
            say("actions", info.action_count.to_string());
            say("missed", info.missed_catchup_window.to_string());
            say("skipped", info.overlap_skipped.to_string());
            say("buffered", info.buffer_size.to_string());
            let running: Vec<_> = info.running_workflows.iter().map(|it| it.workflow_id.as_str()).collect();
            say("running", running.join(","));
            let recent = progress.recent.iter().map(|it| format!("{}:{:?}", it.number, it.status));
            say("recent", recent.collect::<Vec<_>>().join(","));
            say("next", info.future_action_times.first().map_or(String::new(), |time| time.seconds.to_string()));
            Some(line)
        }
        _ => None,
    }
}
