//! Lists and counts.

use anyhow::Result;
use futures::TryStreamExt;
use temporalio_client::{WorkflowCountOptions, WorkflowListOptions};

use super::scenarios;
use crate::{
    harness::{
        pool::Entry,
        scenario::{Scenario, failure_of, result_of},
    },
    workflows::{Collector, Flaky, Greeter},
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer: workflows_are_listed_and_counted_by_what_they_are]
}

async fn workflows_are_listed_and_counted_by_what_they_are(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    for n in 0..5 {
        let options = s.options(&format!("greeter-{n}"));
        result_of(&s.client.start_workflow(Greeter::run, format!("{n}"), options).await?).await?;
    }
    failure_of(&s.client.start_workflow(Flaky::run, 2, s.options("flaky")).await?).await?;
    let open = s.client.start_workflow(Collector::run, (), s.options("open")).await?;

    let count = async |query: &str| {
        let query = format!("TaskQueue = '{}' AND ({query})", s.queue());
        s.client.count_workflows(query, WorkflowCountOptions::default()).await
    };
    // Temporal's index follows a little later.
    s.until("the index to know of all", async || {
        let closed = count("ExecutionStatus != 'Running'").await.ok()?.count();
        (closed == 6 && count("ExecutionStatus = 'Running'").await.ok()?.count() == 1).then_some(())
    })
    .await?;
    for (query, expected) in [
        ("WorkflowType = 'Greeter'", 5),
        ("ExecutionStatus = 'Completed' AND WorkflowType IN ('Greeter', 'Flaky')", 5),
        ("ExecutionStatus = 'Failed'", 1),
        ("WorkflowType = 'Greeter' AND CloseTime IS NULL", 0),
        ("WorkflowType != 'Greeter'", 2),
    ] {
        assert_eq!(count(query).await?.count(), expected, "{query}");
    }
    let query = format!("TaskQueue = '{}' AND WorkflowType STARTS_WITH 'Gree'", s.queue());
    let listed: Vec<_> = s.client.list_workflows(query, WorkflowListOptions::default()).try_collect().await?;
    let mut ids: Vec<&str> = listed.iter().map(|it| it.id()).collect();
    ids.sort_unstable();
    let expected: Vec<String> = (0..5).map(|n| s.id(&format!("greeter-{n}"))).collect();
    assert_eq!(ids, expected);
    let limit = WorkflowListOptions::builder().limit(2).build();
    let query = format!("TaskQueue = '{}'", s.queue());
    let listed: Vec<_> = s.client.list_workflows(query, limit).try_collect().await?;
    assert_eq!(listed.len(), 2);

    for nonsense in ["NoSuchAttribute = 'x'", "WorkflowType >", "ExecutionStatus = 'Asleep'"] {
        s.refused_in_its_words(count(nonsense).await, "InvalidArgument")?;
    }
    s.assert_history(
        &open,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted",
    )
    .await?;
    worker.stop().await
}
