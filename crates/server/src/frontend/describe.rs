//! What is known of one workflow.

use tonic::{Response, Status};
use weft_engine::{RunId, Target};
use weft_protocol::api::{
    common::WorkflowExecution,
    workflowservice::{DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse},
};

use super::{context, errors, wire};
use crate::node::Node;

pub(crate) async fn describe(
    node: &Node,
    body: DescribeWorkflowExecutionRequest,
) -> Result<Response<DescribeWorkflowExecutionResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let (key, run) = context::execution(node, &namespace, body.execution.as_ref())?;
    let target = Target { run, first_run: None };
    let view = node.shard(&key).look(key.clone(), target.clone()).await;
    let view = view.map_err(|failure| errors::about(failure, &key, &target))?;
    Ok(Response::new(wire::describe::description(&key, &view.execution)))
}

/// The run of a workflow id that is current, open or closed.
pub(crate) async fn current_run(node: &Node, namespace: &str, workflow_id: &str) -> Result<RunId, Status> {
    let namespace = context::namespace(node, namespace).await?;
    let execution = WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: String::new() };
    let (key, _) = context::execution(node, &namespace, Some(&execution))?;
    let view = node.shard(&key).look(key.clone(), Target::default()).await;
    view.map(|view| view.current).map_err(|failure| errors::about(failure, &key, &Target::default()))
}

/// The run that goes on from a run which has ended, if there is one: it continued as new, or is tried or scheduled again.
pub(crate) async fn next_run(node: &Node, namespace: &str, of: &WorkflowExecution) -> Result<Option<RunId>, Status> {
    let namespace = context::namespace(node, namespace).await?;
    let (key, run) = context::execution(node, &namespace, Some(of))?;
    let target = Target { run, first_run: None };
    let view = node.shard(&key).look(key.clone(), target.clone()).await;
    let view = view.map_err(|failure| errors::about(failure, &key, &target))?;
    Ok(view.execution.core.closed.as_ref().and_then(|closed| closed.new_run.clone()))
}
