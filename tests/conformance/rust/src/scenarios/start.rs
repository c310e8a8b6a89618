//! Starting: ids in use, ids used before, eagerly, with a signal, with a cron schedule.

use anyhow::Result;
use temporalio_client::{
    WorkflowGetResultOptions, WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowTerminateOptions,
    errors::{WorkflowGetResultError, WorkflowStartError},
};
use temporalio_protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};

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
        a_start_can_bring_the_first_task_along,
        a_cron_schedule_starts_run_after_run,
    ]
}

pub(super) const GREETED: &str =
    "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted,
    WorkflowExecutionCompleted";

async fn a_workflow_gives_its_result(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Greeter::run, "Weft".to_owned()).await?;
    assert_eq!(result_of(&handle).await?, "Hello, Weft!");
    s.assert_history(&handle, GREETED).await?;
    s.refuses_late_signal(&s.id("")).await?;
    s.refused(s.signal(&s.id("absent"), "x").await, "NotFound")?;
    worker.stop().await
}

async fn an_id_in_use_is_refused(s: &Scenario<'_>) -> Result<()> {
    let first = s.start(Collector::run, ()).await?;
    let again = s.client.start_workflow(Collector::run, (), s.options("")).await;
    let Err(WorkflowStartError::AlreadyStarted { run_id, source }) = again else {
        anyhow::bail!("the id is in use");
    };
    assert_eq!(run_id.as_deref(), first.run_id(), "the refusal names the run that has the id");
    s.refused::<(), _>(Err(source), "AlreadyExists")?;
    s.assert_history(&first, "WorkflowExecutionStarted, WorkflowTaskScheduled").await?;
    Ok(())
}

async fn an_id_in_use_can_be_joined_or_taken_over(s: &Scenario<'_>) -> Result<()> {
    let first = s.start(Collector::run, ()).await?;
    let mut options = s.options("");
    options.id_conflict_policy = WorkflowIdConflictPolicy::UseExisting;
    let joined = s.client.start_workflow(Collector::run, (), options).await?;
    assert_eq!(joined.run_id(), first.run_id());
    let mut options = s.options("");
    options.id_conflict_policy = WorkflowIdConflictPolicy::TerminateExisting;
    let heir = s.client.start_workflow(Collector::run, (), options).await?;
    assert_ne!(heir.run_id(), first.run_id());
    let ended = first.get_result(WorkflowGetResultOptions::default()).await;
    assert!(matches!(ended, Err(WorkflowGetResultError::Terminated { .. })), "{ended:?}");
    let events = s
        .assert_history(&first, "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionTerminated")
        .await?;
    let Some(Attributes::WorkflowExecutionTerminatedEventAttributes(it)) = &events[2].attributes else {
        anyhow::bail!("a termination");
    };
    s.same("reason", it.reason.as_str());
    s.same("identity", it.identity.as_str());
    s.assert_history(&heir, "WorkflowExecutionStarted, WorkflowTaskScheduled").await?;
    let mut options = s.options("");
    options.id_conflict_policy = WorkflowIdConflictPolicy::Fail;
    s.refused(s.client.start_workflow(Collector::run, (), options).await.map(drop), "AlreadyExists")
}

async fn reuse_of_an_id_depends_on_how_the_last_run_ended(s: &Scenario<'_>) -> Result<()> {
    use WorkflowIdReusePolicy::{AllowDuplicate, AllowDuplicateFailedOnly, RejectDuplicate};
    let worker = s.worker().await?;
    let start = async |policy, attempt| {
        let mut options = s.options("");
        options.id_reuse_policy = policy;
        s.client.start_workflow(Flaky::run, attempt, options).await
    };
    let first = start(RejectDuplicate, 1).await?;
    assert_eq!(result_of(&first).await?, "run 1");
    s.refused(start(RejectDuplicate, 1).await.map(drop), "AlreadyExists")?;
    s.refused(start(AllowDuplicateFailedOnly, 1).await.map(drop), "AlreadyExists")?;
    let second = start(AllowDuplicate, 2).await?;
    assert!(result_of(&second).await.is_err());
    s.refused(start(RejectDuplicate, 1).await.map(drop), "AlreadyExists")?;
    let third = start(AllowDuplicateFailedOnly, 1).await?;
    assert_eq!(result_of(&third).await?, "run 1");
    s.assert_history(&first, GREETED).await?;
    s.assert_history(&second, &format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionFailed")).await?;
    s.assert_history(&third, GREETED).await?;
    worker.stop().await
}

async fn a_signal_can_start_its_workflow(s: &Scenario<'_>) -> Result<()> {
    let give = async |word: &str, policy| {
        let mut options = s.options("");
        options.id_reuse_policy = policy;
        s.client.signal_with_start_workflow(Collector::run, (), Collector::give, word.to_owned(), options).await
    };
    let policy = WorkflowIdReusePolicy::RejectDuplicate;
    let handle = give("first", policy).await?;
    let joined = give("end", policy).await?;
    assert_eq!(joined.run_id(), handle.run_id());
    let worker = s.worker().await?;
    assert_eq!(result_of(&handle).await?, ["first", "end"]);
    s.refused(give("late", policy).await.map(drop), "AlreadyExists")?;
    s.assert_history(
        &handle,
        "WorkflowExecutionStarted, WorkflowExecutionSignaled, WorkflowTaskScheduled, WorkflowExecutionSignaled,
         WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionCompleted",
    )
    .await?;
    worker.stop().await
}

/// With a worker on the same client the answer to the start brings the first workflow task along.
async fn a_start_can_bring_the_first_task_along(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker_on(s.client.clone(), |_| ())?;
    // The worker announces itself to its client when it first polls; until then nothing is asked for eagerly.
    s.until("an eager start", async || {
        let suffix = uuid::Uuid::new_v4().to_string();
        let mut options = s.options(&suffix);
        options.enable_eager_workflow_start = true;
        let handle = s.client.start_workflow(Greeter::run, "eager".to_owned(), options).await.ok()?;
        assert_eq!(result_of(&handle).await.ok()?, "Hello, eager!");
        let events = s.assert_history(&handle, GREETED).await.ok()?;
        is_eager(&events).then_some(())
    })
    .await?;
    s.refused(s.signal(&s.id("absent"), "x").await, "NotFound")?;
    worker.stop().await
}

fn is_eager(events: &[HistoryEvent]) -> bool {
    let first = events.first().and_then(|event| event.attributes.as_ref());
    matches!(first, Some(Attributes::WorkflowExecutionStartedEventAttributes(it)) if it.eager_execution_accepted)
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
    let mut options = s.options("");
    options.cron_schedule = Some("@every 1s".to_owned());
    let first = s.client.start_workflow(Greeter::run, "again".to_owned(), options).await?;
    let options = WorkflowGetResultOptions::builder().follow_runs(false).build();
    let ended = first.get_result(options).await;
    // The SDK does not say that it follows runs, so it is told that this one went on, though its history says: completed.
    assert!(matches!(ended, Err(WorkflowGetResultError::ContinuedAsNew)), "{ended:?}");
    let second = next_run(&s.assert_history(&first, GREETED).await?)?;
    s.until("the second run to end", async || s.events(&s.id(""), &second).await.ok().filter(|it| it.len() == 5))
        .await?;
    next_run(&s.assert_run(&s.id(""), &second, GREETED).await?)?;
    let chain = s.client.get_workflow_handle::<Greeter>(s.id(""));
    chain.terminate(WorkflowTerminateOptions::builder().reason("enough").build()).await?;
    let mut options = s.options("other");
    options.cron_schedule = Some("every so often".to_owned());
    s.refused(s.client.start_workflow(Greeter::run, String::new(), options).await.map(drop), "InvalidArgument")?;
    worker.stop().await
}
