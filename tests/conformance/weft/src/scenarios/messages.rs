//! Signals and queries.

use anyhow::Result;
use weft::client::{
    Query, QueryError, Run, Value,
    api::{common::Payloads, enums::QueryRejectCondition, workflowservice::SignalWorkflowExecutionRequest},
};

use super::scenarios;
use crate::{
    harness::{
        history::TASK,
        pool::Entry,
        scenario::{Scenario, execution, result_of},
    },
    workflows::Collector,
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer:
        signals_keep_their_order,
        a_repeated_signal_is_taken_once,
        a_query_answers_for_open_and_closed_workflows,
        a_query_can_be_rejected_by_status,
    ]
}

async fn signals_keep_their_order(s: &Scenario<'_>) -> Result<()> {
    let handle = s.start(Collector::run, ()).await?;
    let words: Vec<String> = (0..20).map(|n| format!("word {n}")).chain(["end".to_owned()]).collect();
    for word in &words {
        handle.signal(Collector::give, word.clone()).await?;
    }
    let worker = s.worker().await?;
    assert_eq!(result_of(&handle).await?, words);
    s.assert_history(
        &handle,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled*21, WorkflowTaskStarted,
         WorkflowTaskCompleted, WorkflowExecutionCompleted",
    )
    .await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

/// A client sends a signal again under its id; that is seen here by doing it by hand.
pub(super) async fn signal_once(s: &Scenario<'_>, request_id: &str) -> Result<()> {
    let request = SignalWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(execution(&s.id(""), "")),
        signal_name: "give".to_owned(),
        input: Some(Payloads { payloads: vec!["once".to_owned().to_payload()?] }),
        request_id: request_id.to_owned(),
        ..SignalWorkflowExecutionRequest::default()
    };
    s.client.workflow_service().signal_workflow_execution(request).await?;
    Ok(())
}

async fn a_repeated_signal_is_taken_once(s: &Scenario<'_>) -> Result<()> {
    let handle = s.start(Collector::run, ()).await?;
    let request_id = uuid::Uuid::new_v4().to_string();
    signal_once(s, &request_id).await?;
    signal_once(s, &request_id).await?;
    handle.signal(Collector::give, "end".to_owned()).await?;
    let worker = s.worker().await?;
    assert_eq!(result_of(&handle).await?, ["once", "end"]);
    s.assert_history(
        &handle,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled*2, WorkflowTaskStarted,
         WorkflowTaskCompleted, WorkflowExecutionCompleted",
    )
    .await?;
    let late = handle.signal(Collector::give, "late".to_owned()).await;
    s.refused(late, "NotFound")?;
    worker.stop().await
}

async fn a_query_answers_for_open_and_closed_workflows(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Collector::run, ()).await?;
    let words = async || handle.query(Collector::words, ()).await;
    assert!(words().await?.is_empty());
    handle.signal(Collector::give, "one".to_owned()).await?;
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 2).await?;
    assert_eq!(words().await?, ["one"]);
    handle.signal(Collector::give, "end".to_owned()).await?;
    assert_eq!(result_of(&handle).await?, ["one", "end"]);
    assert_eq!(words().await?, ["one", "end"], "a closed workflow is replayed to be asked");
    let weight = Query { kind: "weight".to_owned(), ..Query::default() };
    s.refused(s.client.query(&Run::latest(s.id("")), weight).await, "InvalidArgument")?;
    let absent = s.client.handle::<Collector>(s.id("absent"));
    s.refused(absent.query(Collector::words, ()).await, "NotFound")?;
    s.assert_history(
        &handle,
        &format!(
            "WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionSignaled, {TASK},
             WorkflowExecutionCompleted"
        ),
    )
    .await?;
    worker.stop().await
}

async fn a_query_can_be_rejected_by_status(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Collector::run, ()).await?;
    let ask = async |condition| handle.query(Collector::words, ()).reject(condition).await;
    assert!(ask(QueryRejectCondition::NotOpen).await?.is_empty());
    handle.signal(Collector::give, "end".to_owned()).await?;
    result_of(&handle).await?;
    let rejected = ask(QueryRejectCondition::NotOpen).await;
    let Err(QueryError::Rejected { status }) = rejected else {
        anyhow::bail!("not rejected: {rejected:?}");
    };
    s.same("status", format!("{status:?}"));
    assert_eq!(ask(QueryRejectCondition::NotCompletedCleanly).await?, ["end"]);
    s.assert_history(
        &handle,
        &format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted"),
    )
    .await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}
