//! A workflow that runs an activity in its own worker.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use weft::{Ctx, LocalActivityCall, Result, RetryPolicy, client::ActivityDefinition, workflow};

use crate::deeds::{Deeds, fails_for_good, hangs, succeeds_at};

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
}

impl LocalPlan {
    fn set<A: ActivityDefinition>(&self, call: LocalActivityCall<A>) -> LocalActivityCall<A> {
        let retries = RetryPolicy::default().initial_interval(Duration::from_millis(self.retry_after));
        call.start_to_close(Duration::from_secs(60)).retry(retries)
    }
}

#[derive(Default)]
pub(crate) struct LocalRunner;

#[workflow]
impl LocalRunner {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, plan: LocalPlan) -> Result<String> {
        let word = plan.word.clone();
        match plan.deed {
            LocalDeed::SucceedsAt => plan.set(ctx.local_activity(succeeds_at, word)).await,
            LocalDeed::FailsForGood => plan.set(ctx.local_activity(fails_for_good, word)).await,
            LocalDeed::Waits => plan.set(ctx.local_activity(Deeds::waits, word)).await,
            LocalDeed::Hangs => plan.set(ctx.local_activity(hangs, word)).await,
        }
    }
}
