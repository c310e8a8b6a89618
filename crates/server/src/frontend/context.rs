//! What every call needs first: its namespace, its ids checked, its deadline.
//!
//! Invariant: a namespace that is not in this node's view is asked for at the metadata group before it is "not found".

use std::{sync::Arc, time::Duration};

use tonic::{Request, Status};
use weft_engine::{Namespace, RunId, WorkflowId, WorkflowKey};
use weft_protocol::{
    api::{common::WorkflowExecution, taskqueue::TaskQueue},
    error::{Error, text},
};

use crate::node::Node;

/// A poll ends this long before its caller's deadline, so that the empty answer arrives in time.
const POLL_TAIL: Duration = Duration::from_secs(1);
/// A poll with less time than this is refused.
const POLL_SHORTEST: Duration = Duration::from_secs(2);
/// Task queues of the server's own.
const RESERVED_PREFIX: &str = "/_sys/";

/// The namespace that a call names.
pub(crate) async fn namespace(node: &Node, name: &str) -> Result<Arc<Namespace>, Status> {
    if name.is_empty() {
        return Err(Error::invalid_argument(text::NAMESPACE_NOT_SET).into());
    }
    if let Some(facts) = node.metadata().facts(name) {
        return Ok(facts);
    }
    node.metadata().confirmed().await.map_err(|error| Status::from(Error::unavailable(error.to_string())))?;
    node.metadata().facts(name).ok_or_else(|| Error::namespace_not_found(name).into())
}

/// A workflow id of a namespace.
pub(crate) fn key(node: &Node, namespace: &Namespace, workflow_id: &str) -> Result<WorkflowKey, Status> {
    if workflow_id.is_empty() {
        return Err(Error::invalid_argument(text::WORKFLOW_ID_NOT_SET).into());
    }
    within(node, workflow_id, text::WORKFLOW_ID_TOO_LONG)?;
    Ok(WorkflowKey { namespace: namespace.id.clone(), workflow: WorkflowId::from(workflow_id) })
}

/// The execution that a call names: its workflow id, and its run if one is given.
pub(crate) fn execution(
    node: &Node,
    namespace: &Namespace,
    execution: Option<&WorkflowExecution>,
) -> Result<(WorkflowKey, Option<RunId>), Status> {
    let execution = execution.ok_or_else(|| Error::invalid_argument(text::EXECUTION_NOT_SET))?;
    let key = key(node, namespace, &execution.workflow_id)?;
    Ok((key, run_id(&execution.run_id)?))
}

/// A run id, if there is one; it must be a UUID.
pub(crate) fn run_id(text_of_id: &str) -> Result<Option<RunId>, Status> {
    if text_of_id.is_empty() {
        return Ok(None);
    }
    match uuid::Uuid::try_parse(text_of_id) {
        Ok(_) => Ok(Some(RunId::from(text_of_id))),
        Err(_) => Err(Error::invalid_argument(text::RUN_ID_INVALID).into()),
    }
}

/// An id or name is not longer than the limit.
pub(crate) fn within(node: &Node, id: &str, too_long: &str) -> Result<(), Status> {
    if id.len() > node.settings().limits.id_bytes {
        return Err(Error::invalid_argument(too_long).into());
    }
    Ok(())
}

/// The name of the task queue that a call names.
pub(crate) fn task_queue<'a>(node: &Node, queue: Option<&'a TaskQueue>) -> Result<&'a str, Status> {
    let name = queue.map_or("", |queue| queue.name.as_str());
    if name.is_empty() {
        return Err(Error::invalid_argument(text::TASK_QUEUE_NOT_SET).into());
    }
    within(node, name, text::TASK_QUEUE_TOO_LONG)?;
    if name.starts_with(RESERVED_PREFIX) {
        return Err(Error::invalid_argument(format!("task queue name cannot start with reserved prefix {RESERVED_PREFIX}")).into());
    }
    Ok(name)
}

/// How long the caller waits, by its `grpc-timeout` header.
pub(crate) fn timeout<T>(request: &Request<T>) -> Option<Duration> {
    let header = request.metadata().get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount.saturating_mul(3600)),
        "M" => Duration::from_secs(amount.saturating_mul(60)),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// Until when (monotonic) a poll waits: a little less than its caller does, and never longer than the longest poll.
pub(crate) fn poll_deadline<T>(node: &Node, request: &Request<T>, longest: Duration) -> Result<Duration, Status> {
    let Some(timeout) = timeout(request) else {
        return Err(Error::invalid_argument("a poll needs a deadline: set the call's timeout").into());
    };
    if timeout < POLL_SHORTEST {
        let message = format!("a poll's timeout must be at least {} seconds", POLL_SHORTEST.as_secs());
        return Err(Error::invalid_argument(message).into());
    }
    Ok(node.clock().monotonic() + (timeout - POLL_TAIL).min(longest))
}

/// Until when (monotonic) a caller waits for an answer that may take long.
pub(crate) fn call_deadline<T>(node: &Node, request: &Request<T>, longest: Duration) -> Duration {
    node.clock().monotonic() + timeout(request).unwrap_or(longest).min(longest)
}
