//! Forks: a new workflow id with a copy of a history up to some event.
//!
//! Invariant: until the copy is complete the new id does not exist; a call that comes again with its request id is
//! answered as the first time.

use tonic::{Response, Status};
use weft_engine::{Answer, EventId, Refusal, RunId, StartConflict, Target as Meant, WorkflowKey};
use weft_protocol::{
    api::common::WorkflowExecution,
    error::Error,
    weft::{ForkWorkflowRequest, ForkWorkflowResponse},
};
use weft_shard::{Failure, View};

use super::{context, errors, head, wire};
use crate::node::{
    Node,
    copy::{Source, Target},
};

pub(crate) async fn fork(node: &Node, body: ForkWorkflowRequest) -> Result<Response<ForkWorkflowResponse>, Status> {
    let namespace = context::namespace_for_start(node, &body.namespace).await?;
    let (from, run) = context::execution(node, &namespace, body.execution.as_ref())?;
    let key = context::key(node, &namespace, &body.new_workflow_id)?;
    let request = wire::request_id(node, &body.request_id)?;
    let meant = Meant { run, first_run: None };
    let view = look(node, &from, &meant).await.map_err(|failure| errors::about(failure, &from, &meant))?;
    let at = in_range(body.event_id, &view)?;
    // Before anything is copied; asked again with the copy, when nothing can come between.
    match look(node, &key, &Meant::default()).await {
        Ok(there) if there.execution.core.started_by == request => {
            return answer(node, &key, &there.execution.core.run).await;
        }
        Ok(there) => return Err(errors::of_failure(taken(&there).into(), &key)),
        Err(Failure::Refused(Refusal::WorkflowNotFound)) => {}
        Err(failure) => return Err(errors::of_failure(failure, &key)),
    }
    let core = &view.execution.core;
    let source = Source {
        key: from.clone(),
        run: core.run.clone(),
        branch: core.branch.clone(),
        next_event_id: core.next_event_id,
    };
    let run = RunId::new(node.ids().uuid().hyphenated().to_string());
    let target = Target { namespace, key: key.clone(), run, request };
    let forked = match source.point(node, at).await {
        Ok(point) => source.fork(node, target, point).await,
        Err(failure) => Err(failure),
    };
    match forked {
        Ok(Answer::Started(started)) => answer(node, &key, &started.run).await,
        Ok(_) => Err(Error::internal("a fork was answered with something else").into()),
        Err(failure @ Failure::Storage(_)) => {
            // What was being read may have been removed meanwhile.
            let meant = Meant { run: Some(source.run), first_run: None };
            look(node, &from, &meant).await.map_err(|failure| errors::about(failure, &from, &meant))?;
            Err(errors::of_failure(failure, &from))
        }
        Err(failure) => Err(errors::of_failure(failure, &key)),
    }
}

async fn look(node: &Node, key: &WorkflowKey, meant: &Meant) -> Result<Box<View>, Failure> {
    node.shard(key).look(key.clone(), meant.clone()).await
}

fn in_range(event_id: i64, view: &View) -> Result<EventId, Error> {
    let last = view.execution.core.next_event_id.0 - 1;
    if (1..=last).contains(&event_id) {
        return Ok(EventId(event_id));
    }
    Err(Error::invalid_argument(format!("EventId {event_id} is not in the history, which has events 1 to {last}.")))
}

/// A workflow id that was used is not new, however it ended.
fn taken(there: &View) -> Refusal {
    let core = &there.execution.core;
    Refusal::AlreadyStarted {
        run: core.run.clone(),
        first_run: core.start.first_run.clone(),
        request: core.started_by.clone(),
        conflict: if core.closed.is_none() { StartConflict::Running } else { StartConflict::Finished },
    }
}

/// What there is now: the run, where its history comes from, and its head.
async fn answer(node: &Node, key: &WorkflowKey, run: &RunId) -> Result<Response<ForkWorkflowResponse>, Status> {
    let meant = Meant { run: Some(run.clone()), first_run: None };
    let view = look(node, key, &meant).await.map_err(|failure| errors::about(failure, key, &meant))?;
    let core = &view.execution.core;
    Ok(Response::new(ForkWorkflowResponse {
        execution: Some(WorkflowExecution {
            workflow_id: key.workflow.as_str().to_owned(),
            run_id: run.as_str().to_owned(),
        }),
        origin: core.forked_from.as_deref().map(head::origin),
        head: Some(head::of(core)),
    }))
}
