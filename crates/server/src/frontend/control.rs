//! What clients do to a workflow from outside: cancel, terminate, delete, reset stickiness.

use std::sync::Arc;

use tonic::{Response, Status};
use weft_engine::{Answer, CancelBody, Identity, Namespace, Request as Ask, Target, TerminateBody, WorkflowKey};
use weft_protocol::api::workflowservice::*;

use super::{context, errors, validate::sizes, wire};
use crate::node::{DELETER, Node};

/// Why a run was terminated when its client does not say.
const TERMINATED_BY_USER: &str = "terminated by user via frontend";

/// Who terminates a run when its client does not say who it is.
const FRONTEND: &str = "frontend-service";

/// Asks something of a run, and says which run it was when there is none.
pub(crate) async fn tell(
    node: &Node,
    namespace: Arc<Namespace>,
    key: WorkflowKey,
    target: Target,
    ask: impl FnOnce(Target) -> Ask,
) -> Result<Answer, Status> {
    let answer = node.shard(&key).ask(key.clone(), namespace, ask(target.clone())).await;
    answer.map_err(|failure| errors::about(failure, &key, &target))
}

pub(crate) async fn cancel(
    node: &Node,
    body: RequestCancelWorkflowExecutionRequest,
) -> Result<Response<RequestCancelWorkflowExecutionResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let (key, run) = context::execution(node, &namespace, body.workflow_execution.as_ref())?;
    let target = context::target(run, &body.first_execution_run_id)?;
    sizes::text(&node.settings().limits, &body.reason)?;
    sizes::links(&body.links)?;
    let cancel = CancelBody {
        identity: wire::identity(&node.settings().limits, &body.identity)?,
        request: wire::request_id(node, &body.request_id)?,
        reason: body.reason,
        links: body.links,
    };
    tell(node, namespace, key, target, |target| Ask::Cancel(target, cancel)).await?;
    Ok(Response::new(Default::default()))
}

pub(crate) async fn terminate(
    node: &Node,
    body: TerminateWorkflowExecutionRequest,
) -> Result<Response<TerminateWorkflowExecutionResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let (key, run) = context::execution(node, &namespace, body.workflow_execution.as_ref())?;
    let target = context::target(run, &body.first_execution_run_id)?;
    let limits = &node.settings().limits;
    sizes::text(limits, &body.reason)?;
    sizes::blob(limits, body.details.as_ref())?;
    sizes::links(&body.links)?;
    let identity = if body.identity.is_empty() { FRONTEND } else { &body.identity };
    let terminate = TerminateBody {
        identity: wire::identity(limits, identity)?,
        reason: if body.reason.is_empty() { TERMINATED_BY_USER.to_owned() } else { body.reason },
        details: body.details,
        links: body.links,
    };
    tell(node, namespace, key, target, |target| Ask::Terminate(target, terminate)).await?;
    Ok(Response::new(Default::default()))
}

pub(crate) async fn delete(
    node: &Node,
    body: DeleteWorkflowExecutionRequest,
) -> Result<Response<DeleteWorkflowExecutionResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let (key, run) = context::execution(node, &namespace, body.workflow_execution.as_ref())?;
    let target = Target { run, first_run: None };
    tell(node, namespace, key, target, |target| Ask::Delete(target, Identity::from(DELETER))).await?;
    Ok(Response::new(Default::default()))
}

pub(crate) async fn reset_sticky(
    node: &Node,
    body: ResetStickyTaskQueueRequest,
) -> Result<Response<ResetStickyTaskQueueResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let (key, run) = context::execution(node, &namespace, body.execution.as_ref())?;
    tell(node, namespace, key, Target { run, first_run: None }, Ask::ResetSticky).await?;
    Ok(Response::new(Default::default()))
}
