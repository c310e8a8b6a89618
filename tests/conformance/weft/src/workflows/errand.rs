//! Workflows that run activities, as their input says.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use weft::{ActivityCall, Cancellation, Ctx, Result, RetryPolicy, client::ActivityDefinition, workflow};

use crate::deeds::{Deeds, echo, fails, fails_for_good, hangs, succeeds_at};

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

    fn set<A: ActivityDefinition>(&self, mut call: ActivityCall<A>) -> ActivityCall<A> {
        let mut retries = RetryPolicy::default()
            .initial_interval(Duration::from_millis(self.retry_after))
            .maximum_attempts(self.attempts_max);
        for kind in &self.non_retryable {
            retries = retries.non_retryable(kind);
        }
        call = call.retry(retries).summary("an errand");
        if let Some(time) = time(self.start_to_close) {
            call = call.start_to_close(time);
        }
        if let Some(time) = time(self.schedule_to_close) {
            call = call.schedule_to_close(time);
        }
        if let Some(time) = time(self.schedule_to_start) {
            call = call.schedule_to_start(time);
        }
        if let Some(time) = time(self.heartbeat) {
            call = call.heartbeat(time);
        }
        if !self.queue.is_empty() {
            call = call.task_queue(&self.queue);
        }
        call.cancellation(if self.cleans_up { Cancellation::Wait } else { Cancellation::Try })
    }
}

fn time(millis: u64) -> Option<Duration> {
    (millis > 0).then(|| Duration::from_millis(millis))
}

async fn run<W: 'static>(ctx: &Ctx<W>, errand: &Errand) -> Result<String> {
    let word = errand.word.clone();
    match errand.deed {
        Deed::Echo => errand.set(ctx.activity(echo, word)).await,
        Deed::SucceedsAt => errand.set(ctx.activity(succeeds_at, word)).await,
        Deed::Fails => errand.set(ctx.activity(fails, word)).await,
        Deed::FailsForGood => errand.set(ctx.activity(fails_for_good, word)).await,
        Deed::Waits => errand.set(ctx.activity(Deeds::waits, word)).await,
        Deed::Reads => errand.set(ctx.activity(Deeds::reads, word)).await,
        Deed::Beats => errand.set(ctx.activity(Deeds::beats, word)).await,
        Deed::Elsewhere => errand.set(ctx.activity(Deeds::elsewhere, word)).await,
        Deed::Hangs => errand.set(ctx.activity(hangs, word)).await,
    }
}

/// Runs one activity and ends as it ends.
#[derive(Default)]
pub(crate) struct Runner;

#[workflow]
impl Runner {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, errand: Errand) -> Result<String> {
        match run(&ctx, &errand).await {
            Err(error) if error.is_canceled() && errand.cleans_up => {
                ctx.shielded().activity(echo, "cleaned up").start_to_close(Duration::from_secs(10)).await
            }
            ended => ended,
        }
    }
}

/// An activity, a timer of so many milliseconds, another activity.
#[derive(Default)]
pub(crate) struct Tour;

#[workflow]
impl Tour {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, number: u32, millis: u64) -> Result<String> {
        let first = run(&ctx, &Errand::new(Deed::Echo, &format!("there {number}"))).await?;
        ctx.sleep(Duration::from_millis(millis)).await?;
        let second = run(&ctx, &Errand::new(Deed::Echo, &format!("back {number}"))).await?;
        Ok(format!("{first}, {second}"))
    }
}
