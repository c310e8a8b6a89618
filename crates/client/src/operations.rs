//! What an operator asks: who the server is, who works, and what holds for a task queue.

use weft_protocol::api::{
    enums::{TaskQueueKind, TaskQueueType},
    taskqueue::TaskQueue,
    workflowservice::{
        DescribeTaskQueueRequest, DescribeTaskQueueResponse, DescribeWorkerRequest, DescribeWorkerResponse,
        GetClusterInfoRequest, GetClusterInfoResponse, GetSystemInfoRequest, GetSystemInfoResponse, ListWorkersRequest,
        ListWorkersResponse, UpdateTaskQueueConfigRequest, UpdateTaskQueueConfigResponse,
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
            report_config: true,
            ..DescribeTaskQueueRequest::default()
        };
        let send = |mut stub: WorkflowService, request| async move { stub.describe_task_queue(request).await };
        self.call("DescribeTaskQueue", request, Repeat::Harmless, send).await
    }

    /// Sets what is to hold for a task queue; namespace and identity are this client's.
    ///
    /// # Errors
    /// When what is to be set makes no sense.
    pub async fn configure_task_queue(
        &self,
        request: UpdateTaskQueueConfigRequest,
    ) -> Result<UpdateTaskQueueConfigResponse, Error> {
        let (namespace, identity) = (self.namespace().to_owned(), self.identity().to_owned());
        let request = UpdateTaskQueueConfigRequest { namespace, identity, ..request };
        let send = |mut stub: WorkflowService, request| async move { stub.update_task_queue_config(request).await };
        self.call("UpdateTaskQueueConfig", request, Repeat::Harmless, send).await
    }

    /// The workers that sent heartbeats and that `query` selects; the empty query selects all.
    ///
    /// # Errors
    /// When the query cannot be read.
    pub async fn workers(&self, query: &str) -> Result<ListWorkersResponse, Error> {
        let request = ListWorkersRequest {
            namespace: self.namespace().to_owned(),
            query: query.to_owned(),
            ..ListWorkersRequest::default()
        };
        let send = |mut stub: WorkflowService, request| async move { stub.list_workers(request).await };
        self.call("ListWorkers", request, Repeat::Harmless, send).await
    }

    /// What one worker says of itself.
    ///
    /// # Errors
    /// When no such worker is known.
    pub async fn worker(&self, instance_key: &str) -> Result<DescribeWorkerResponse, Error> {
        let request = DescribeWorkerRequest {
            namespace: self.namespace().to_owned(),
            worker_instance_key: instance_key.to_owned(),
        };
        let send = |mut stub: WorkflowService, request| async move { stub.describe_worker(request).await };
        self.call("DescribeWorker", request, Repeat::Harmless, send).await
    }
}
