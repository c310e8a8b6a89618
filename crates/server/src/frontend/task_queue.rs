//! What is known of task queues: who polls them, and how much waits.

use std::collections::HashMap;

use tonic::{Response, Status};
use weft_matching::{QueueKey, QueueKind, QueueStats};
use weft_protocol::api::{
    enums::{DescribeTaskQueueMode, TaskQueueKind, TaskQueueType},
    taskqueue::{TaskQueuePartitionMetadata, TaskQueueVersionInfo},
    workflowservice::*,
};

use super::{context, wire};
use crate::node::Node;

pub(crate) async fn describe(
    node: &Node,
    body: DescribeTaskQueueRequest,
) -> Result<Response<DescribeTaskQueueResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let name = context::task_queue(node, body.task_queue.as_ref())?;
    let sticky = body.task_queue.as_ref().is_some_and(|queue| queue.kind() == TaskQueueKind::Sticky);
    let of = |kind: QueueKind| match (kind, sticky) {
        (QueueKind::Workflow, true) => node.matching().describe(&QueueKey::sticky(namespace.id.as_str(), name)),
        (kind, _) => node.matching().describe(&QueueKey::normal(namespace.id.as_str(), name, kind)),
    };
    let kind = match body.task_queue_type() {
        TaskQueueType::Activity => QueueKind::Activity,
        TaskQueueType::Unspecified | TaskQueueType::Workflow | TaskQueueType::Nexus => QueueKind::Workflow,
    };
    let stats = of(kind);
    #[expect(deprecated, reason = "released tools ask in the older ways")]
    let answer = DescribeTaskQueueResponse {
        pollers: wire::task_queue::pollers(&stats),
        stats: body.report_stats.then(|| wire::task_queue::stats(&stats)),
        task_queue_status: body.include_task_queue_status.then(|| wire::task_queue::status(&stats)),
        versions_info: match body.api_mode() {
            DescribeTaskQueueMode::Enhanced => versions_info(&body, of),
            DescribeTaskQueueMode::Unspecified => HashMap::new(),
        },
        ..DescribeTaskQueueResponse::default()
    };
    Ok(Response::new(answer))
}

/// There is one version of a queue here, the one without a build id.
#[expect(deprecated, reason = "released tools ask in the older ways")]
fn versions_info(
    body: &DescribeTaskQueueRequest,
    of: impl Fn(QueueKind) -> QueueStats,
) -> HashMap<String, TaskQueueVersionInfo> {
    let all = body.task_queue_types.is_empty();
    let wanted = |kind: TaskQueueType| all || body.task_queue_types.contains(&kind.into());
    let kinds = [(TaskQueueType::Workflow, QueueKind::Workflow), (TaskQueueType::Activity, QueueKind::Activity)];
    let types = kinds.into_iter().filter(|(kind, _)| wanted(*kind));
    let types_info = types.map(|(kind, queue)| (kind.into(), wire::task_queue::of_type(&of(queue)))).collect();
    let info = TaskQueueVersionInfo { types_info, ..TaskQueueVersionInfo::default() };
    HashMap::from([(String::new(), info)])
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
