//! Polls: each takes a slot, asks for a task, and hands it to a task of its own.
//!
//! Invariant: a poll is made only when there is room for what it brings.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tonic::{Code, Request, Status};
use tracing::warn;
use weft_protocol::api::{
    enums::TaskQueueKind,
    taskqueue::TaskQueue,
    workflowservice::{PollActivityTaskQueueRequest, PollWorkflowTaskQueueRequest},
};

use super::{Shared, WorkerError, activity_task, report, workflow_task};

/// The server answers earlier, to be asked again.
const POLL_LIMIT: Duration = Duration::from_secs(70);

/// Starts all polls of a worker.
pub(crate) fn start(shared: &Arc<Shared>) -> JoinSet<Result<(), WorkerError>> {
    let mut polls = JoinSet::new();
    if shared.registry.has_workflows() {
        for index in 0..shared.settings.workflow_polls.max(2) {
            // Sticky tasks are most of them; at least one poll is for each kind.
            let sticky = index % 2 == 1 && shared.settings.cached_workflows_max > 0;
            polls.spawn(workflows(Arc::clone(shared), sticky));
        }
    }
    if shared.registry.has_activities() {
        for _ in 0..shared.settings.activity_polls {
            polls.spawn(activities(Arc::clone(shared)));
        }
    }
    polls
}

async fn workflows(shared: Arc<Shared>, sticky: bool) -> Result<(), WorkerError> {
    let task_queue = if sticky {
        TaskQueue {
            name: shared.sticky_queue.clone(),
            kind: TaskQueueKind::Sticky.into(),
            normal_name: shared.queue.clone(),
        }
    } else {
        TaskQueue { name: shared.queue.clone(), kind: TaskQueueKind::Normal.into(), ..TaskQueue::default() }
    };
    let poll = PollWorkflowTaskQueueRequest {
        namespace: shared.client.namespace().to_owned(),
        task_queue: Some(task_queue),
        identity: shared.client.identity().to_owned(),
        worker_instance_key: shared.instance_key.clone(),
        ..PollWorkflowTaskQueueRequest::default()
    };
    let mut pause = report::first_pause();
    while let Some(slot) = slot(&shared, &shared.workflow_slots).await {
        let mut stub = shared.client.workflow_service();
        let answer = tokio::select! {
            answer = stub.poll_workflow_task_queue(limited(poll.clone())) => answer,
            () = shared.leaving.cancelled() => break,
        };
        let Some(task) = polled(&shared, answer.map(tonic::Response::into_inner), &mut pause).await? else { continue };
        if !task.task_token.is_empty() {
            shared.tasks.spawn(workflow_task::polled(Arc::clone(&shared), task, slot));
        }
    }
    Ok(())
}

async fn activities(shared: Arc<Shared>) -> Result<(), WorkerError> {
    let task_queue =
        TaskQueue { name: shared.queue.clone(), kind: TaskQueueKind::Normal.into(), ..TaskQueue::default() };
    let poll = PollActivityTaskQueueRequest {
        namespace: shared.client.namespace().to_owned(),
        task_queue: Some(task_queue),
        identity: shared.client.identity().to_owned(),
        worker_instance_key: shared.instance_key.clone(),
        ..PollActivityTaskQueueRequest::default()
    };
    let mut pause = report::first_pause();
    while let Some(slot) = slot(&shared, &shared.activity_slots).await {
        let mut stub = shared.client.workflow_service();
        let answer = tokio::select! {
            answer = stub.poll_activity_task_queue(limited(poll.clone())) => answer,
            () = shared.leaving.cancelled() => break,
        };
        let Some(task) = polled(&shared, answer.map(tonic::Response::into_inner), &mut pause).await? else { continue };
        if !task.task_token.is_empty() {
            shared.tasks.spawn(activity_task::polled(Arc::clone(&shared), task, slot));
        }
    }
    Ok(())
}

/// Room for a task; `None` when the worker stops.
async fn slot(shared: &Shared, slots: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    tokio::select! {
        biased;
        () = shared.stopping.cancelled() => None,
        slot = Arc::clone(slots).acquire_owned() => slot.ok(),
    }
}

/// Nothing where the server is away: the next poll finds it when it is back.
async fn polled<T>(shared: &Shared, answer: Result<T, Status>, pause: &mut Duration) -> Result<Option<T>, WorkerError> {
    match answer {
        Ok(answer) => {
            *pause = report::first_pause();
            Ok(Some(answer))
        }
        Err(status) if refuses(&status) => {
            Err(WorkerError::Refused { queue: shared.queue.clone(), status: Box::new(status) })
        }
        Err(status) => {
            if !report::passes(&status) {
                warn!(%status, queue = shared.queue, "a poll failed; it is tried again");
            }
            report::rest(shared, pause).await;
            Ok(None)
        }
    }
}

/// What will not change by waiting. A namespace that is not there yet may be made, and is waited for.
fn refuses(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument | Code::PermissionDenied | Code::Unauthenticated | Code::Unimplemented
    )
}

fn limited<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(POLL_LIMIT);
    request
}
