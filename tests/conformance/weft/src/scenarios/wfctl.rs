//! The JSON histories that people get from `wfctl`, replayed by the SDK.

use std::{path::Path, process::Output};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::{activities::one_activity, scenarios};
use crate::{
    harness::{
        history::TASK,
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
    let tour = s.begin(Tour::run, (1, 100), "tour").await?;
    let retried = s.begin(Runner::run, Errand::new(Deed::SucceedsAt, "2"), "retried").await?;
    let failed = s.begin(Runner::run, Errand::new(Deed::FailsForGood, "no"), "failed").await?;
    let plan = LocalPlan { deed: LocalDeed::SucceedsAt, word: "2".to_owned(), retry_after: 500 };
    let local = s.begin(LocalRunner::run, plan, "local").await?;
    let patched = s.begin(Patched::run, (), "patched").await?;
    let collector = s.begin(Collector::run, (), "collector").await?;
    for word in ["schön", "end"] {
        collector.signal(Collector::give, word.to_owned()).await?;
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
        replay::replay_json(&text).with_context(|| format!("{name}:\n{text}"))?;
        if name == "tour" {
            // And the replayer does look: with another type of activity this is not what the code decides.
            let other = text.replacen("\"echo\"", "\"other\"", 1);
            ensure!(replay::replay_json(&other).is_err(), "a history that does not fit was accepted");
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
