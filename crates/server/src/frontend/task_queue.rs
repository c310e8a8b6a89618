//! What is known of task queues: who polls them, and how much waits.

pub(crate) mod config;

use std::collections::HashMap;

use tonic::{Response, Status};
use weft_engine::{NamespaceId, TaskRowKind, Timestamp};
use weft_matching::{QueueKey, QueueKind};
use weft_protocol::api::{
    enums::{DescribeTaskQueueMode, TaskQueueKind, TaskQueueType},
    taskqueue::{TaskQueueConfig, TaskQueuePartitionMetadata, TaskQueueVersionInfo},
    workflowservice::*,
};
use weft_rows::task;

use super::{
    context, errors,
    wire::{self, task_queue::Known},
};
use crate::node::Node;

pub(crate) async fn describe(
    node: &Node,
    body: DescribeTaskQueueRequest,
) -> Result<Response<DescribeTaskQueueResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let name = context::task_queue(node, body.task_queue.as_ref())?;
    let sticky = body.task_queue.as_ref().is_some_and(|queue| queue.kind() == TaskQueueKind::Sticky);
    let asked = Asked { node, namespace: &namespace.id, name, sticky };
    let kind = match body.task_queue_type() {
        TaskQueueType::Activity => QueueKind::Activity,
        TaskQueueType::Unspecified | TaskQueueType::Workflow | TaskQueueType::Nexus => QueueKind::Workflow,
    };
    let known = asked.known(kind).await?;
    let config = body.report_config.then(|| asked.config(kind)).flatten();
    #[expect(deprecated, reason = "released tools ask in the older ways")]
    let answer = DescribeTaskQueueResponse {
        pollers: wire::task_queue::pollers(&known.stats),
        stats: body.report_stats.then(|| wire::task_queue::stats(&known)),
        stats_by_priority_key: if body.report_stats { wire::task_queue::by_priority(&known) } else { HashMap::new() },
        config,
        effective_rate_limit: Some(wire::task_queue::rate_limit(&known)),
        task_queue_status: body.include_task_queue_status.then(|| wire::task_queue::status(&known)),
        versions_info: match body.api_mode() {
            DescribeTaskQueueMode::Enhanced => asked.versions_info(&body).await?,
            DescribeTaskQueueMode::Unspecified => HashMap::new(),
        },
        ..DescribeTaskQueueResponse::default()
    };
    Ok(Response::new(answer))
}

/// The queue that somebody asks about.
struct Asked<'a> {
    node: &'a Node,
    namespace: &'a NamespaceId,
    name: &'a str,
    sticky: bool,
}

impl Asked<'_> {
    /// Pollers and rates are matching's; what waits is counted in the shards. Tasks of a sticky queue stand there under
    /// the normal one, so of a sticky queue matching knows more.
    async fn known(&self, kind: QueueKind) -> Result<Known, Status> {
        let namespace = self.namespace.as_str();
        let now = Timestamp(self.node.clock().now().0);
        if self.sticky && kind == QueueKind::Workflow {
            let stats = self.node.describe_queue(&QueueKey::sticky(namespace, self.name)).await;
            return Ok(Known { stats, waiting: None, now });
        }
        let queue = QueueKey::normal(namespace, self.name, kind);
        let (stats, waiting) = tokio::join!(self.node.describe_queue(&queue), self.node.waiting(self.queue(kind)));
        let waiting = waiting.map_err(errors::of_reading)?;
        Ok(Known { stats, waiting: Some(waiting), now })
    }

    /// What an operator set; a worker's own queue is never configured.
    fn config(&self, kind: QueueKind) -> Option<TaskQueueConfig> {
        let set = if self.sticky { None } else { self.node.metadata().queue_config(&self.queue(kind)) };
        set.map(|config| TaskQueueConfig::clone(&config))
    }

    fn queue(&self, kind: QueueKind) -> task::Queue {
        let kind = match kind {
            QueueKind::Workflow => TaskRowKind::Workflow,
            QueueKind::Activity => TaskRowKind::Activity,
        };
        task::Queue { namespace: self.namespace.clone(), name: self.name.into(), kind }
    }

    /// There is one version of a queue here, the one without a build id.
    #[expect(deprecated, reason = "released tools ask in the older ways")]
    async fn versions_info(
        &self,
        body: &DescribeTaskQueueRequest,
    ) -> Result<HashMap<String, TaskQueueVersionInfo>, Status> {
        let all = body.task_queue_types.is_empty();
        let kinds = [(TaskQueueType::Workflow, QueueKind::Workflow), (TaskQueueType::Activity, QueueKind::Activity)];
        let mut types_info = HashMap::new();
        for (kind, queue) in kinds {
            if all || body.task_queue_types.contains(&kind.into()) {
                let info = wire::task_queue::of_type(&self.known(queue).await?, body);
                types_info.insert(kind.into(), info);
            }
        }
        Ok(HashMap::from([(String::new(), TaskQueueVersionInfo { types_info, ..TaskQueueVersionInfo::default() })]))
    }
}

/// A queue has one owner.
pub(crate) async fn partitions(
    node: &Node,
    body: ListTaskQueuePartitionsRequest,
) -> Result<Response<ListTaskQueuePartitionsResponse>, Status> {
    context::namespace(node, &body.namespace).await?;
    let name = context::task_queue(node, body.task_queue.as_ref())?;
    let one = vec![TaskQueuePartitionMetadata {
        key: name.to_owned(),
        owner_host_name: format!("node-{}", node.options().node),
    }];
    Ok(Response::new(ListTaskQueuePartitionsResponse {
        activity_task_queue_partitions: one.clone(),
        workflow_task_queue_partitions: one,
    }))
}
