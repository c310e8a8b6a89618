//! Starting workflows, alone or together with a signal.

use std::sync::Arc;

use tonic::{Response, Status};
use weft_engine::{
    Answer, Calendar, Namespace, Request as Ask, StartWorkflow, Started, Timestamp, WorkflowId, WorkflowKey,
    cron::{self, WallCalendar},
};
use weft_protocol::{
    api::{enums::EventType, workflowservice::*},
    error::{Error, text},
};

use super::{
    context, errors, trace,
    validate::ids,
    wire::{
        self, link,
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
    let (request, attaches) = (start.request.to_string(), start.on_conflict.attach_request_id);
    let started = begin(node, &namespace, &key, Ask::Start(Box::new(start))).await?;
    let link = if started.attached || (!started.started && attaches) {
        link::request(&namespace, &key, &started.run, request, EventType::WorkflowExecutionOptionsUpdated)
    } else {
        link::start(&namespace, &key, &started.run)
    };
    let eager_workflow_task = match &started.eager_task {
        Some(task) => {
            let task = workflow_task(node, &key, task).await?.into_message();
            Some(task.map_err(|_| Error::internal("the history of a new run cannot be read"))?)
        }
        None => None,
    };
    Ok(Response::new(StartWorkflowExecutionResponse {
        link: Some(link),
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
    let request = start.request.to_string();
    let started = begin(node, &namespace, &key, Ask::SignalWithStart(Box::new(start), signal)).await?;
    let link = link::request(&namespace, &key, &started.run, request, EventType::WorkflowExecutionSignaled);
    Ok(Response::new(SignalWithStartWorkflowExecutionResponse {
        signal_link: Some(link),
        run_id: started.run.to_string(),
        first_execution_run_id: started.first_run.to_string(),
        started: started.started,
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
    check_cron(node, &start.cron)?;
    Ok((WorkflowKey { namespace: namespace.id.clone(), workflow }, start))
}

/// A schedule, if there is one, makes sense and has a time to come.
fn check_cron(node: &Node, schedule: &str) -> Result<(), Error> {
    if schedule.is_empty() {
        return Ok(());
    }
    match cron::parse(schedule) {
        Err(cron::Error::Malformed | cron::Error::UnknownZone) => Err(Error::invalid_argument(text::CRON_INVALID)),
        Err(cron::Error::NeverTicks) => Err(Error::invalid_argument(text::CRON_NEVER)),
        Ok(_) if WallCalendar.next(schedule, Timestamp(node.clock().now().0)).is_none() => {
            Err(Error::invalid_argument(text::CRON_NEVER))
        }
        Ok(_) => Ok(()),
    }
}

async fn begin(node: &Node, namespace: &Arc<Namespace>, key: &WorkflowKey, ask: Ask) -> Result<Started, Status> {
    trace::workflow(key);
    let answer = node.shard(key).ask(key.clone(), Arc::clone(namespace), ask).await;
    match answer.map_err(|failure| errors::of_failure(failure, key))? {
        Answer::Started(started) => {
            trace::run(&started.run);
            Ok(started)
        }
        _ => Err(Error::internal("a start was answered with something else").into()),
    }
}
