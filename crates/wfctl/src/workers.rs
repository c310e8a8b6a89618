//! The hint that nobody will do the work.

use weft_client::PollersOf;

use crate::{near, session::Connected};

/// Says so if no worker polls the queue for workflows, with names near it that are polled. A hint only: whatever cannot
/// be found out is not said.
pub(crate) async fn note_if_none(session: &Connected, queue: &str) {
    if let Some(says) = none(session, queue).await {
        session.output.note(says);
    }
}

async fn none(session: &Connected, queue: &str) -> Option<String> {
    let described = session.client.task_queue(queue, PollersOf::Workflows).await.ok()?;
    if !described.pollers.is_empty() {
        return None;
    }
    Some(format!("no worker polls task queue {queue:?} yet{}; its workflows wait for one", near_names(session, queue)))
}

/// Names near a queue's that are polled, as part of a sentence.
pub(crate) fn near_names(session: &Connected, queue: &str) -> String {
    let queues = session.operations.queues(session.client.namespace()).unwrap_or_default();
    let mut names: Vec<_> = queues.iter().filter(|known| known.polled).map(|known| known.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    near::hint(queue, names)
}
