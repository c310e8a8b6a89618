//! Requests and commands of Temporal's API, with no more in them than a workflow of the benchmark needs.

use std::time::Duration;

use anyhow::Context;
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};
use weft_protocol::{
    api::{
        command::{
            Command, CompleteWorkflowExecutionCommandAttributes, ScheduleActivityTaskCommandAttributes,
            StartTimerCommandAttributes, command::Attributes,
        },
        common::{ActivityType, WorkflowType},
        enums::CommandType,
        taskqueue::TaskQueue,
        workflowservice::{RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest},
    },
    services::workflow_service_client::WorkflowServiceClient,
};

pub const NAMESPACE: &str = "default";
pub const IDENTITY: &str = "bench";
const POLL_TIMEOUT: Duration = Duration::from_secs(20);

pub type Service = WorkflowServiceClient<Channel>;

/// A connection of its own.
///
/// # Errors
/// When nothing listens at the address.
pub async fn connect(address: &str) -> anyhow::Result<Service> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    let channel = endpoint.connect().await.with_context(|| format!("nothing listens at {address}"))?;
    Ok(Service::new(channel))
}

/// A long poll: its deadline says how long it waits.
pub fn poll<T>(request: T) -> Request<T> {
    let mut request = Request::new(request);
    request.set_timeout(POLL_TIMEOUT);
    request
}

#[must_use]
pub fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() })
}

/// A start whose request id is the workflow's id: nothing is started twice.
#[must_use]
pub fn start(queue_name: &str, workflow_id: String) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        request_id: workflow_id.clone(),
        workflow_id,
        workflow_type: Some(WorkflowType { name: "bench".to_owned() }),
        task_queue: queue(queue_name),
        identity: IDENTITY.to_owned(),
        ..Default::default()
    }
}

#[must_use]
pub fn completed(task_token: Vec<u8>, commands: Vec<Command>) -> RespondWorkflowTaskCompletedRequest {
    RespondWorkflowTaskCompletedRequest {
        namespace: NAMESPACE.to_owned(),
        task_token,
        commands,
        identity: IDENTITY.to_owned(),
        ..Default::default()
    }
}

#[must_use]
pub fn complete_workflow() -> Command {
    let attributes = CompleteWorkflowExecutionCommandAttributes::default();
    let attributes = Attributes::CompleteWorkflowExecutionCommandAttributes(attributes);
    command(CommandType::CompleteWorkflowExecution, attributes)
}

#[must_use]
pub fn schedule_activity(number: usize, queue_name: &str) -> Command {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: number.to_string(),
        activity_type: Some(ActivityType { name: "nothing".to_owned() }),
        task_queue: queue(queue_name),
        start_to_close_timeout: wire_duration(Duration::from_secs(60)),
        ..Default::default()
    };
    command(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(attributes))
}

#[must_use]
pub fn start_timer(after: Duration) -> Command {
    let attributes =
        StartTimerCommandAttributes { timer_id: "timer".to_owned(), start_to_fire_timeout: wire_duration(after) };
    command(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(attributes))
}

fn command(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind.into(), attributes: Some(attributes), ..Default::default() }
}

fn wire_duration(duration: Duration) -> Option<weft_protocol::Duration> {
    // Benchmarks wait for minutes at most.
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Some(weft_protocol::Duration { seconds, nanos: duration.subsec_nanos().cast_signed() })
}
