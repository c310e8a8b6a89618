//! Workflow tasks: sticky queues and eviction, long histories, tasks that fail, workers that leave.

use anyhow::Result;
use weft::client::api::{enums::TaskQueueKind, history::history_event::Attributes, taskqueue::TaskQueue};

use super::scenarios;
use crate::{
    harness::{
        history::TASK,
        pool::Entry,
        scenario::{Scenario, result_of},
        worker::connect,
    },
    workflows::{Clumsy, Collector, Greeter, Scribe},
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer:
        later_tasks_go_to_the_sticky_queue,
        a_worker_without_a_cache_replays_every_time,
        evicted_workflows_come_back_by_replay,
        a_long_history_is_read_in_pages,
        a_failed_task_is_tried_again,
        a_namespace_that_does_not_exist_is_refused,
    ]
}

pub(super) const THREE_TASKS: &str =
    "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted,
    WorkflowExecutionSignaled, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted,
    WorkflowExecutionSignaled, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted,
    WorkflowExecutionCompleted";

/// The kinds of queue to which the workflow tasks of this workflow were scheduled.
async fn collect_on(s: &Scenario<'_>) -> Result<Vec<TaskQueueKind>> {
    let handle = s.start(Collector::run, ()).await?;
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 1).await?;
    handle.signal(Collector::give, "one".to_owned()).await?;
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 2).await?;
    handle.signal(Collector::give, "end".to_owned()).await?;
    assert_eq!(result_of(&handle).await?, ["one", "end"]);
    let events = s.assert_history(&handle, THREE_TASKS).await?;
    s.refuses_late_signal(&s.id("")).await?;
    let kinds = events.iter().filter_map(|event| match &event.attributes {
        Some(Attributes::WorkflowTaskScheduledEventAttributes(it)) => it.task_queue.as_ref().map(TaskQueue::kind),
        _ => None,
    });
    Ok(kinds.collect())
}

async fn later_tasks_go_to_the_sticky_queue(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    assert_eq!(collect_on(s).await?, [TaskQueueKind::Normal, TaskQueueKind::Sticky, TaskQueueKind::Sticky]);
    worker.stop().await
}

async fn a_worker_without_a_cache_replays_every_time(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker_with(|worker| worker.cached_workflows_max(0)).await?;
    assert_eq!(collect_on(s).await?, [TaskQueueKind::Normal; 3]);
    worker.stop().await
}

/// Two workflows and room for one: each task of one evicts the other.
async fn evicted_workflows_come_back_by_replay(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker_with(|worker| worker.cached_workflows_max(1)).await?;
    let mut handles = Vec::new();
    for suffix in ["a", "b"] {
        handles.push(s.begin(Collector::run, (), suffix).await?);
        s.until_event(&s.id(suffix), "WorkflowTaskCompleted", 1).await?;
    }
    for (round, word) in ["one", "end"].into_iter().enumerate() {
        for (handle, suffix) in handles.iter().zip(["a", "b"]) {
            handle.signal(Collector::give, word.to_owned()).await?;
            s.until_event(&s.id(suffix), "WorkflowTaskCompleted", round + 2).await?;
        }
    }
    for handle in &handles {
        assert_eq!(result_of(handle).await?, ["one", "end"]);
        assert_eq!(handle.query(Collector::words, ()).await?, ["one", "end"]);
        s.assert_history(handle, THREE_TASKS).await?;
    }
    s.refuses_late_signal(&s.id("a")).await?;
    worker.stop().await
}

/// More events than the server gives in one page: a new worker must read on to replay.
async fn a_long_history_is_read_in_pages(s: &Scenario<'_>) -> Result<()> {
    let writer = s.worker().await?;
    let handle = s.start(Scribe::run, 1_200).await?;
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 1).await?;
    writer.stop().await?;
    handle.signal(Scribe::end, ()).await?;
    let reader = s.worker().await?;
    assert_eq!(result_of(&handle).await?, 1_200);
    s.assert_history(
        &handle,
        &format!(
            "WorkflowExecutionStarted, {TASK}, WorkflowPropertiesModified*1200, WorkflowExecutionSignaled, {TASK},
             WorkflowExecutionCompleted"
        ),
    )
    .await?;
    s.refuses_late_signal(&s.id("")).await?;
    reader.stop().await
}

async fn a_failed_task_is_tried_again(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Clumsy::run, ()).await?;
    assert_eq!(result_of(&handle).await?, "stood up");
    let events = s
        .assert_history(
            &handle,
            &format!(
                "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskFailed, {TASK},
                 WorkflowExecutionCompleted"
            ),
        )
        .await?;
    let Some(Attributes::WorkflowTaskFailedEventAttributes(it)) = &events[3].attributes else {
        anyhow::bail!("a failed task");
    };
    s.same("cause", it.cause().as_str_name());
    s.same("failure", it.failure.as_ref().map_or("", |failure| failure.message.as_str()));
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn a_namespace_that_does_not_exist_is_refused(s: &Scenario<'_>) -> Result<()> {
    let handle = s.start(Greeter::run, "here").await?;
    let elsewhere = connect(&s.address, &format!("nowhere-{}", s.id(""))).await?;
    let started = elsewhere.start_workflow(Greeter::run, "there").id(s.id("there")).task_queue(s.queue()).await;
    s.refused(started, "NotFound")?;
    // A namespace may be made later: a worker waits for it, does nothing meanwhile, and can be stopped.
    s.worker_on(&elsewhere, |worker| worker)?.stop().await?;
    s.assert_history(&handle, "WorkflowExecutionStarted, WorkflowTaskScheduled").await?;
    Ok(())
}
