//! What an operator asks: who the server is, and who polls a task queue.

use weft_protocol::api::{
    enums::{TaskQueueKind, TaskQueueType},
    taskqueue::TaskQueue,
    workflowservice::{
        DescribeTaskQueueRequest, DescribeTaskQueueResponse, GetClusterInfoRequest, GetClusterInfoResponse,
        GetSystemInfoRequest, GetSystemInfoResponse,
    },
};

use crate::{Client, Error, WorkflowService, retry::Repeat};

/// Whose pollers are meant: a task queue's name stands for two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollersOf {
    Workflows,
    Activities,
}

impl Client {
    /// # Errors
    /// When the server cannot answer.
    pub async fn system_info(&self) -> Result<GetSystemInfoResponse, Error> {
        let send = |mut stub: WorkflowService, request| async move { stub.get_system_info(request).await };
        self.call("GetSystemInfo", GetSystemInfoRequest {}, Repeat::Harmless, send).await
    }

    /// # Errors
    /// When the server cannot answer.
    pub async fn cluster_info(&self) -> Result<GetClusterInfoResponse, Error> {
        let send = |mut stub: WorkflowService, request| async move { stub.get_cluster_info(request).await };
        self.call("GetClusterInfo", GetClusterInfoRequest {}, Repeat::Harmless, send).await
    }

    /// The pollers of a task queue and how much waits there.
    ///
    /// # Errors
    /// When the namespace is unknown.
    pub async fn task_queue(&self, name: &str, of: PollersOf) -> Result<DescribeTaskQueueResponse, Error> {
        let kind = match of {
            PollersOf::Workflows => TaskQueueType::Workflow,
            PollersOf::Activities => TaskQueueType::Activity,
        };
        let queue = TaskQueue { name: name.to_owned(), kind: TaskQueueKind::Normal.into(), ..TaskQueue::default() };
        let request = DescribeTaskQueueRequest {
            namespace: self.namespace().to_owned(),
            task_queue: Some(queue),
            task_queue_type: kind.into(),
            report_stats: true,
            ..DescribeTaskQueueRequest::default()
        };
        let send = |mut stub: WorkflowService, request| async move { stub.describe_task_queue(request).await };
        self.call("DescribeTaskQueue", request, Repeat::Harmless, send).await
    }
}
