//! A worker by hand: takes one task and answers as it is told.

use std::time::Duration;

use weft_client::{
    Client, Failure,
    api::{
        Any,
        command::{
            Command, CompleteWorkflowExecutionCommandAttributes, ContinueAsNewWorkflowExecutionCommandAttributes,
            FailWorkflowExecutionCommandAttributes, ProtocolMessageCommandAttributes, command::Attributes,
        },
        common::{Payload, Payloads, WorkflowType},
        enums::{CommandType, QueryResultType},
        protocol::{Message, message::SequencingId},
        taskqueue::TaskQueue,
        update::{Acceptance, Meta, Outcome, Rejection, Request, Response, outcome::Value},
        workflowservice::{
            PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse, RespondQueryTaskCompletedRequest,
            RespondWorkflowTaskCompletedRequest,
        },
    },
};
use weft_protocol::prost::{Message as _, Name};

use crate::QUEUE;

/// Takes the next workflow task.
pub(crate) async fn poll(client: &Client) -> PollWorkflowTaskQueueResponse {
    let request = PollWorkflowTaskQueueRequest {
        namespace: client.namespace().to_owned(),
        task_queue: Some(TaskQueue { name: QUEUE.to_owned(), ..TaskQueue::default() }),
        identity: "worker by hand".to_owned(),
        ..PollWorkflowTaskQueueRequest::default()
    };
    let mut request = tonic::Request::new(request);
    request.set_timeout(Duration::from_secs(60));
    client.workflow_service().poll_workflow_task_queue(request).await.expect("it is answered").into_inner()
}

async fn respond(client: &Client, task_token: Vec<u8>, commands: Vec<Command>, messages: Vec<Message>) {
    let request = RespondWorkflowTaskCompletedRequest {
        namespace: client.namespace().to_owned(),
        task_token,
        commands,
        messages,
        ..RespondWorkflowTaskCompletedRequest::default()
    };
    client.workflow_service().respond_workflow_task_completed(request).await.expect("it is taken");
}

/// Takes the next workflow task and answers with these commands.
pub(crate) async fn turn(client: &Client, commands: Vec<Command>) -> PollWorkflowTaskQueueResponse {
    let task = poll(client).await;
    respond(client, task.task_token.clone(), commands, Vec::new()).await;
    task
}

pub(crate) fn complete(result: Payload) -> Command {
    let result = Some(Payloads { payloads: vec![result] });
    let attributes = CompleteWorkflowExecutionCommandAttributes { result };
    command(CommandType::CompleteWorkflowExecution, Attributes::CompleteWorkflowExecutionCommandAttributes(attributes))
}

pub(crate) fn fail(failure: Failure) -> Command {
    let attributes = FailWorkflowExecutionCommandAttributes { failure: Some(failure.into()) };
    command(CommandType::FailWorkflowExecution, Attributes::FailWorkflowExecutionCommandAttributes(attributes))
}

pub(crate) fn continue_as_new(workflow_type: &str) -> Command {
    let attributes = ContinueAsNewWorkflowExecutionCommandAttributes {
        workflow_type: Some(WorkflowType { name: workflow_type.to_owned() }),
        task_queue: Some(TaskQueue { name: QUEUE.to_owned(), ..TaskQueue::default() }),
        ..ContinueAsNewWorkflowExecutionCommandAttributes::default()
    };
    command(
        CommandType::ContinueAsNewWorkflowExecution,
        Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(attributes),
    )
}

fn command(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind.into(), attributes: Some(attributes), ..Command::default() }
}

/// Takes a task that is a query alone and answers it.
pub(crate) async fn answer_query(client: &Client, answer: Result<Payload, Failure>) {
    let task = poll(client).await;
    assert!(task.query.is_some(), "a query is expected: {task:?}");
    let (completed, query_result, failure) = match answer {
        Ok(payload) => (QueryResultType::Answered, Some(Payloads { payloads: vec![payload] }), None),
        Err(failure) => (QueryResultType::Failed, None, Some(failure)),
    };
    let request = RespondQueryTaskCompletedRequest {
        namespace: client.namespace().to_owned(),
        task_token: task.task_token,
        completed_type: completed.into(),
        query_result,
        error_message: failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default(),
        failure: failure.map(Into::into),
        ..RespondQueryTaskCompletedRequest::default()
    };
    client.workflow_service().respond_query_task_completed(request).await.expect("it is taken");
}

/// Takes a task with one update, accepts it and says what came of it.
pub(crate) async fn complete_update(client: &Client, outcome: Result<Payload, Failure>) -> Request {
    let (task, asked, request) = poll_update(client).await;
    let value = match outcome {
        Ok(payload) => Value::Success(Payloads { payloads: vec![payload] }),
        Err(failure) => Value::Failure(failure.into()),
    };
    let acceptance = Acceptance {
        accepted_request_message_id: asked.id.clone(),
        accepted_request_sequencing_event_id: event_of(&asked),
        accepted_request: Some(request.clone()),
    };
    let response = Response { meta: request.meta.clone(), outcome: Some(Outcome { value: Some(value) }) };
    let messages = vec![message("accept", &asked, &acceptance), message("complete", &asked, &response)];
    let commands = messages.iter().map(|message| protocol_message(&message.id)).collect();
    respond(client, task.task_token, commands, messages).await;
    request
}

/// Takes a task with one update and rejects it.
pub(crate) async fn reject_update(client: &Client, failure: Failure) {
    let (task, asked, request) = poll_update(client).await;
    let rejection = Rejection {
        rejected_request_message_id: asked.id.clone(),
        rejected_request_sequencing_event_id: event_of(&asked),
        rejected_request: Some(request),
        failure: Some(failure.into()),
    };
    let messages = vec![message("reject", &asked, &rejection)];
    respond(client, task.task_token, vec![protocol_message("reject")], messages).await;
}

async fn poll_update(client: &Client) -> (PollWorkflowTaskQueueResponse, Message, Request) {
    let mut task = poll(client).await;
    let asked = task.messages.pop().expect("an update is in the task");
    let body = asked.body.as_ref().expect("a message has a body");
    let request = Request::decode(body.value.as_slice()).expect("it is an update");
    assert_ne!(request.meta.as_ref().unwrap_or(&Meta::default()).update_id, "");
    (task, asked, request)
}

/// The event after which the worker sees the message.
fn event_of(message: &Message) -> i64 {
    match message.sequencing_id {
        Some(SequencingId::EventId(event) | SequencingId::CommandIndex(event)) => event,
        None => 0,
    }
}

fn message<M: Name>(id: &str, asked: &Message, body: &M) -> Message {
    let type_url = format!("type.googleapis.com/{}", M::full_name());
    Message {
        id: id.to_owned(),
        protocol_instance_id: asked.protocol_instance_id.clone(),
        body: Some(Any { type_url, value: body.encode_to_vec() }),
        ..Message::default()
    }
}

fn protocol_message(id: &str) -> Command {
    let attributes = ProtocolMessageCommandAttributes { message_id: id.to_owned() };
    command(CommandType::ProtocolMessage, Attributes::ProtocolMessageCommandAttributes(attributes))
}
