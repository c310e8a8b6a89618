//! Signals to workflows that run.

use tonic::{Response, Status};
use weft_engine::{Request as Ask, Target};
use weft_protocol::api::workflowservice::{SignalWorkflowExecutionRequest, SignalWorkflowExecutionResponse};

use super::{context, control, wire::signal::Signal};
use crate::node::Node;

pub(crate) async fn signal(
    node: &Node,
    body: SignalWorkflowExecutionRequest,
) -> Result<Response<SignalWorkflowExecutionResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let (key, run) = context::execution(node, &namespace, body.workflow_execution.as_ref())?;
    let signal = Signal::of(&node.settings().limits, body)?;
    let target = Target { run, first_run: None };
    control::tell(node, namespace, key, target, |target| Ask::Signal(target, signal)).await?;
    Ok(Response::new(Default::default()))
}
