//! Batch operations: started, described, listed and stopped. [`crate::jobs`] does the work.

use std::sync::Arc;

use tonic::{Response, Status};
use weft_engine::{
    Answer, Identity, JobRequest, Namespace, Request as Ask, Target, WorkflowId, WorkflowKey,
    state::{Aim, Job},
};
use weft_protocol::{
    api::workflowservice::*,
    error::{Error, Exhausted, text},
};

use super::{context, errors, list, validate, wire};
use crate::node::Node;

/// Jobs of a namespace, as lists find them.
const ALL: &str = "TemporalNamespaceDivision = 'TemporalBatcher'";
const RUNNING: &str = "TemporalNamespaceDivision = 'TemporalBatcher' AND ExecutionStatus = 'Running'";

/// Who stops a job when its client does not say who it is.
const FRONTEND: &str = "frontend-service";

pub(crate) async fn start(
    node: &Node,
    body: StartBatchOperationRequest,
) -> Result<Response<StartBatchOperationResponse>, Status> {
    let namespace = context::namespace_for_start(node, &body.namespace).await?;
    let key = key(node, &namespace, &body.job_id)?;
    let order = validate::batch::order(&node.settings().limits, body)?;
    if let (Aim::Query(query), Some(filter)) = (&order.aim, crate::jobs::filter(&order, node.clock().now().0)) {
        let refuse = |why| Error::invalid_argument(format!("invalid visibility query: {why}"));
        // As it was written first, so that the place of an error is the client's; then with what is added to it, which
        // an order or groups do not go with.
        list::parse(node, &namespace, query).and_then(|_| list::parse(node, &namespace, &filter)).map_err(refuse)?;
    }
    let running = list::parse(node, &namespace, RUNNING).map_err(Error::internal)?;
    let running = node.lists().count(namespace.id.to_string(), running).await.map_err(errors::of_list)?;
    if running.total >= node.options().jobs.running_max {
        let why = "Max concurrent batch operations is reached";
        return Err(Error::resource_exhausted(Exhausted::CONCURRENT_LIMIT, why).into());
    }
    ask(node, namespace, key, JobRequest::Start(Box::new(order))).await?;
    Ok(Response::new(StartBatchOperationResponse {}))
}

pub(crate) async fn describe(
    node: &Node,
    body: DescribeBatchOperationRequest,
) -> Result<Response<DescribeBatchOperationResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let key = key(node, &namespace, &body.job_id)?;
    let job = ask(node, namespace, key, JobRequest::Look).await?;
    Ok(Response::new(wire::batch::description(body.job_id, &job)))
}

pub(crate) async fn stop(
    node: &Node,
    body: StopBatchOperationRequest,
) -> Result<Response<StopBatchOperationResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let key = key(node, &namespace, &body.job_id)?;
    if body.reason.is_empty() {
        return Err(Error::invalid_argument(text::REASON_NOT_SET).into());
    }
    validate::sizes::text(&node.settings().limits, &body.reason)?;
    let identity = if body.identity.is_empty() { FRONTEND } else { &body.identity };
    let identity: Identity = wire::identity(&node.settings().limits, identity)?;
    let stopped = node.jobs().stop(&key, body.reason, identity).await;
    let stopped = stopped.ok_or_else(|| Status::unavailable("the node stops"))?;
    stopped.map_err(|failure| errors::about(failure, &key, &Target::default()))?;
    Ok(Response::new(StopBatchOperationResponse {}))
}

pub(crate) async fn list(
    node: &Node,
    body: ListBatchOperationsRequest,
) -> Result<Response<ListBatchOperationsResponse>, Status> {
    let ListBatchOperationsRequest { namespace, page_size: size, next_page_token: token } = body;
    let asked = list::Asked { namespace, query: ALL.to_owned(), size, token, kind: list::Kind::Executions };
    let (executions, next_page_token) = list::page(node, asked).await?;
    let operation_info = executions.into_iter().map(wire::batch::info).collect();
    Ok(Response::new(ListBatchOperationsResponse { operation_info, next_page_token }))
}

/// A job by its id, which is one of a workflow in all but name.
fn key(node: &Node, namespace: &Namespace, job: &str) -> Result<WorkflowKey, Status> {
    if job.is_empty() {
        return Err(Error::invalid_argument(text::JOB_ID_NOT_SET).into());
    }
    context::within(node, job, text::JOB_ID_TOO_LONG)?;
    Ok(WorkflowKey { namespace: namespace.id.clone(), workflow: WorkflowId::from(job) })
}

async fn ask(
    node: &Node,
    namespace: Arc<Namespace>,
    key: WorkflowKey,
    request: JobRequest,
) -> Result<Arc<Job>, Status> {
    let answer = node.shard(&key).ask(key.clone(), namespace, Ask::Job(request)).await;
    match answer.map_err(|failure| errors::about(failure, &key, &Target::default()))? {
        Answer::Job(job) => Ok(job),
        _ => Err(Error::internal("a batch job was answered with something else").into()),
    }
}
