//! What every call needs first: its namespace, its ids checked, its deadline.
//!
//! Invariant: a namespace that is not in this node's view is asked for at the metadata group before it is "not found".

use std::{sync::Arc, time::Duration};

use tonic::{Request, Status};
use weft_engine::{Namespace, RunId, Target, WorkflowId, WorkflowKey};
use weft_protocol::{
    api::{common::WorkflowExecution, enums, taskqueue::TaskQueue},
    error::{Error, text},
};
use weft_rows::namespace::NamespaceState;

use super::{trace, validate::ids};
use crate::node::Node;

/// A poll ends this long before its caller's deadline, so that the empty answer arrives in time.
const POLL_TAIL: Duration = Duration::from_secs(1);
/// What does not come in time is said this long before the caller's deadline, so that it hears it from the server.
const ANSWER_TAIL: Duration = Duration::from_millis(50);
/// A poll with less time than this is refused.
pub(crate) const POLL_SHORTEST: Duration = Duration::from_secs(2);

/// The namespace that a call names.
pub(crate) async fn namespace(node: &Node, name: &str) -> Result<Arc<Namespace>, Status> {
    if name.is_empty() {
        return Err(Error::invalid_argument(text::NAMESPACE_EMPTY).into());
    }
    // Else the answer that repeats it would be longer than an answer's head may be.
    within(node, name, text::NAMESPACE_TOO_LONG)?;
    trace::namespace(name);
    if let Some(facts) = node.metadata().facts(name) {
        return Ok(facts);
    }
    node.metadata().confirmed().await.map_err(|error| Status::from(Error::unavailable(error.to_string())))?;
    node.metadata().facts(name).ok_or_else(|| Error::namespace_not_found(name).into())
}

/// The namespace of a call that starts a workflow: one that is going away takes no new ones.
pub(crate) async fn namespace_for_start(node: &Node, name: &str) -> Result<Arc<Namespace>, Status> {
    let facts = namespace(node, name).await?;
    let state = node.metadata().view().by_id(&facts.id).map(|row| row.state);
    match state.map(wire_state) {
        Some(enums::NamespaceState::Registered) | None => Ok(facts),
        Some(state) => Err(Error::namespace_invalid_state(name, state, &[enums::NamespaceState::Registered]).into()),
    }
}

/// A namespace's state as the API has it.
pub(crate) fn wire_state(state: NamespaceState) -> enums::NamespaceState {
    match state {
        NamespaceState::Registered => enums::NamespaceState::Registered,
        NamespaceState::Deprecated => enums::NamespaceState::Deprecated,
        NamespaceState::Deleted => enums::NamespaceState::Deleted,
    }
}

/// A workflow id of a namespace.
pub(crate) fn key(node: &Node, namespace: &Namespace, workflow_id: &str) -> Result<WorkflowKey, Status> {
    if workflow_id.is_empty() {
        return Err(Error::invalid_argument(text::WORKFLOW_ID_NOT_SET).into());
    }
    within(node, workflow_id, text::WORKFLOW_ID_TOO_LONG)?;
    let key = WorkflowKey { namespace: namespace.id.clone(), workflow: WorkflowId::from(workflow_id) };
    trace::workflow(&key);
    Ok(key)
}

/// The execution that a call names: its workflow id, and its run if one is given.
pub(crate) fn execution(
    node: &Node,
    namespace: &Namespace,
    execution: Option<&WorkflowExecution>,
) -> Result<(WorkflowKey, Option<RunId>), Status> {
    let execution = execution.ok_or_else(|| Error::invalid_argument(text::EXECUTION_NOT_SET))?;
    let key = key(node, namespace, &execution.workflow_id)?;
    let run = run_id(&execution.run_id)?;
    run.iter().for_each(trace::run);
    Ok((key, run))
}

/// The run that a call means: of an execution, or of the chain that begins with a run.
pub(crate) fn target(run: Option<RunId>, first_run: &str) -> Result<Target, Status> {
    Ok(Target { run, first_run: run_id(first_run)? })
}

/// A run id, if there is one; it must be a UUID.
pub(crate) fn run_id(id: &str) -> Result<Option<RunId>, Status> {
    Ok(ids::run_id(id)?)
}

/// An id or name is not longer than the limit.
pub(crate) fn within(node: &Node, id: &str, too_long: &str) -> Result<(), Status> {
    Ok(ids::within(&node.settings().limits, id, too_long)?)
}

/// The name of the task queue that a call names.
pub(crate) fn task_queue<'a>(node: &Node, queue: Option<&'a TaskQueue>) -> Result<&'a str, Status> {
    let Some(queue) = queue else { return Err(Error::invalid_argument(text::TASK_QUEUE_MISSING).into()) };
    let name = ids::task_queue(&node.settings().limits, &queue.name)?;
    if !queue.normal_name.is_empty() && queue.kind() != enums::TaskQueueKind::Sticky {
        let normal = &queue.normal_name;
        let message = format!("only sticky queues can have normal name. tq: {name}, normal name: {normal}");
        return Err(Error::invalid_argument(message).into());
    }
    Ok(name)
}

/// How long the caller waits, by its `grpc-timeout` header.
pub(crate) fn timeout<T>(request: &Request<T>) -> Option<Duration> {
    ids::grpc_timeout(request.metadata().get("grpc-timeout")?.to_str().ok()?)
}

/// Until when (monotonic) a poll waits: a little less than its caller does, and never longer than the longest poll.
pub(crate) fn poll_deadline<T>(node: &Node, request: &Request<T>, longest: Duration) -> Result<Duration, Status> {
    let Some(timeout) = timeout(request) else {
        return Err(Error::invalid_argument(text::CONTEXT_TIMEOUT_NOT_SET).into());
    };
    if timeout < POLL_SHORTEST {
        return Err(Error::failed_precondition(text::CONTEXT_TIMEOUT_TOO_SHORT).into());
    }
    Ok(node.clock().monotonic() + (timeout - POLL_TAIL).min(longest))
}

/// Until when (monotonic) a caller waits for news: a little less than its call lasts.
pub(crate) fn wait_deadline<T>(node: &Node, request: &Request<T>, longest: Duration) -> Duration {
    let left = timeout(request).map_or(longest, |timeout| timeout.saturating_sub(POLL_TAIL));
    node.clock().monotonic() + left.min(longest)
}

/// Until when (monotonic) a caller waits for an answer that may take long.
pub(crate) fn call_deadline<T>(node: &Node, request: &Request<T>, longest: Duration) -> Duration {
    let left = timeout(request).map_or(longest, |timeout| timeout.saturating_sub(ANSWER_TAIL));
    node.clock().monotonic() + left.min(longest)
}
