//! Workflows that wait for time to pass.

use std::time::Duration;

use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    CancellableFuture, TimerOptions, TimerResult, WorkflowContext, WorkflowResult, workflows::select,
};

/// Sleeps so many milliseconds.
#[workflow]
#[derive(Default)]
pub(crate) struct Sleeper;

#[workflow_methods]
impl Sleeper {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, millis: u64) -> WorkflowResult<String> {
        let options = TimerOptions::builder(Duration::from_millis(millis)).summary("a nap".to_owned()).build();
        match ctx.timer(options).await {
            TimerResult::Fired => Ok("slept".to_owned()),
            TimerResult::Cancelled => {
                Err(temporalio_sdk::WorkflowTermination::cancelled_with_details("woken".to_owned()))
            }
        }
    }
}

/// Two timers run; the one that loses is cancelled.
#[workflow]
#[derive(Default)]
pub(crate) struct Race;

#[workflow_methods]
impl Race {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, _input: ()) -> WorkflowResult<String> {
        let mut slow = ctx.timer(Duration::from_secs(600));
        let mut fast = ctx.timer(Duration::from_millis(100));
        let winner = select! {
            _ = slow => "slow",
            _ = fast => "fast",
        };
        slow.cancel();
        let loser = slow.await;
        Ok(format!("{winner} wins, the other is {loser:?}"))
    }
}
