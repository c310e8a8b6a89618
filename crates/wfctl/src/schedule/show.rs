//! A schedule in a list, and at length.

use weft_client::api::{
    enums::ScheduleOverlapPolicy,
    schedule::{
        IntervalSpec, Range, Schedule, ScheduleActionResult, ScheduleInfo, ScheduleListEntry, SchedulePolicies,
        ScheduleSpec, ScheduleState, StructuredCalendarSpec, schedule_action::Action,
    },
    workflowservice::DescribeScheduleResponse,
};

use crate::{
    output::{Output, Tone, text},
    render::{names, time},
};

pub(super) const LIST: [&str; 6] = ["STATE", "SCHEDULE ID", "TYPE", "SPEC", "NEXT", "LAST"];

/// A row under [`LIST`].
pub(super) fn row(entry: &ScheduleListEntry) -> Vec<(Tone, String)> {
    let info = entry.info.clone().unwrap_or_default();
    let last = info.recent_actions.last().and_then(|action| action.actual_time.as_ref());
    vec![
        state(info.paused),
        text(&entry.schedule_id),
        text(info.workflow_type.map_or(String::new(), |it| it.name)),
        text(spec(&info.spec.unwrap_or_default()).join("; ")),
        text(time::seconds(info.future_action_times.first())),
        text(time::seconds(last)),
    ]
}

fn state(paused: bool) -> (Tone, String) {
    if paused { (Tone::Busy, "Paused".to_owned()) } else { (Tone::Good, "Active".to_owned()) }
}

pub(super) fn described(output: &Output, id: &str, it: &DescribeScheduleResponse) -> String {
    let schedule = it.schedule.clone().unwrap_or_default();
    let info = it.info.clone().unwrap_or_default();
    let mut parts = vec![output.pairs(facts(id, &schedule, &info))];
    if !info.running_workflows.is_empty() {
        let rows = info.running_workflows.iter().map(|it| vec![text(&it.workflow_id), text(&it.run_id)]);
        parts.push(output.table(&["RUNNING", "RUN ID"], rows.collect()));
    }
    if !info.recent_actions.is_empty() {
        let rows = info.recent_actions.iter().rev().map(action).collect();
        parts.push(output.table(&["STATUS", "FOR", "BEGAN", "WORKFLOW ID"], rows));
    }
    if !info.future_action_times.is_empty() {
        let rows = info.future_action_times.iter().map(|at| vec![text(time::seconds(Some(at)))]);
        parts.push(output.table(&["NEXT"], rows.collect()));
    }
    parts.join("\n\n")
}

fn facts(id: &str, schedule: &Schedule, info: &ScheduleInfo) -> Vec<(&'static str, String)> {
    let ScheduleState { notes, paused, limited_actions, remaining_actions } =
        schedule.state.clone().unwrap_or_default();
    let SchedulePolicies { catchup_window, pause_on_failure, overlap_policy, .. } =
        schedule.policies.unwrap_or_default();
    let times = schedule.spec.clone().unwrap_or_default();
    let start = schedule.action.as_ref().and_then(|it| it.action.as_ref()).map(|Action::StartWorkflow(start)| start);
    let count = |number: i64| if number == 0 { String::new() } else { number.to_string() };
    let yes = |is: bool| if is { "yes".to_owned() } else { String::new() };
    vec![
        ("Schedule id", id.to_owned()),
        ("State", state(paused).1),
        ("Notes", notes),
        ("Spec", spec(&times).join("\n")),
        ("But not", times.exclude_structured_calendar.iter().map(calendar).collect::<Vec<_>>().join("\n")),
        ("Time zone", times.timezone_name.clone()),
        ("Not before", time::seconds(times.start_time.as_ref())),
        ("Not after", time::seconds(times.end_time.as_ref())),
        ("Jitter", time::duration(times.jitter.as_ref())),
        ("Workflow type", start.and_then(|it| it.workflow_type.as_ref()).map_or(String::new(), |it| it.name.clone())),
        ("Task queue", start.and_then(|it| it.task_queue.as_ref()).map_or(String::new(), |it| it.name.clone())),
        ("Workflow id", start.map_or(String::new(), |it| it.workflow_id.clone())),
        ("Overlap", overlap(overlap_policy).to_owned()),
        ("Catch-up window", time::days(catchup_window.as_ref())),
        ("Pauses on failure", yes(pause_on_failure)),
        ("Actions left", if limited_actions { remaining_actions.to_string() } else { String::new() }),
        ("Actions", info.action_count.to_string()),
        ("Skipped", count(info.overlap_skipped)),
        ("Missed", count(info.missed_catchup_window)),
        ("Dropped", count(info.buffer_dropped)),
        ("Waiting", count(info.buffer_size)),
        ("Created", time::seconds(info.create_time.as_ref())),
        ("Updated", time::seconds(info.update_time.as_ref())),
    ]
}

fn action(it: &ScheduleActionResult) -> Vec<(Tone, String)> {
    vec![
        (names::tone(it.start_workflow_status), names::status(it.start_workflow_status)),
        text(time::seconds(it.schedule_time.as_ref())),
        text(time::seconds(it.actual_time.as_ref())),
        text(it.start_workflow_result.as_ref().map_or("", |run| &run.workflow_id)),
    ]
}

fn overlap(policy: i32) -> &'static str {
    match ScheduleOverlapPolicy::try_from(policy).unwrap_or_default() {
        ScheduleOverlapPolicy::Unspecified => "",
        ScheduleOverlapPolicy::Skip => "skip",
        ScheduleOverlapPolicy::BufferOne => "buffer-one",
        ScheduleOverlapPolicy::BufferAll => "buffer-all",
        ScheduleOverlapPolicy::CancelOther => "cancel-other",
        ScheduleOverlapPolicy::TerminateOther => "terminate-other",
        ScheduleOverlapPolicy::AllowAll => "allow-all",
    }
}

/// Every way in which times are said, shortly.
fn spec(spec: &ScheduleSpec) -> Vec<String> {
    spec.structured_calendar.iter().map(calendar).chain(spec.interval.iter().map(interval)).collect()
}

fn interval(it: &IntervalSpec) -> String {
    let (every, phase) = (time::duration(it.interval.as_ref()), time::duration(it.phase.as_ref()));
    if phase.is_empty() { format!("every {every}") } else { format!("every {every} + {phase}") }
}

/// As a cron string with seconds and years, and its comment.
fn calendar(it: &StructuredCalendarSpec) -> String {
    let whole = |ranges: &[Range], least: i32, most: i32| match ranges {
        [] => "*".to_owned(),
        [Range { start, end, step: 0 | 1 }] if (*start, *end) == (least, most) => "*".to_owned(),
        ranges => ranges.iter().map(range).collect::<Vec<_>>().join(","),
    };
    let fields = [
        whole(&it.second, 0, 59),
        whole(&it.minute, 0, 59),
        whole(&it.hour, 0, 23),
        whole(&it.day_of_month, 1, 31),
        whole(&it.month, 1, 12),
        whole(&it.day_of_week, 0, 6),
        whole(&it.year, 2000, 2100),
    ];
    // Seconds and years that say nothing are left out.
    let fields = match (&*fields[0], &*fields[6]) {
        ("0", "*") => &fields[1..6],
        ("0", _) => &fields[1..],
        _ => &fields[..],
    };
    let comment = if it.comment.is_empty() { String::new() } else { format!(" # {}", it.comment) };
    format!("{}{comment}", fields.join(" "))
}

fn range(it: &Range) -> String {
    let Range { start, end, step } = it;
    let ends = if end > start { format!("{start}-{end}") } else { start.to_string() };
    if *step > 1 { format!("{ends}/{step}") } else { ends }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_is_shown_as_a_cron_string() {
        let one = |start| vec![Range { start, end: start, step: 1 }];
        let all = |start, end| vec![Range { start, end, step: 1 }];
        let mut it = StructuredCalendarSpec {
            second: one(0),
            minute: vec![Range { start: 0, end: 59, step: 15 }],
            hour: one(9),
            day_of_month: all(1, 31),
            month: all(1, 12),
            day_of_week: vec![Range { start: 1, end: 5, step: 1 }],
            ..StructuredCalendarSpec::default()
        };
        assert_eq!(calendar(&it), "0-59/15 9 * * 1-5");
        it.year = one(2027);
        it.comment = "only then".to_owned();
        assert_eq!(calendar(&it), "0-59/15 9 * * 1-5 2027 # only then");
        it.second = all(0, 59);
        assert_eq!(calendar(&it), "* 0-59/15 9 * * 1-5 2027 # only then");
    }
}
