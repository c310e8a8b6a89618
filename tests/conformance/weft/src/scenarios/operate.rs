//! What operators do to one workflow: reset it, pause its activities.

use anyhow::{Context, Result};
use serde_json::json;
use weft::client::{
    Activities, Error, Reset, Unpause,
    api::{
        enums::ResetReapplyExcludeType,
        history::history_event::Attributes,
        workflow::{PendingActivityInfo, pending_activity_info::pause_info::PausedBy},
    },
};

use super::{
    activities::{one_activity, started},
    scenarios,
    tasks::THREE_TASKS,
};
use crate::{
    harness::{
        history::{TASK, count},
        pool::Entry,
        scenario::{Scenario, result_of, run},
    },
    workflows::{Collector, Deed, Errand, Runner},
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer:
        a_reset_goes_back_to_the_first_task,
        a_reset_can_leave_signals_out,
        a_paused_activity_gets_no_attempt_until_unpaused,
    ]
}

const RESET_TASK: &str = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed";

async fn give(s: &Scenario<'_>, word: &str) -> Result<()> {
    let handle = s.client.handle::<Collector>(s.id(""));
    Ok(handle.signal(Collector::give, word).await?)
}

/// The run of a collector that was given `one` and `end`, each with a task of its own, and has closed.
async fn collected(s: &Scenario<'_>) -> Result<String> {
    let handle = s.start(Collector::run, ()).await?;
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 1).await?;
    give(s, "one").await?;
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 2).await?;
    give(s, "end").await?;
    assert_eq!(result_of(&handle).await?, ["one", "end"]);
    s.assert_history(&handle, THREE_TASKS).await?;
    Ok(handle.run_id().context("its run")?.to_owned())
}

/// Resets and gives the new run.
async fn reset(
    s: &Scenario<'_>,
    base: &str,
    finish: i64,
    without: &[ResetReapplyExcludeType],
) -> Result<String, Error> {
    let reset = Reset { reason: "once more".to_owned(), exclude: without.to_vec(), ..Reset::default() };
    s.client.reset(&run(&s.id(""), base), finish, reset).await
}

async fn a_reset_goes_back_to_the_first_task(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let base = collected(s).await?;
    s.refused(reset(s, &base, 1, &[]).await, "InvalidArgument")?;
    let again = reset(s, &base, 4, &[]).await?;
    let latest = s.client.handle::<Collector>(s.id(""));
    assert_eq!(result_of(&latest).await?, ["one", "end"]);
    let expected = format!(
        "WorkflowExecutionStarted, {RESET_TASK}, WorkflowExecutionSignaled*2, {TASK}, WorkflowExecutionCompleted"
    );
    let events = s.assert_run(&s.id(""), &again, &expected).await?;
    let Some(Attributes::WorkflowTaskFailedEventAttributes(failed)) = &events[3].attributes else {
        anyhow::bail!("the task of the place fails");
    };
    assert_eq!(failed.base_run_id, base);
    s.same("cause of the failed task", failed.cause().as_str_name());
    s.assert_run(&s.id(""), &base, THREE_TASKS).await?;
    worker.stop().await
}

async fn a_reset_can_leave_signals_out(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let base = collected(s).await?;
    let again = reset(s, &base, 8, &[ResetReapplyExcludeType::Signal]).await?;
    // It has not heard `end`, and waits for it.
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 2).await?;
    give(s, "other").await?;
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 3).await?;
    give(s, "end").await?;
    let latest = s.client.handle::<Collector>(s.id(""));
    assert_eq!(result_of(&latest).await?, ["one", "other", "end"]);
    let signaled = format!("WorkflowExecutionSignaled, {TASK}");
    let expected = format!(
        "WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {RESET_TASK}, {TASK}, {signaled}, {signaled}, \
         WorkflowExecutionCompleted"
    );
    s.assert_run(&s.id(""), &again, &expected).await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn pending(s: &Scenario<'_>) -> Result<PendingActivityInfo> {
    s.describe(&s.id("")).await?.pending_activities.into_iter().next().context("a pending activity")
}

async fn pause(s: &Scenario<'_>, kind: &str) -> Result<(), Error> {
    s.client.pause_activities(&run(&s.id(""), ""), Activities::Type(kind.to_owned()), "too hot").await
}

async fn a_paused_activity_gets_no_attempt_until_unpaused(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    // Unpaused, it does not wait for ten minutes.
    let errand = Errand { retry_after: 600_000, ..Errand::new(Deed::SucceedsAt, "2") };
    let handle = s.start(Runner::run, errand).await?;
    s.until("the first attempt to fail", async || (pending(s).await.ok()?.attempt == 2).then_some(())).await?;
    let kind = pending(s).await?.activity_type.context("a type")?.name;
    pause(s, &kind).await?;
    let found = pending(s).await?;
    let reason = match found.pause_info.as_ref().and_then(|info| info.paused_by.as_ref()) {
        Some(PausedBy::Manual(manual)) => manual.reason.as_str(),
        _ => "",
    };
    s.same("paused", json!([found.paused, found.state().as_str_name(), reason]));
    s.refused(pause(s, &kind).await, "FailedPrecondition")?;
    s.client.unpause_activities(&run(&s.id(""), ""), Activities::All, Unpause::default()).await?;
    assert_eq!(result_of(&handle).await?, "attempt 2");
    let events = s.assert_history(&handle, &one_activity()).await?;
    assert_eq!(started(&events)?.attempt, 2);
    assert_eq!(count(&events, "ActivityTaskFailed"), 0);
    worker.stop().await
}
