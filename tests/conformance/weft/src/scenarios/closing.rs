//! How workflows end: cancelled, terminated, failed, retried, as new.

use anyhow::{Context, Result};
use std::time::Duration;

use weft::{
    RetryPolicy,
    client::{
        WorkflowError,
        api::{
            enums::RetryState,
            history::{HistoryEvent, history_event::Attributes},
        },
    },
};

use super::scenarios;
use crate::{
    harness::{
        history::TASK,
        pool::Entry,
        scenario::{Scenario, failure_of, result_of},
    },
    workflows::{Collector, Flaky, Relay},
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer:
        a_cancelled_workflow_ends_cancelled,
        a_terminated_workflow_is_over_at_once,
        a_workflow_is_retried_as_its_policy_says,
        a_workflow_that_fails_for_good_is_not_retried,
        a_workflow_goes_on_as_new,
    ]
}

async fn a_cancelled_workflow_ends_cancelled(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Collector::run, ()).await?;
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 1).await?;
    handle.cancel_because("enough").await?;
    let ended = handle.result().await;
    assert!(matches!(ended, Err(WorkflowError::Canceled { .. })), "{ended:?}");
    let events = s
        .assert_history(
            &handle,
            &format!(
                "WorkflowExecutionStarted, {TASK}, WorkflowExecutionCancelRequested, {TASK}, WorkflowExecutionCanceled"
            ),
        )
        .await?;
    let Some(Attributes::WorkflowExecutionCancelRequestedEventAttributes(it)) = &events[4].attributes else {
        anyhow::bail!("a request to cancel");
    };
    assert_eq!(it.cause, "enough");
    // What is asked for is so already: no refusal, and nothing is written.
    handle.cancel().await?;
    assert_eq!(s.events(&s.id(""), "").await?, events);
    let absent = s.client.handle::<Collector>(s.id("absent"));
    s.refused(absent.cancel().await, "NotFound")?;
    worker.stop().await
}

async fn a_terminated_workflow_is_over_at_once(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Collector::run, ()).await?;
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 1).await?;
    handle.terminate("out of order").await?;
    let ended = handle.result().await;
    assert!(matches!(ended, Err(WorkflowError::Terminated { .. })), "{ended:?}");
    let expected = format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionTerminated");
    let events = s.assert_history(&handle, &expected).await?;
    let Some(Attributes::WorkflowExecutionTerminatedEventAttributes(it)) = &events[4].attributes else {
        anyhow::bail!("a termination");
    };
    assert_eq!((it.reason.as_str(), it.identity.as_str()), ("out of order", "conformance-weft"));
    s.refused(handle.terminate("out of order").await, "NotFound")?;
    let absent = s.client.handle::<Collector>(s.id("absent"));
    s.refused(absent.terminate("out of order").await, "NotFound")?;
    worker.stop().await
}

fn failed(events: &[HistoryEvent]) -> Result<(RetryState, String)> {
    match events.last().and_then(|event| event.attributes.as_ref()) {
        Some(Attributes::WorkflowExecutionFailedEventAttributes(it)) => {
            Ok((it.retry_state(), it.new_execution_run_id.clone()))
        }
        other => anyhow::bail!("not a failure: {other:?}"),
    }
}

async fn a_workflow_is_retried_as_its_policy_says(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let retries = RetryPolicy::default().initial_interval(Duration::from_secs(1));
    let handle = s.start(Flaky::run, 2).retry(retries).await?;
    assert_eq!(result_of(&handle).await?, "run 2", "the result is that of the last run");
    let first = format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionFailed");
    let (state, second) = failed(&s.assert_history(&handle, &first).await?)?;
    assert_eq!(state, RetryState::InProgress);
    let last = format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted");
    let events = s.assert_run(&s.id(""), &second, &last).await?;
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(it)) = &events[0].attributes else {
        anyhow::bail!("a start");
    };
    assert_eq!(it.attempt, 2);
    assert_eq!(it.continued_execution_run_id, handle.run_id().context("a run id")?);
    assert_eq!(it.continued_failure.as_ref().context("the failure before")?.message, "run 1 fails");
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn a_workflow_that_fails_for_good_is_not_retried(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Flaky::run, 2).retry(RetryPolicy::default().non_retryable("Planned")).await?;
    assert_eq!(failure_of(&handle).await?.message, "run 1 fails");
    let expected = format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionFailed");
    let (state, next) = failed(&s.assert_history(&handle, &expected).await?)?;
    assert_eq!((state, next.as_str()), (RetryState::NonRetryableFailure, ""));
    s.refuses_late_signal(&s.id("")).await?;
    let shrinking = RetryPolicy::default().backoff_coefficient(0.5);
    s.refused(s.begin(Flaky::run, 2, "other").retry(shrinking).await, "InvalidArgument")?;
    worker.stop().await
}

async fn a_workflow_goes_on_as_new(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Relay::run, (1, 3)).await?;
    assert_eq!(result_of(&handle).await?, 3);
    let mut run = handle.run_id().context("a run id")?.to_owned();
    for _ in 0..2 {
        let expected = format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionContinuedAsNew");
        let events = s.assert_run(&s.id(""), &run, &expected).await?;
        let Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(it)) = &events[4].attributes else {
            anyhow::bail!("a continuation");
        };
        run.clone_from(&it.new_execution_run_id);
    }
    let events =
        s.assert_run(&s.id(""), &run, &format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")).await?;
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(it)) = &events[0].attributes else {
        anyhow::bail!("a start");
    };
    assert_eq!(Some(it.first_execution_run_id.as_str()), handle.run_id());
    assert!(matches!(handle.result_of_run().await, Err(WorkflowError::GoesOn { .. })));
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}
