//! A schedule that is about to be created.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use weft_client::{Client, NamesWorkflow, WorkflowDefinition};
//! # struct Report;
//! # impl WorkflowDefinition for Report { type Args = (String,); type Output = (); const NAME: &'static str = "Report"; }
//! # impl NamesWorkflow for Report { type Workflow = Self; }
//! # async fn example(client: Client) -> Result<(), weft_client::Error> {
//! let report = client.start_workflow(Report, "sales").id("report").task_queue("reports");
//! let nightly = client.new_schedule("nightly", report).cron("0 3 * * *").time_zone("Europe/Berlin").await?;
//! nightly.trigger().await?;
//! nightly.pause("the holidays").await?;
//! # Ok(()) }
//! ```

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    time::{Duration, SystemTime},
};

use weft_protocol::{
    Timestamp,
    api::{
        common::{Memo, SearchAttributes as WireSearchAttributes},
        enums::ScheduleOverlapPolicy,
        schedule::{
            IntervalSpec, Schedule, ScheduleAction, SchedulePatch, SchedulePolicies, ScheduleSpec, ScheduleState,
            StructuredCalendarSpec, TriggerImmediatelyRequest, schedule_action::Action,
        },
        workflow::NewWorkflowExecutionInfo,
        workflowservice::{CreateScheduleRequest, StartWorkflowExecutionRequest},
    },
    time::proto_duration,
};

use super::ScheduleHandle;
use crate::{Client, Error, SearchAttributes, StartWorkflow, Value, ValueError, WorkflowDefinition};

/// A schedule that is created when this is awaited. Without a time it acts only when it is told to.
#[must_use = "nothing is created until it is awaited"]
pub struct NewSchedule {
    client: Client,
    id: String,
    action: NewWorkflowExecutionInfo,
    spec: ScheduleSpec,
    policies: SchedulePolicies,
    state: ScheduleState,
    initial: Option<SchedulePatch>,
    memo: Memo,
    search_attributes: SearchAttributes,
    /// The first value that could not be written.
    wrong: Option<ValueError>,
}

impl Client {
    /// A schedule that starts a workflow: say when, and await it. Each start gets the workflow's id with its time behind
    /// it.
    pub fn new_schedule<W: WorkflowDefinition>(
        &self,
        id: impl Into<String>,
        workflow: StartWorkflow<W>,
    ) -> NewSchedule {
        let (start, wrong) = workflow.into_request();
        NewSchedule {
            client: self.clone(),
            id: id.into(),
            action: action(start),
            spec: ScheduleSpec::default(),
            policies: SchedulePolicies::default(),
            state: ScheduleState::default(),
            initial: None,
            memo: Memo::default(),
            search_attributes: SearchAttributes::new(),
            wrong,
        }
    }
}

impl NewSchedule {
    /// Acts every so often, counted from the epoch.
    pub fn every(self, span: Duration) -> Self {
        self.every_at(span, Duration::ZERO)
    }

    /// The same, so long after each beginning of the span: every day at three is a day and three hours.
    pub fn every_at(mut self, span: Duration, offset: Duration) -> Self {
        let spec = IntervalSpec { interval: Some(proto_duration(span)), phase: Some(proto_duration(offset)) };
        self.spec.interval.push(spec);
        self
    }

    /// Acts at the times of a cron specification. More than one may be given.
    pub fn cron(mut self, specification: impl Into<String>) -> Self {
        self.spec.cron_string.push(specification.into());
        self
    }

    /// Acts at the times of a calendar. More than one may be given.
    pub fn calendar(mut self, calendar: StructuredCalendarSpec) -> Self {
        self.spec.structured_calendar.push(calendar);
        self
    }

    /// Not at the times of this calendar.
    pub fn except(mut self, calendar: StructuredCalendarSpec) -> Self {
        self.spec.exclude_structured_calendar.push(calendar);
        self
    }

    /// Where calendars and cron specifications are meant; UTC if nothing is said.
    pub fn time_zone(mut self, name: impl Into<String>) -> Self {
        self.spec.timezone_name = name.into();
        self
    }

    /// Not before this time.
    pub fn not_before(mut self, time: SystemTime) -> Self {
        self.spec.start_time = Some(Timestamp::from(time));
        self
    }

    /// Not after this time.
    pub fn not_after(mut self, time: SystemTime) -> Self {
        self.spec.end_time = Some(Timestamp::from(time));
        self
    }

    /// Each time may come later, at random, by no more than this.
    pub fn jitter(mut self, longest: Duration) -> Self {
        self.spec.jitter = Some(proto_duration(longest));
        self
    }

    /// What happens when the workflow of the time before still runs; it is skipped if nothing is said.
    pub fn overlap(mut self, policy: ScheduleOverlapPolicy) -> Self {
        self.policies.overlap_policy = policy.into();
        self
    }

    /// How late a missed time is still made up for.
    pub fn catch_up(mut self, longest: Duration) -> Self {
        self.policies.catchup_window = Some(proto_duration(longest));
        self
    }

    /// Pauses itself when a workflow of it fails.
    pub fn pause_on_failure(mut self) -> Self {
        self.policies.pause_on_failure = true;
        self
    }

    /// Begins paused, for the reason that is given.
    pub fn paused(mut self, why: impl Into<String>) -> Self {
        self.state.paused = true;
        self.state.notes = why.into();
        self
    }

    /// Acts so often, and no more.
    pub fn actions_max(mut self, count: u32) -> Self {
        self.state.limited_actions = true;
        self.state.remaining_actions = count.into();
        self
    }

    /// Acts once as soon as it is there.
    pub fn trigger_now(mut self) -> Self {
        self.initial = Some(SchedulePatch {
            trigger_immediately: Some(TriggerImmediatelyRequest::default()),
            ..SchedulePatch::default()
        });
        self
    }

    /// A note that is shown and listed with the schedule.
    pub fn memo<T: Value>(mut self, key: impl Into<String>, value: &T) -> Self {
        match value.to_payload() {
            Ok(payload) => drop(self.memo.fields.insert(key.into(), payload)),
            Err(error) => drop(self.wrong.get_or_insert(error)),
        }
        self
    }

    /// What the schedule is found by.
    pub fn search_attributes(mut self, attributes: SearchAttributes) -> Self {
        self.search_attributes = attributes;
        self
    }

    async fn create(self) -> Result<ScheduleHandle, Error> {
        if let Some(wrong) = self.wrong {
            return Err(wrong.into());
        }
        let schedule = Schedule {
            spec: Some(self.spec),
            action: Some(ScheduleAction { action: Some(Action::StartWorkflow(self.action)) }),
            policies: Some(self.policies),
            state: Some(self.state),
        };
        let search_attributes: WireSearchAttributes = self.search_attributes.into();
        let request = CreateScheduleRequest {
            schedule_id: self.id.clone(),
            schedule: Some(schedule),
            initial_patch: self.initial,
            memo: (!self.memo.fields.is_empty()).then_some(self.memo),
            search_attributes: (!search_attributes.indexed_fields.is_empty()).then_some(search_attributes),
            ..CreateScheduleRequest::default()
        };
        self.client.create_schedule(request).await?;
        Ok(self.client.schedule(self.id))
    }
}

impl IntoFuture for NewSchedule {
    type Output = Result<ScheduleHandle, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.create())
    }
}

/// What of a start a schedule repeats.
fn action(start: StartWorkflowExecutionRequest) -> NewWorkflowExecutionInfo {
    NewWorkflowExecutionInfo {
        workflow_id: start.workflow_id,
        workflow_type: start.workflow_type,
        task_queue: start.task_queue,
        input: start.input,
        workflow_execution_timeout: start.workflow_execution_timeout,
        workflow_run_timeout: start.workflow_run_timeout,
        workflow_task_timeout: start.workflow_task_timeout,
        workflow_id_reuse_policy: start.workflow_id_reuse_policy,
        retry_policy: start.retry_policy,
        cron_schedule: start.cron_schedule,
        memo: start.memo,
        search_attributes: start.search_attributes,
        header: start.header,
        user_metadata: start.user_metadata,
        priority: start.priority,
        ..NewWorkflowExecutionInfo::default()
    }
}
