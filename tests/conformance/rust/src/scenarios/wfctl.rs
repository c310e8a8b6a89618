//! The JSON histories that people get from `wfctl`, replayed by the SDK.

use std::{path::Path, process::Output};

use anyhow::{Context, Result, ensure};
use temporalio_client::WorkflowSignalOptions;
use tokio::process::Command;

use super::{activities::one_activity, scenarios};
use crate::{
    harness::{
        history::TASK,
        json,
        pool::Entry,
        replay,
        scenario::{Scenario, failure_of, result_of},
    },
    workflows::{Collector, Deed, Errand, LocalDeed, LocalPlan, LocalRunner, Patched, Runner, Tour},
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![SharedServer: histories_from_wfctl_are_replayed]
}

async fn show(s: &Scenario<'_>, id: &str) -> Result<Output> {
    let wfctl: &Path = s.wfctl()?;
    let mut command = Command::new(wfctl);
    command.args(["workflow", "show", id, "--address", &s.address, "--output", "json"]);
    command.output().await.with_context(|| format!("cannot run {}", wfctl.display()))
}

async fn histories_from_wfctl_are_replayed(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let client = &s.client;
    let tour = client.start_workflow(Tour::run, (1, 100), s.options("tour")).await?;
    let retried = client.start_workflow(Runner::run, Errand::new(Deed::SucceedsAt, "2"), s.options("retried")).await?;
    let failed = client.start_workflow(Runner::run, Errand::new(Deed::FailsForGood, "no"), s.options("failed")).await?;
    let plan = LocalPlan { deed: LocalDeed::SucceedsAt, word: "2".to_owned(), retry_after: 500, timer_from: 100 };
    let local = client.start_workflow(LocalRunner::run, plan, s.options("local")).await?;
    let patched = client.start_workflow(Patched::run, (), s.options("patched")).await?;
    let collector = client.start_workflow(Collector::run, (), s.options("collector")).await?;
    for word in ["schön", "end"] {
        collector.signal(Collector::give, word.to_owned(), WorkflowSignalOptions::default()).await?;
    }
    result_of(&tour).await?;
    result_of(&retried).await?;
    failure_of(&failed).await?;
    result_of(&local).await?;
    result_of(&patched).await?;
    result_of(&collector).await?;

    for name in ["tour", "retried", "failed", "local", "patched", "collector"] {
        let shown = show(s, &s.id(name)).await?;
        ensure!(shown.status.success(), "{name}: {}", String::from_utf8_lossy(&shown.stderr));
        let text = String::from_utf8(shown.stdout)?;
        replay::replay_json(&text).await.with_context(|| format!("{name}:\n{text}"))?;
        // Nothing is lost on the way: the JSON holds the very events that the server gives.
        assert_eq!(json::parse(&text)?.events, s.events(&s.id(name), "").await?, "{name}");
        if name == "tour" {
            // And the replayer does look: with another type of activity this is not what the code decides.
            let other = text.replacen("\"Deeds::echo\"", "\"Deeds::other\"", 1);
            ensure!(replay::replay_json(&other).await.is_err(), "a history that does not fit was accepted");
        }
    }
    let shown = show(s, &s.id("absent")).await?;
    ensure!(!shown.status.success(), "there is no such workflow");
    s.assert_history(&retried, &one_activity()).await?;
    s.assert_history(&patched, &format!(
        "WorkflowExecutionStarted, {TASK}, MarkerRecorded, UpsertWorkflowSearchAttributes, WorkflowExecutionCompleted"
    )).await?;
    s.refuses_late_signal(&s.id("tour")).await?;
    worker.stop().await
}
