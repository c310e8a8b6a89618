//! Activities: results, retries, failures for good, cancellation.

use anyhow::{Context, Result};
use temporalio_client::WorkflowCancelOptions;
use temporalio_protos::temporal::api::{
    enums::v1::RetryState,
    failure::v1::{Failure, failure::FailureInfo},
    history::v1::{ActivityTaskStartedEventAttributes, HistoryEvent, history_event::Attributes},
};

use super::scenarios;
use crate::{
    harness::{
        history::{ACTIVITY, TASK},
        pool::Entry,
        scenario::{Scenario, failure_of, result_of},
    },
    workflows::{Deed, Errand, Runner},
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer:
        an_activity_gives_its_result,
        an_activity_is_retried_until_it_succeeds,
        a_failure_for_good_is_not_retried,
        a_type_of_failure_can_be_named_non_retryable,
        attempts_come_to_an_end,
        a_cancelled_activity_is_told_and_cleaned_up_after,
        a_workflow_need_not_wait_for_its_cancelled_activity,
    ]
}

pub(super) fn one_activity() -> String {
    format!("WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}, WorkflowExecutionCompleted")
}

/// What the first ActivityTaskStarted says.
pub(super) fn started(events: &[HistoryEvent]) -> Result<&ActivityTaskStartedEventAttributes> {
    let found = events.iter().find_map(|event| match &event.attributes {
        Some(Attributes::ActivityTaskStartedEventAttributes(it)) => Some(it),
        _ => None,
    });
    found.context("a started activity")
}

/// The retry state with which the activity of a failed workflow ended, and its cause.
pub(super) fn activity_failure(failure: &Failure) -> Result<(RetryState, &Failure)> {
    let Some(FailureInfo::ActivityFailureInfo(info)) = &failure.failure_info else {
        anyhow::bail!("not the failure of an activity: {failure:?}");
    };
    Ok((info.retry_state(), failure.cause.as_deref().context("a cause")?))
}

async fn an_activity_gives_its_result(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Runner::run, Errand::new(Deed::Echo, "word")).await?;
    assert_eq!(result_of(&handle).await?, "word");
    let events = s.assert_history(&handle, &one_activity()).await?;
    let summary = events[4].user_metadata.as_ref().and_then(|it| it.summary.as_ref());
    assert_eq!(summary.map(|it| it.data.as_slice()), Some(b"\"an errand\"".as_slice()));
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn an_activity_is_retried_until_it_succeeds(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Runner::run, Errand::new(Deed::SucceedsAt, "3")).await?;
    assert_eq!(result_of(&handle).await?, "attempt 3");
    let events = s.assert_history(&handle, &one_activity()).await?;
    let started = started(&events)?;
    assert_eq!(started.attempt, 3);
    assert_eq!(started.last_failure.as_ref().context("the last failure")?.message, "attempt 2 fails");
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

const FAILED: &str = "ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskFailed";

async fn ends_failed(s: &Scenario<'_>, errand: Errand, state: RetryState, attempt: i32) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Runner::run, errand).await?;
    let failure = failure_of(&handle).await?;
    let (found, cause) = activity_failure(&failure)?;
    assert_eq!((found, cause.message.as_str()), (state, "no"));
    let expected = format!("WorkflowExecutionStarted, {TASK}, {FAILED}, {TASK}, WorkflowExecutionFailed");
    let events = s.assert_history(&handle, &expected).await?;
    assert_eq!(started(&events)?.attempt, attempt);
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn a_failure_for_good_is_not_retried(s: &Scenario<'_>) -> Result<()> {
    ends_failed(s, Errand::new(Deed::FailsForGood, "no"), RetryState::NonRetryableFailure, 1).await
}

async fn a_type_of_failure_can_be_named_non_retryable(s: &Scenario<'_>) -> Result<()> {
    let errand = Errand { non_retryable: vec!["Planned".to_owned()], ..Errand::new(Deed::Fails, "no") };
    ends_failed(s, errand, RetryState::NonRetryableFailure, 1).await
}

async fn attempts_come_to_an_end(s: &Scenario<'_>) -> Result<()> {
    let errand = Errand { attempts_max: 2, ..Errand::new(Deed::Fails, "no") };
    ends_failed(s, errand, RetryState::MaximumAttemptsReached, 2).await
}

async fn a_cancelled_activity_is_told_and_cleaned_up_after(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let errand = Errand { heartbeat: 5_000, cleans_up: true, ..Errand::new(Deed::Beats, "word") };
    let handle = s.start(Runner::run, errand).await?;
    s.until("the activity to begin", async || (worker.signs().began() == 1).then_some(())).await?;
    handle.cancel(WorkflowCancelOptions::builder().reason("no longer needed").build()).await?;
    assert_eq!(result_of(&handle).await?, "cleaned up");
    let events = s
        .assert_history(
            &handle,
            &format!(
                "WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, WorkflowExecutionCancelRequested, {TASK},
                 ActivityTaskCancelRequested, ActivityTaskStarted, ActivityTaskCanceled, {TASK}, {ACTIVITY}, {TASK},
                 WorkflowExecutionCompleted"
            ),
        )
        .await?;
    let details = events.iter().find_map(|event| match &event.attributes {
        Some(Attributes::ActivityTaskCanceledEventAttributes(it)) => it.details.clone(),
        _ => None,
    });
    assert_eq!(details.context("details")?.payloads[0].data, b"\"stopped\"");
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn a_workflow_need_not_wait_for_its_cancelled_activity(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Runner::run, Errand { heartbeat: 10_000, ..Errand::new(Deed::Waits, "word") }).await?;
    s.until("the activity to begin", async || (worker.signs().began() == 1).then_some(())).await?;
    handle.cancel(WorkflowCancelOptions::default()).await?;
    assert!(result_of(&handle).await.is_err());
    s.assert_history(
        &handle,
        &format!(
            "WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, WorkflowExecutionCancelRequested, {TASK},
             ActivityTaskCancelRequested, WorkflowExecutionCanceled"
        ),
    )
    .await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.signs().release();
    worker.stop().await
}
