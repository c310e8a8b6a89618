//! Starting workflows, alone or together with a signal.

use std::sync::Arc;

use tonic::{Response, Status};
use weft_engine::{
    Answer, Calendar, Namespace, Request as Ask, RunId, StartWorkflow, Started, Timestamp, WorkflowId, WorkflowKey,
    cron::WallCalendar,
};
use weft_protocol::{
    api::{
        common::{Link, link},
        enums::EventType,
        workflowservice::*,
    },
    error::{Error, text},
};

use super::{
    context, errors,
    validate::ids,
    wire::{
        self,
        start::{Around, Call},
    },
    workflow_task::workflow_task,
};
use crate::node::Node;

pub(crate) async fn start(
    node: &Node,
    body: StartWorkflowExecutionRequest,
) -> Result<Response<StartWorkflowExecutionResponse>, Status> {
    let namespace = context::namespace_for_start(node, &body.namespace).await?;
    let (key, start) = read(node, &namespace, Call::Start, body)?;
    let started = begin(node, &namespace, &key, Ask::Start(Box::new(start))).await?;
    let eager_workflow_task = match &started.eager_task {
        Some(task) => Some(workflow_task(node, &namespace, &key, task).await?),
        None => None,
    };
    Ok(Response::new(StartWorkflowExecutionResponse {
        link: started.started.then(|| event_link(&namespace, &key, &started.run)),
        run_id: started.run.to_string(),
        first_execution_run_id: started.first_run.to_string(),
        started: started.started,
        status: started.status.wire().into(),
        eager_workflow_task,
    }))
}

pub(crate) async fn signal_with_start(
    node: &Node,
    body: SignalWithStartWorkflowExecutionRequest,
) -> Result<Response<SignalWithStartWorkflowExecutionResponse>, Status> {
    let namespace = context::namespace_for_start(node, &body.namespace).await?;
    let (start, signal) = wire::start::split(body);
    let (key, start) = read(node, &namespace, Call::SignalWithStart, start)?;
    let signal = signal.with(&start, node.settings())?;
    let started = begin(node, &namespace, &key, Ask::SignalWithStart(Box::new(start), signal)).await?;
    Ok(Response::new(SignalWithStartWorkflowExecutionResponse {
        run_id: started.run.to_string(),
        first_execution_run_id: started.first_run.to_string(),
        started: started.started,
        ..SignalWithStartWorkflowExecutionResponse::default()
    }))
}

pub(crate) fn read(
    node: &Node,
    namespace: &Namespace,
    call: Call,
    body: StartWorkflowExecutionRequest,
) -> Result<(WorkflowKey, StartWorkflow), Status> {
    let settings = node.settings();
    let workflow = WorkflowId::from(ids::new_workflow_id(&settings.limits, &body.workflow_id)?);
    let (request, handover) = (wire::fresh_request_id(node), wire::fresh_request_id(node));
    let start = wire::start::start(Around { settings, namespace, request, handover }, call, body)?;
    let now = Timestamp(node.clock().now().0);
    if !start.cron.is_empty() && WallCalendar.next(&start.cron, now).is_none() {
        return Err(Error::invalid_argument(text::CRON_INVALID).into());
    }
    Ok((WorkflowKey { namespace: namespace.id.clone(), workflow }, start))
}

async fn begin(node: &Node, namespace: &Arc<Namespace>, key: &WorkflowKey, ask: Ask) -> Result<Started, Status> {
    let answer = node.shard(key).ask(key.clone(), Arc::clone(namespace), ask).await;
    match answer.map_err(|failure| errors::of_failure(failure, key))? {
        Answer::Started(started) => Ok(started),
        _ => Err(Error::internal("a start was answered with something else").into()),
    }
}

pub(crate) fn event_link(namespace: &Namespace, key: &WorkflowKey, run: &RunId) -> Link {
    let event =
        link::workflow_event::EventReference { event_id: 1, event_type: EventType::WorkflowExecutionStarted.into() };
    Link {
        variant: Some(link::Variant::WorkflowEvent(link::WorkflowEvent {
            namespace: namespace.name.to_string(),
            workflow_id: key.workflow.to_string(),
            run_id: run.to_string(),
            reference: Some(link::workflow_event::Reference::EventRef(event)),
        })),
    }
}
