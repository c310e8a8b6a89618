//! One operation of a batch job: what a client would ask of that one execution, under a request id that is the same
//! whenever the operation is done again.

use std::time::Duration;

use tonic::{Code, Status};
use weft_engine::state::{Aim, Job};
use weft_protocol::api::{
    common::WorkflowExecution,
    workflowservice::{
        DeleteWorkflowExecutionRequest, RequestCancelWorkflowExecutionRequest, SignalWorkflowExecutionRequest,
        TerminateWorkflowExecutionRequest, start_batch_operation_request::Operation as Kind,
    },
};

use crate::{frontend::single, node::Node};

/// An operation that may succeed later is tried so often.
const ATTEMPTS: u32 = 50;
const RETRY: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It was done, or there was nothing to do it to any more.
    Completed,
    Failed,
    /// The job or the node stops.
    BrokenOff,
}

pub(super) struct Operation<'o> {
    pub(super) node: &'o Node,
    pub(super) namespace: &'o str,
    pub(super) job: &'o Job,
}

impl Operation<'_> {
    /// Does the operation to an execution, the one at this place of the job.
    pub(super) async fn run(&self, target: &WorkflowExecution, place: u64, stops: impl Fn() -> bool) -> Done {
        let mut pause = RETRY;
        for attempt in 1..=ATTEMPTS {
            let Err(status) = self.once(target.clone(), place).await else { return Done::Completed };
            match status.code() {
                // It is not running any more, or gone.
                Code::NotFound => return Done::Completed,
                Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Aborted
                    if attempt < ATTEMPTS => {}
                _ => {
                    let (workflow, run) = (&target.workflow_id, &target.run_id);
                    tracing::warn!(workflow, run, %status, "an operation of a batch job failed");
                    return Done::Failed;
                }
            }
            if stops() {
                return Done::BrokenOff;
            }
            let clock = self.node.clock();
            clock.sleep_until(clock.monotonic() + pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
        Done::Failed
    }

    /// The same for the same execution of the same job, whoever does it and however often. A list may name an execution
    /// twice, and mean it.
    fn request_id(&self, target: &WorkflowExecution, place: u64) -> String {
        match &self.job.order.aim {
            Aim::Query(_) => format!("{}:{}", self.job.run, target.run_id),
            Aim::Executions(_) => format!("{}:{place}", self.job.run),
        }
    }

    async fn once(&self, target: WorkflowExecution, place: u64) -> Result<(), Status> {
        let (node, namespace, order) = (self.node, self.namespace.to_owned(), &self.job.order);
        let identity = order.identity.to_string();
        let request_id = self.request_id(&target, place);
        let workflow_execution = Some(target);
        match &order.operation {
            Kind::TerminationOperation(it) => {
                let (reason, details) = (order.reason.clone(), it.details.clone());
                let body = TerminateWorkflowExecutionRequest {
                    namespace,
                    workflow_execution,
                    reason,
                    details,
                    identity,
                    ..TerminateWorkflowExecutionRequest::default()
                };
                single::terminate(node, body).await.map(drop)
            }
            Kind::CancellationOperation(_) => {
                let body = RequestCancelWorkflowExecutionRequest {
                    namespace,
                    workflow_execution,
                    identity,
                    request_id,
                    ..RequestCancelWorkflowExecutionRequest::default()
                };
                single::cancel(node, body).await.map(drop)
            }
            Kind::SignalOperation(it) => {
                let body = SignalWorkflowExecutionRequest {
                    namespace,
                    workflow_execution,
                    signal_name: it.signal.clone(),
                    input: it.input.clone(),
                    header: it.header.clone(),
                    identity,
                    request_id,
                    ..SignalWorkflowExecutionRequest::default()
                };
                single::signal(node, body).await.map(drop)
            }
            Kind::DeletionOperation(_) => {
                let body = DeleteWorkflowExecutionRequest { namespace, workflow_execution };
                single::delete(node, body).await.map(drop)
            }
            Kind::ResetOperation(_)
            | Kind::UpdateWorkflowOptionsOperation(_)
            | Kind::UnpauseActivitiesOperation(_)
            | Kind::ResetActivitiesOperation(_)
            | Kind::UpdateActivityOptionsOperation(_)
            | Kind::CancelActivitiesOperation(_)
            | Kind::TerminateActivitiesOperation(_)
            | Kind::DeleteActivitiesOperation(_) => {
                Err(Status::unimplemented("this operation of a batch job is not built in this server yet"))
            }
        }
    }
}
