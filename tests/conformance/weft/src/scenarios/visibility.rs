//! Lists and counts.

use anyhow::Result;
use futures::{StreamExt, TryStreamExt};

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
        result_of(&s.begin(Greeter::run, format!("{n}"), &format!("greeter-{n}")).await?).await?;
    }
    failure_of(&s.begin(Flaky::run, 2, "flaky").await?).await?;
    let open = s.begin(Collector::run, (), "open").await?;

    let count = async |query: &str| {
        let query = format!("TaskQueue = '{}' AND ({query})", s.queue());
        s.client.count(&query).await.map(|found| found.count)
    };
    // Temporal's index follows a little later.
    s.until("the index to know of all", async || {
        let closed = count("ExecutionStatus != 'Running'").await.ok()?;
        (closed == 6 && count("ExecutionStatus = 'Running'").await.ok()? == 1).then_some(())
    })
    .await?;
    for (query, expected) in [
        ("WorkflowType = 'Greeter'", 5),
        ("ExecutionStatus = 'Completed' AND WorkflowType IN ('Greeter', 'Flaky')", 5),
        ("ExecutionStatus = 'Failed'", 1),
        ("WorkflowType = 'Greeter' AND CloseTime IS NULL", 0),
        ("WorkflowType != 'Greeter'", 2),
    ] {
        assert_eq!(count(query).await?, expected, "{query}");
    }
    let query = format!("TaskQueue = '{}' AND WorkflowType STARTS_WITH 'Gree'", s.queue());
    let listed: Vec<_> = s.client.list(&query, 0).stream().try_collect().await?;
    let mut ids: Vec<&str> = listed.iter().filter_map(|it| Some(it.execution.as_ref()?.workflow_id.as_str())).collect();
    ids.sort_unstable();
    let expected: Vec<String> = (0..5).map(|n| s.id(&format!("greeter-{n}"))).collect();
    assert_eq!(ids, expected);
    let query = format!("TaskQueue = '{}'", s.queue());
    let listed: Vec<_> = s.client.list(&query, 1).stream().take(2).try_collect().await?;
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
