//! Operations that stand or fall together: a start with an update.
//!
//! Invariant: what is wrong with one operation is said in its place; the other one is "aborted", and nothing was done.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use weft_engine::{Namespace, Refusal, Request as Ask, StartWorkflow, Started, WorkflowKey};
use weft_protocol::{
    api::workflowservice::{
        ExecuteMultiOperationRequest, ExecuteMultiOperationResponse, StartWorkflowExecutionRequest,
        StartWorkflowExecutionResponse, UpdateWorkflowExecutionRequest,
        execute_multi_operation_request::operation::Operation,
        execute_multi_operation_response::{Response as Done, response::Response as DoneOperation},
    },
    error::{Error, text},
};
use weft_shard::Failure;

use super::{
    context, errors, start,
    update::{self, Caller, Patience, Reached, Setback},
    wire,
};
use crate::node::Node;

pub(crate) async fn execute(
    node: &Node,
    request: Request<ExecuteMultiOperationRequest>,
) -> Result<Response<ExecuteMultiOperationResponse>, Status> {
    let patience = Patience::of(node, &request);
    let body = request.into_inner();
    let namespace = context::namespace_for_start(node, &body.namespace).await?;
    let (start, update) = operations(body)?;
    let read = (read_start(node, &namespace, start), read_update(node, &namespace, update));
    let (key, start, asked) = match read {
        (Ok((key, start)), Ok(asked)) if key == asked.key => (key, start, asked),
        (Ok(_), Ok(_)) => {
            return Err(failed(aborted(), Err(Error::invalid_argument(text::MULTI_OPERATION_IDS_DIFFER))));
        }
        (start, update) => return Err(failed(outcome(start), outcome(update))),
    };
    let (wanted, id) = (asked.wanted, asked.body.id.clone());
    let caller = Caller { node, namespace, key, update: id, wanted, patience };
    let ask = || Ask::UpdateWithStart(Box::new(start.clone()), asked.body.clone());
    let reached = caller.in_time(reach(&caller, ask)).await?;
    Ok(Response::new(answer(&caller, &asked.body.request.request_id, reached)))
}

/// Exactly a start and an update, in this order.
fn operations(
    body: ExecuteMultiOperationRequest,
) -> Result<(StartWorkflowExecutionRequest, UpdateWorkflowExecutionRequest), Error> {
    let refuse = || Error::invalid_argument(text::MULTI_OPERATION_NOT_START_AND_UPDATE);
    let both: [_; 2] = body.operations.try_into().map_err(|_| refuse())?;
    match both.map(|operation| operation.operation) {
        [Some(Operation::StartWorkflow(start)), Some(Operation::UpdateWorkflow(update))] => Ok((start, update)),
        [_, _] => Err(refuse()),
    }
}

fn read_start(
    node: &Node,
    namespace: &Namespace,
    body: StartWorkflowExecutionRequest,
) -> Result<(WorkflowKey, StartWorkflow), Status> {
    if body.namespace.is_empty() {
        return Err(Error::namespace_not_found("").into());
    }
    same_namespace(namespace, &body.namespace)?;
    let refused = [
        (!body.cron_schedule.is_empty(), text::MULTI_OPERATION_CRON),
        (body.request_eager_execution, text::MULTI_OPERATION_EAGER),
        (body.workflow_start_delay.is_some(), text::MULTI_OPERATION_START_DELAY),
    ];
    let read = start::read(node, namespace, wire::start::Call::Start, body)?;
    match refused.into_iter().find(|(is, _)| *is) {
        Some((_, why)) => Err(Error::invalid_argument(why).into()),
        None => Ok(read),
    }
}

/// An update may leave its namespace out: it is that of the whole.
fn read_update(
    node: &Node,
    namespace: &Namespace,
    body: UpdateWorkflowExecutionRequest,
) -> Result<wire::update::Asked, Status> {
    if !body.namespace.is_empty() {
        same_namespace(namespace, &body.namespace)?;
    }
    let first = !body.first_execution_run_id.is_empty();
    let asked = wire::update::asked(node, namespace, body)?;
    if first {
        return Err(Error::invalid_argument(text::MULTI_OPERATION_FIRST_RUN).into());
    }
    if asked.target.run.is_some() {
        return Err(Error::invalid_argument(text::MULTI_OPERATION_RUN).into());
    }
    Ok(asked)
}

fn same_namespace(namespace: &Namespace, named: &str) -> Result<(), Error> {
    if *namespace.name == *named {
        return Ok(());
    }
    Err(Error::invalid_argument(text::MULTI_OPERATION_NAMESPACES_DIFFER))
}

/// Asks until the update has come as far as its caller wants. If the run that it found ends before it takes the update,
/// the start gets its turn, once.
async fn reach(caller: &Caller<'_>, ask: impl Fn() -> Ask) -> Result<Reached, Status> {
    let mut met_closing = false;
    loop {
        match caller.once(ask()).await {
            Ok(reached) => return Ok(reached),
            Err(Setback::Again { lost: false }) => {}
            Err(Setback::Again { lost: true } | Setback::Failure(Failure::Unavailable(_))) => caller.pause().await,
            Err(Setback::Closed { started }) if has_started(started.as_ref()) => {
                return Err(failed(Ok(()), Err(update::closed())));
            }
            Err(Setback::Closed { .. }) if !met_closing => met_closing = true,
            // Whoever asks again now may start it.
            Err(Setback::Closed { .. }) => return Err(failed(aborted(), Err(Error::aborted(text::UPDATE_CLOSED)))),
            Err(Setback::TaskFailed { started }) => {
                let start = if has_started(started.as_ref()) { Ok(()) } else { aborted() };
                return Err(failed(start, Err(update::task_failed())));
            }
            Err(Setback::Failure(failure)) => return Err(refused(failure, &caller.key)),
        }
    }
}

fn has_started(started: Option<&Started>) -> bool {
    started.is_some_and(|started| started.started)
}

/// What the engine refused, in the place of the operation that is to blame.
fn refused(failure: Failure, key: &WorkflowKey) -> Status {
    match failure {
        Failure::Refused(Refusal::OfUpdate(refusal)) => {
            let error = Error::from_status(&errors::of_failure(Failure::Refused(*refusal), key));
            failed(aborted(), Err(error))
        }
        failure @ Failure::Refused(_) => failed(Err(Error::from_status(&errors::of_failure(failure, key))), aborted()),
        failure => errors::of_failure(failure, key),
    }
}

fn aborted() -> Result<(), Error> {
    Err(Error::multi_operation_aborted())
}

fn outcome<T>(read: Result<T, Status>) -> Result<(), Error> {
    match read {
        Ok(_) => aborted(),
        Err(status) => Err(Error::from_status(&status)),
    }
}

fn failed(start: Result<(), Error>, update: Result<(), Error>) -> Status {
    Error::multi_operation(text::MULTI_OPERATION_FAILED, vec![start, update]).into()
}

fn answer(caller: &Caller<'_>, request_id: &str, mut reached: Reached) -> ExecuteMultiOperationResponse {
    let (namespace, key): (&Arc<Namespace>, _) = (&caller.namespace, &caller.key);
    let Some(started) = reached.started.take() else { return ExecuteMultiOperationResponse::default() };
    // An update that was there already is told of as it is, and with it a start that did nothing.
    let found = !started.started && reached.found;
    let start = StartWorkflowExecutionResponse {
        run_id: started.run.to_string(),
        first_execution_run_id: if started.started { started.first_run.to_string() } else { String::new() },
        started: started.started,
        status: started.status.wire().into(),
        link: (!found).then(|| wire::link::start(namespace, key, &started.run)),
        eager_workflow_task: None,
    };
    let mut update = wire::update::response(namespace, key, &caller.update, request_id, reached);
    if found {
        update.link = None;
    }
    let done = [DoneOperation::StartWorkflow(start), DoneOperation::UpdateWorkflow(update)];
    ExecuteMultiOperationResponse { responses: done.map(|done| Done { response: Some(done) }).into() }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn the_code_is_that_of_the_operation_that_is_to_blame() {
        let bad = || Err(Error::invalid_argument("bad"));
        assert_eq!(failed(bad(), aborted()).code(), Code::InvalidArgument);
        assert_eq!(failed(aborted(), bad()).code(), Code::InvalidArgument);
        assert_eq!(failed(Ok(()), Err(update::closed())).code(), Code::NotFound);
        assert_eq!(failed(aborted(), Err(Error::aborted("again"))).code(), Code::Aborted);
    }
}
