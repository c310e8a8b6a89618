//! The SDK's own replayer as a judge of histories.

use anyhow::{Context, Result};
use temporalio_client::WorkflowHistory;
use temporalio_protos::temporal::api::history::v1::History;
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

use super::json;
use crate::workflows;

/// Fails if the workflow code would not decide again what this history says it decided.
pub(crate) async fn replay(history: History) -> Result<()> {
    // Through JSON on purpose: it is what people keep and feed to a replayer.
    let text = json::print(&history)?;
    replay_json(&text).await
}

pub(crate) async fn replay_json(text: &str) -> Result<()> {
    let history = json::parse(text)?;
    let mut options = WorkflowReplayerOptions::new().build();
    workflows::register_for_replay(&mut options)?;
    let handle = tokio::runtime::Handle::current();
    // A replayer holds workflows, which may not move between threads.
    let replayed = tokio::task::spawn_blocking(move || {
        handle.block_on(async { WorkflowReplayer::new(options)?.replay_workflow(WorkflowHistory::from(history)).await })
    });
    replayed.await?.context("the SDK's replayer does not accept the history")
}
