//! What a workflow carries with it: memo, search attributes, summaries, versions of its code.

use anyhow::{Context, Result};
use temporalio_common::{
    MemoValues,
    search_attributes::{SearchAttributeKey, SearchAttributes},
};

use super::scenarios;
use crate::{
    harness::{
        history::TASK,
        pool::Entry,
        scenario::{Scenario, result_of},
    },
    workflows::{Collector, Greeter, Labeller, Patched},
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer:
        a_memo_and_search_attributes_are_kept_and_changed,
        a_workflow_says_what_it_is_about,
        a_patch_leaves_its_marker,
    ]
}

const BATCHER_USER: SearchAttributeKey<String> = SearchAttributeKey::keyword("BatcherUser");
const UNKNOWN: SearchAttributeKey<String> = SearchAttributeKey::keyword("NoSuchAttribute");

async fn a_memo_and_search_attributes_are_kept_and_changed(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let mut memo = MemoValues::new();
    memo.insert("colour", "blue".to_owned()).insert("size", 5_u32);
    let mut options = s.options("");
    options.memo = Some(memo);
    options.search_attributes = Some(SearchAttributes::new([BATCHER_USER.value_set("somebody".to_owned())]));
    let handle = s.client.start_workflow(Labeller::run, (), options).await?;
    assert_eq!(result_of(&handle).await?, ("somebody".to_owned(), "blue".to_owned()));
    let described = handle.describe(Default::default()).await?;
    assert_eq!(described.memo().get::<String>("colour")?.as_deref(), Some("red"));
    assert_eq!(described.memo().get::<u32>("size")?, None, "taken away");
    assert_eq!(described.search_attributes().get(&BATCHER_USER).as_deref(), Some("somebody else"));
    s.assert_history(
        &handle,
        &format!(
            "WorkflowExecutionStarted, {TASK}, WorkflowPropertiesModified, UpsertWorkflowSearchAttributes,
             WorkflowExecutionCompleted"
        ),
    )
    .await?;
    let mut options = s.options("other");
    options.search_attributes = Some(SearchAttributes::new([UNKNOWN.value_set("x".to_owned())]));
    s.refused(s.client.start_workflow(Labeller::run, (), options).await.map(drop), "InvalidArgument")?;
    worker.stop().await
}

async fn a_workflow_says_what_it_is_about(s: &Scenario<'_>) -> Result<()> {
    let mut options = s.options("");
    options.static_summary = Some("collects words".to_owned());
    options.static_details = Some("until one of them is `end`".to_owned());
    let handle = s.client.start_workflow(Collector::run, (), options).await?;
    let described = handle.describe(Default::default()).await?;
    assert_eq!(described.static_summary(), Some("collects words"));
    assert_eq!(described.static_details(), Some("until one of them is `end`"));
    assert_eq!((described.workflow_type(), described.history_length()), ("Collector", 2));
    s.same("status", format!("{:?}", described.status()));
    let config = described.raw().execution_config.as_ref().context("a configuration")?;
    s.same("task timeout", format!("{:?}", config.default_workflow_task_timeout));
    s.same("pending task", format!("{:?}", described.raw().pending_workflow_task.is_some()));
    s.assert_history(&handle, "WorkflowExecutionStarted, WorkflowTaskScheduled").await?;
    let absent = s.client.get_workflow_handle::<Greeter>(s.id("absent"));
    s.refused(absent.describe(Default::default()).await, "NotFound")
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
