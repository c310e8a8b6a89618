//! A worker that a test plays by hand, at one node of a cluster; and what clients ask.

use std::time::Duration;

use tonic::{Code, Request, Status};
use weft_env::{Ids, RealIds};
use weft_protocol::api::{
    command::{
        Command, CompleteWorkflowExecutionCommandAttributes, ScheduleActivityTaskCommandAttributes,
        StartTimerCommandAttributes, command::Attributes,
    },
    common::{ActivityType, Payload, Payloads, WorkflowExecution, WorkflowType},
    enums::{CommandType, EventType, HistoryEventFilterType, QueryResultType, TaskQueueKind},
    query::WorkflowQuery,
    taskqueue::{StickyExecutionAttributes, TaskQueue},
    workflowservice::*,
};

use super::{in_time, trio::Client};

const NAMESPACE: &str = "default";
/// Longer than any test waits.
const POLL: Duration = Duration::from_secs(60);

/// Polls at one node.
#[derive(Clone)]
pub(crate) struct Worker {
    client: Client,
    queue: String,
}

pub(crate) fn normal(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() })
}

pub(crate) fn execution(id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() })
}

fn payloads(text: &str) -> Option<Payloads> {
    let payload = Payload { data: text.as_bytes().to_vec(), ..Payload::default() };
    Some(Payloads { payloads: vec![payload] })
}

/// A span as the API has it.
fn seconds(seconds: i64) -> Option<weft_protocol::Duration> {
    Some(weft_protocol::Duration { seconds, nanos: 0 })
}

pub(crate) fn poll<T>(request: T) -> Request<T> {
    let mut request = Request::new(request);
    request.set_timeout(POLL);
    request
}

impl Worker {
    pub(crate) fn at(client: Client, queue: &str) -> Self {
        Self { client, queue: queue.to_owned() }
    }

    /// The next workflow task of the normal queue.
    pub(crate) async fn task(&self) -> PollWorkflowTaskQueueResponse {
        self.polled(normal(&self.queue)).await
    }

    /// The workflow task that the first poll brings.
    pub(crate) async fn task_of_one_poll(&self) -> PollWorkflowTaskQueueResponse {
        self.poll_once(normal(&self.queue)).await.expect("the poll is answered")
    }

    /// The next workflow task of the worker's own queue.
    pub(crate) async fn sticky_task(&self, own: &str) -> PollWorkflowTaskQueueResponse {
        let (name, normal_name) = (own.to_owned(), self.queue.clone());
        self.polled(Some(TaskQueue { name, kind: TaskQueueKind::Sticky.into(), normal_name })).await
    }

    /// The next query that goes to a worker by itself.
    pub(crate) async fn query_task(&self) -> PollWorkflowTaskQueueResponse {
        let task = self.task().await;
        assert!(task.query.is_some(), "it is no query: {task:?}");
        task
    }

    async fn polled(&self, task_queue: Option<TaskQueue>) -> PollWorkflowTaskQueueResponse {
        let polling = async {
            loop {
                match self.poll_once(task_queue.clone()).await {
                    Ok(task) if !task.task_token.is_empty() => return task,
                    Ok(_) => {}
                    Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status}"),
                }
            }
        };
        in_time("a workflow task", polling).await
    }

    async fn poll_once(&self, task_queue: Option<TaskQueue>) -> Result<PollWorkflowTaskQueueResponse, Status> {
        let request = PollWorkflowTaskQueueRequest {
            namespace: NAMESPACE.to_owned(),
            task_queue,
            identity: "by hand".to_owned(),
            ..Default::default()
        };
        Ok(self.client.clone().poll_workflow_task_queue(poll(request)).await?.into_inner())
    }

    pub(crate) async fn activity(&self) -> PollActivityTaskQueueResponse {
        let request = PollActivityTaskQueueRequest {
            namespace: NAMESPACE.to_owned(),
            task_queue: normal(&self.queue),
            identity: "by hand".to_owned(),
            ..Default::default()
        };
        let polling = async {
            loop {
                match self.client.clone().poll_activity_task_queue(poll(request.clone())).await {
                    Ok(answer) if !answer.get_ref().task_token.is_empty() => return answer.into_inner(),
                    Ok(_) => {}
                    Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status}"),
                }
            }
        };
        in_time("an activity", polling).await
    }

    pub(crate) async fn complete_activity(&self, task: PollActivityTaskQueueResponse) {
        let request = RespondActivityTaskCompletedRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: task.task_token,
            result: payloads("done"),
            ..Default::default()
        };
        again(async || self.client.clone().respond_activity_task_completed(request.clone()).await).await;
    }

    /// Completes the workflow, and says its id.
    pub(crate) async fn complete_workflow(&self, task: PollWorkflowTaskQueueResponse) -> String {
        let id = task.workflow_execution.clone().map(|execution| execution.workflow_id).unwrap_or_default();
        let complete = Attributes::CompleteWorkflowExecutionCommandAttributes(
            CompleteWorkflowExecutionCommandAttributes::default(),
        );
        self.respond(task, vec![(CommandType::CompleteWorkflowExecution, complete)], None).await;
        id
    }

    pub(crate) async fn schedule_activity(&self, task: PollWorkflowTaskQueueResponse, id: &str) {
        let schedule = Attributes::ScheduleActivityTaskCommandAttributes(ScheduleActivityTaskCommandAttributes {
            activity_id: id.to_owned(),
            activity_type: Some(ActivityType { name: "Charge".to_owned() }),
            task_queue: normal(&self.queue),
            input: payloads(id),
            start_to_close_timeout: seconds(60),
            ..Default::default()
        });
        self.respond(task, vec![(CommandType::ScheduleActivityTask, schedule)], None).await;
    }

    /// Does nothing, and does not keep the workflow in its cache.
    pub(crate) async fn keep_nothing(&self, task: PollWorkflowTaskQueueResponse) {
        self.respond(task, Vec::new(), None).await;
    }

    /// Does nothing, and keeps the workflow in its cache.
    pub(crate) async fn keep(&self, task: PollWorkflowTaskQueueResponse, own: &str) {
        let worker_task_queue = Some(TaskQueue {
            name: own.to_owned(),
            kind: TaskQueueKind::Sticky.into(),
            normal_name: self.queue.clone(),
        });
        let schedule_to_start_timeout = seconds(60);
        self.respond(
            task,
            Vec::new(),
            Some(StickyExecutionAttributes { worker_task_queue, schedule_to_start_timeout }),
        )
        .await;
    }

    /// Completes a task with a command that is wrong, through any node, and says what it is told.
    pub(crate) async fn complete_wrongly(&self, client: &Client, task: &PollWorkflowTaskQueueResponse) -> Status {
        let nameless = Attributes::StartTimerCommandAttributes(StartTimerCommandAttributes::default());
        let command_type = CommandType::StartTimer.into();
        let wrong = Command { command_type, attributes: Some(nameless), ..Default::default() };
        let request = RespondWorkflowTaskCompletedRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: task.task_token.clone(),
            commands: vec![wrong],
            ..Default::default()
        };
        loop {
            match client.clone().respond_workflow_task_completed(request.clone()).await {
                Err(status) if status.code() == Code::Unavailable => {}
                told => return told.expect_err("it is wrong"),
            }
        }
    }

    async fn respond(
        &self,
        task: PollWorkflowTaskQueueResponse,
        commands: Vec<(CommandType, Attributes)>,
        sticky_attributes: Option<StickyExecutionAttributes>,
    ) {
        let command = |(kind, attributes): (CommandType, Attributes)| Command {
            command_type: kind.into(),
            attributes: Some(attributes),
            ..Default::default()
        };
        let request = RespondWorkflowTaskCompletedRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: task.task_token,
            commands: commands.into_iter().map(command).collect(),
            sticky_attributes,
            ..Default::default()
        };
        again(async || self.client.clone().respond_workflow_task_completed(request.clone()).await).await;
    }

    /// Waits for a query and answers it.
    pub(crate) async fn answer_query(&self, answer: &str) {
        self.answer(self.query_task().await, answer).await;
    }

    pub(crate) async fn answer(&self, task: PollWorkflowTaskQueueResponse, answer: &str) {
        let request = RespondQueryTaskCompletedRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: task.task_token,
            completed_type: QueryResultType::Answered.into(),
            query_result: payloads(answer),
            ..Default::default()
        };
        self.client.clone().respond_query_task_completed(request).await.expect("somebody waits");
    }

    /// Its own queue is not polled any more.
    pub(crate) async fn shut_down(&self, own: &str) {
        let request = ShutdownWorkerRequest {
            namespace: NAMESPACE.to_owned(),
            sticky_task_queue: own.to_owned(),
            identity: "by hand".to_owned(),
            ..Default::default()
        };
        again(async || self.client.clone().shutdown_worker(request.clone()).await).await;
    }
}

/// What is safe to do again is done again while there is no leader.
pub(crate) async fn again<T>(call: impl AsyncFn() -> Result<T, Status>) -> T {
    let asking = async {
        loop {
            match call().await {
                Ok(answer) => return answer,
                Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status}"),
            }
        }
    };
    in_time("to find a leader", asking).await
}

pub(crate) async fn start(client: &mut Client, id: &str, queue: &str) {
    let request = StartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Order".to_owned() }),
        task_queue: normal(queue),
        request_id: format!("start-{id}"),
        ..Default::default()
    };
    again(async || client.clone().start_workflow_execution(request.clone()).await).await;
}

pub(crate) async fn signal(client: &mut Client, id: &str) {
    let request = SignalWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution(id),
        signal_name: "more".to_owned(),
        request_id: RealIds.uuid().to_string(),
        ..Default::default()
    };
    again(async || client.clone().signal_workflow_execution(request.clone()).await).await;
}

pub(crate) async fn query(client: &mut Client, id: &str) -> Result<String, Status> {
    let request = QueryWorkflowRequest {
        namespace: NAMESPACE.to_owned(),
        execution: execution(id),
        query: Some(WorkflowQuery { query_type: "where".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let result = client.query_workflow(poll(request)).await?.into_inner().query_result.unwrap_or_default();
    let data = result.payloads.into_iter().next().map(|payload| payload.data).unwrap_or_default();
    Ok(String::from_utf8_lossy(&data).into_owned())
}

/// How the workflow ended.
pub(crate) async fn end_of(client: &mut Client, id: &str) -> EventType {
    let request = GetWorkflowExecutionHistoryRequest {
        namespace: NAMESPACE.to_owned(),
        execution: execution(id),
        wait_new_event: true,
        history_event_filter_type: HistoryEventFilterType::CloseEvent.into(),
        ..Default::default()
    };
    last_event(client, request).await
}

/// What the last event is of those that are waited for. A node answers with none after a while, and is asked again.
pub(crate) async fn last_event(client: &Client, request: GetWorkflowExecutionHistoryRequest) -> EventType {
    let waiting = async {
        loop {
            let page = again(async || client.clone().get_workflow_execution_history(request.clone()).await).await;
            let events = page.into_inner().history.unwrap_or_default().events;
            if let Some(last) = events.last() {
                return last.event_type();
            }
        }
    };
    in_time("an event", waiting).await
}

/// How many workflow tasks wait at a queue.
pub(crate) async fn waiting(client: &mut Client, queue: &str) -> i64 {
    let request = DescribeTaskQueueRequest {
        namespace: NAMESPACE.to_owned(),
        task_queue: normal(queue),
        report_stats: true,
        ..Default::default()
    };
    let answer = again(async || client.clone().describe_task_queue(request.clone()).await).await.into_inner();
    answer.stats.map(|stats| stats.approximate_backlog_count).unwrap_or_default()
}
