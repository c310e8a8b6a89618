//! Workflow tasks: poll, completed, failed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use prost::Message;
use tonic::{Request, Response, Status};
use weft_engine::{
    Answer, EventId, Namespace, NamespaceId, Request as Ask, StartedWorkflowTask, TaskCompleted, WorkflowKey,
    WorkflowTaskToken,
    state::{Branch, QueryId},
};
use weft_matching::{QueueKey, QueueKind};
use weft_protocol::{
    api::{
        command::{Command, command::Attributes},
        common::{WorkflowExecution, WorkflowType},
        enums::TaskQueueKind,
        history::history_event::Attributes as Recorded,
        query::WorkflowQuery,
        workflowservice::{
            PollWorkflowTaskQueueRequest, RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskFailedRequest,
            RespondWorkflowTaskFailedResponse,
        },
    },
    error::{Error, text},
    raw::{self, PollWorkflowTaskQueueResponse, RespondWorkflowTaskCompletedResponse},
};
use weft_rows::token::{HistoryPage, Page, QueryToken, Task};
use weft_shard::{Delivered, Events};

use super::{
    activity_task, context, errors, history,
    poll::{self, Account, FirstHand, Handed, Polling, Taken},
    trace,
    validate::tokens,
    wire,
};
use crate::node::{Node, tasks::AskedQuery};

pub(crate) async fn poll(
    node: &Node,
    request: Request<PollWorkflowTaskQueueRequest>,
) -> Result<Response<PollWorkflowTaskQueueResponse>, Status> {
    let deadline = context::poll_deadline(node, &request, node.options().poll_timeout)?;
    let passed_on = request.extensions().get::<FirstHand>().is_none();
    let body = request.into_inner();
    let namespace = context::namespace(node, &body.namespace).await?;
    let name = context::task_queue(node, body.task_queue.as_ref())?;
    context::within(node, &body.identity, text::IDENTITY_TOO_LONG)?;
    let sticky = body.task_queue.as_ref().is_some_and(|queue| queue.kind() == TaskQueueKind::Sticky);
    let queue = if sticky {
        QueueKey::sticky(namespace.id.as_str(), name)
    } else {
        QueueKey::normal(namespace.id.as_str(), name, QueueKind::Workflow)
    };
    #[expect(deprecated, reason = "older SDKs say their version here")]
    let version = body.worker_version_capabilities.as_ref();
    let account = Account {
        identity: &body.identity,
        instance_key: &body.worker_instance_key,
        version,
        deployment: body.deployment_options.as_ref(),
        max_tasks_per_second: None,
    };
    let began = node.clock().monotonic();
    let polling = Polling { queue: &queue, poller: poll::poller(node, account), deadline, passed_on };
    let answer = match poll::take(node, &namespace, polling).await? {
        Taken::Nothing => PollWorkflowTaskQueueResponse::default(),
        Taken::Query(asked) => with_scaling(node, &queue, began, query_task(node, *asked).await?),
        Taken::QueryElsewhere(answer) => with_scaling(node, &queue, began, read(&answer)?),
        Taken::Task(undelivered) => {
            let answer = handed(node, undelivered.handed()).await?;
            undelivered.delivered();
            let backlog_count_hint = i64::try_from(poll::backlog_hint(node, &queue)).unwrap_or(i64::MAX);
            with_scaling(node, &queue, began, PollWorkflowTaskQueueResponse { backlog_count_hint, ..answer })
        }
    };
    Ok(Response::new(answer))
}

fn with_scaling(
    node: &Node,
    queue: &QueueKey,
    began: Duration,
    answer: PollWorkflowTaskQueueResponse,
) -> PollWorkflowTaskQueueResponse {
    PollWorkflowTaskQueueResponse { poller_scaling_decision: poll::scaling(node, queue, began), ..answer }
}

/// The answer for a started task, made here or by the node that leads its shard.
async fn handed(node: &Node, handed: Option<&Handed>) -> Result<PollWorkflowTaskQueueResponse, Status> {
    match handed {
        Some(Handed::Here(task)) => match &task.delivered {
            Delivered::Workflow(started) => {
                trace::task(&task.key, &started.token.run);
                workflow_task(node, &task.key, started).await
            }
            // A workflow queue holds workflow tasks only.
            Delivered::Activity(_) => Ok(PollWorkflowTaskQueueResponse::default()),
        },
        Some(Handed::Elsewhere(_, answer)) => read(answer),
        None => Ok(PollWorkflowTaskQueueResponse::default()),
    }
}

/// The answer as another node made it. Its history stays what it is: bytes.
fn read(answer: &Bytes) -> Result<PollWorkflowTaskQueueResponse, Status> {
    PollWorkflowTaskQueueResponse::decode(answer.clone()).map_err(|error| {
        tracing::error!(%error, "another node's answer to a poll cannot be read");
        Error::internal("another node's answer to the poll cannot be read").into()
    })
}

/// A started workflow task as the worker sees it, with the first page of its history.
pub(crate) async fn workflow_task(
    node: &Node,
    key: &WorkflowKey,
    task: &StartedWorkflowTask,
) -> Result<PollWorkflowTaskQueueResponse, Status> {
    let page = first_page(node, key, task).await?;
    let queries = task.queries.iter().map(|(id, query)| (id.wire(), WorkflowQuery::clone(query))).collect();
    Ok(PollWorkflowTaskQueueResponse {
        task_token: Task::Workflow(key.clone(), task.token.clone()).encode(),
        workflow_execution: Some(execution_of(key, &task.token.run)),
        workflow_type: Some(WorkflowType { name: task.workflow_type.to_string() }),
        previous_started_event_id: task.previous_started_event_id.0,
        started_event_id: task.token.started_event_id.0,
        attempt: i32::try_from(task.token.attempt).unwrap_or(i32::MAX),
        history: Some(raw::history(&page.events)),
        next_page_token: page.next,
        workflow_execution_task_queue: Some(wire::task_queue::normal(task.queue.as_str())),
        scheduled_time: Some(task.scheduled_at.wire()),
        started_time: Some(task.token.started_at.wire()),
        queries,
        messages: task.messages.clone(),
        ..PollWorkflowTaskQueueResponse::default()
    })
}

/// What a task shows of its history at once, and the token for the rest.
struct FirstPage {
    events: Events,
    next: Vec<u8>,
}

async fn first_page(node: &Node, key: &WorkflowKey, task: &StartedWorkflowTask) -> Result<FirstPage, Status> {
    let whole = HistoryPage {
        key: key.clone(),
        run: task.token.run.clone(),
        branch: task.branch.clone(),
        next: task.first_event,
        end: task.next_event,
        wait: false,
        close_only: false,
        backwards: false,
        suffix: task.suffix.clone(),
    };
    read_first(node, key, whole).await
}

async fn read_first(node: &Node, key: &WorkflowKey, whole: HistoryPage) -> Result<FirstPage, Status> {
    let limit = node.options().history_page;
    let read = node.shard(key).history().read(key, &whole.branch, whole.next, whole.end, limit).await;
    let mut events = history::within_page(read.map_err(|failure| errors::of_failure(failure, key))?);
    let next = EventId(whole.next.0 + i64::try_from(events.len()).unwrap_or(0));
    if next < whole.end {
        return Ok(FirstPage { events, next: Page::History(HistoryPage { next, ..whole }).encode() });
    }
    events.extend(whole.suffix.iter().map(history::encoded));
    Ok(FirstPage { events, next: Vec::new() })
}

/// A query that goes to a worker by itself: full history from the normal queue, none from the sticky one.
pub(super) async fn query_task(node: &Node, task: AskedQuery) -> Result<PollWorkflowTaskQueueResponse, Status> {
    let direct = &task.direct;
    let key = &task.key;
    trace::task(key, &direct.run);
    let page = if task.sticky {
        FirstPage { events: Vec::new(), next: Vec::new() }
    } else {
        let whole = HistoryPage {
            key: key.clone(),
            run: direct.run.clone(),
            branch: direct.branch.clone(),
            next: EventId::FIRST,
            end: direct.next_event_id,
            wait: false,
            close_only: false,
            backwards: false,
            suffix: Vec::new(),
        };
        read_first(node, key, whole).await?
    };
    let token = QueryToken { run: direct.run.clone(), query: QueryId(task.id) };
    let answer = PollWorkflowTaskQueueResponse {
        task_token: Task::Query(key.clone(), token).encode(),
        workflow_execution: Some(execution_of(key, &direct.run)),
        workflow_type: Some(WorkflowType { name: direct.workflow_type.to_string() }),
        previous_started_event_id: direct.last_completed_task.0,
        attempt: 1,
        history: Some(raw::history(&page.events)),
        next_page_token: page.next,
        query: Some(WorkflowQuery::clone(&task.query)),
        workflow_execution_task_queue: Some(wire::task_queue::normal(direct.queue.as_str())),
        ..PollWorkflowTaskQueueResponse::default()
    };
    node.queries().wait_for_answer(task.id, task.reply);
    Ok(answer)
}

pub(crate) fn execution_of(key: &WorkflowKey, run: &weft_engine::RunId) -> WorkflowExecution {
    WorkflowExecution { workflow_id: key.workflow.to_string(), run_id: run.to_string() }
}

pub(crate) async fn completed(
    node: &Node,
    request: Request<RespondWorkflowTaskCompletedRequest>,
) -> Result<Response<RespondWorkflowTaskCompletedResponse>, Status> {
    let body = request.into_inner();
    let (namespace, key, task) = by_token(node, &body.namespace, &body.task_token).await?;
    context::within(node, &body.identity, text::IDENTITY_TOO_LONG)?;
    let return_new = body.return_new_workflow_task;
    let namespaces = namespaces(node, &body.commands).await?;
    let ask = Ask::CompleteWorkflowTask(Box::new(wire::workflow_task::completion(node, task, body, namespaces)?));
    let answer = node.shard(&key).ask(key.clone(), Arc::clone(&namespace), ask).await;
    match answer.map_err(|failure| errors::of_failure(failure, &key))? {
        Answer::TaskCompleted(done) => completed_answer(node, &namespace, &key, *done, return_new).await,
        Answer::TaskFailed { message } => Err(Error::invalid_argument(message).into()),
        Answer::TaskFailedBefore { branch, event } => Err(failed_before(node, &key, &branch, event).await),
        Answer::TaskTimedOut => Err(Error::not_found("workflow task heartbeat timed out").into()),
        _ => Ok(Response::new(Default::default())),
    }
}

/// What a worker was told whose completion was wrong, from the event that recorded it (rule 2).
async fn failed_before(node: &Node, key: &WorkflowKey, branch: &Branch, event: EventId) -> Status {
    let read = node.shard(key).history().event(key, branch, event).await;
    match read.map(|event| event.attributes) {
        Ok(Some(Recorded::WorkflowTaskFailedEventAttributes(it))) => {
            Error::invalid_argument(it.failure.unwrap_or_default().message).into()
        }
        Ok(_) => Error::internal("the event after a failed workflow task's start is of another type").into(),
        Err(failure) => errors::of_failure(failure, key),
    }
}

/// The namespaces that commands name; one that is not there fails the whole answer.
#[expect(deprecated, reason = "these fields are how a command reaches another namespace")]
async fn namespaces(node: &Node, commands: &[Command]) -> Result<BTreeMap<String, NamespaceId>, Status> {
    let mut found = BTreeMap::new();
    for command in commands {
        let name = match &command.attributes {
            Some(Attributes::StartChildWorkflowExecutionCommandAttributes(it)) => &it.namespace,
            Some(Attributes::SignalExternalWorkflowExecutionCommandAttributes(it)) => &it.namespace,
            Some(Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(it)) => &it.namespace,
            _ => continue,
        };
        if !name.is_empty() && !found.contains_key(name) {
            found.insert(name.clone(), context::namespace(node, name).await?.id.clone());
        }
    }
    Ok(found)
}

async fn completed_answer(
    node: &Node,
    namespace: &Namespace,
    key: &WorkflowKey,
    done: TaskCompleted,
    return_new: bool,
) -> Result<Response<RespondWorkflowTaskCompletedResponse>, Status> {
    let mut answer = RespondWorkflowTaskCompletedResponse {
        reset_history_event_id: done.reset_to.map_or(0, |event| event.0),
        ..RespondWorkflowTaskCompletedResponse::default()
    };
    if let (true, Some(task)) = (return_new, &done.new_task) {
        answer.workflow_task = Some(workflow_task(node, key, task).await?);
    }
    for activity in &done.eager_activities {
        answer.activity_tasks.push(activity_task::activity_task(node, namespace, key, activity).await?);
    }
    Ok(Response::new(answer))
}

pub(crate) async fn failed(
    node: &Node,
    request: Request<RespondWorkflowTaskFailedRequest>,
) -> Result<Response<RespondWorkflowTaskFailedResponse>, Status> {
    let body = request.into_inner();
    let (namespace, key, task) = by_token(node, &body.namespace, &body.task_token).await?;
    context::within(node, &body.identity, text::IDENTITY_TOO_LONG)?;
    let ask = Ask::FailWorkflowTask(Box::new(wire::workflow_task::failure(task, body)));
    let answer = node.shard(&key).ask(key.clone(), namespace, ask).await;
    answer.map_err(|failure| errors::of_failure(failure, &key))?;
    Ok(Response::new(Default::default()))
}

/// The namespace, workflow and task that a token names.
async fn by_token(
    node: &Node,
    namespace: &str,
    token: &[u8],
) -> Result<(Arc<Namespace>, WorkflowKey, WorkflowTaskToken), Status> {
    let namespace = context::namespace(node, namespace).await?;
    let (key, task) = tokens::workflow(&namespace, token)?;
    Ok((namespace, key, task))
}
