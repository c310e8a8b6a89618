//! Updates: results, rejections, with a start, across a crash.

use anyhow::Result;
use weft::client::{UpdateError, WorkflowHandle, api::enums::WorkflowIdConflictPolicy};

use super::scenarios;
use crate::{
    harness::{
        history::TASK,
        pool::{Entry, Needs},
        scenario::{Scenario, result_of},
    },
    workflows::Till,
};

pub(super) fn all() -> Vec<Entry> {
    let mut all = scenarios![SharedServer:
        an_update_changes_the_workflow_and_has_a_result,
        a_rejected_update_leaves_no_trace,
        an_update_can_start_its_workflow,
    ];
    all.push(Entry {
        name: "accepted_and_completed_updates_survive_the_server",
        needs: Needs::OwnServer,
        body: |scenario| Box::pin(accepted_and_completed_updates_survive_the_server(scenario)),
    });
    all
}

const UPDATED: &str = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted,
    WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateCompleted";
const CLOSED: &str = "WorkflowExecutionSignaled, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted,
    WorkflowExecutionCompleted";

type Handle = WorkflowHandle<Till>;

/// A till that has run its first task: what comes next is a task of its own.
async fn open(s: &Scenario<'_>) -> Result<Handle> {
    s.start(Till::run, ()).await?;
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 1).await?;
    Ok(s.client.handle::<Till>(s.id("")))
}

async fn pay(till: &Handle, amount: i64, id: &str) -> Result<i64, UpdateError> {
    till.update(Till::pay, amount).id(id).await
}

async fn closes(s: &Scenario<'_>, till: &Handle, sum: i64) -> Result<()> {
    till.signal(Till::close, ()).await?;
    assert_eq!(result_of(till).await?, sum);
    s.refused(pay(till, 1, "new").await, "NotFound")
}

async fn an_update_changes_the_workflow_and_has_a_result(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let till = open(s).await?;
    assert_eq!(pay(&till, 3, "first").await?, 3);
    assert_eq!(pay(&till, 4, "second").await?, 7);
    // What was asked once is answered so again, also after the end.
    assert_eq!(pay(&till, 9, "second").await?, 7);
    closes(s, &till, 7).await?;
    assert_eq!(pay(&till, 9, "second").await?, 7);
    let expected = format!("WorkflowExecutionStarted, {TASK}, {UPDATED}, {UPDATED}, {CLOSED}");
    s.assert_history(&till, &expected).await?;
    worker.stop().await
}

async fn a_rejected_update_leaves_no_trace(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let till = open(s).await?;
    let Err(UpdateError::Failed(failure)) = pay(&till, -1, "debt").await else {
        anyhow::bail!("a debt was taken");
    };
    assert_eq!(failure.message, "no debts");
    s.assert_history(&till, &format!("WorkflowExecutionStarted, {TASK}")).await?;
    assert_eq!(pay(&till, 1, "payment").await?, 1);
    closes(s, &till, 1).await?;
    s.assert_history(&till, &format!("WorkflowExecutionStarted, {TASK}, {UPDATED}, {CLOSED}")).await?;
    worker.stop().await
}

async fn an_update_can_start_its_workflow(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let start = async |policy, amount: i64| {
        let start = s.start(Till::run, ()).id_conflict(policy);
        let (_, update) = start.update_with_start(Till::pay, amount).await?;
        anyhow::Ok(update.result().await?)
    };
    assert_eq!(start(WorkflowIdConflictPolicy::Fail, 3).await?, 3);
    assert_eq!(start(WorkflowIdConflictPolicy::UseExisting, 4).await?, 7);
    let till = s.client.handle::<Till>(s.id(""));
    closes(s, &till, 7).await?;
    s.assert_history(&till, &format!("WorkflowExecutionStarted, {UPDATED}, {UPDATED}, {CLOSED}")).await?;
    worker.stop().await
}

async fn accepted_and_completed_updates_survive_the_server(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let till = open(s).await?;
    till.update(Till::pay_slowly, 5).id("slow").start().await?;
    s.restart_server().await?;
    till.signal(Till::nod, ()).await?;
    s.until_event(&s.id(""), "WorkflowExecutionUpdateCompleted", 1).await?;
    s.restart_server().await?;
    assert_eq!(pay(&till, 9, "slow").await?, 5);
    closes(s, &till, 5).await?;
    s.assert_history(
        &till,
        &format!(
            "WorkflowExecutionStarted, {TASK}, {TASK}, WorkflowExecutionUpdateAccepted, WorkflowExecutionSignaled,
             {TASK}, WorkflowExecutionUpdateCompleted, {CLOSED}"
        ),
    )
    .await?;
    worker.stop().await
}
