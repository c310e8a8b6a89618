//! Workflows that wait for time to pass.

use std::{pin::pin, time::Duration};

use futures::future::{Either, select};
use weft::{Ctx, Failure, Result, workflow};

/// Sleeps so many milliseconds.
#[derive(Default)]
pub(crate) struct Sleeper;

#[workflow]
impl Sleeper {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>, millis: u64) -> Result<String> {
        match ctx.sleep(Duration::from_millis(millis)).summary("a nap").await {
            Ok(()) => Ok("slept".to_owned()),
            Err(_) => Err(Failure::canceled("woken").with_details(&"woken".to_owned())?.into()),
        }
    }
}

/// Two timers run; the one that loses is cancelled.
#[derive(Default)]
pub(crate) struct Race;

#[workflow]
impl Race {
    #[run]
    pub(crate) async fn run(ctx: Ctx<Self>) -> Result<String> {
        let scope = ctx.cancellable();
        let mut slow = pin!(scope.sleep(Duration::from_secs(600)).start());
        let fast = pin!(ctx.sleep(Duration::from_millis(100)).start());
        let winner = match select(slow.as_mut(), fast).await {
            Either::Left(_) => "slow",
            Either::Right(_) => "fast",
        };
        scope.cancel("it has lost");
        let loser = if slow.await.is_err_and(|error| error.is_canceled()) { "Cancelled" } else { "Fired" };
        Ok(format!("{winner} wins, the other is {loser}"))
    }
}
