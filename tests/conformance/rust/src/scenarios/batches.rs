//! Batch operations: one thing done to many workflows by the server, which may die meanwhile.

use anyhow::{Context, Result};
use futures::future::try_join_all;
use temporalio_client::{
    WorkflowCountOptions,
    grpc::WorkflowService,
    tonic::{Code, Request, Status},
};
use temporalio_protos::temporal::api::{
    batch::v1::{BatchOperationSignal, BatchOperationTermination},
    common::v1::{Payload, Payloads},
    enums::v1::BatchOperationState,
    history::v1::history_event::Attributes,
    workflowservice::v1::{
        DescribeBatchOperationRequest, DescribeBatchOperationResponse, StartBatchOperationRequest,
        StopBatchOperationRequest, start_batch_operation_request::Operation,
    },
};

use super::{scenarios, schedules::two_tasks};
use crate::{
    harness::{
        history::count,
        pool::Entry,
        scenario::{Scenario, execution, result_of},
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
        let handle = s.client.start_workflow(Collector::run, (), s.options(&n.to_string())).await?;
        Ok((s.id(&n.to_string()), handle.run_id().context("its run")?.to_owned()))
    }))
    .await
}

async fn collected(s: &Scenario<'_>, id: &str) -> Result<Vec<String>> {
    result_of(&s.client.get_workflow_handle::<Collector>(id)).await
}

/// A query that finds the workflows of this scenario; Temporal's index follows a little later.
async fn until_listed(s: &Scenario<'_>, count: usize) -> Result<String> {
    let query = format!("TaskQueue = '{}' AND WorkflowType = 'Collector'", s.queue());
    s.until("the index to know of all", async || {
        let found = s.client.count_workflows(query.clone(), WorkflowCountOptions::default()).await.ok()?;
        (found.count() == count).then_some(())
    })
    .await?;
    Ok(query)
}

fn batch(s: &Scenario<'_>, operation: Operation) -> StartBatchOperationRequest {
    StartBatchOperationRequest {
        namespace: "default".to_owned(),
        job_id: s.id("job"),
        reason: "the reason".to_owned(),
        operation: Some(operation),
        ..Default::default()
    }
}

fn gives(word: &str) -> Operation {
    let metadata = [("encoding".to_owned(), b"json/plain".to_vec())].into();
    let payload = Payload { metadata, data: format!("\"{word}\"").into_bytes(), ..Default::default() };
    Operation::SignalOperation(BatchOperationSignal {
        signal: "give".to_owned(),
        input: Some(Payloads { payloads: vec![payload] }),
        header: None,
        identity: "operator".to_owned(),
    })
}

/// Asks again for as long as another batch runs: there is one at a time.
async fn in_turn(s: &Scenario<'_>, batch: &StartBatchOperationRequest) -> Result<Result<(), Status>> {
    s.until("its turn", async || {
        let started = s.client.clone().start_batch_operation(Request::new(batch.clone())).await.map(drop);
        let is_busy = started.as_ref().is_err_and(|status| status.code() == Code::ResourceExhausted);
        (!is_busy).then_some(started)
    })
    .await
}

async fn describe(s: &Scenario<'_>) -> Result<DescribeBatchOperationResponse> {
    let request = DescribeBatchOperationRequest { namespace: "default".to_owned(), job_id: s.id("job") };
    Ok(s.client.clone().describe_batch_operation(Request::new(request)).await?.into_inner())
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
    let visibility_query = until_listed(s, 3).await?;
    let operation = BatchOperationTermination { identity: "operator".to_owned(), details: None };
    let batch = StartBatchOperationRequest { visibility_query, ..batch(s, Operation::TerminationOperation(operation)) };
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
    let mut executions = Vec::new();
    for (n, (id, run)) in runs.iter().enumerate() {
        s.until_event(id, "WorkflowTaskCompleted", 1).await?;
        executions.push(execution(id, if n > 0 { run } else { "" }));
    }
    #[expect(deprecated, reason = "the list of executions that every client knows")]
    let batch = StartBatchOperationRequest { executions, ..batch(s, gives("end")) };
    in_turn(s, &batch).await??;
    until_done(s, 3).await?;
    for (id, run) in &runs {
        assert_eq!(collected(s, id).await?, ["end"]);
        s.assert_run(id, run, &two_tasks()).await?;
    }
    let stop = StopBatchOperationRequest {
        namespace: "default".to_owned(),
        job_id: s.id("job"),
        reason: "too late".to_owned(),
        identity: "operator".to_owned(),
    };
    s.refused(s.client.clone().stop_batch_operation(Request::new(stop)).await, "NotFound")?;
    worker.stop().await
}

/// Its workflows wait for a worker until the server is back: so none of their tasks is lost with it.
async fn a_batch_outlives_the_server(s: &Scenario<'_>) -> Result<()> {
    let runs = collectors(s, 80).await?;
    let visibility_query = until_listed(s, 80).await?;
    let batch = StartBatchOperationRequest { visibility_query, ..batch(s, gives("end")) };
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
