//! Workflows that run activities, as their input says.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_client::RetryPolicy;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ActivityCancellationType, ActivityCloseTimeouts, ActivityExecutionError, ActivityOptions,
    WorkflowCancellationToken, WorkflowContext, WorkflowResult,
};

use crate::deeds::Deeds;

/// Which activity.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) enum Deed {
    #[default]
    Echo,
    SucceedsAt,
    Fails,
    FailsForGood,
    Waits,
    Reads,
    Beats,
    Elsewhere,
    Hangs,
}

/// One activity with its options; times in milliseconds, 0 for none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Errand {
    pub(crate) deed: Deed,
    pub(crate) word: String,
    pub(crate) schedule_to_close: u64,
    pub(crate) schedule_to_start: u64,
    pub(crate) start_to_close: u64,
    pub(crate) heartbeat: u64,
    pub(crate) retry_after: u64,
    pub(crate) attempts_max: u32,
    pub(crate) non_retryable: Vec<String>,
    pub(crate) queue: String,
    /// Wait until the activity has ended when the workflow is cancelled, then clean up.
    pub(crate) cleans_up: bool,
}

impl Errand {
    pub(crate) fn new(deed: Deed, word: &str) -> Self {
        Self {
            deed,
            word: word.to_owned(),
            schedule_to_close: 0,
            schedule_to_start: 0,
            start_to_close: 30_000,
            heartbeat: 0,
            retry_after: 100,
            attempts_max: 0,
            non_retryable: Vec::new(),
            queue: String::new(),
            cleans_up: false,
        }
    }

    fn options(&self) -> ActivityOptions {
        let close = match (time(self.schedule_to_close), time(self.start_to_close)) {
            (Some(schedule_to_close), Some(start_to_close)) => {
                ActivityCloseTimeouts::ScheduleAndStartToClose { schedule_to_close, start_to_close }
            }
            (Some(schedule_to_close), None) => ActivityCloseTimeouts::ScheduleToClose(schedule_to_close),
            (None, start_to_close) => ActivityCloseTimeouts::StartToClose(start_to_close.unwrap_or_default()),
        };
        let retries = RetryPolicy::builder()
            .initial_interval(Duration::from_millis(self.retry_after))
            .maximum_attempts(self.attempts_max)
            .non_retryable_error_types(self.non_retryable.clone())
            .build();
        let waits = ActivityCancellationType::WaitCancellationCompleted;
        ActivityOptions::with_close_timeouts(close)
            .maybe_schedule_to_start_timeout(time(self.schedule_to_start))
            .maybe_heartbeat_timeout(time(self.heartbeat))
            .maybe_task_queue((!self.queue.is_empty()).then(|| self.queue.clone()))
            .retry_policy(retries)
            .cancellation_type(if self.cleans_up { waits } else { ActivityCancellationType::TryCancel })
            .summary("an errand")
            .build()
    }
}

fn time(millis: u64) -> Option<Duration> {
    (millis > 0).then(|| Duration::from_millis(millis))
}

async fn run<W>(ctx: &WorkflowContext<W>, errand: &Errand) -> Result<String, ActivityExecutionError> {
    let (word, options) = (errand.word.clone(), errand.options());
    match errand.deed {
        Deed::Echo => ctx.execute_activity(Deeds::echo, word, options).await,
        Deed::SucceedsAt => ctx.execute_activity(Deeds::succeeds_at, word, options).await,
        Deed::Fails => ctx.execute_activity(Deeds::fails, word, options).await,
        Deed::FailsForGood => ctx.execute_activity(Deeds::fails_for_good, word, options).await,
        Deed::Waits => ctx.execute_activity(Deeds::waits, word, options).await,
        Deed::Reads => ctx.execute_activity(Deeds::reads, word, options).await,
        Deed::Beats => ctx.execute_activity(Deeds::beats, word, options).await,
        Deed::Elsewhere => ctx.execute_activity(Deeds::elsewhere, word, options).await,
        Deed::Hangs => ctx.execute_activity(Deeds::hangs, word, options).await,
    }
}

/// Runs one activity and ends as it ends.
#[workflow]
#[derive(Default)]
pub(crate) struct Runner;

#[workflow_methods]
impl Runner {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, errand: Errand) -> WorkflowResult<String> {
        match run(ctx, &errand).await {
            Err(ActivityExecutionError::Cancelled(_)) if errand.cleans_up => {
                let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(10))
                    .cancellation_token(WorkflowCancellationToken::new())
                    .build();
                Ok(ctx.execute_activity(Deeds::echo, "cleaned up".to_owned(), options).await?)
            }
            ended => Ok(ended?),
        }
    }
}

/// An activity, a timer of so many milliseconds, another activity.
#[workflow]
#[derive(Default)]
pub(crate) struct Tour;

#[workflow_methods]
impl Tour {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, input: (u32, u64)) -> WorkflowResult<String> {
        let (number, millis) = input;
        let first = run(ctx, &Errand::new(Deed::Echo, &format!("there {number}"))).await?;
        ctx.timer(Duration::from_millis(millis)).await;
        let second = run(ctx, &Errand::new(Deed::Echo, &format!("back {number}"))).await?;
        Ok(format!("{first}, {second}"))
    }
}
