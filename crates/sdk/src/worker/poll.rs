//! Polls: each takes a slot, asks for a task, and hands it to a task of its own.
//!
//! Invariants: a poll is made only when there is room for what it brings; a poll whose answer may have come is never
//! dropped while the worker can still work on it.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::task::JoinSet;
use tonic::{Code, Request, Response, Status};
use tracing::warn;
use weft_protocol::api::{
    deployment::WorkerDeploymentOptions,
    enums::{TaskQueueKind, WorkerVersioningMode},
    taskqueue::{PollerScalingDecision, TaskQueue, TaskQueueMetadata},
    workflowservice::{
        PollActivityTaskQueueRequest, PollActivityTaskQueueResponse, PollWorkflowTaskQueueRequest,
        PollWorkflowTaskQueueResponse,
    },
};

use super::{
    Shared, WorkerError, activity_task, report,
    scale::{Heard, Scale},
    slots::{Room, Slot},
    workflow_task,
};

/// The server answers earlier, to be asked again.
const POLL_LIMIT: Duration = Duration::from_secs(70);

/// What is polled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Workflow,
    /// Tasks of workflows that are kept here.
    Sticky,
    Activity,
}

/// Starts all polls of a worker.
pub(crate) fn start(shared: &Arc<Shared>) -> JoinSet<Result<(), WorkerError>> {
    let mut polls = JoinSet::new();
    if shared.registry.has_workflows() {
        polls.spawn(keep(Arc::clone(shared), Kind::Workflow));
        if shared.settings.is_sticky() {
            polls.spawn(keep(Arc::clone(shared), Kind::Sticky));
        }
    }
    if shared.registry.has_activities() {
        polls.spawn(keep(Arc::clone(shared), Kind::Activity));
    }
    polls
}

/// Keeps as many polls of a kind as are wanted, until the worker stops.
async fn keep(shared: Arc<Shared>, kind: Kind) -> Result<(), WorkerError> {
    let scale = shared.scale(kind);
    let mut polls = FuturesUnordered::new();
    loop {
        while !shared.stopping.is_cancelled() && scale.begin() {
            polls.push(once(&shared, kind, scale));
        }
        tokio::select! {
            ended = polls.next() => match ended {
                // None is begun, so the worker stops.
                None => return Ok(()),
                Some(ended) => {
                    scale.end();
                    ended?;
                }
            },
            () = scale.changed.notified() => {}
        }
    }
}

/// One poll, and the wait after one that failed.
async fn once(shared: &Arc<Shared>, kind: Kind, scale: &Scale) -> Result<(), WorkerError> {
    let polled = match kind {
        Kind::Workflow | Kind::Sticky => workflow(shared, kind).await,
        Kind::Activity => activity(shared).await,
    };
    let now = shared.clock.monotonic();
    match polled {
        // It was given up, because the worker stops.
        None => Ok(()),
        Some(Ok(heard)) => {
            scale.hear(heard, now);
            Ok(())
        }
        Some(Err(status)) if refuses(&status) => {
            Err(WorkerError::Refused { queue: shared.queue.clone(), status: Box::new(status) })
        }
        Some(Err(status)) => {
            let overloaded = status.code() == Code::ResourceExhausted;
            scale.hear(if overloaded { Heard::Overloaded } else { Heard::Failed }, now);
            if !report::passes(&status) {
                warn!(%status, queue = shared.queue, "a poll failed; it is tried again");
            }
            tokio::select! {
                () = shared.stopping.cancelled() => {}
                () = shared.clock.sleep_until(now + scale.pause()) => {}
            }
            Ok(())
        }
    }
}

/// `None` when it was given up because the worker stops.
async fn workflow(shared: &Arc<Shared>, kind: Kind) -> Option<Result<Heard, Status>> {
    let slot = slot(shared, &shared.workflow_slots).await?;
    let poll = PollWorkflowTaskQueueRequest {
        namespace: shared.client.namespace().to_owned(),
        task_queue: Some(queue(shared, kind)),
        identity: shared.client.identity().to_owned(),
        worker_instance_key: shared.instance_key.clone(),
        deployment_options: shared.deployment_options(),
        ..PollWorkflowTaskQueueRequest::default()
    };
    let mut stub = shared.client.workflow_service();
    let answer = unless_leaving(shared, stub.poll_workflow_task_queue(limited(poll))).await?;
    Some(answer.map(|task: PollWorkflowTaskQueueResponse| {
        let heard = heard(task.poller_scaling_decision.as_ref(), !task.task_token.is_empty());
        if !task.task_token.is_empty() {
            shared.tasks.spawn(workflow_task::polled(Arc::clone(shared), task, slot));
        }
        heard
    }))
}

/// `None` when it was given up because the worker stops.
async fn activity(shared: &Arc<Shared>) -> Option<Result<Heard, Status>> {
    let slot = slot(shared, &shared.activity_slots).await?;
    if let Some(rate) = &shared.rate {
        let begins = shared.clock.sleep_until(rate.next(shared.clock.monotonic()));
        tokio::select! {
            () = begins => {}
            () = shared.stopping.cancelled() => return None,
        }
    }
    let limit = shared.settings.queue_activities_per_second;
    let poll = PollActivityTaskQueueRequest {
        namespace: shared.client.namespace().to_owned(),
        task_queue: Some(queue(shared, Kind::Activity)),
        identity: shared.client.identity().to_owned(),
        worker_instance_key: shared.instance_key.clone(),
        deployment_options: shared.deployment_options(),
        task_queue_metadata: limit.map(|limit| TaskQueueMetadata { max_tasks_per_second: Some(limit) }),
        ..PollActivityTaskQueueRequest::default()
    };
    let mut stub = shared.client.workflow_service();
    let answer = unless_leaving(shared, stub.poll_activity_task_queue(limited(poll))).await?;
    Some(answer.map(|task: PollActivityTaskQueueResponse| {
        let heard = heard(task.poller_scaling_decision.as_ref(), !task.task_token.is_empty());
        if !task.task_token.is_empty() {
            shared.tasks.spawn(activity_task::polled(Arc::clone(shared), task, slot));
        }
        heard
    }))
}

fn heard(decision: Option<&PollerScalingDecision>, has_task: bool) -> Heard {
    match decision {
        Some(decision) => Heard::Suggested(decision.poll_request_delta_suggestion),
        None if has_task => Heard::Task,
        None => Heard::Nothing,
    }
}

fn queue(shared: &Shared, kind: Kind) -> TaskQueue {
    match kind {
        Kind::Sticky => TaskQueue {
            name: shared.sticky_queue.clone(),
            kind: TaskQueueKind::Sticky.into(),
            normal_name: shared.queue.clone(),
        },
        Kind::Workflow | Kind::Activity => {
            TaskQueue { name: shared.queue.clone(), kind: TaskQueueKind::Normal.into(), ..TaskQueue::default() }
        }
    }
}

/// Room for a task; `None` when the worker stops.
async fn slot(shared: &Shared, room: &Arc<Room>) -> Option<Slot> {
    tokio::select! {
        biased;
        () = shared.stopping.cancelled() => None,
        slot = room.take() => Some(slot),
    }
}

async fn unless_leaving<T>(
    shared: &Shared,
    poll: impl Future<Output = Result<Response<T>, Status>>,
) -> Option<Result<T, Status>> {
    tokio::select! {
        biased;
        answer = poll => Some(answer.map(Response::into_inner)),
        () = shared.leaving.cancelled() => None,
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

impl Shared {
    fn scale(&self, kind: Kind) -> &Scale {
        match kind {
            Kind::Workflow => &self.scales.workflow,
            Kind::Sticky => &self.scales.sticky,
            Kind::Activity => &self.scales.activity,
        }
    }

    pub(crate) fn deployment_options(&self) -> Option<WorkerDeploymentOptions> {
        self.settings.deployment.as_ref().map(|deployment| WorkerDeploymentOptions {
            deployment_name: deployment.name.clone(),
            build_id: deployment.build_id.clone(),
            worker_versioning_mode: WorkerVersioningMode::Unversioned.into(),
        })
    }
}
