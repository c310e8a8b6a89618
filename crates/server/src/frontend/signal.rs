//! Signals to workflows that run.

use std::sync::Arc;

use tonic::{Response, Status};
use weft_engine::{Answer, Request as Ask, Target};
use weft_protocol::{
    api::{
        enums::EventType,
        workflowservice::{SignalWorkflowExecutionRequest, SignalWorkflowExecutionResponse},
    },
    error::Error,
};

use super::{
    context, control,
    wire::{link, signal::Signal},
};
use crate::node::Node;

pub(crate) async fn signal(
    node: &Node,
    body: SignalWorkflowExecutionRequest,
) -> Result<Response<SignalWorkflowExecutionResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let (key, run) = context::execution(node, &namespace, body.workflow_execution.as_ref())?;
    let request = body.request_id.clone();
    let signal = Signal::of(&node.settings().limits, body)?;
    let target = Target { run, first_run: None };
    let told = control::tell(node, Arc::clone(&namespace), key.clone(), target, |target| Ask::Signal(target, signal));
    let Answer::Signaled(run) = told.await? else {
        return Err(Error::internal("a signal was answered with something else").into());
    };
    let link = link::request(&namespace, &key, &run, request, EventType::WorkflowExecutionSignaled);
    Ok(Response::new(SignalWorkflowExecutionResponse { link: Some(link) }))
}
