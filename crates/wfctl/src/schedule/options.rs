//! What a schedule is to do, from options: whole for a new one, or in parts over one that is there.

use std::time::Duration;

use clap::{Args, ValueEnum};
use weft_client::api::{
    Duration as WireDuration, Timestamp,
    common::{Memo, Payloads, SearchAttributes, WorkflowType},
    enums::ScheduleOverlapPolicy,
    schedule::{
        CalendarSpec, Schedule, ScheduleAction, SchedulePolicies, ScheduleSpec, ScheduleState,
        schedule_action::Action as WireAction,
    },
    taskqueue::TaskQueue,
    workflow::NewWorkflowExecutionInfo,
};

use crate::{exit::Failure, input, span};

/// The workflow that is started.
#[derive(Args, Debug)]
#[command(next_help_heading = "The workflow")]
pub(crate) struct Action {
    /// Its type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// The task queue that its workers poll
    #[arg(short, long, value_name = "QUEUE")]
    task_queue: Option<String>,
    /// What its ids begin with; the time is appended [default: the schedule's id]
    #[arg(short, long, value_name = "WORKFLOW_ID")]
    workflow_id: Option<String>,
    #[command(flatten)]
    input: input::Input,
    /// Longest time for all its runs together
    #[arg(long, value_parser = span::parse, value_name = "SPAN")]
    execution_timeout: Option<Duration>,
    /// Longest time for one run
    #[arg(long, value_parser = span::parse, value_name = "SPAN")]
    run_timeout: Option<Duration>,
    /// A note kept with each workflow; repeatable
    #[arg(long, value_name = "KEY=JSON")]
    workflow_memo: Vec<String>,
    /// A value that lists of workflows can be filtered by; repeatable
    #[arg(long, value_name = "KEY=JSON")]
    workflow_search_attribute: Vec<String>,
}

/// When and how a schedule acts.
#[derive(Args, Debug)]
#[command(next_help_heading = "The schedule")]
pub(crate) struct Changes {
    /// A cron string: minute hour day month weekday, also `@daily`; again for each further one
    #[arg(long, value_name = "CRON")]
    cron: Vec<String>,
    /// Every so long, counted from midnight of 1 January 1970, and with `/SPAN` so much later; repeatable
    #[arg(long, value_name = "SPAN[/SPAN]")]
    interval: Vec<String>,
    /// A calendar: second, minute, hour, dayOfMonth, month, year, dayOfWeek, each a list or a range; repeatable
    #[arg(long, value_name = "FIELD=RANGES,…", value_parser = calendar)]
    calendar: Vec<CalendarSpec>,
    /// Times at which it does not act, like a calendar; repeatable
    #[arg(long, value_name = "FIELD=RANGES,…", value_parser = calendar)]
    exclude: Vec<CalendarSpec>,
    /// The zone of cron strings and calendars, such as Europe/Paris [default: UTC]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// It does not act before this time, as RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time)]
    start_time: Option<Timestamp>,
    /// It does not act after this time, as RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time)]
    end_time: Option<Timestamp>,
    /// Act up to so much later, by chance
    #[arg(long, value_parser = span::parse, value_name = "SPAN")]
    jitter: Option<Duration>,
    /// What to do if an earlier action still runs
    #[arg(long, visible_alias = "overlap-policy", value_enum, value_name = "POLICY")]
    overlap: Option<Overlap>,
    /// Make up for times that were missed by no more than this
    #[arg(long, value_parser = span::parse, value_name = "SPAN")]
    catchup_window: Option<Duration>,
    /// Pause when a workflow fails or times out
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pause_on_failure: Option<bool>,
    /// Act only so many times more
    #[arg(long, visible_alias = "remaining-actions", value_name = "COUNT")]
    limit: Option<u32>,
    /// For whoever looks at it
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Overlap {
    /// Do not act
    Skip,
    /// Act when it has ended; one may wait
    BufferOne,
    /// Act when it has ended; all wait
    BufferAll,
    /// Cancel it, and act when it has ended
    CancelOther,
    /// Terminate it, and act when it has ended
    TerminateOther,
    /// Act beside it
    AllowAll,
}

/// The number of a policy; 0 leaves it to the schedule.
pub(crate) fn overlap(policy: Option<Overlap>) -> i32 {
    let policy = match policy {
        None => ScheduleOverlapPolicy::Unspecified,
        Some(Overlap::Skip) => ScheduleOverlapPolicy::Skip,
        Some(Overlap::BufferOne) => ScheduleOverlapPolicy::BufferOne,
        Some(Overlap::BufferAll) => ScheduleOverlapPolicy::BufferAll,
        Some(Overlap::CancelOther) => ScheduleOverlapPolicy::CancelOther,
        Some(Overlap::TerminateOther) => ScheduleOverlapPolicy::TerminateOther,
        Some(Overlap::AllowAll) => ScheduleOverlapPolicy::AllowAll,
    };
    policy as i32
}

impl Action {
    /// The schedule with what these options say of its workflow.
    pub(crate) fn on(self, mut schedule: Schedule) -> Result<Schedule, Failure> {
        let action = schedule.action.get_or_insert_default();
        let start = start_of(action);
        if let Some(name) = self.kind {
            start.workflow_type = Some(WorkflowType { name });
        }
        if let Some(name) = self.task_queue {
            start.task_queue = Some(TaskQueue { name, ..TaskQueue::default() });
        }
        if let Some(id) = self.workflow_id {
            start.workflow_id = id;
        }
        let payloads = self.input.payloads()?;
        if !payloads.is_empty() {
            start.input = Some(Payloads { payloads });
        }
        start.workflow_execution_timeout = self.execution_timeout.map(wire).or(start.workflow_execution_timeout.take());
        start.workflow_run_timeout = self.run_timeout.map(wire).or(start.workflow_run_timeout.take());
        let memo = input::keyed("--workflow-memo", &self.workflow_memo)?;
        if !memo.is_empty() {
            start.memo = Some(Memo { fields: memo });
        }
        let attributes = input::keyed("--workflow-search-attribute", &self.workflow_search_attribute)?;
        if !attributes.is_empty() {
            start.search_attributes = Some(SearchAttributes { indexed_fields: attributes });
        }
        Ok(schedule)
    }
}

fn start_of(action: &mut ScheduleAction) -> &mut NewWorkflowExecutionInfo {
    let WireAction::StartWorkflow(start) =
        action.action.get_or_insert_with(|| WireAction::StartWorkflow(NewWorkflowExecutionInfo::default()));
    start
}

/// What a new schedule must say is there.
pub(crate) fn complete(action: &mut ScheduleAction, schedule: &str) -> Result<(), Failure> {
    let start = start_of(action);
    if start.workflow_type.is_none() || start.task_queue.is_none() {
        return Err(Failure::usage("say which workflow it starts: --type TYPE --task-queue QUEUE".to_owned()));
    }
    if start.workflow_id.is_empty() {
        schedule.clone_into(&mut start.workflow_id);
    }
    Ok(())
}

impl Changes {
    /// The schedule with what these options say of it. Times that are named take the place of all that were there.
    pub(crate) fn on(self, mut schedule: Schedule) -> Result<Schedule, Failure> {
        self.times(schedule.spec.get_or_insert_default())?;
        let policies: &mut SchedulePolicies = schedule.policies.get_or_insert_default();
        if self.overlap.is_some() {
            policies.overlap_policy = overlap(self.overlap);
        }
        policies.catchup_window = self.catchup_window.map(wire).or(policies.catchup_window.take());
        policies.pause_on_failure = self.pause_on_failure.unwrap_or(policies.pause_on_failure);
        let state: &mut ScheduleState = schedule.state.get_or_insert_default();
        if let Some(limit) = self.limit {
            (state.limited_actions, state.remaining_actions) = (true, limit.into());
        }
        if let Some(notes) = self.notes {
            state.notes = notes;
        }
        Ok(schedule)
    }

    #[expect(deprecated, reason = "calendars that are texts are excluded the older way; the server writes them anew")]
    fn times(&self, spec: &mut ScheduleSpec) -> Result<(), Failure> {
        if !(self.cron.is_empty() && self.interval.is_empty() && self.calendar.is_empty()) {
            spec.structured_calendar.clear();
            spec.interval.clear();
            spec.cron_string.clone_from(&self.cron);
            spec.cron_string
                .extend(self.interval.iter().map(|interval| format!("@every {}", interval.replace(' ', ""))));
            spec.calendar.clone_from(&self.calendar);
        }
        // A zone in a cron string would not agree with `@every`, which has none.
        if self.cron.iter().any(|cron| cron.contains("TZ=")) && !self.interval.is_empty() {
            return Err(Failure::usage("give the zone by --time-zone where there are intervals too".to_owned()));
        }
        if !self.exclude.is_empty() {
            spec.exclude_structured_calendar.clear();
            spec.exclude_calendar.clone_from(&self.exclude);
        }
        if let Some(zone) = &self.time_zone {
            spec.timezone_name.clone_from(zone);
            spec.timezone_data.clear();
        }
        spec.start_time = self.start_time.or(spec.start_time);
        spec.end_time = self.end_time.or(spec.end_time);
        spec.jitter = self.jitter.map(wire).or(spec.jitter.take());
        Ok(())
    }
}

fn wire(span: Duration) -> WireDuration {
    // Nanoseconds below a second fit.
    WireDuration { seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX), nanos: span.subsec_nanos() as i32 }
}

/// A time as people write it.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| format!("{text:?} is not a time: write 2026-01-02T03:04:05Z"))?;
    Ok(Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() })
}

/// `hour=9,dayOfWeek=mon-fri`: a value may have commas of its own where no name follows.
fn calendar(text: &str) -> Result<CalendarSpec, String> {
    let mut calendar = CalendarSpec::default();
    let mut last: Option<String> = None;
    for part in text.split(',') {
        let (name, value) = match (part.split_once('='), &last) {
            (Some((name, value)), _) => (name.trim().to_owned(), value.trim().to_owned()),
            (None, Some(name)) => (name.clone(), part.trim().to_owned()),
            (None, None) => return Err(format!("{text:?} is not a calendar: write hour=9,dayOfWeek=mon-fri")),
        };
        let field = match name.as_str() {
            "second" => &mut calendar.second,
            "minute" => &mut calendar.minute,
            "hour" => &mut calendar.hour,
            "dayOfMonth" | "day-of-month" => &mut calendar.day_of_month,
            "month" => &mut calendar.month,
            "year" => &mut calendar.year,
            "dayOfWeek" | "day-of-week" => &mut calendar.day_of_week,
            other => {
                return Err(format!(
                    "{other:?} is no field of a calendar: second, minute, hour, dayOfMonth, month, year, dayOfWeek"
                ));
            }
        };
        if !field.is_empty() {
            field.push(',');
        }
        field.push_str(&value);
        last = Some(name);
    }
    Ok(calendar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_is_read_field_by_field() {
        let read = calendar("hour=9,17,minute=*/15,day-of-week=mon-fri").unwrap();
        assert_eq!((&*read.hour, &*read.minute, &*read.day_of_week), ("9,17", "*/15", "mon-fri"));
        assert!(calendar("9").unwrap_err().contains("hour=9"));
        assert!(calendar("hours=9").unwrap_err().contains("dayOfWeek"));
    }

    #[test]
    fn a_time_is_read_or_an_example_is_given() {
        assert_eq!(time("1970-01-01T00:01:00.5Z"), Ok(Timestamp { seconds: 60, nanos: 500_000_000 }));
        assert!(time("noon").unwrap_err().contains("write 2026"));
    }
}
