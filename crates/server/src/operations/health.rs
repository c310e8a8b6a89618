//! Whether a node lives, whether it is well, and whether clients should come to it.
//!
//! Invariant: a node that waits for others lives: starting it again would not help. One that is ready has applied what a
//! majority had committed when it was asked.

use std::time::Duration;

use http::StatusCode;

use super::{Answer, TEXT};
use crate::node::Node;

/// A majority answers within this, or there is none.
const PATIENCE: Duration = Duration::from_secs(3);

/// `/livez`: the process works, whatever the others do.
pub(super) fn alive(node: &Node) -> Answer {
    answer(&fault(node).into_iter().collect::<Vec<_>>())
}

/// `/livez` of a node that is not put together yet.
pub(super) fn starting() -> Answer {
    answer(&[])
}

/// `/healthz`: all that an operator would want to know of.
pub(super) fn well(node: &Node) -> Answer {
    let mut reasons = Vec::from_iter(fault(node));
    let waiting: Vec<_> = node.shards().iter().filter(|shard| !shard.is_settled()).map(|shard| shard.id().0).collect();
    if !waiting.is_empty() {
        reasons.push(format!("shards without a ready leader: {waiting:?}"));
    }
    if !node.wal().room() {
        reasons.push("the disk is nearly full: writes are refused".to_owned());
    }
    reasons.extend(stopping(node));
    answer(&reasons)
}

/// `/readyz`: a majority answers in every group, and this node has applied what it committed, but for copies that are only
/// coming to a member. A full disk is no reason:
/// any node answers what needs no room.
pub(super) async fn ready(node: &Node) -> Answer {
    let mut reasons: Vec<_> = fault(node).into_iter().chain(stopping(node)).collect();
    if reasons.is_empty() {
        let clock = node.clock();
        tokio::select! {
            current = node.serves() => {
                reasons.extend(current.err().map(|error| error.to_string()));
            }
            () = clock.sleep_until(clock.monotonic() + PATIENCE) => {
                reasons.push("no majority answers, or this node has not applied all of what it committed".to_owned());
            }
        }
    }
    answer(&reasons)
}

fn fault(node: &Node) -> Option<String> {
    node.fault().map(|fault| format!("the node cannot go on: {fault}"))
}

fn stopping(node: &Node) -> Option<String> {
    node.stopping().borrow().then(|| "the server is stopping".to_owned())
}

fn answer(reasons: &[String]) -> Answer {
    match reasons {
        [] => Answer::new(StatusCode::OK, TEXT, "ok\n".to_owned()),
        reasons => Answer::new(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{}\n", reasons.join("\n"))),
    }
}
