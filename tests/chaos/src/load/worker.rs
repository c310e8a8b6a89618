//! Workers of workflows and of activities: each polls a node of its own, and gives its answers to whichever takes them.
//!
//! Invariant: what it was handed is written down before it does anything about it, and so is what it was told of its answer.

use std::{sync::Arc, time::Duration};

use tonic::{Code, Response, Status};
use weft_env::{Clock, Ids, SeededIds};
use weft_protocol::{
    api::{
        common::WorkflowExecution,
        history::HistoryEvent,
        workflowservice::{
            PollActivityTaskQueueRequest, PollActivityTaskQueueResponse, PollWorkflowTaskQueueRequest,
            PollWorkflowTaskQueueResponse, RespondActivityTaskCompletedRequest, RespondActivityTaskFailedRequest,
            RespondWorkflowTaskCompletedRequest,
        },
    },
    payload,
};

use crate::{
    accounts,
    book::Book,
    calls::{NAMESPACE, RETRY, may_be_tried_again, within},
    commands::{QUEUE, queue},
    errand::{self, Said},
    laws::Attempt,
    ledger::history,
    nodes::Client,
};

const POLL: Duration = Duration::from_secs(5);
/// How long one try of an answer may take, and how often one is given before its outcome stays unknown.
const ANSWER: Duration = Duration::from_secs(3);
const ANSWERS_MAX: usize = 6;
/// What nodes of an earlier build say of a poll that they have passed on with too little of its time left.
const TOO_SHORT: &str = "Context timeout is too short.";
/// What they say to a worker that gives once more an answer that was refused.
const FAILED_ALREADY: &str = "the workflow task has failed already";
/// One workflow task in so many is left to its timeout.
const TASKS_PER_LOSS: u64 = 100;

pub(super) struct Worker {
    pub(super) name: String,
    /// The node that it polls.
    pub(super) home: usize,
    pub(super) nodes: Vec<Client>,
    pub(super) book: Arc<Book>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: SeededIds,
}

impl Worker {
    /// Takes workflow tasks for ever.
    pub(super) async fn workflows(self) {
        for round in 0_u64.. {
            let identity = format!("{}-{round}", self.name);
            let request = PollWorkflowTaskQueueRequest {
                namespace: NAMESPACE.to_owned(),
                task_queue: queue(QUEUE),
                identity: identity.clone(),
                ..Default::default()
            };
            let polled = self.home().poll_workflow_task_queue(within(request, POLL)).await;
            let Some(task) = self.polled(polled).await.filter(|task| !task.task_token.is_empty()) else { continue };
            // One that carries updates may have been another before, which came to nothing.
            let of_updates = if task.messages.is_empty() { String::new() } else { format!(" of {identity}") };
            let what = format!("task {}{of_updates}", task.started_event_id);
            self.take(task.workflow_execution.as_ref(), what, task.attempt, &identity);
            if self.ids.below(TASKS_PER_LOSS) > 0 {
                self.work(task).await;
            }
        }
    }

    async fn work(&self, task: PollWorkflowTaskQueueResponse) {
        let WorkflowExecution { workflow_id, run_id } = task.workflow_execution.clone().unwrap_or_default();
        let Some(history) = self.history_of(&task, &workflow_id, &run_id).await else { return };
        let Said { commands, messages } = if accounts::is_account(&workflow_id) {
            Said { commands: accounts::decide(&history), messages: Vec::new() }
        } else {
            errand::decide(&workflow_id, &history, &task.messages, self.ids.next_u64())
        };
        let request = RespondWorkflowTaskCompletedRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: task.task_token,
            commands,
            messages,
            identity: self.name.clone(),
            ..Default::default()
        };
        let answered = self.answer(&workflow_id, |mut client| {
            let request = within(request.clone(), ANSWER);
            async move { client.respond_workflow_task_completed(request).await }
        });
        // What is lost here is done again after the task's timeout.
        if answered.await {
            self.book.completed(&run_id, task.started_event_id);
        }
    }

    /// The whole history of a task, up to its start.
    async fn history_of(
        &self,
        task: &PollWorkflowTaskQueueResponse,
        workflow: &str,
        run: &str,
    ) -> Option<Vec<HistoryEvent>> {
        if task.next_page_token.is_empty() {
            return task.history.clone().map(|history| history.events);
        }
        let mut events = history(&mut self.home(), workflow, run).await.ok()?;
        events.retain(|event| event.event_id <= task.started_event_id);
        Some(events)
    }

    /// Takes activity tasks for ever.
    pub(super) async fn activities(self) {
        for round in 0_u64.. {
            let identity = format!("{}-{round}", self.name);
            let request = PollActivityTaskQueueRequest {
                namespace: NAMESPACE.to_owned(),
                task_queue: queue(QUEUE),
                identity: identity.clone(),
                ..Default::default()
            };
            let polled = self.home().poll_activity_task_queue(within(request, POLL)).await;
            let Some(task) = self.polled(polled).await.filter(|task| !task.task_token.is_empty()) else { continue };
            let what = format!("activity {}", task.activity_id);
            self.take(task.workflow_execution.as_ref(), what, task.attempt, &identity);
            match self.ids.below(12) {
                // It vanishes with its attempt.
                0 => {}
                1 | 2 => self.fail(task).await,
                _ => self.complete(task, &identity).await,
            }
        }
    }

    async fn fail(&self, task: PollActivityTaskQueueResponse) {
        let request = RespondActivityTaskFailedRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: task.task_token,
            ..Default::default()
        };
        let answered = self.answer(&task.activity_id, |mut client| {
            let request = within(request.clone(), ANSWER);
            async move { client.respond_activity_task_failed(request).await }
        });
        // Whatever came of it: an answer that is lost becomes a timeout.
        answered.await;
    }

    /// No two results are the same.
    async fn complete(&self, task: PollActivityTaskQueueResponse, identity: &str) {
        let result = payload::json_string(identity);
        let request = RespondActivityTaskCompletedRequest {
            namespace: NAMESPACE.to_owned(),
            task_token: task.task_token,
            result: Some(payload::list(result.clone())),
            ..Default::default()
        };
        let answered = self.answer(&task.activity_id, |mut client| {
            let request = within(request.clone(), ANSWER);
            async move { client.respond_activity_task_completed(request).await }
        });
        if answered.await {
            let run = task.workflow_execution.unwrap_or_default().run_id;
            self.book.resulted(&run, &task.activity_id, result.data);
        }
    }

    fn home(&self) -> Client {
        self.nodes[self.home].clone()
    }

    async fn polled<T>(&self, polled: Result<Response<T>, Status>) -> Option<T> {
        match polled {
            Ok(task) => return Some(task.into_inner()),
            Err(status) if may_be_tried_again(status.code()) || status.message() == TOO_SHORT => {}
            Err(status) => self.book.complain(format!("a poll was refused: {status}")),
        }
        self.rest().await;
        None
    }

    fn take(&self, execution: Option<&WorkflowExecution>, what: String, number: i32, identity: &str) {
        let run = execution.map(|it| it.run_id.clone()).unwrap_or_default();
        self.book.handed(&Attempt { run, what, number }, identity);
    }

    /// Gives an answer to one node after the other until it is known what came of it, but not for ever. Says whether it was
    /// acknowledged.
    async fn answer<T, F: Future<Output = Result<Response<T>, Status>>>(
        &self,
        what: &str,
        give: impl Fn(Client) -> F,
    ) -> bool {
        for attempt in 0..ANSWERS_MAX {
            let node = (self.home + attempt) % self.nodes.len();
            let Err(status) = give(self.nodes[node].clone()).await else { return true };
            if !may_be_tried_again(status.code()) {
                // What came meanwhile has to be seen before a workflow ends; who asks again hears the same.
                let is_said = status.message().contains("UnhandledCommand") || status.message() == FAILED_ALREADY;
                let is_late = status.code() == Code::InvalidArgument && is_said;
                if status.code() != Code::NotFound && !is_late {
                    self.book.complain(format!("a worker's answer, {what}, was refused: {status}"));
                }
                return false;
            }
            self.rest().await;
        }
        false
    }

    async fn rest(&self) {
        self.clock.sleep_until(self.clock.monotonic() + RETRY).await;
    }
}
