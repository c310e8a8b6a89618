//! What can be asked of one workflow: signal, query, cancel, terminate, delete, describe.

use std::{collections::HashMap, time::Duration};

use weft_protocol::{
    api::{
        common::{Payload, WorkflowExecution},
        enums::QueryRejectCondition,
        query::{QueryRejected, WorkflowQuery},
        workflowservice::{
            DeleteWorkflowExecutionRequest, DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse,
            QueryWorkflowRequest, RequestCancelWorkflowExecutionRequest, SignalWorkflowExecutionRequest,
            TerminateWorkflowExecutionRequest,
        },
    },
    payload::list_of,
};

use crate::{Client, Error, WorkflowService, retry::Repeat, start::header};

/// A worker must answer within this time.
const QUERY_TIMEOUT: Duration = Duration::from_secs(30);

/// One run of a workflow, or the workflow's latest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    pub workflow_id: String,
    /// Empty is the latest run.
    pub run_id: String,
}

/// A signal and its arguments.
#[derive(Clone, Debug, Default)]
pub struct Signal {
    pub name: String,
    pub input: Vec<Payload>,
    /// For interceptors of the worker.
    pub header: HashMap<String, Payload>,
}

/// A question to a workflow's worker.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub kind: String,
    pub input: Vec<Payload>,
    /// For interceptors of the worker.
    pub header: HashMap<String, Payload>,
    /// States in which the query is not asked.
    pub reject: QueryRejectCondition,
}

impl Run {
    /// The latest run of a workflow.
    #[must_use]
    pub fn latest(workflow_id: impl Into<String>) -> Self {
        Self { workflow_id: workflow_id.into(), run_id: String::new() }
    }

    pub(crate) fn wire(&self) -> Option<WorkflowExecution> {
        Some(WorkflowExecution { workflow_id: self.workflow_id.clone(), run_id: self.run_id.clone() })
    }
}

impl Client {
    /// Signals a running workflow, once.
    ///
    /// # Errors
    /// When it is unknown or closed.
    pub async fn signal(&self, run: &Run, signal: Signal) -> Result<(), Error> {
        let request = SignalWorkflowExecutionRequest {
            namespace: self.namespace().to_owned(),
            workflow_execution: run.wire(),
            signal_name: signal.name,
            input: list_of(signal.input),
            header: header(signal.header),
            identity: self.identity().to_owned(),
            request_id: self.new_id(),
            ..SignalWorkflowExecutionRequest::default()
        };
        let send = |mut stub: WorkflowService, request| async move { stub.signal_workflow_execution(request).await };
        self.call("SignalWorkflowExecution", request, Repeat::Harmless, send).await.map(drop)
    }

    /// Asks a workflow something; one of its workers answers. `Err` inside: its state is one in which not to ask.
    ///
    /// # Errors
    /// When it is unknown, its worker failed to answer, or none answered in time.
    pub async fn query(&self, run: &Run, query: Query) -> Result<Result<Vec<Payload>, QueryRejected>, Error> {
        let request = QueryWorkflowRequest {
            namespace: self.namespace().to_owned(),
            execution: run.wire(),
            query: Some(WorkflowQuery {
                query_type: query.kind,
                query_args: list_of(query.input),
                header: header(query.header),
            }),
            query_reject_condition: query.reject.into(),
        };
        let send = |mut stub: WorkflowService, request| async move { stub.query_workflow(request).await };
        let answer = self.call_within("QueryWorkflow", QUERY_TIMEOUT, request, Repeat::Harmless, send).await?;
        Ok(match answer.query_rejected {
            Some(rejected) => Err(rejected),
            None => Ok(answer.query_result.unwrap_or_default().payloads),
        })
    }

    /// Asks a workflow to cancel itself, once.
    ///
    /// # Errors
    /// When it is unknown or closed.
    pub async fn cancel(&self, run: &Run, reason: &str) -> Result<(), Error> {
        self.cancel_in_chain(run, "", reason).await
    }

    /// The same, only if the workflow's chain of runs begins with the given one.
    pub(crate) async fn cancel_in_chain(&self, run: &Run, first_run_id: &str, reason: &str) -> Result<(), Error> {
        let request = RequestCancelWorkflowExecutionRequest {
            namespace: self.namespace().to_owned(),
            workflow_execution: run.wire(),
            identity: self.identity().to_owned(),
            request_id: self.new_id(),
            first_execution_run_id: first_run_id.to_owned(),
            reason: reason.to_owned(),
            ..RequestCancelWorkflowExecutionRequest::default()
        };
        let send =
            |mut stub: WorkflowService, request| async move { stub.request_cancel_workflow_execution(request).await };
        self.call("RequestCancelWorkflowExecution", request, Repeat::Harmless, send).await.map(drop)
    }

    /// Ends a workflow without asking it. Not repeated: the API has no request id here, and a second call would say
    /// that the workflow is closed.
    ///
    /// # Errors
    /// When it is unknown or closed.
    pub async fn terminate(&self, run: &Run, reason: &str, details: Vec<Payload>) -> Result<(), Error> {
        self.terminate_in_chain(run, "", reason, details).await
    }

    /// The same, only if the workflow's chain of runs begins with the given one.
    pub(crate) async fn terminate_in_chain(
        &self,
        run: &Run,
        first_run_id: &str,
        reason: &str,
        details: Vec<Payload>,
    ) -> Result<(), Error> {
        let request = TerminateWorkflowExecutionRequest {
            namespace: self.namespace().to_owned(),
            workflow_execution: run.wire(),
            reason: reason.to_owned(),
            details: list_of(details),
            identity: self.identity().to_owned(),
            first_execution_run_id: first_run_id.to_owned(),
            ..TerminateWorkflowExecutionRequest::default()
        };
        let send = |mut stub: WorkflowService, request| async move { stub.terminate_workflow_execution(request).await };
        self.call("TerminateWorkflowExecution", request, Repeat::Never, send).await.map(drop)
    }

    /// Removes a run and its history; a running one is terminated.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn delete(&self, run: &Run) -> Result<(), Error> {
        let request =
            DeleteWorkflowExecutionRequest { namespace: self.namespace().to_owned(), workflow_execution: run.wire() };
        let send = |mut stub: WorkflowService, request| async move { stub.delete_workflow_execution(request).await };
        self.call("DeleteWorkflowExecution", request, Repeat::Never, send).await.map(drop)
    }

    /// The state of a run.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn describe(&self, run: &Run) -> Result<DescribeWorkflowExecutionResponse, Error> {
        let request =
            DescribeWorkflowExecutionRequest { namespace: self.namespace().to_owned(), execution: run.wire() };
        let send = |mut stub: WorkflowService, request| async move { stub.describe_workflow_execution(request).await };
        self.call("DescribeWorkflowExecution", request, Repeat::Harmless, send).await
    }
}
