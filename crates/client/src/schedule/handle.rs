//! A schedule that is there: looked at, paused, triggered, changed, removed.

use std::time::SystemTime;

use weft_protocol::{
    Timestamp,
    api::{
        enums::ScheduleOverlapPolicy,
        schedule::{
            BackfillRequest, Schedule, ScheduleActionResult, ScheduleInfo, SchedulePatch, TriggerImmediatelyRequest,
        },
        workflowservice::{DescribeScheduleResponse, UpdateScheduleRequest},
    },
};

use crate::{Client, Code, Error, Run};

/// A schedule, by its id. Nothing is asked of the server until something is asked of this.
#[derive(Clone)]
pub struct ScheduleHandle {
    client: Client,
    id: String,
}

/// What the server knows of a schedule.
#[derive(Clone, Debug)]
pub struct ScheduleDescription(pub DescribeScheduleResponse);

/// How often a change is tried again that met another one.
const CHANGES_MAX: usize = 10;

impl Client {
    /// A schedule that is there already.
    #[must_use]
    pub fn schedule(&self, id: impl Into<String>) -> ScheduleHandle {
        ScheduleHandle { client: self.clone(), id: id.into() }
    }
}

impl ScheduleHandle {
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// # Errors
    /// When there is no such schedule.
    pub async fn describe(&self) -> Result<ScheduleDescription, Error> {
        self.client.describe_schedule(&self.id).await.map(ScheduleDescription)
    }

    /// Lets no time act until it goes on.
    ///
    /// # Errors
    /// When there is no such schedule.
    pub async fn pause(&self, why: impl Into<String>) -> Result<(), Error> {
        self.patch(SchedulePatch { pause: said(why.into(), "paused"), ..SchedulePatch::default() }).await
    }

    /// Goes on.
    ///
    /// # Errors
    /// When there is no such schedule.
    pub async fn unpause(&self, why: impl Into<String>) -> Result<(), Error> {
        self.patch(SchedulePatch { unpause: said(why.into(), "unpaused"), ..SchedulePatch::default() }).await
    }

    /// Acts now, also while it is paused.
    ///
    /// # Errors
    /// When there is no such schedule.
    pub async fn trigger(&self) -> Result<(), Error> {
        self.trigger_with(ScheduleOverlapPolicy::Unspecified).await
    }

    /// The same, with another policy for what still runs.
    ///
    /// # Errors
    /// When there is no such schedule.
    pub async fn trigger_with(&self, overlap: ScheduleOverlapPolicy) -> Result<(), Error> {
        let trigger =
            TriggerImmediatelyRequest { overlap_policy: overlap.into(), ..TriggerImmediatelyRequest::default() };
        self.patch(SchedulePatch { trigger_immediately: Some(trigger), ..SchedulePatch::default() }).await
    }

    /// Acts now for each of its times in a range of the past.
    ///
    /// # Errors
    /// When there is no such schedule.
    pub async fn backfill(
        &self,
        from: SystemTime,
        to: SystemTime,
        overlap: ScheduleOverlapPolicy,
    ) -> Result<(), Error> {
        let request = BackfillRequest {
            start_time: Some(Timestamp::from(from)),
            end_time: Some(Timestamp::from(to)),
            overlap_policy: overlap.into(),
        };
        self.patch(SchedulePatch { backfill_request: vec![request], ..SchedulePatch::default() }).await
    }

    /// Changes it: `change` is given what it is now, and again where somebody else changed it meanwhile.
    ///
    /// # Errors
    /// When there is no such schedule, or what comes out makes no sense.
    pub async fn update(&self, change: impl Fn(&mut Schedule)) -> Result<(), Error> {
        let mut tried = 0;
        loop {
            let found = self.client.describe_schedule(&self.id).await?;
            let mut schedule = found.schedule.unwrap_or_default();
            change(&mut schedule);
            let request = UpdateScheduleRequest {
                schedule_id: self.id.clone(),
                schedule: Some(schedule),
                conflict_token: found.conflict_token,
                ..UpdateScheduleRequest::default()
            };
            tried += 1;
            match self.client.update_schedule(request).await {
                Err(error) if error.code() == Some(Code::FailedPrecondition) && tried < CHANGES_MAX => {}
                answer => return answer,
            }
        }
    }

    /// Removes it. Workflows that it started go on.
    ///
    /// # Errors
    /// When there is no such schedule.
    pub async fn delete(&self) -> Result<(), Error> {
        self.client.delete_schedule(&self.id).await
    }

    async fn patch(&self, patch: SchedulePatch) -> Result<(), Error> {
        self.client.patch_schedule(&self.id, patch).await
    }
}

/// An empty reason would not be seen as a wish at all.
fn said(why: String, otherwise: &str) -> String {
    if why.is_empty() { otherwise.to_owned() } else { why }
}

impl ScheduleDescription {
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.state().is_some_and(|state| state.paused)
    }

    /// What was said last of why it is paused, or goes on.
    #[must_use]
    pub fn note(&self) -> &str {
        self.state().map_or("", |state| &state.notes)
    }

    /// How often it has acted.
    #[must_use]
    pub fn actions(&self) -> i64 {
        self.0.info.as_ref().map_or(0, |info| info.action_count)
    }

    /// How often it was kept from acting by a workflow that still ran.
    #[must_use]
    pub fn skipped(&self) -> i64 {
        self.0.info.as_ref().map_or(0, |info| info.overlap_skipped)
    }

    /// How often it may still act; `None` is without a limit.
    #[must_use]
    pub fn remaining(&self) -> Option<i64> {
        self.state().filter(|state| state.limited_actions).map(|state| state.remaining_actions)
    }

    /// The workflows of it that run.
    #[must_use]
    pub fn running(&self) -> Vec<Run> {
        let running = self.0.info.iter().flat_map(|info| &info.running_workflows);
        running.map(|it| Run { workflow_id: it.workflow_id.clone(), run_id: it.run_id.clone() }).collect()
    }

    /// What it started last, the oldest first.
    #[must_use]
    pub fn recent(&self) -> Vec<Run> {
        let started = |action: &ScheduleActionResult| {
            let it = action.start_workflow_result.as_ref()?;
            Some(Run { workflow_id: it.workflow_id.clone(), run_id: it.run_id.clone() })
        };
        self.info().map(|info| info.recent_actions.iter().filter_map(started).collect()).unwrap_or_default()
    }

    /// When it acts next.
    #[must_use]
    pub fn next_times(&self) -> Vec<SystemTime> {
        let times = self.0.info.iter().flat_map(|info| &info.future_action_times);
        times.filter_map(|time| SystemTime::try_from(*time).ok()).collect()
    }

    fn info(&self) -> Option<&ScheduleInfo> {
        self.0.info.as_ref()
    }

    fn state(&self) -> Option<&weft_protocol::api::schedule::ScheduleState> {
        self.0.schedule.as_ref()?.state.as_ref()
    }
}
