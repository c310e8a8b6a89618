//! What operators set for task queues, beside the namespaces in the metadata group.
//!
//! Invariant: as for namespaces, the view is changed only when the batch is applied, and one change is under way at a
//! time. A configuration that says nothing has no row.

use std::{collections::BTreeMap, sync::Arc};

use weft_engine::NamespaceId;
use weft_protocol::api::taskqueue::TaskQueueConfig;
use weft_rows::{Ops, queue_config, table, task};
use weft_store::state::{KeyRange, Order, StateStore};

use super::{ChangeError, Metadata};

/// The configurations of all queues that have one.
pub(super) type QueueConfigs = BTreeMap<task::Queue, Arc<TaskQueueConfig>>;

impl Metadata {
    /// What was set for a queue, as this node knows it.
    #[must_use]
    pub fn queue_config(&self, queue: &task::Queue) -> Option<Arc<TaskQueueConfig>> {
        self.queues().get(queue).map(Arc::clone)
    }

    /// What was set for any queue, as this node knows it.
    #[must_use]
    pub fn queue_configs(&self) -> Vec<(task::Queue, Arc<TaskQueueConfig>)> {
        self.queues().iter().map(|(queue, config)| (queue.clone(), Arc::clone(config))).collect()
    }

    /// Changes what is set for a queue, by what is set.
    ///
    /// # Errors
    /// `Refused` with what `decide` said, or `Unavailable`; then the outcome is unknown.
    pub async fn configure_queue<E>(
        &self,
        queue: task::Queue,
        decide: impl FnOnce(TaskQueueConfig) -> Result<TaskQueueConfig, E>,
    ) -> Result<Arc<TaskQueueConfig>, ChangeError<E>> {
        let mut leader = self.leader.lock().await;
        self.lead(&mut leader).await?;
        let set = self.queue_config(&queue).map(|config| TaskQueueConfig::clone(&config)).unwrap_or_default();
        let config = Arc::new(decide(set).map_err(ChangeError::Refused)?);
        let mut ops = Ops::default();
        if *config == TaskQueueConfig::default() {
            ops.delete(table::QUEUE_CONFIG, &queue_config::key(&queue));
        } else {
            ops.put(table::QUEUE_CONFIG, &queue_config::key(&queue), &queue_config::encode(&config));
        }
        self.commit_ops(&mut leader, &ops).await?;
        Ok(config)
    }

    /// Forgets what was set for the queues of a namespace that is no more. Answers which they were.
    ///
    /// # Errors
    /// `Unavailable`; then the outcome is unknown.
    pub async fn forget_queues(
        &self,
        namespace: &NamespaceId,
    ) -> Result<Vec<task::Queue>, ChangeError<core::convert::Infallible>> {
        let mut leader = self.leader.lock().await;
        self.lead(&mut leader).await?;
        let queues: Vec<_> = self.queues().keys().filter(|queue| queue.namespace == *namespace).cloned().collect();
        if queues.is_empty() {
            return Ok(queues);
        }
        let mut ops = Ops::default();
        queues.iter().for_each(|queue| ops.delete(table::QUEUE_CONFIG, &queue_config::key(queue)));
        self.commit_ops(&mut leader, &ops).await?;
        Ok(queues)
    }

    fn queues(&self) -> std::sync::RwLockReadGuard<'_, QueueConfigs> {
        self.queues.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

pub(super) fn read_all(store: &dyn StateStore) -> Result<QueueConfigs, String> {
    let (from, end) = queue_config::range();
    let rows = store.scan(table::QUEUE_CONFIG, &KeyRange::between(from, end), Order::Ascending, usize::MAX);
    let mut configs = QueueConfigs::new();
    for (key, bytes) in rows.map_err(|error| error.to_string())? {
        let queue = queue_config::decode_key(&key).map_err(|error| error.to_string())?;
        let config = queue_config::decode_value(&bytes).map_err(|error| error.to_string())?;
        configs.insert(queue, Arc::new(config));
    }
    Ok(configs)
}
