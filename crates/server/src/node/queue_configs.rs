//! What operators set for task queues, on its way from the metadata to matching.
//!
//! Invariant: what matching has is what was committed, from the start of the node on.

use std::sync::Arc;

use weft_engine::{NamespaceId, TaskRowKind};
use weft_matching::{QueueConfig, QueueKey, QueueKind};
use weft_protocol::api::taskqueue::{RateLimitConfig, TaskQueueConfig};
use weft_rows::task;
use weft_shard::ChangeError;

use super::{Node, NodeInner};

impl Node {
    /// Changes what is set for a task queue, by what is set.
    ///
    /// # Errors
    /// `Refused` with what `decide` said, or `Unavailable`; then the outcome is unknown.
    pub async fn configure_queue<E>(
        &self,
        queue: task::Queue,
        decide: impl FnOnce(TaskQueueConfig) -> Result<TaskQueueConfig, E>,
    ) -> Result<Arc<TaskQueueConfig>, ChangeError<E>> {
        let config = self.0.metadata.configure_queue(queue.clone(), decide).await?;
        self.0.tell_matching(&queue);
        Ok(config)
    }
}

impl NodeInner {
    /// Tells matching all that is set, and nothing of the queues for which nothing is set any more.
    pub(super) fn configure_queues(&self) {
        let _told_in_turn = self.telling.lock();
        let configs = self.metadata.queue_configs();
        self.matching.configure_all(configs.iter().map(|(queue, config)| (key_of(queue), config_of(config))).collect());
    }

    /// Forgets what was set for the queues of a namespace that is no more.
    pub(super) async fn forget_queues(&self, namespace: &NamespaceId) {
        match self.metadata.forget_queues(namespace).await {
            Ok(queues) => queues.iter().for_each(|queue| self.tell_matching(queue)),
            Err(error) => tracing::warn!(%namespace, %error, "task queue configurations cannot be removed now"),
        }
    }

    /// What is committed now, so that of two changes the later one holds.
    fn tell_matching(&self, queue: &task::Queue) {
        let _told_in_turn = self.telling.lock();
        let config = self.metadata.queue_config(queue);
        self.matching.configure(&key_of(queue), config.map(|config| config_of(&config)).unwrap_or_default());
    }
}

fn key_of(queue: &task::Queue) -> QueueKey {
    let kind = match queue.kind {
        TaskRowKind::Workflow => QueueKind::Workflow,
        TaskRowKind::Activity => QueueKind::Activity,
    };
    QueueKey::normal(queue.namespace.as_str(), queue.name.as_str(), kind)
}

fn config_of(config: &TaskQueueConfig) -> QueueConfig {
    let rate = |limit: &Option<RateLimitConfig>| {
        limit.as_ref().and_then(|limit| limit.rate_limit).map(|limit| f64::from(limit.requests_per_second))
    };
    let weights = config.fairness_weight_overrides.iter();
    QueueConfig {
        rate: rate(&config.queue_rate_limit),
        key_rate: rate(&config.fairness_keys_rate_limit_default),
        weights: weights.map(|(key, weight)| (key.as_str().into(), f64::from(*weight))).collect(),
    }
}
