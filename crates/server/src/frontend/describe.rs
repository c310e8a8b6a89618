//! What is known of one workflow.

use tonic::{Response, Status};
use weft_engine::Target;
use weft_protocol::api::workflowservice::{DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse};

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
