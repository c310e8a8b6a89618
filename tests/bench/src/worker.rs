//! A worker without an SDK: it knows one workflow, whose shape it reads from the workflow's type.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{sync::oneshot, task::JoinHandle};
use tonic::{Request, transport::Channel};
use weft_protocol::{
    Duration,
    api::{
        command::{
            Command, CompleteWorkflowExecutionCommandAttributes, ScheduleActivityTaskCommandAttributes,
            command::Attributes,
        },
        common::ActivityType,
        enums::{CommandType, EventType},
        taskqueue::TaskQueue,
        workflowservice::{
            PollActivityTaskQueueRequest, PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse,
            RespondActivityTaskCompletedRequest, RespondWorkflowTaskCompletedRequest,
        },
    },
    services::workflow_service_client::WorkflowServiceClient,
};

use crate::load::Shape;

pub(crate) const NAMESPACE: &str = "default";
const POLL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);

pub(crate) type Service = WorkflowServiceClient<Channel>;

/// Who waits for which workflow id.
#[derive(Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>);

impl Waiting {
    pub(crate) fn on(&self, workflow_id: &str) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(workflow_id.to_owned(), sender);
        receiver
    }

    fn done(&self, workflow_id: &str) {
        if let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(workflow_id) {
            // The caller may have stopped waiting at the end of the run.
            let _ = sender.send(());
        }
    }
}

pub(crate) fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() })
}

/// Polls workflow tasks until it is stopped.
pub(crate) fn workflows(mut service: Service, name: String, shape: Shape, waiting: Waiting) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let mut poll = Request::new(PollWorkflowTaskQueueRequest {
                namespace: NAMESPACE.to_owned(),
                task_queue: queue(&name),
                identity: "bench".to_owned(),
                ..Default::default()
            });
            poll.set_timeout(POLL_TIMEOUT);
            let Ok(task) = service.poll_workflow_task_queue(poll).await else { continue };
            let task = task.into_inner();
            if task.task_token.is_empty() {
                continue;
            }
            let (commands, closes) = decide(&task, shape, &name);
            let answer = RespondWorkflowTaskCompletedRequest {
                namespace: NAMESPACE.to_owned(),
                task_token: task.task_token,
                commands,
                identity: "bench".to_owned(),
                ..Default::default()
            };
            let answered = service.respond_workflow_task_completed(answer).await.is_ok();
            if let (true, true, Some(execution)) = (answered, closes, task.workflow_execution) {
                waiting.done(&execution.workflow_id);
            }
        }
    })
}

/// What the workflow does next, by its whole history.
fn decide(task: &PollWorkflowTaskQueueResponse, shape: Shape, queue_name: &str) -> (Vec<Command>, bool) {
    let events = task.history.as_ref().map_or(&[][..], |history| &history.events);
    let count = |kind: EventType| events.iter().filter(|event| event.event_type() == kind).count();
    let (scheduled, completed) = (count(EventType::ActivityTaskScheduled), count(EventType::ActivityTaskCompleted));
    let (total, at_once) = match shape {
        Shape::Sequential(total) => (total, 1),
        Shape::Parallel(total) => (total, total),
    };
    if completed == total {
        let attributes = CompleteWorkflowExecutionCommandAttributes::default();
        let attributes = Attributes::CompleteWorkflowExecutionCommandAttributes(attributes);
        return (vec![command(CommandType::CompleteWorkflowExecution, attributes)], true);
    }
    let next = if scheduled == completed { at_once.min(total - scheduled) } else { 0 };
    ((0..next).map(|number| activity(scheduled + number, queue_name)).collect(), false)
}

fn activity(number: usize, queue_name: &str) -> Command {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: number.to_string(),
        activity_type: Some(ActivityType { name: "nothing".to_owned() }),
        task_queue: queue(queue_name),
        start_to_close_timeout: Some(Duration { seconds: 60, nanos: 0 }),
        ..Default::default()
    };
    command(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(attributes))
}

fn command(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind.into(), attributes: Some(attributes), ..Default::default() }
}

/// Polls activities, which do nothing, until it is stopped.
pub(crate) fn activities(mut service: Service, name: String) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let mut poll = Request::new(PollActivityTaskQueueRequest {
                namespace: NAMESPACE.to_owned(),
                task_queue: queue(&name),
                identity: "bench".to_owned(),
                ..Default::default()
            });
            poll.set_timeout(POLL_TIMEOUT);
            let Ok(task) = service.poll_activity_task_queue(poll).await else { continue };
            let task = task.into_inner();
            if task.task_token.is_empty() {
                continue;
            }
            let answer = RespondActivityTaskCompletedRequest {
                namespace: NAMESPACE.to_owned(),
                task_token: task.task_token,
                identity: "bench".to_owned(),
                ..Default::default()
            };
            // One that was not taken is given out again; the workflow tells.
            let _ = service.respond_activity_task_completed(answer).await;
        }
    })
}
