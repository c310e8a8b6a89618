//! Batch operations: one thing done to many workflows by the server, which may die meanwhile.

use anyhow::{Context, Result};
use futures::future::try_join_all;
use weft::client::{
    Batch, BatchOperation, Code, Error, Signal, Value,
    api::{
        enums::BatchOperationState, history::history_event::Attributes, workflowservice::DescribeBatchOperationResponse,
    },
};

use super::{scenarios, schedules::two_tasks};
use crate::{
    harness::{
        history::count,
        pool::Entry,
        scenario::{Scenario, result_of},
    },
    workflows::Collector,
};

pub(super) fn all() -> Vec<Entry> {
    let mut entries = scenarios![SharedServer: a_batch_terminates_what_a_query_finds, a_batch_signals_listed_workflows];
    entries.extend(scenarios![OwnServer: a_batch_outlives_the_server]);
    entries
}

const WAITING: &str = "WorkflowExecutionStarted, WorkflowTaskScheduled";

/// Workflow ids and their runs.
async fn collectors(s: &Scenario<'_>, count: usize) -> Result<Vec<(String, String)>> {
    try_join_all((0..count).map(async |n| {
        let handle = s.begin(Collector::run, (), &n.to_string()).await?;
        Ok((s.id(&n.to_string()), handle.run_id().context("its run")?.to_owned()))
    }))
    .await
}

async fn collected(s: &Scenario<'_>, id: &str) -> Result<Vec<String>> {
    result_of(&s.client.handle::<Collector>(id)).await
}

/// A query that finds the workflows of this scenario; Temporal's index follows a little later.
async fn until_listed(s: &Scenario<'_>, count: i64) -> Result<String> {
    let query = format!("TaskQueue = '{}' AND WorkflowType = 'Collector'", s.queue());
    s.until("the index to know of all", async || {
        let found = s.client.count(&query).await.ok()?;
        (found.count == count).then_some(())
    })
    .await?;
    Ok(query)
}

fn batch(s: &Scenario<'_>, query: String, operation: BatchOperation) -> Batch {
    Batch { job_id: s.id("job"), query, reason: "the reason".to_owned(), operation, per_second: 0.0 }
}

fn gives(word: &str) -> Result<BatchOperation> {
    let input = vec![word.to_owned().to_payload()?];
    Ok(BatchOperation::Signal(Signal { name: "give".to_owned(), input, ..Signal::default() }))
}

/// Asks again for as long as another batch runs: there is one at a time.
async fn in_turn(s: &Scenario<'_>, batch: &Batch) -> Result<Result<(), Error>> {
    s.until("its turn", async || {
        let started = s.client.start_batch(batch.clone()).await;
        let is_busy = started.as_ref().is_err_and(|error| error.code() == Some(Code::ResourceExhausted));
        (!is_busy).then_some(started)
    })
    .await
}

async fn describe(s: &Scenario<'_>) -> Result<DescribeBatchOperationResponse, Error> {
    s.client.describe_batch(&s.id("job")).await
}

/// The batch comes to its end, with all of so many done.
async fn until_done(s: &Scenario<'_>, all: i64) -> Result<()> {
    let found = s
        .until("the batch to end", async || {
            describe(s).await.ok().filter(|found| found.state() != BatchOperationState::Running)
        })
        .await?;
    assert_eq!(found.state(), BatchOperationState::Completed);
    let counts = [found.total_operation_count, found.complete_operation_count, found.failure_operation_count];
    assert_eq!((counts, found.reason.as_str()), ([all, all, 0], "the reason"));
    Ok(())
}

async fn a_batch_terminates_what_a_query_finds(s: &Scenario<'_>) -> Result<()> {
    let runs = collectors(s, 3).await?;
    let batch = batch(s, until_listed(s, 3).await?, BatchOperation::Terminate);
    in_turn(s, &batch).await??;
    until_done(s, 3).await?;
    for (id, run) in &runs {
        let events = s.assert_run(id, run, &format!("{WAITING}, WorkflowExecutionTerminated")).await?;
        let Some(Attributes::WorkflowExecutionTerminatedEventAttributes(terminated)) = &events[2].attributes else {
            anyhow::bail!("it is terminated");
        };
        assert_eq!(terminated.reason, "the reason");
    }
    // The id of a batch is given once.
    s.refused(in_turn(s, &batch).await?, "AlreadyExists")
}

async fn a_batch_signals_listed_workflows(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let runs = collectors(s, 3).await?;
    for (id, _) in &runs {
        s.until_event(id, "WorkflowTaskCompleted", 1).await?;
    }
    // This client names workflows by a query: so these three, and no other.
    let listed: Vec<String> = runs.iter().map(|(id, _)| format!("'{id}'")).collect();
    until_listed(s, 3).await?;
    let batch = batch(s, format!("WorkflowId IN ({})", listed.join(", ")), gives("end")?);
    in_turn(s, &batch).await??;
    until_done(s, 3).await?;
    for (id, run) in &runs {
        assert_eq!(collected(s, id).await?, ["end"]);
        s.assert_run(id, run, &two_tasks()).await?;
    }
    s.refused(s.client.stop_batch(&s.id("job"), "too late").await, "NotFound")?;
    worker.stop().await
}

/// Its workflows wait for a worker until the server is back: so none of their tasks is lost with it.
async fn a_batch_outlives_the_server(s: &Scenario<'_>) -> Result<()> {
    let runs = collectors(s, 80).await?;
    let batch = batch(s, until_listed(s, 80).await?, gives("end")?);
    in_turn(s, &batch).await??;
    s.until("some to be signalled", async || (describe(s).await.ok()?.complete_operation_count >= 10).then_some(()))
        .await?;
    s.restart_server().await?;
    until_done(s, 80).await?;
    let worker = s.worker().await?;
    for (n, (id, run)) in runs.iter().enumerate() {
        assert_eq!(collected(s, id).await?, ["end"]);
        assert_eq!(count(&s.events(id, "").await?, "WorkflowExecutionSignaled"), 1);
        if n < 3 {
            let answered = "WorkflowTaskStarted, WorkflowTaskCompleted, WorkflowExecutionCompleted";
            s.assert_run(id, run, &format!("{WAITING}, WorkflowExecutionSignaled, {answered}")).await?;
        }
    }
    s.refuses_late_signal(&s.id("0")).await?;
    worker.stop().await
}
