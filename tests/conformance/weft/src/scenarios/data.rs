//! What a workflow carries with it: memo, search attributes, summaries, versions of its code.

use anyhow::{Context, Result};
use weft::{SearchAttributeKey, SearchAttributes};

use super::scenarios;
use crate::{
    harness::{
        history::TASK,
        pool::Entry,
        scenario::{Scenario, result_of},
    },
    workflows::{BATCHER_USER, Collector, Greeter, Labeller, Patched},
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer:
        a_memo_and_search_attributes_are_kept_and_changed,
        a_workflow_says_what_it_is_about,
        a_patch_leaves_its_marker,
    ]
}

const UNKNOWN: SearchAttributeKey<String> = SearchAttributeKey::keyword("NoSuchAttribute");

async fn a_memo_and_search_attributes_are_kept_and_changed(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let start = s.start(Labeller::run, ()).memo("colour", &"blue".to_owned()).memo("size", &5_u32);
    let handle = start.search_attributes(SearchAttributes::new().set(&BATCHER_USER, "somebody")).await?;
    assert_eq!(result_of(&handle).await?, ("somebody".to_owned(), "blue".to_owned()));
    let described = handle.describe().await?;
    assert_eq!(described.memo::<String>("colour")?.as_deref(), Some("red"));
    assert_eq!(described.memo::<u32>("size")?, None, "taken away");
    assert_eq!(described.search_attributes().get(&BATCHER_USER).as_deref(), Some("somebody else"));
    s.assert_history(
        &handle,
        &format!(
            "WorkflowExecutionStarted, {TASK}, WorkflowPropertiesModified*2, UpsertWorkflowSearchAttributes,
             WorkflowExecutionCompleted"
        ),
    )
    .await?;
    let unknown = SearchAttributes::new().set(&UNKNOWN, "x");
    s.refused(s.begin(Labeller::run, (), "other").search_attributes(unknown).await, "InvalidArgument")?;
    worker.stop().await
}

async fn a_workflow_says_what_it_is_about(s: &Scenario<'_>) -> Result<()> {
    let start = s.start(Collector::run, ()).summary("collects words");
    let handle = start.details("until one of them is `end`").await?;
    let described = handle.describe().await?;
    assert_eq!(described.summary().as_deref(), Some("collects words"));
    assert_eq!(described.details().as_deref(), Some("until one of them is `end`"));
    assert_eq!((described.workflow_type(), described.history_length()), ("Collector", 2));
    s.same("status", format!("{:?}", described.status()));
    let raw = described.description.as_ref().context("a description")?;
    let config = raw.execution_config.as_ref().context("a configuration")?;
    s.same("task timeout", format!("{:?}", config.default_workflow_task_timeout));
    s.same("pending task", format!("{:?}", raw.pending_workflow_task.is_some()));
    s.assert_history(&handle, "WorkflowExecutionStarted, WorkflowTaskScheduled").await?;
    let absent = s.client.handle::<Greeter>(s.id("absent"));
    s.refused(absent.describe().await, "NotFound")
}

async fn a_patch_leaves_its_marker(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Patched::run, ()).await?;
    assert_eq!(result_of(&handle).await?, "the better way");
    s.assert_history(
        &handle,
        &format!(
            "WorkflowExecutionStarted, {TASK}, MarkerRecorded, UpsertWorkflowSearchAttributes,
             WorkflowExecutionCompleted"
        ),
    )
    .await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}
