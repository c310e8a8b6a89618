//! What concerns all owners of queues: workers that go, and which queues there are.

use std::collections::BTreeMap;

use futures::future::join_all;
use weft_matching::{QueueKey, QueueName};
use weft_protocol::internal::WorkerGoneRequest;

use super::wire;
use crate::node::{Node, NodeInner};

impl NodeInner {
    /// The queues of a namespace that are known here, and whether they are polled.
    pub(super) fn queues_here(&self, namespace: &str) -> Vec<(QueueKey, bool)> {
        let key = |QueueName { name, kind, sticky, polled }| {
            (QueueKey { namespace: namespace.into(), name, kind, sticky }, polled)
        };
        self.matching.queues(namespace).into_iter().map(key).collect()
    }
}

impl Node {
    /// A worker shuts down: its polls at these queues end, whoever owns them. Of a node that does not answer nothing is
    /// lost: the worker's polls end with their calls.
    pub(crate) async fn worker_gone(&self, namespace: &str, worker: &str, queues: &[QueueKey]) {
        self.matching().worker_gone(namespace, worker, queues);
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

    /// The queues of a namespace that any node knows, by name, and whether they are polled.
    pub(crate) async fn queues(&self, namespace: &str) -> BTreeMap<QueueKey, bool> {
        let mut found: BTreeMap<QueueKey, bool> = self.inner().queues_here(namespace).into_iter().collect();
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
