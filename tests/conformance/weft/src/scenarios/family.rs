//! Workflows among themselves: children, and signals from one to another.

use anyhow::{Result, bail};
use weft::client::{WorkflowHandle, api::history::history_event::Attributes};

use super::scenarios;
use crate::{
    harness::{
        history::TASK,
        pool::{Entry, Needs},
        scenario::{Scenario, result_of},
    },
    workflows::{Collector, Leaver, Parent, Patient, Teller},
};

pub(super) fn all() -> Vec<Entry> {
    let mut all = scenarios![SharedServer:
        a_child_gives_its_result_to_its_parent,
        a_child_that_fails_tells_its_parent_why,
        a_parent_that_completes_ends_its_child,
        a_workflow_signals_another,
    ];
    all.push(Entry {
        name: "a_child_outlives_the_server",
        needs: Needs::OwnServer,
        body: |scenario| Box::pin(a_child_outlives_the_server(scenario)),
    });
    all
}

const BORE: &str = "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted,
    StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted,
    WorkflowTaskCompleted";

/// A parent that has seen its child start, and will do nothing before the child ends.
async fn parent(s: &Scenario<'_>) -> Result<WorkflowHandle<Parent>> {
    s.start(Parent::run, s.id("kid")).await?;
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 2).await?;
    Ok(s.client.handle::<Parent>(s.id("")))
}

async fn tell(s: &Scenario<'_>, how: &str) -> Result<()> {
    let kid = s.client.handle::<Patient>(s.id("kid"));
    Ok(kid.signal(Patient::go, how.to_owned()).await?)
}

async fn a_child_gives_its_result_to_its_parent(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = parent(s).await?;
    tell(s, "well").await?;
    assert_eq!(result_of(&handle).await?, "kid well");
    let expected = format!("{BORE}, ChildWorkflowExecutionCompleted, {TASK}, WorkflowExecutionCompleted");
    s.assert_history(&handle, &expected).await?;
    s.refuses_late_signal(&s.id("kid")).await?;
    worker.stop().await
}

async fn a_child_that_fails_tells_its_parent_why(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = parent(s).await?;
    tell(s, "fail").await?;
    assert_eq!(result_of(&handle).await?, "failed: as told");
    let expected = format!("{BORE}, ChildWorkflowExecutionFailed, {TASK}, WorkflowExecutionCompleted");
    s.assert_history(&handle, &expected).await?;
    s.refuses_late_signal(&s.id("kid")).await?;
    worker.stop().await
}

async fn a_parent_that_completes_ends_its_child(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Leaver::run, (s.id("kid"), format!("{}-nobody", s.queue()))).await?;
    assert_eq!(result_of(&handle).await?, "left");
    s.assert_history(&handle, &format!("{BORE}, WorkflowExecutionCompleted")).await?;
    s.until_event(&s.id("kid"), "WorkflowExecutionTerminated", 1).await?;
    let expected = "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionTerminated";
    let events = s.assert_run(&s.id("kid"), "", expected).await?;
    let Some(Attributes::WorkflowExecutionTerminatedEventAttributes(it)) = &events[2].attributes else {
        bail!("a termination");
    };
    s.same("reason", it.reason.as_str());
    s.refuses_late_signal(&s.id("kid")).await?;
    worker.stop().await
}

async fn a_workflow_signals_another(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let listener = s.begin(Collector::run, (), "listener").await?;
    let words = vec!["one".to_owned(), "end".to_owned()];
    let handle = s.start(Teller::run, (s.id("listener"), words.clone())).await?;
    assert_eq!(result_of(&handle).await?, "told");
    assert_eq!(result_of(&listener).await?, words);
    let told = format!("SignalExternalWorkflowExecutionInitiated, ExternalWorkflowExecutionSignaled, {TASK}");
    let expected = format!("WorkflowExecutionStarted, {TASK}, {told}, {told}, WorkflowExecutionCompleted");
    s.assert_history(&handle, &expected).await?;
    for event in s.events(&s.id("listener"), "").await? {
        if let Some(Attributes::WorkflowExecutionSignaledEventAttributes(it)) = event.attributes {
            assert_eq!(it.external_workflow_execution.unwrap_or_default().workflow_id, s.id(""));
        }
    }
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn a_child_outlives_the_server(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = parent(s).await?;
    s.restart_server().await?;
    tell(s, "well").await?;
    assert_eq!(result_of(&handle).await?, "kid well");
    let expected = format!("{BORE}, ChildWorkflowExecutionCompleted, {TASK}, WorkflowExecutionCompleted");
    s.assert_history(&handle, &expected).await?;
    s.refuses_late_signal(&s.id("kid")).await?;
    worker.stop().await
}
