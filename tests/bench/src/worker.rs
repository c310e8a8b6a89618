//! A worker without an SDK: it knows one workflow, whose shape it reads from the workflow's type.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::oneshot;
use weft_bench::wire::{self, IDENTITY, NAMESPACE, Service, queue};
use weft_protocol::api::{
    command::Command,
    enums::EventType,
    workflowservice::{
        PollActivityTaskQueueRequest, PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse,
        RespondActivityTaskCompletedRequest,
    },
};

use crate::load::Shape;

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

/// Polls workflow tasks until it is stopped.
pub(crate) async fn workflows(mut service: Service, name: String, shape: Shape, waiting: Waiting) {
    loop {
        let poll = wire::poll(PollWorkflowTaskQueueRequest {
            namespace: NAMESPACE.to_owned(),
            task_queue: queue(&name),
            identity: IDENTITY.to_owned(),
            ..Default::default()
        });
        let Ok(task) = service.poll_workflow_task_queue(poll).await else { continue };
        let task = task.into_inner();
        if task.task_token.is_empty() {
            continue;
        }
        let (commands, closes) = decide(&task, shape, &name);
        let answer = wire::completed(task.task_token, commands);
        let answered = service.respond_workflow_task_completed(answer).await.is_ok();
        if let (true, true, Some(execution)) = (answered, closes, task.workflow_execution) {
            waiting.done(&execution.workflow_id);
        }
    }
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
        return (vec![wire::complete_workflow()], true);
    }
    let next = if scheduled == completed { at_once.min(total - scheduled) } else { 0 };
    ((0..next).map(|number| wire::schedule_activity(scheduled + number, queue_name)).collect(), false)
}

/// Polls activities, which do nothing, until it is stopped.
pub(crate) async fn activities(mut service: Service, name: String) {
    loop {
        let poll = wire::poll(PollActivityTaskQueueRequest {
            namespace: NAMESPACE.to_owned(),
            task_queue: queue(&name),
            identity: IDENTITY.to_owned(),
            ..Default::default()
        });
        let Ok(task) = service.poll_activity_task_queue(poll).await else { continue };
        let task = task.into_inner();
        if task.task_token.is_empty() {
            continue;
        }
        let answer = RespondActivityTaskCompletedRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: task.task_token,
            identity: IDENTITY.to_owned(),
            ..Default::default()
        };
        // One that was not taken is given out again; the workflow tells.
        let _ = service.respond_activity_task_completed(answer).await;
    }
}
