//! Timers: one that fires, one that is cancelled by the workflow, one that is cancelled with it.

use anyhow::Result;
use weft::client::WorkflowError;

use super::scenarios;
use crate::{
    harness::{
        history::TASK,
        pool::Entry,
        scenario::{Scenario, result_of},
    },
    workflows::{Race, Sleeper},
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer: a_timer_fires, the_slower_timer_is_cancelled, a_timer_is_cancelled_with_its_workflow]
}

async fn a_timer_fires(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Sleeper::run, 300).await?;
    assert_eq!(result_of(&handle).await?, "slept");
    let events = s
        .assert_history(
            &handle,
            &format!("WorkflowExecutionStarted, {TASK}, TimerStarted, TimerFired, {TASK}, WorkflowExecutionCompleted"),
        )
        .await?;
    let summary = events[4].user_metadata.as_ref().and_then(|it| it.summary.as_ref());
    assert_eq!(summary.map(|it| it.data.as_slice()), Some(b"\"a nap\"".as_slice()));
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn the_slower_timer_is_cancelled(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Race::run, ()).await?;
    assert_eq!(result_of(&handle).await?, "fast wins, the other is Cancelled");
    s.assert_history(
        &handle,
        &format!(
            "WorkflowExecutionStarted, {TASK}, TimerStarted*2, TimerFired, {TASK}, TimerCanceled,
             WorkflowExecutionCompleted"
        ),
    )
    .await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn a_timer_is_cancelled_with_its_workflow(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Sleeper::run, 600_000).await?;
    s.until_event(&s.id(""), "TimerStarted", 1).await?;
    handle.cancel_because("wake up").await?;
    let ended = handle.result().await;
    let Err(error @ WorkflowError::Canceled { .. }) = ended else {
        anyhow::bail!("not cancelled: {ended:?}");
    };
    assert_eq!(error.details::<String>()?, "woken");
    s.assert_history(
        &handle,
        &format!(
            "WorkflowExecutionStarted, {TASK}, TimerStarted, WorkflowExecutionCancelRequested, {TASK}, TimerCanceled,
             WorkflowExecutionCanceled"
        ),
    )
    .await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}
