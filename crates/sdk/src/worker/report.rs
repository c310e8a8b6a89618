//! Calls of a worker that are made until the server has them.

use std::{error::Error as _, time::Duration};

use tonic::{Code, Request, Response, Status};
use tracing::{debug, warn};
use weft_client::{CodecError, WorkflowService};
use weft_protocol::{
    api::{
        enums::{TaskQueueType, WorkerStatus},
        workflowservice::ShutdownWorkerRequest,
    },
    prost::{Message, Name},
};

use super::{Shared, heartbeat};

/// One try.
const CALL_LIMIT: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Nobody waits longer for the answer to a task: the server has handed it out again long since.
const INSIST_FOR: Duration = Duration::from_secs(120);

/// Sends a request until the server has answered it. What it refuses, it refuses. Payloads are encoded on their way and
/// decoded on their way back.
///
/// # Errors
/// The server's refusal, that it was away for too long, or that the codec failed ([`is_codecs`]).
pub(crate) async fn insist<Q, A, F>(
    shared: &Shared,
    request: Q,
    send: impl Fn(WorkflowService, Request<Q>) -> F,
) -> Result<A, Status>
where
    Q: Message + Name + Default + Clone,
    A: Message + Name + Default,
    F: Future<Output = Result<Response<A>, Status>>,
{
    let codec = &shared.client.options().codec;
    let request = codec.encode(request).await.map_err(of_codec)?;
    let over = shared.clock.monotonic().saturating_add(INSIST_FOR);
    let mut pause = PAUSE_MIN;
    loop {
        let mut message = Request::new(request.clone());
        message.set_timeout(CALL_LIMIT);
        match send(shared.client.workflow_service(), message).await {
            Ok(answer) => return codec.decode(answer.into_inner()).await.map_err(of_codec),
            Err(status) if passes(&status) && shared.clock.monotonic() < over => {
                debug!(%status, "a call is repeated");
                rest(shared, &mut pause).await;
            }
            Err(status) => return Err(status),
        }
    }
}

/// A task that was polled, with its payloads decoded.
///
/// # Errors
/// When the codec cannot ([`is_codecs`]).
pub(crate) async fn decoded<M: Message + Name + Default>(shared: &Shared, task: M) -> Result<M, Status> {
    shared.client.options().codec.decode(task).await.map_err(of_codec)
}

fn of_codec(error: CodecError) -> Status {
    Status::from_error(Box::new(error))
}

/// Whether it is the codec that failed, not a call.
pub(crate) fn is_codecs(status: &Status) -> bool {
    status.source().is_some_and(<dyn std::error::Error>::is::<CodecError>)
}

/// Waits, each time longer.
async fn rest(shared: &Shared, pause: &mut Duration) {
    shared.clock.sleep_until(shared.clock.monotonic().saturating_add(*pause)).await;
    *pause = (*pause * 2).min(PAUSE_MAX);
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

/// Tells the server that the worker stops: nothing is to wait at its sticky queue any more, and its polls are to end.
/// `false` when the server did not hear it.
pub(crate) async fn goodbye(shared: &Shared) -> bool {
    let kinds = [TaskQueueType::Workflow, TaskQueueType::Activity];
    let request = ShutdownWorkerRequest {
        namespace: shared.client.namespace().to_owned(),
        sticky_task_queue: shared.sticky_queue.clone(),
        identity: shared.client.identity().to_owned(),
        reason: "shutdown".to_owned(),
        worker_instance_key: shared.instance_key.clone(),
        task_queue: shared.queue.clone(),
        worker_heartbeat: shared.settings.heartbeat.map(|_| heartbeat::now(shared, WorkerStatus::ShuttingDown)),
        task_queue_types: kinds.into_iter().map(i32::from).collect(),
    };
    let mut message = Request::new(request);
    message.set_timeout(Duration::from_secs(2));
    let told = shared.client.workflow_service().shutdown_worker(message).await;
    if let Err(status) = &told {
        debug!(%status, "the server was not told that the worker stops");
    }
    told.is_ok()
}
