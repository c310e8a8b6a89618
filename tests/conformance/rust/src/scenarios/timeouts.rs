//! The four timeouts of activities, and those of workflows.

use anyhow::Result;
use temporalio_client::{WorkflowGetResultOptions, errors::WorkflowGetResultError};
use temporalio_protos::temporal::api::{
    enums::v1::{RetryState, TimeoutType},
    failure::v1::{Failure, failure::FailureInfo},
};

use super::{
    activities::{activity_failure, one_activity, started},
    scenarios,
};
use crate::{
    harness::{
        history::TASK,
        pool::Entry,
        scenario::{Scenario, failure_of, result_of},
    },
    workflows::{Collector, Deed, Errand, Flaky, Runner},
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer:
        an_activity_that_takes_too_long_times_out,
        an_activity_that_nobody_takes_times_out,
        all_attempts_together_time_out,
        retries_stop_where_the_time_would_be_up,
        a_silent_activity_is_retried_with_what_it_said_last,
        a_run_times_out,
        an_execution_times_out_across_its_retries,
    ]
}

fn timeout_type(failure: &Failure) -> Option<TimeoutType> {
    match &failure.failure_info {
        Some(FailureInfo::TimeoutFailureInfo(info)) => Some(info.timeout_type()),
        _ => None,
    }
}

const TIMED_OUT: &str = "ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskTimedOut";

async fn times_out(s: &Scenario<'_>, errand: Errand, which: TimeoutType, activity: &str) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Runner::run, errand).await?;
    let failure = failure_of(&handle).await?;
    let (state, cause) = activity_failure(&failure)?;
    assert_eq!(timeout_type(cause), Some(which), "{cause:?}");
    s.same("retry state", state.as_str_name());
    s.same("message", cause.message.as_str());
    let expected = format!("WorkflowExecutionStarted, {TASK}, {activity}, {TASK}, WorkflowExecutionFailed");
    s.assert_history(&handle, &expected).await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.signs().release();
    worker.stop().await
}

async fn an_activity_that_takes_too_long_times_out(s: &Scenario<'_>) -> Result<()> {
    let errand = Errand { start_to_close: 500, attempts_max: 1, ..Errand::new(Deed::Waits, "word") };
    times_out(s, errand, TimeoutType::StartToClose, TIMED_OUT).await
}

async fn an_activity_that_nobody_takes_times_out(s: &Scenario<'_>) -> Result<()> {
    let queue = format!("{}-nobody", s.queue());
    let errand = Errand { schedule_to_start: 500, queue, ..Errand::new(Deed::Echo, "word") };
    times_out(s, errand, TimeoutType::ScheduleToStart, "ActivityTaskScheduled, ActivityTaskTimedOut").await
}

async fn all_attempts_together_time_out(s: &Scenario<'_>) -> Result<()> {
    let errand = Errand { schedule_to_close: 3_000, ..Errand::new(Deed::Waits, "word") };
    times_out(s, errand, TimeoutType::ScheduleToClose, TIMED_OUT).await
}

async fn retries_stop_where_the_time_would_be_up(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let errand = Errand { schedule_to_close: 5_000, retry_after: 20_000, ..Errand::new(Deed::Fails, "no") };
    let handle = s.start(Runner::run, errand).await?;
    let failure = failure_of(&handle).await?;
    let (state, cause) = activity_failure(&failure)?;
    assert_eq!((state, cause.message.as_str()), (RetryState::Timeout, "no"));
    s.assert_history(
        &handle,
        &format!(
            "WorkflowExecutionStarted, {TASK}, ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskFailed, {TASK},
             WorkflowExecutionFailed"
        ),
    )
    .await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn a_silent_activity_is_retried_with_what_it_said_last(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Runner::run, Errand { heartbeat: 4_000, ..Errand::new(Deed::Reads, "7") }).await?;
    assert_eq!(result_of(&handle).await?, "read on from page 7");
    let events = s.assert_history(&handle, &one_activity()).await?;
    let started = started(&events)?;
    let last = started.last_failure.clone().unwrap_or_default();
    // A first attempt that was slow to say anything is silent too, and the next says it then.
    assert!(started.attempt >= 2, "attempt {}", started.attempt);
    assert_eq!(timeout_type(&last), Some(TimeoutType::Heartbeat));
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn a_run_times_out(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let mut options = s.options("");
    options.run_timeout = Some(std::time::Duration::from_secs(3));
    let handle = s.client.start_workflow(Collector::run, (), options).await?;
    let ended = handle.get_result(WorkflowGetResultOptions::default()).await;
    assert!(matches!(ended, Err(WorkflowGetResultError::TimedOut)), "{ended:?}");
    s.assert_history(&handle, &format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionTimedOut")).await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

/// The execution timeout bounds the whole chain: a retry that would begin after it is not made.
async fn an_execution_times_out_across_its_retries(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let mut options = s.options("");
    options.execution_timeout = Some(std::time::Duration::from_secs(10));
    let retries = temporalio_client::RetryPolicy::builder().initial_interval(std::time::Duration::from_secs(1));
    options.retry_policy = Some(retries.backoff_coefficient(20.0).build());
    let handle = s.client.start_workflow(Flaky::run, 9, options).await?;
    assert_eq!(failure_of(&handle).await?.message, "run 2 fails");
    s.assert_history(&handle, &format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionFailed")).await?;
    let last = format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionFailed");
    let events = s.assert_run(&s.id(""), "", &last).await?;
    assert_ne!(s.events(&s.id(""), handle.run_id().unwrap_or_default()).await?, events);
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}
