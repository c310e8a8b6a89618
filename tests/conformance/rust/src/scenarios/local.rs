//! Local activities: they run in the worker of their workflow and leave a marker.

use anyhow::Result;

use super::scenarios;
use crate::{
    harness::{
        history::{TASK, count},
        pool::Entry,
        scenario::{Scenario, failure_of, result_of},
    },
    workflows::{LocalDeed, LocalPlan, LocalRunner},
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer:
        a_local_activity_leaves_a_marker,
        a_local_activity_that_fails_leaves_its_failure,
        a_long_backoff_of_a_local_activity_is_a_timer,
        a_long_local_activity_keeps_its_workflow_task_alive,
    ]
}

fn plan(deed: LocalDeed, word: &str) -> LocalPlan {
    LocalPlan { deed, word: word.to_owned(), retry_after: 50, timer_from: 10_000 }
}

async fn a_local_activity_leaves_a_marker(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(LocalRunner::run, plan(LocalDeed::SucceedsAt, "2")).await?;
    assert_eq!(result_of(&handle).await?, "attempt 2");
    let expected = format!("WorkflowExecutionStarted, {TASK}, MarkerRecorded, WorkflowExecutionCompleted");
    s.assert_history(&handle, &expected).await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn a_local_activity_that_fails_leaves_its_failure(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(LocalRunner::run, plan(LocalDeed::FailsForGood, "no")).await?;
    let mut failure = failure_of(&handle).await?;
    while let Some(cause) = failure.cause.take() {
        failure = *cause;
    }
    assert_eq!(failure.message, "no");
    let expected = format!("WorkflowExecutionStarted, {TASK}, MarkerRecorded, WorkflowExecutionFailed");
    s.assert_history(&handle, &expected).await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn a_long_backoff_of_a_local_activity_is_a_timer(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let plan = LocalPlan { retry_after: 500, timer_from: 100, ..plan(LocalDeed::SucceedsAt, "2") };
    let handle = s.start(LocalRunner::run, plan).await?;
    assert_eq!(result_of(&handle).await?, "attempt 2");
    s.assert_history(
        &handle,
        &format!(
            "WorkflowExecutionStarted, {TASK}, MarkerRecorded, TimerStarted, TimerFired, {TASK}, MarkerRecorded,
             WorkflowExecutionCompleted"
        ),
    )
    .await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

/// The worker answers its task before it times out and asks for the next at once.
async fn a_long_local_activity_keeps_its_workflow_task_alive(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let mut options = s.options("");
    options.task_timeout = Some(std::time::Duration::from_secs(5));
    let handle = s.client.start_workflow(LocalRunner::run, plan(LocalDeed::Waits, "patience"), options).await?;
    s.until_event(&s.id(""), "WorkflowTaskStarted", 3).await?;
    worker.signs().release();
    assert_eq!(result_of(&handle).await?, "patience");
    let tasks = count(&s.events(&s.id(""), "").await?, "WorkflowTaskCompleted");
    assert!(tasks >= 3, "the worker kept its task alive");
    let tasks = vec![TASK; tasks].join(", ");
    let expected = format!("WorkflowExecutionStarted, {tasks}, MarkerRecorded, WorkflowExecutionCompleted");
    s.assert_history(&handle, &expected).await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}
