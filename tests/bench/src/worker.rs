//! A worker without an SDK: it knows one workflow, whose shape it reads from the workflow's type.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::oneshot;
use tonic::Status;
use weft_bench::wire::{self, IDENTITY, NAMESPACE, Service, queue};
use weft_protocol::api::{
    command::Command,
    enums::EventType,
    history::HistoryEvent,
    workflowservice::{
        GetWorkflowExecutionHistoryRequest, PollActivityTaskQueueRequest, PollWorkflowTaskQueueRequest,
        PollWorkflowTaskQueueResponse, RespondActivityTaskCompletedRequest,
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
        let mut task = task.into_inner();
        if task.task_token.is_empty() {
            continue;
        }
        let Ok(events) = whole_history(&mut service, &mut task).await else { continue };
        let (commands, closes) = decide(&events, shape, &name);
        let answer = wire::completed(task.task_token, commands);
        let answered = service.respond_workflow_task_completed(answer).await.is_ok();
        if let (true, true, Some(execution)) = (answered, closes, task.workflow_execution) {
            waiting.done(&execution.workflow_id);
        }
    }
}

/// The events that came with a task, and those that did not fit.
async fn whole_history(
    service: &mut Service,
    task: &mut PollWorkflowTaskQueueResponse,
) -> Result<Vec<HistoryEvent>, Status> {
    let mut events = task.history.take().unwrap_or_default().events;
    let mut next_page_token = std::mem::take(&mut task.next_page_token);
    while !next_page_token.is_empty() {
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: NAMESPACE.to_owned(),
            execution: task.workflow_execution.clone(),
            next_page_token,
            ..Default::default()
        };
        let page = service.get_workflow_execution_history(request).await?.into_inner();
        events.extend(page.history.unwrap_or_default().events);
        next_page_token = page.next_page_token;
    }
    Ok(events)
}

/// What the workflow does next, by its whole history.
fn decide(events: &[HistoryEvent], shape: Shape, queue_name: &str) -> (Vec<Command>, bool) {
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
