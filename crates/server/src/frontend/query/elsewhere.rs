//! Queries on task queues that another node owns.
//!
//! Invariant: a query waits where it was asked, whose shard's leader its worker answers to; the owner of the queue has its
//! id alone, for as long as the one who asked waits.

use weft_matching::QueueKey;
use weft_protocol::internal::dispatch_query_response::Outcome as Dispatched;

use super::{Asked, Outcome, Reply, too_many};
use crate::node::tasks::AskedQuery;

/// Gives a query to the owner of its queue. `None` if nobody will answer there.
pub(super) async fn hand_over(
    asked: &Asked<'_>,
    owner: u32,
    queue: &QueueKey,
    query: AskedQuery,
    mut answer: Reply,
) -> Option<Outcome> {
    let id = query.id;
    let _away = asked.node.queries().send_away(query);
    let left = asked.deadline.saturating_sub(asked.node.clock().monotonic());
    let dispatched = asked.node.inner().dispatch_query_to(owner, queue, id, left);
    let dispatched = tokio::select! {
        biased;
        answer = &mut answer => return Some(asked.outcome(answer.ok()?)),
        dispatched = dispatched => dispatched,
    };
    match dispatched {
        Ok(Dispatched::Taken) => Some(asked.outcome(answer.await.ok()?)),
        Ok(Dispatched::NoStickyPoller) => None,
        Ok(Dispatched::TooMany) => Some(too_many()),
        // The owner is another one, or forgot it.
        Ok(Dispatched::Dropped | Dispatched::Unspecified) | Err(_) => {
            asked.pause().await;
            Some(Outcome::Again)
        }
    }
}

/// Waits until another node leads the shard that was asked, or is to.
pub(super) async fn moved(asked: &Asked<'_>) {
    if asked.node.peers().is_alone() {
        return std::future::pending().await;
    }
    let (mut leadership, mut stopping) = (asked.node.leadership_of(&asked.key), asked.node.stopping());
    // An error means that the group or the node has ended; then nobody answers either.
    tokio::select! {
        _ = leadership.wait_for(|known| !known.mine) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}
