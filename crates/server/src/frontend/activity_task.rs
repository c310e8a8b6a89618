//! Activity tasks: poll, completed, failed, canceled, heartbeat, each by token and by id.

use std::sync::Arc;

use prost::Message;
use tonic::{Request, Response, Status};
use weft_engine::{
    ActivityId, ActivityRef, Answer, FailActivity, Identity, Namespace, Refusal, Request as Ask, StartedActivityTask,
    Target, WorkflowKey, wire_span,
};
use weft_matching::{QueueKey, QueueKind};
use weft_protocol::{
    api::{
        common::{ActivityType, Payloads, WorkflowType},
        failure::{Failure as ActivityFailure, failure::FailureInfo},
        history::{ActivityTaskScheduledEventAttributes, history_event::Attributes},
        workflowservice::*,
    },
    error::{Error, text},
};
use weft_rows::token::Task;
use weft_shard::{Delivered, Failure};

use super::{
    context, errors,
    poll::{self, Account, FirstHand, Handed, Polling, Taken},
    trace,
    validate::{causes, ids, tokens},
    workflow_task::execution_of,
};
use crate::node::Node;

pub(crate) async fn poll(
    node: &Node,
    request: Request<PollActivityTaskQueueRequest>,
) -> Result<Response<PollActivityTaskQueueResponse>, Status> {
    let deadline = context::poll_deadline(node, &request, node.options().poll_timeout)?;
    let passed_on = request.extensions().get::<FirstHand>().is_none();
    let body = request.into_inner();
    let namespace = context::namespace(node, &body.namespace).await?;
    let name = context::task_queue(node, body.task_queue.as_ref())?;
    context::within(node, &body.identity, text::IDENTITY_TOO_LONG)?;
    let queue = QueueKey::normal(namespace.id.as_str(), name, QueueKind::Activity);
    let rate = body.task_queue_metadata.and_then(|metadata| metadata.max_tasks_per_second);
    #[expect(deprecated, reason = "older SDKs say their version here")]
    let version = body.worker_version_capabilities.as_ref();
    let account = Account {
        identity: &body.identity,
        instance_key: &body.worker_instance_key,
        version,
        deployment: body.deployment_options.as_ref(),
        max_tasks_per_second: rate,
    };
    let began = node.clock().monotonic();
    let polling = Polling { queue: &queue, poller: poll::poller(node, account), deadline, passed_on };
    let answer = match poll::take(node, &namespace, polling).await? {
        // Queries are asked on workflow queues only.
        Taken::Nothing | Taken::Query(_) | Taken::QueryElsewhere(_) => PollActivityTaskQueueResponse::default(),
        Taken::Task(undelivered) => {
            let answer = handed(node, &namespace, undelivered.handed()).await?;
            undelivered.delivered();
            let poller_scaling_decision = poll::scaling(node, &queue, began);
            PollActivityTaskQueueResponse { poller_scaling_decision, ..answer }
        }
    };
    Ok(Response::new(answer))
}

/// The answer for a started activity, made here or by the node that leads its shard.
async fn handed(
    node: &Node,
    namespace: &Namespace,
    handed: Option<&Handed>,
) -> Result<PollActivityTaskQueueResponse, Status> {
    match handed {
        Some(Handed::Here(task)) => match &task.delivered {
            Delivered::Activity(started) => {
                trace::task(&task.key, &started.token.run);
                activity_task(node, namespace, &task.key, started).await
            }
            // An activity queue holds activity tasks only.
            Delivered::Workflow(_) => Ok(PollActivityTaskQueueResponse::default()),
        },
        Some(Handed::Elsewhere(_, answer)) => PollActivityTaskQueueResponse::decode(answer.clone()).map_err(|error| {
            tracing::error!(%error, "another node's answer to a poll cannot be read");
            Error::internal("another node's answer to the poll cannot be read").into()
        }),
        None => Ok(PollActivityTaskQueueResponse::default()),
    }
}

/// A started activity as the worker sees it; input and header come from its scheduled event.
pub(crate) async fn activity_task(
    node: &Node,
    namespace: &Namespace,
    key: &WorkflowKey,
    task: &StartedActivityTask,
) -> Result<PollActivityTaskQueueResponse, Status> {
    let scheduled = scheduled_event(node, key, task).await?;
    let activity = &task.activity;
    let heartbeat = activity.heartbeat.as_ref().and_then(|heartbeat| heartbeat.details.as_deref().cloned());
    Ok(PollActivityTaskQueueResponse {
        task_token: Task::Activity(key.clone(), task.token.clone()).encode(),
        workflow_namespace: namespace.name.to_string(),
        workflow_type: Some(WorkflowType { name: task.workflow_type.to_string() }),
        workflow_execution: Some(execution_of(key, &task.token.run)),
        activity_type: Some(ActivityType { name: activity.activity_type.to_string() }),
        activity_id: activity.id.to_string(),
        header: scheduled.header,
        input: scheduled.input,
        heartbeat_details: heartbeat,
        scheduled_time: Some(activity.scheduled_at.wire()),
        current_attempt_scheduled_time: Some(task.attempt_scheduled_at.wire()),
        started_time: Some(task.token.started_at.wire()),
        attempt: i32::try_from(task.token.attempt).unwrap_or(i32::MAX),
        schedule_to_close_timeout: Some(wire_span(activity.schedule_to_close)),
        start_to_close_timeout: Some(wire_span(activity.start_to_close)),
        heartbeat_timeout: Some(wire_span(activity.heartbeat_timeout)),
        retry_policy: Some(activity.retry.wire()),
        priority: task.priority.clone(),
        ..PollActivityTaskQueueResponse::default()
    })
}

async fn scheduled_event(
    node: &Node,
    key: &WorkflowKey,
    task: &StartedActivityTask,
) -> Result<ActivityTaskScheduledEventAttributes, Status> {
    let event = if let Some(event) = &task.scheduled_event {
        Arc::clone(event)
    } else {
        let read = node.shard(key).history().event(key, &task.branch, task.token.scheduled_event_id).await;
        Arc::new(read.map_err(|failure| errors::of_failure(failure, key))?)
    };
    match &event.attributes {
        Some(Attributes::ActivityTaskScheduledEventAttributes(attributes)) => Ok(attributes.clone()),
        _ => Err(Error::internal("an activity's scheduled event is of another type").into()),
    }
}

/// Which activity an answer is about.
struct About {
    namespace: Arc<Namespace>,
    key: WorkflowKey,
    activity: ActivityRef,
}

async fn by_token(node: &Node, namespace: &str, bytes: &[u8]) -> Result<About, Status> {
    let namespace = context::namespace(node, namespace).await?;
    let (key, task) = tokens::activity(&namespace, bytes)?;
    Ok(About { namespace, key, activity: ActivityRef::Token(task) })
}

async fn by_id(node: &Node, namespace: &str, workflow: &str, run: &str, activity: &str) -> Result<About, Status> {
    let namespace = context::namespace(node, namespace).await?;
    let key = context::key(node, &namespace, workflow)?;
    let run = ids::run_id(run).map_err(|_| Error::invalid_argument(text::RUN_ID_NO_UUID))?;
    if activity.is_empty() {
        return Err(Error::invalid_argument(text::ACTIVITY_ID_NOT_SET).into());
    }
    Ok(About { namespace, key, activity: ActivityRef::ById { run, activity: ActivityId::from(activity) } })
}

async fn tell(node: &Node, about: About, request: impl FnOnce(ActivityRef) -> Ask) -> Result<Answer, Status> {
    let About { namespace, key, activity } = about;
    let answer = node.shard(&key).ask(key.clone(), namespace, request(activity.clone())).await;
    answer.map_err(|failure| match (failure, activity) {
        (Failure::Refused(Refusal::ActivityNotFound), ActivityRef::ById { activity, .. }) => {
            let check = "check workflow execution history for more details";
            Error::not_found(format!("cannot find pending activity with ActivityID {activity}, {check}")).into()
        }
        (failure, ActivityRef::ById { run, .. }) => errors::about(failure, &key, &Target { run, first_run: None }),
        (failure, ActivityRef::Token(_)) => errors::of_failure(failure, &key),
    })
}

fn identity(node: &Node, identity: &str) -> Result<Identity, Status> {
    context::within(node, identity, text::IDENTITY_TOO_LONG)?;
    Ok(Identity::from(identity))
}

async fn complete(node: &Node, about: About, who: &str, result: Option<Payloads>) -> Result<(), Status> {
    let who = identity(node, who)?;
    tell(node, about, |activity| Ask::CompleteActivity(activity, who, result)).await.map(drop)
}

fn is_of_application(failure: &ActivityFailure) -> bool {
    matches!(failure.failure_info, Some(FailureInfo::ApplicationFailureInfo(_)))
}

/// Takes a failure; what of it was too large is told.
async fn fail(
    node: &Node,
    about: About,
    who: &str,
    failure: Option<ActivityFailure>,
    last_heartbeat: Option<Payloads>,
) -> Result<Vec<ActivityFailure>, Status> {
    let failure = causes::bounded(failure);
    let body = FailActivity { identity: identity(node, who)?, failure, last_heartbeat };
    match tell(node, about, |activity| Ask::FailActivity(activity, Box::new(body))).await? {
        Answer::FailureCut(told) => Ok(told),
        _ => Ok(Vec::new()),
    }
}

async fn cancel(node: &Node, about: About, who: &str, details: Option<Payloads>) -> Result<(), Status> {
    let who = identity(node, who)?;
    tell(node, about, |activity| Ask::CancelActivity(activity, who, details)).await.map(drop)
}

/// Records a heartbeat; says what the worker must know of the activity.
async fn beat(
    node: &Node,
    about: About,
    who: &str,
    details: Option<Payloads>,
) -> Result<RecordActivityTaskHeartbeatResponse, Status> {
    let who = identity(node, who)?;
    let answer = tell(node, about, |activity| Ask::Heartbeat(activity, who, details)).await?;
    Ok(match answer {
        Answer::HeartbeatRecorded { cancel_requested, paused, reset } => {
            RecordActivityTaskHeartbeatResponse { cancel_requested, activity_paused: paused, activity_reset: reset }
        }
        _ => RecordActivityTaskHeartbeatResponse::default(),
    })
}

pub(crate) async fn completed(
    node: &Node,
    body: RespondActivityTaskCompletedRequest,
) -> Result<Response<RespondActivityTaskCompletedResponse>, Status> {
    let about = by_token(node, &body.namespace, &body.task_token).await?;
    complete(node, about, &body.identity, body.result).await?;
    Ok(Response::new(Default::default()))
}

pub(crate) async fn completed_by_id(
    node: &Node,
    body: RespondActivityTaskCompletedByIdRequest,
) -> Result<Response<RespondActivityTaskCompletedByIdResponse>, Status> {
    let about = by_id(node, &body.namespace, &body.workflow_id, &body.run_id, &body.activity_id).await?;
    complete(node, about, &body.identity, body.result).await?;
    Ok(Response::new(Default::default()))
}

pub(crate) async fn failed(
    node: &Node,
    body: RespondActivityTaskFailedRequest,
) -> Result<Response<RespondActivityTaskFailedResponse>, Status> {
    let about = by_token(node, &body.namespace, &body.task_token).await?;
    if body.failure.as_ref().is_some_and(|failure| !is_of_application(failure)) {
        return Err(Error::invalid_argument(text::FAILURE_NOT_APPLICATION).into());
    }
    let failures = fail(node, about, &body.identity, body.failure, body.last_heartbeat_details).await?;
    Ok(Response::new(RespondActivityTaskFailedResponse { failures }))
}

pub(crate) async fn failed_by_id(
    node: &Node,
    body: RespondActivityTaskFailedByIdRequest,
) -> Result<Response<RespondActivityTaskFailedByIdResponse>, Status> {
    let about = by_id(node, &body.namespace, &body.workflow_id, &body.run_id, &body.activity_id).await?;
    let failures = fail(node, about, &body.identity, body.failure, body.last_heartbeat_details).await?;
    Ok(Response::new(RespondActivityTaskFailedByIdResponse { failures }))
}

pub(crate) async fn canceled(
    node: &Node,
    body: RespondActivityTaskCanceledRequest,
) -> Result<Response<RespondActivityTaskCanceledResponse>, Status> {
    let about = by_token(node, &body.namespace, &body.task_token).await?;
    cancel(node, about, &body.identity, body.details).await?;
    Ok(Response::new(Default::default()))
}

pub(crate) async fn canceled_by_id(
    node: &Node,
    body: RespondActivityTaskCanceledByIdRequest,
) -> Result<Response<RespondActivityTaskCanceledByIdResponse>, Status> {
    let about = by_id(node, &body.namespace, &body.workflow_id, &body.run_id, &body.activity_id).await?;
    cancel(node, about, &body.identity, body.details).await?;
    Ok(Response::new(Default::default()))
}

pub(crate) async fn heartbeat(
    node: &Node,
    body: RecordActivityTaskHeartbeatRequest,
) -> Result<Response<RecordActivityTaskHeartbeatResponse>, Status> {
    let about = by_token(node, &body.namespace, &body.task_token).await?;
    Ok(Response::new(beat(node, about, &body.identity, body.details).await?))
}

pub(crate) async fn heartbeat_by_id(
    node: &Node,
    body: RecordActivityTaskHeartbeatByIdRequest,
) -> Result<Response<RecordActivityTaskHeartbeatByIdResponse>, Status> {
    let about = by_id(node, &body.namespace, &body.workflow_id, &body.run_id, &body.activity_id).await?;
    let RecordActivityTaskHeartbeatResponse { cancel_requested, activity_paused, activity_reset } =
        beat(node, about, &body.identity, body.details).await?;
    Ok(Response::new(RecordActivityTaskHeartbeatByIdResponse { cancel_requested, activity_paused, activity_reset }))
}
