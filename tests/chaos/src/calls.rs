//! What every call to the cluster has in common.

use std::time::Duration;

use tonic::{Code, Request};
use weft_protocol::api::{
    common::{Payloads, WorkflowExecution},
    workflowservice::{SignalWorkflowExecutionRequest, StartWorkflowExecutionRequest},
};

use crate::{commands, nodes::Client};

pub(crate) const NAMESPACE: &str = "default";
/// No worker polls it.
const PROBES: &str = "probes";
/// What ids of workflows begin with that only say how soon a shard answers.
pub(crate) const PROBE: &str = "probe-";
/// How long one try of a call may take.
pub(crate) const PATIENT: Duration = Duration::from_secs(10);
/// Before the next try.
pub(crate) const RETRY: Duration = Duration::from_millis(20);

/// What a node may say while the cluster is broken. Anything else is final.
pub(crate) fn may_be_tried_again(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown | Code::ResourceExhausted
    )
}

pub(crate) fn within<T>(request: T, patience: Duration) -> Request<T> {
    let mut request = Request::new(request);
    request.set_timeout(patience);
    request
}

/// Of one run, or of the current one if none is named.
pub(crate) fn execution(workflow: &str, run: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: workflow.to_owned(), run_id: run.to_owned() })
}

pub(crate) fn start_request(workflow: &str, kind: &str, input: Option<Payloads>) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_id: workflow.to_owned(),
        workflow_type: commands::kind(kind),
        task_queue: commands::queue(commands::QUEUE),
        request_id: format!("start-{workflow}"),
        input,
        ..StartWorkflowExecutionRequest::default()
    }
}

pub(crate) fn signal_request(workflow: &str, name: &str, request_id: String) -> SignalWorkflowExecutionRequest {
    SignalWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution(workflow, ""),
        signal_name: name.to_owned(),
        request_id,
        ..SignalWorkflowExecutionRequest::default()
    }
}

/// Starts a workflow that nobody works on, asking again at once until its start is told.
pub(crate) async fn probe_until_told(mut client: Client, name: &str) {
    let request = StartWorkflowExecutionRequest {
        task_queue: commands::queue(PROBES),
        ..start_request(&format!("{PROBE}{name}"), "probe", None)
    };
    while client.start_workflow_execution(within(request.clone(), PATIENT)).await.is_err() {
        tokio::task::yield_now().await;
    }
}
