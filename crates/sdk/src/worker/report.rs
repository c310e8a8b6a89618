//! Calls of a worker that are made until the server has them.

use std::time::Duration;

use tonic::{Code, Request, Response, Status};
use tracing::{debug, warn};
use weft_client::WorkflowService;
use weft_protocol::api::workflowservice::ShutdownWorkerRequest;

use super::Shared;

/// One try.
const CALL_LIMIT: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Nobody waits longer for the answer to a task: the server has handed it out again long since.
const INSIST_FOR: Duration = Duration::from_secs(120);

/// Sends a request until the server has answered it. What it refuses, it refuses.
///
/// # Errors
/// The server's refusal, or that it was away for too long.
pub(crate) async fn insist<Q: Clone, A, F>(
    shared: &Shared,
    request: Q,
    send: impl Fn(WorkflowService, Request<Q>) -> F,
) -> Result<A, Status>
where
    F: Future<Output = Result<Response<A>, Status>>,
{
    let over = shared.clock.monotonic() + INSIST_FOR;
    let mut pause = PAUSE_MIN;
    loop {
        let mut message = Request::new(request.clone());
        message.set_timeout(CALL_LIMIT);
        match send(shared.client.workflow_service(), message).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if passes(&status) && shared.clock.monotonic() < over => {
                debug!(%status, "a call is repeated");
                rest(shared, &mut pause).await;
            }
            Err(status) => return Err(status),
        }
    }
}

/// Waits, each time longer.
pub(crate) async fn rest(shared: &Shared, pause: &mut Duration) {
    shared.clock.sleep_until(shared.clock.monotonic() + *pause).await;
    *pause = (*pause * 2).min(PAUSE_MAX);
}

/// The wait with which [`rest`] begins.
pub(crate) fn first_pause() -> Duration {
    PAUSE_MIN
}

/// What a dying, absent or busy server looks like from here.
pub(crate) fn passes(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::Unknown
            | Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Internal
            | Code::ResourceExhausted
    )
}

/// Says how the answer to a task fared, where that is of interest.
pub(crate) fn told(what: &'static str, result: Result<(), Status>) {
    match result {
        Ok(()) => {}
        Err(status) if status.code() == Code::NotFound => {
            debug!(
                what,
                "the server no longer wants an answer: it has another, or has given the task to somebody else"
            );
        }
        Err(status) => warn!(what, %status, "the server refused an answer"),
    }
}

/// Tells the server that the sticky queue is no longer polled, so that nothing waits for it there.
pub(crate) async fn goodbye(shared: &Shared) {
    let request = ShutdownWorkerRequest {
        namespace: shared.client.namespace().to_owned(),
        sticky_task_queue: shared.sticky_queue.clone(),
        identity: shared.client.identity().to_owned(),
        reason: "shutdown".to_owned(),
        ..ShutdownWorkerRequest::default()
    };
    let mut message = Request::new(request);
    message.set_timeout(Duration::from_secs(2));
    if let Err(status) = shared.client.workflow_service().shutdown_worker(message).await {
        debug!(%status, "the server was not told that the worker stops");
    }
}
