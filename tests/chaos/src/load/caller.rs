//! A client, with a connection to each node.
//!
//! Invariant: it sends the same request id until it is told what came of it, or gives up and never sends it again.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::timeout;
use tonic::{Code, Response, Status};
use weft_env::{Clock, SeededIds};
use weft_protocol::api::{
    enums::{EventType, UpdateWorkflowExecutionLifecycleStage},
    update::{Input, Meta, Request as Asked, WaitPolicy, outcome::Value},
    workflowservice::{ResetWorkflowExecutionRequest, StartWorkflowExecutionRequest, UpdateWorkflowExecutionRequest},
};

use super::Shared;
use crate::{
    accounts,
    book::Book,
    calls::{NAMESPACE, PATIENT, RETRY, execution, may_be_tried_again, signal_request, start_request, within},
    check::list,
    errand::{self, FINISH},
    ledger::{Ledger, Reset, Told, history},
    nodes::Client,
    schedule,
};

const SIGNALS: u64 = 8;
/// How often a client that wants to reset a workflow looks whether it has had a task.
const LOOKS: usize = 50;
const UPDATE: &str = "update";
/// How long a client leaves a node alone that did not answer in time.
const LEFT_ALONE: Duration = Duration::from_secs(10);
/// What callers of updates hear where a worker's answer came to nothing, as that of one who did not see everything.
const NOT_THIS_TIME: &str = "Unable to perform workflow execution update due to";

pub(crate) struct Caller {
    pub(super) nodes: Vec<Client>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) book: Arc<Book>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) shared: Arc<Shared>,
    pub(super) ids: SeededIds,
    /// One that never gives up is for what has to be there.
    pub(super) gives_up: bool,
    /// A node that is not asked until then.
    pub(super) silent: Option<(usize, Duration)>,
}

/// What became of a request.
enum Heard<T> {
    Answered(T),
    Refused(Status),
    /// It was given up.
    Nothing,
}

impl Caller {
    /// One workflow from its start until it has been told to end.
    pub(super) async fn life(&mut self, workflow: &str) {
        self.ledger.asks(workflow);
        let Some(run) = self.begin(start_request(workflow, "errand", None)).await else { return };
        self.ledger.started(workflow, run.clone());
        for number in 0..SIGNALS {
            if number == SIGNALS / 2 && errand::is_reset(workflow) {
                self.reset(workflow, &run).await;
            }
            self.signal(workflow, &format!("s{number}")).await;
        }
        self.order(workflow).await;
        self.update(workflow).await;
        // Also where it was told nothing: the signal may be there all the same.
        self.signal(workflow, FINISH).await;
    }

    /// Starts a workflow, and says which run it is if it was told so.
    pub(super) async fn begin(&mut self, request: StartWorkflowExecutionRequest) -> Option<String> {
        let started = self.until_told(|mut client| {
            let request = within(request.clone(), PATIENT);
            async move { client.start_workflow_execution(request).await }
        });
        started.await.map(|answer| answer.run_id)
    }

    async fn signal(&mut self, workflow: &str, name: &str) {
        self.ledger.signalled(workflow, name, Told::Nothing);
        if self.tell(workflow, name, &format!("{workflow}-{name}")).await {
            self.ledger.signalled(workflow, name, Told::Done);
        }
    }

    /// Has one account pay another one.
    async fn order(&mut self, name: &str) {
        let (account, order) = accounts::draw_order(name, |bound| self.ids.below(bound));
        if self.tell(&account, &order, &format!("{name}-order")).await {
            self.book.ordered(&account, &order);
        }
    }

    /// Sends a signal, and says whether it was acknowledged.
    pub(super) async fn tell(&mut self, workflow: &str, name: &str, request_id: &str) -> bool {
        let request = signal_request(workflow, name, request_id.to_owned());
        let told = self.until_told(|mut client| {
            let request = within(request.clone(), PATIENT);
            async move { client.signal_workflow_execution(request).await }
        });
        told.await.is_some()
    }

    /// Has a run go on as another one from its first task, if that is heard of soon.
    async fn reset(&mut self, workflow: &str, run: &str) {
        let Some(task) = self.first_task(workflow, run).await else { return };
        self.ledger.resets(workflow, Reset::Asked);
        let request = ResetWorkflowExecutionRequest {
            namespace: NAMESPACE.to_owned(),
            workflow_execution: execution(workflow, run),
            workflow_task_finish_event_id: task,
            request_id: format!("reset-{workflow}"),
            ..ResetWorkflowExecutionRequest::default()
        };
        let reset = self.until_told(|mut client| {
            let request = within(request.clone(), PATIENT);
            async move { client.reset_workflow_execution(request).await }
        });
        if let Some(answer) = reset.await {
            self.ledger.resets(workflow, Reset::Done(answer.run_id));
        }
    }

    async fn first_task(&mut self, workflow: &str, run: &str) -> Option<i64> {
        for _ in 0..LOOKS {
            let (_, mut client) = self.choose();
            let events = history(&mut client, workflow, run).await.unwrap_or_default();
            let completed = events.iter().find(|event| event.event_type() == EventType::WorkflowTaskCompleted);
            if let Some(completed) = completed {
                return Some(completed.event_id);
            }
            self.rest().await;
        }
        None
    }

    /// Creates the schedule, and says whether it was told so.
    pub(super) async fn schedule(&mut self) -> bool {
        let request = schedule::create_request();
        let created = self.until_told(|mut client| {
            let request = within(request.clone(), PATIENT);
            async move { client.create_schedule(request).await }
        });
        created.await.is_some()
    }

    /// Waits until the schedule has nothing more to do, and all that it began has ended; what has not by `end` is for the check
    /// to find.
    pub(super) async fn see_to_the_schedule(&mut self, end: Duration) {
        while self.clock.monotonic() < end {
            let (_, mut client) = self.choose();
            let shown = client.describe_schedule(within(schedule::describe_request(), PATIENT)).await;
            if shown.is_ok_and(|shown| schedule::is_done(&shown.into_inner()))
                && list(client).await.is_ok_and(|listed| !schedule::has_running(&listed))
            {
                return;
            }
            self.rest().await;
        }
    }

    /// Asks for an update until its outcome is told.
    async fn update(&mut self, workflow: &str) {
        let completed = UpdateWorkflowExecutionLifecycleStage::Completed;
        let request = UpdateWorkflowExecutionRequest {
            namespace: NAMESPACE.to_owned(),
            workflow_execution: execution(workflow, ""),
            wait_policy: Some(WaitPolicy { lifecycle_stage: completed.into() }),
            request: Some(Asked {
                meta: Some(Meta { update_id: UPDATE.to_owned(), identity: "client".to_owned() }),
                input: Some(Input { header: None, name: UPDATE.to_owned(), args: None }),
                ..Asked::default()
            }),
            ..UpdateWorkflowExecutionRequest::default()
        };
        loop {
            let heard = self.ask(|mut client| {
                let request = within(request.clone(), PATIENT);
                async move { client.update_workflow_execution(request).await }
            });
            match heard.await {
                Heard::Answered(answer) => match answer.outcome.and_then(|outcome| outcome.value) {
                    Some(Value::Success(result)) => {
                        let run = answer.update_ref.and_then(|it| it.workflow_execution).unwrap_or_default().run_id;
                        return self.book.updated(&run, UPDATE, Value::Success(result));
                    }
                    Some(Value::Failure(failure)) => {
                        return self.book.complain(format!("{workflow}: its update failed: {failure:?}"));
                    }
                    // It has been accepted, and is not completed yet.
                    None => {}
                },
                Heard::Refused(status) if status.message().starts_with(NOT_THIS_TIME) => {}
                Heard::Refused(status) => return self.book.complain(format!("{workflow}: its update: {status}")),
                Heard::Nothing => return,
            }
            self.rest().await;
        }
    }

    /// Waits until a workflow that is there has ended, and tells it to if nobody was told that it had been. Says whether it
    /// has; what has not by `end` is for the ledger to find.
    pub(super) async fn see_to_its_end(&mut self, workflow: &str, finish: &str, end: Duration) -> bool {
        let mut is_told = self.ledger.is_told(workflow, finish);
        while self.clock.monotonic() < end {
            let (node, _) = self.choose();
            match history(&mut self.nodes[node].clone(), workflow, "").await.map(|events| events.last().cloned()) {
                // Its start was given up, and came to nothing.
                Ok(None) => return false,
                Ok(Some(last)) if last.event_type() == EventType::WorkflowExecutionCompleted => return true,
                Ok(Some(_)) if !is_told => {
                    is_told = true;
                    let left = end.saturating_sub(self.clock.monotonic());
                    // Whoever was not told by then has not ended, which the ledger finds.
                    let _ = timeout(left, self.insist(workflow, finish)).await;
                }
                Ok(Some(_)) | Err(_) => self.rest().await,
            }
        }
        false
    }

    /// Tells a workflow something that it may have been told before; it may have ended on that.
    async fn insist(&mut self, workflow: &str, name: &str) {
        // The ledger does not know accounts.
        let ledger = Arc::clone(&self.ledger);
        let note = |told| {
            if !accounts::is_account(workflow) {
                ledger.signalled(workflow, name, told);
            }
        };
        note(Told::Nothing);
        let request = signal_request(workflow, name, format!("{workflow}-{name}"));
        let heard = self.ask(|mut client| {
            let request = within(request.clone(), PATIENT);
            async move { client.signal_workflow_execution(request).await }
        });
        match heard.await {
            Heard::Answered(_) => note(Told::Done),
            Heard::Refused(status) if status.code() != Code::NotFound => {
                self.book.complain(format!("{workflow} cannot be told to end: {status}"));
            }
            Heard::Refused(_) | Heard::Nothing => {}
        }
    }

    async fn until_told<T, F: Future<Output = Result<Response<T>, Status>>>(
        &mut self,
        call: impl Fn(Client) -> F,
    ) -> Option<T> {
        match self.ask(call).await {
            Heard::Answered(answer) => Some(answer),
            Heard::Nothing => None,
            // Each of these requests succeeds once.
            Heard::Refused(status) => {
                self.book.complain(format!("a client had an answer that is final, and wrong: {status}"));
                None
            }
        }
    }

    /// Asks one node after the other until one says what came of it. Now and then it gives up after a failure.
    async fn ask<T, F: Future<Output = Result<Response<T>, Status>>>(
        &mut self,
        call: impl Fn(Client) -> F,
    ) -> Heard<T> {
        let began = self.clock.monotonic();
        loop {
            let (node, client) = self.choose();
            match call(client).await {
                Ok(answer) => {
                    self.shared.answered.fetch_add(1, Ordering::Relaxed);
                    let waited = self.clock.monotonic().saturating_sub(began);
                    let mut slowest = self.shared.slowest.lock();
                    *slowest = waited.max(*slowest);
                    return Heard::Answered(answer.into_inner());
                }
                Err(status) if may_be_tried_again(status.code()) => {
                    let is_silent = matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled);
                    self.silent = is_silent.then(|| (node, self.clock.monotonic() + LEFT_ALONE)).or(self.silent);
                }
                Err(status) => return Heard::Refused(status),
            }
            if self.gives_up && self.ids.below(20) == 0 {
                self.shared.given_up.fetch_add(1, Ordering::Relaxed);
                return Heard::Nothing;
            }
            self.rest().await;
        }
    }

    /// Any node but one that was silent just now.
    fn choose(&mut self) -> (usize, Client) {
        let now = self.clock.monotonic();
        self.silent = self.silent.filter(|(_, until)| now < *until);
        let mut node = usize::try_from(self.ids.below(self.nodes.len() as u64)).unwrap_or(0);
        if self.silent.is_some_and(|(silent, _)| silent == node) {
            node = (node + 1) % self.nodes.len();
        }
        (node, self.nodes[node].clone())
    }

    async fn rest(&self) {
        self.clock.sleep_until(self.clock.monotonic() + RETRY).await;
    }
}
