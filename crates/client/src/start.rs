//! Starting a workflow.

use std::{collections::HashMap, time::Duration};

use weft_protocol::{
    api::{
        common::{Header, Memo, Payload, Priority, RetryPolicy, SearchAttributes, WorkflowType},
        enums::{TaskQueueKind, WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
        sdk::UserMetadata,
        taskqueue::TaskQueue,
        workflowservice::{StartWorkflowExecutionRequest, StartWorkflowExecutionResponse},
    },
    payload::list_of,
    time::proto_duration,
};

use crate::{Client, Error, Run, retry::Repeat};

/// What to start. Everything but the first three may stay as it is.
#[derive(Clone, Debug, Default)]
pub struct Start {
    pub workflow_id: String,
    pub workflow_type: String,
    pub task_queue: String,
    pub input: Vec<Payload>,
    pub execution_timeout: Option<Duration>,
    pub run_timeout: Option<Duration>,
    pub task_timeout: Option<Duration>,
    pub start_delay: Option<Duration>,
    pub reuse: WorkflowIdReusePolicy,
    pub conflict: WorkflowIdConflictPolicy,
    pub retry: Option<RetryPolicy>,
    pub cron: String,
    pub memo: HashMap<String, Payload>,
    pub search_attributes: HashMap<String, Payload>,
    /// For people who look at the workflow.
    pub metadata: Option<UserMetadata>,
    /// For interceptors of the worker.
    pub header: HashMap<String, Payload>,
    pub priority: Option<Priority>,
}

/// What was started, or was running already where the conflict policy says to use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    pub run: Run,
    /// The first run of its chain; `run` itself where the server does not tell.
    pub first_run_id: String,
    pub is_new: bool,
}

impl Start {
    #[must_use]
    pub fn new(
        workflow_id: impl Into<String>,
        workflow_type: impl Into<String>,
        task_queue: impl Into<String>,
    ) -> Self {
        Self {
            workflow_id: workflow_id.into(),
            workflow_type: workflow_type.into(),
            task_queue: task_queue.into(),
            ..Self::default()
        }
    }

    pub(crate) fn into_request(self, client: &Client) -> StartWorkflowExecutionRequest {
        let queue = TaskQueue { name: self.task_queue, kind: TaskQueueKind::Normal.into(), ..TaskQueue::default() };
        StartWorkflowExecutionRequest {
            namespace: client.namespace().to_owned(),
            workflow_id: self.workflow_id,
            workflow_type: Some(WorkflowType { name: self.workflow_type }),
            task_queue: Some(queue),
            input: list_of(self.input),
            workflow_execution_timeout: self.execution_timeout.map(proto_duration),
            workflow_run_timeout: self.run_timeout.map(proto_duration),
            workflow_task_timeout: self.task_timeout.map(proto_duration),
            identity: client.identity().to_owned(),
            request_id: client.new_id(),
            workflow_id_reuse_policy: self.reuse.into(),
            workflow_id_conflict_policy: self.conflict.into(),
            retry_policy: self.retry,
            cron_schedule: self.cron,
            memo: (!self.memo.is_empty()).then_some(Memo { fields: self.memo }),
            search_attributes: (!self.search_attributes.is_empty())
                .then_some(SearchAttributes { indexed_fields: self.search_attributes }),
            workflow_start_delay: self.start_delay.map(proto_duration),
            user_metadata: self.metadata,
            header: header(self.header),
            priority: self.priority,
            ..StartWorkflowExecutionRequest::default()
        }
    }
}

pub(crate) fn header(fields: HashMap<String, Payload>) -> Option<Header> {
    (!fields.is_empty()).then_some(Header { fields })
}

impl Started {
    pub(crate) fn of(workflow_id: String, answer: StartWorkflowExecutionResponse) -> Self {
        let first_run_id = answer.first_execution_run_id;
        let first_run_id = if first_run_id.is_empty() { answer.run_id.clone() } else { first_run_id };
        Self { run: Run { workflow_id, run_id: answer.run_id }, first_run_id, is_new: answer.started }
    }
}

impl Client {
    /// Starts a workflow. Repeated under the hood with one request id, so at most one run is started.
    ///
    /// # Errors
    /// Among others when the workflow id is taken.
    pub async fn start(&self, start: Start) -> Result<Started, Error> {
        const CALL: &str = "StartWorkflowExecution";
        let workflow_id = start.workflow_id.clone();
        let request = start.into_request(self);
        let send =
            |mut stub: crate::WorkflowService, request| async move { stub.start_workflow_execution(request).await };
        let answer = self.call(CALL, request, Repeat::Harmless, send).await?;
        Ok(Started::of(workflow_id, answer))
    }
}
