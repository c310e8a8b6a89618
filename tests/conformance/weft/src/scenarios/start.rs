//! Starting: ids in use, ids used before, with a signal, with a cron schedule.

use anyhow::Result;
use weft::client::{
    AnyWorkflow, Error, ErrorDetails, WorkflowError,
    api::{
        enums::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
        history::{HistoryEvent, history_event::Attributes},
    },
};

use super::scenarios;
use crate::{
    harness::{
        history::TASK,
        pool::Entry,
        scenario::{Scenario, result_of},
    },
    workflows::{Collector, Flaky, Greeter},
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer:
        a_workflow_gives_its_result,
        an_id_in_use_is_refused,
        an_id_in_use_can_be_joined_or_taken_over,
        reuse_of_an_id_depends_on_how_the_last_run_ended,
        a_signal_can_start_its_workflow,
        a_cron_schedule_starts_run_after_run,
    ]
}

pub(super) const GREETED: &str =
    "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted,
    WorkflowExecutionCompleted";

async fn a_workflow_gives_its_result(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Greeter::run, "Weft").await?;
    assert_eq!(result_of(&handle).await?, "Hello, Weft!");
    s.assert_history(&handle, GREETED).await?;
    s.refuses_late_signal(&s.id("")).await?;
    s.refused(s.signal(&s.id("absent"), "x").await, "NotFound")?;
    worker.stop().await
}

async fn an_id_in_use_is_refused(s: &Scenario<'_>) -> Result<()> {
    let first = s.start(Collector::run, ()).await?;
    let again = s.start(Collector::run, ()).await;
    assert_eq!(holder(&again), first.run_id(), "the refusal names the run that has the id");
    s.refused(again, "AlreadyExists")?;
    s.assert_history(&first, "WorkflowExecutionStarted, WorkflowTaskScheduled").await?;
    Ok(())
}

/// The run that has the id for which another one was refused.
pub(super) fn holder<T>(refused: &Result<T, Error>) -> Option<&str> {
    match refused.as_ref().err()?.details()? {
        ErrorDetails::WorkflowAlreadyStarted(details) => Some(&details.run_id),
        _ => None,
    }
}

async fn an_id_in_use_can_be_joined_or_taken_over(s: &Scenario<'_>) -> Result<()> {
    let first = s.start(Collector::run, ()).await?;
    let joined = s.start(Collector::run, ()).id_conflict(WorkflowIdConflictPolicy::UseExisting).await?;
    assert_eq!(joined.run_id(), first.run_id());
    let heir = s.start(Collector::run, ()).id_conflict(WorkflowIdConflictPolicy::TerminateExisting).await?;
    assert_ne!(heir.run_id(), first.run_id());
    let ended = first.result().await;
    assert!(matches!(ended, Err(WorkflowError::Terminated { .. })), "{ended:?}");
    let events = s
        .assert_history(&first, "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionTerminated")
        .await?;
    let Some(Attributes::WorkflowExecutionTerminatedEventAttributes(it)) = &events[2].attributes else {
        anyhow::bail!("a termination");
    };
    s.same("reason", it.reason.as_str());
    s.same("identity", it.identity.as_str());
    s.assert_history(&heir, "WorkflowExecutionStarted, WorkflowTaskScheduled").await?;
    s.refused(s.start(Collector::run, ()).id_conflict(WorkflowIdConflictPolicy::Fail).await, "AlreadyExists")
}

async fn reuse_of_an_id_depends_on_how_the_last_run_ended(s: &Scenario<'_>) -> Result<()> {
    use WorkflowIdReusePolicy::{AllowDuplicate, AllowDuplicateFailedOnly, RejectDuplicate};
    let worker = s.worker().await?;
    let start = async |policy, attempt: u32| s.start(Flaky::run, attempt).id_reuse(policy).await;
    let first = start(RejectDuplicate, 1).await?;
    assert_eq!(result_of(&first).await?, "run 1");
    s.refused(start(RejectDuplicate, 1).await, "AlreadyExists")?;
    s.refused(start(AllowDuplicateFailedOnly, 1).await, "AlreadyExists")?;
    let second = start(AllowDuplicate, 2).await?;
    assert!(result_of(&second).await.is_err());
    s.refused(start(RejectDuplicate, 1).await, "AlreadyExists")?;
    let third = start(AllowDuplicateFailedOnly, 1).await?;
    assert_eq!(result_of(&third).await?, "run 1");
    s.assert_history(&first, GREETED).await?;
    s.assert_history(&second, &format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionFailed")).await?;
    s.assert_history(&third, GREETED).await?;
    worker.stop().await
}

async fn a_signal_can_start_its_workflow(s: &Scenario<'_>) -> Result<()> {
    let give = async |word: &str, policy| {
        s.start(Collector::run, ()).id_reuse(policy).signal_with_start(Collector::give, word).await
    };
    let policy = WorkflowIdReusePolicy::RejectDuplicate;
    let handle = give("first", policy).await?;
    let joined = give("end", policy).await?;
    assert_eq!(joined.run_id(), handle.run_id());
    let worker = s.worker().await?;
    assert_eq!(result_of(&handle).await?, ["first", "end"]);
    s.refused(give("late", policy).await, "AlreadyExists")?;
    s.assert_history(
        &handle,
        "WorkflowExecutionStarted, WorkflowExecutionSignaled, WorkflowTaskScheduled, WorkflowExecutionSignaled,
         WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionCompleted",
    )
    .await?;
    worker.stop().await
}

/// The run that follows on this one.
fn next_run(events: &[HistoryEvent]) -> Result<String> {
    match events.last().and_then(|event| event.attributes.as_ref()) {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(it)) if !it.new_execution_run_id.is_empty() => {
            Ok(it.new_execution_run_id.clone())
        }
        other => anyhow::bail!("nothing follows: {other:?}"),
    }
}

async fn a_cron_schedule_starts_run_after_run(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let first = s.start(Greeter::run, "again").cron("@every 1s").await?;
    let ended = first.result_of_run().await;
    assert!(matches!(ended, Err(WorkflowError::GoesOn { .. })), "{ended:?}");
    let second = next_run(&s.assert_history(&first, GREETED).await?)?;
    s.until("the second run to end", async || s.events(&s.id(""), &second).await.ok().filter(|it| it.len() == 5))
        .await?;
    next_run(&s.assert_run(&s.id(""), &second, GREETED).await?)?;
    s.client.handle::<AnyWorkflow>(s.id("")).terminate("enough").await?;
    s.refused(s.begin(Greeter::run, "", "other").cron("every so often").await, "InvalidArgument")?;
    worker.stop().await
}
