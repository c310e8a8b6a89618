//! The SDK's own replayer as a judge of histories.

use anyhow::{Context, Result};
use weft::{Replayer, client::api::history::HistoryEvent};

use crate::workflows;

/// Fails if the workflow code would not decide again what this history says it decided.
pub(crate) fn replay(events: Vec<HistoryEvent>) -> Result<()> {
    let replayed = workflows::replayer(Replayer::new()).replay(events);
    replayed.map(drop).context("the SDK's replayer does not accept the history")
}

/// The same with the JSON that people keep.
pub(crate) fn replay_json(text: &str) -> Result<()> {
    let replayed = workflows::replayer(Replayer::new()).replay_json(text);
    replayed.map(drop).context("the SDK's replayer does not accept the history")
}
