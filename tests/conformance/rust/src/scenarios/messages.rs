//! Signals and queries.

use anyhow::Result;
use temporalio_client::{
    QueryRejectCondition, UntypedQuery, WorkflowQueryOptions, WorkflowSignalOptions, errors::WorkflowQueryError,
};
use temporalio_common::data_converters::RawValue;

use super::scenarios;
use crate::{
    harness::{
        history::TASK,
        pool::Entry,
        scenario::{Scenario, result_of},
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
        handle.signal(Collector::give, word.clone(), WorkflowSignalOptions::default()).await?;
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

async fn a_repeated_signal_is_taken_once(s: &Scenario<'_>) -> Result<()> {
    let handle = s.start(Collector::run, ()).await?;
    let request = WorkflowSignalOptions::builder().request_id(uuid::Uuid::new_v4().to_string()).build();
    handle.signal(Collector::give, "once".to_owned(), request.clone()).await?;
    handle.signal(Collector::give, "once".to_owned(), request).await?;
    handle.signal(Collector::give, "end".to_owned(), WorkflowSignalOptions::default()).await?;
    let worker = s.worker().await?;
    assert_eq!(result_of(&handle).await?, ["once", "end"]);
    s.assert_history(
        &handle,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled*2, WorkflowTaskStarted,
         WorkflowTaskCompleted, WorkflowExecutionCompleted",
    )
    .await?;
    let late = handle.signal(Collector::give, "late".to_owned(), WorkflowSignalOptions::default()).await;
    s.refused(late, "NotFound")?;
    worker.stop().await
}

async fn a_query_answers_for_open_and_closed_workflows(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Collector::run, ()).await?;
    let words = async || handle.query(Collector::words, (), WorkflowQueryOptions::default()).await;
    assert!(words().await?.is_empty());
    handle.signal(Collector::give, "one".to_owned(), WorkflowSignalOptions::default()).await?;
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 2).await?;
    assert_eq!(words().await?, ["one"]);
    handle.signal(Collector::give, "end".to_owned(), WorkflowSignalOptions::default()).await?;
    assert_eq!(result_of(&handle).await?, ["one", "end"]);
    assert_eq!(words().await?, ["one", "end"], "a closed workflow is replayed to be asked");
    let unknown = UntypedQuery::new("weight");
    let unknown = handle.query(unknown, RawValue::empty(), WorkflowQueryOptions::default()).await.map(drop);
    s.refused(unknown, "InvalidArgument")?;
    let absent = s.client.get_workflow_handle::<Collector>(s.id("absent"));
    s.refused(absent.query(Collector::words, (), WorkflowQueryOptions::default()).await, "NotFound")?;
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
    let ask = async |condition| {
        let options = WorkflowQueryOptions::builder().reject_condition(condition).build();
        handle.query(Collector::words, (), options).await
    };
    assert!(ask(QueryRejectCondition::NotOpen).await?.is_empty());
    handle.signal(Collector::give, "end".to_owned(), WorkflowSignalOptions::default()).await?;
    result_of(&handle).await?;
    let rejected = ask(QueryRejectCondition::NotOpen).await;
    let Err(WorkflowQueryError::Rejected { status }) = rejected else {
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
