//! A workflow that runs an activity in its own worker.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_client::RetryPolicy;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{LocalActivityOptions, WorkflowContext, WorkflowResult};

use crate::deeds::Deeds;

/// Which activity.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum LocalDeed {
    SucceedsAt,
    FailsForGood,
    Waits,
    Hangs,
}

/// One local activity; times in milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LocalPlan {
    pub(crate) deed: LocalDeed,
    pub(crate) word: String,
    pub(crate) retry_after: u64,
    /// From here on a retry waits in a timer of the workflow instead of in the worker.
    pub(crate) timer_from: u64,
}

#[workflow]
#[derive(Default)]
pub(crate) struct LocalRunner;

#[workflow_methods]
impl LocalRunner {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, plan: LocalPlan) -> WorkflowResult<String> {
        let retries = RetryPolicy::builder().initial_interval(Duration::from_millis(plan.retry_after)).build();
        let options = LocalActivityOptions::builder()
            .start_to_close_timeout(Duration::from_secs(60))
            .retry_policy(retries)
            .timer_backoff_threshold(Duration::from_millis(plan.timer_from))
            .build();
        let word = plan.word;
        let result = match plan.deed {
            LocalDeed::SucceedsAt => ctx.execute_local_activity(Deeds::succeeds_at, word, options).await,
            LocalDeed::FailsForGood => ctx.execute_local_activity(Deeds::fails_for_good, word, options).await,
            LocalDeed::Waits => ctx.execute_local_activity(Deeds::waits, word, options).await,
            LocalDeed::Hangs => ctx.execute_local_activity(Deeds::hangs, word, options).await,
        };
        Ok(result?)
    }
}
