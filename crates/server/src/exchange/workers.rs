//! What concerns all owners of queues: workers that go, and which queues there are.

use std::collections::BTreeMap;

use futures::future::join_all;
use weft_matching::{QueueKey, QueueName, QueueStats};
use weft_protocol::internal::WorkerGoneRequest;

use super::wire;
use crate::node::{Node, NodeInner};

impl NodeInner {
    /// The queues of a namespace that are known here, and whether they are polled.
    pub(super) fn queues_here(&self, namespace: &str) -> Vec<(QueueKey, bool)> {
        let key = |QueueName { name, kind, sticky, polled }| {
            (QueueKey { namespace: namespace.into(), name, kind, sticky }, polled)
        };
        let branches = self.branches().map(|branches| branches.polls().queues(namespace));
        self.matching.queues(namespace).into_iter().chain(branches.into_iter().flatten()).map(key).collect()
    }

    /// Ends the polls of a worker that shuts down, where they wait here. Those at its own queue end whoever's they are.
    pub(super) fn worker_gone_here(&self, namespace: &str, worker: &str, queues: &[QueueKey]) {
        self.matching.worker_gone(namespace, worker, queues);
        if let Some(branches) = self.branches() {
            branches.polls().worker_gone(namespace, worker, queues);
            queues.iter().filter(|queue| queue.sticky).for_each(|queue| branches.polls().unload_sticky(queue));
        }
    }

    /// What is known of the polls that wait here for a queue that another node owns.
    pub(super) fn branch_stats(&self, queue: &QueueKey) -> QueueStats {
        self.branches().map(|branches| branches.polls().describe(queue)).unwrap_or_default()
    }
}

impl Node {
    /// A worker shuts down: its polls at these queues end, whoever owns them. Of a node that does not answer nothing is
    /// lost: the worker's polls end with their calls.
    pub(crate) async fn worker_gone(&self, namespace: &str, worker: &str, queues: &[QueueKey]) {
        self.inner().worker_gone_here(namespace, worker, queues);
        let request = WorkerGoneRequest {
            namespace_id: namespace.to_owned(),
            worker: worker.to_owned(),
            queues: queues.iter().map(wire::queue).collect(),
        };
        let others = self.peers().others().map(|node| self.inner().worker_gone_at(node, request.clone()));
        for told in join_all(others).await {
            if let Err(status) = told {
                tracing::debug!(%status, "a node was not told of a worker that shuts down");
            }
        }
    }

    /// What is known of a queue that this node owns, and of the polls that wait for it at others.
    pub(crate) async fn describe_queue(&self, queue: &QueueKey) -> QueueStats {
        let mut stats = self.matching().describe(queue);
        let others = self.peers().others().map(|node| self.inner().branch_at(node, queue));
        // A node of an earlier build has no branches.
        for branch in join_all(others).await.into_iter().flatten() {
            stats.add_branch(branch);
        }
        stats
    }

    /// The queues of a namespace that any node knows, by name, and whether they are polled.
    pub(crate) async fn queues(&self, namespace: &str) -> BTreeMap<QueueKey, bool> {
        let mut found = BTreeMap::new();
        for (queue, polled) in self.inner().queues_here(namespace) {
            *found.entry(queue).or_insert(false) |= polled;
        }
        // What a node owns that does not answer moves to the others.
        let others = self.peers().others().map(|node| self.inner().queues_at(node, namespace));
        for known in join_all(others).await.into_iter().flatten().flat_map(|answer| answer.queues) {
            if let Ok(queue) = wire::queue_key(known.queue) {
                *found.entry(queue).or_insert(false) |= known.polled;
            }
        }
        found
    }
}
