//! The worker, without an SDK: it polls, decides by [`Gate`], runs checks, says that it lives, and answers.
//!
//! Invariant: a worker holds nothing that matters. What it has not answered is handed out again, and an answer is sent
//! until the server has taken it or says that it no longer wants it; so the server may die at any moment.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use tokio::task::JoinSet;
use tonic::{Code, Request, Response, Status};
use weft_client::{
    Client, WorkflowService,
    api::{
        common::Payloads,
        failure::{ApplicationFailureInfo, Failure, failure::FailureInfo},
        taskqueue::TaskQueue,
        workflowservice::{
            PollActivityTaskQueueRequest, PollActivityTaskQueueResponse, PollWorkflowTaskQueueRequest,
            PollWorkflowTaskQueueResponse, RecordActivityTaskHeartbeatRequest, RespondActivityTaskCompletedRequest,
            RespondActivityTaskFailedRequest, RespondWorkflowTaskCompletedRequest,
        },
    },
};
use weft_env::Clock;

use super::{
    checks::Check,
    command::{CouldNotRun, Repo},
    fence::Fence,
    gate::{self, ATTEMPTS_MAX, CheckInput, Gate, Judged},
    report,
    score::Outcome,
    screen::Screen,
};

const POLL_LIMIT: Duration = Duration::from_secs(70);
const CALL_LIMIT: Duration = Duration::from_secs(5);
const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);
/// Between tries while the server is away.
const AWAY_PAUSE: Duration = Duration::from_millis(50);

#[derive(Clone)]
pub(super) struct Worker {
    pub(super) client: Client,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) fence: Fence,
    pub(super) screen: Screen,
}

/// What became of an answer.
#[derive(Clone, Copy, PartialEq)]
enum Delivered {
    Taken {
        tries: u32,
    },
    /// The server has another answer already, or gave the task to somebody else.
    NotWanted,
}

impl Worker {
    /// Polls until it is dropped: one poll for workflow tasks, and one for each check, so that all run at once.
    /// What comes out of the set is an error.
    pub(super) fn start(&self) -> JoinSet<anyhow::Error> {
        let mut polls = JoinSet::new();
        let worker = self.clone();
        polls.spawn(async move { worker.workflows().await });
        for _ in Check::ALL {
            let worker = self.clone();
            polls.spawn(async move { worker.activities().await });
        }
        polls
    }

    async fn workflows(&self) -> anyhow::Error {
        loop {
            let done = match self.next_workflow_task().await {
                Ok(Some(task)) => self.decide(task).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                return error.context("the demo's worker failed at a workflow task");
            }
        }
    }

    async fn activities(&self) -> anyhow::Error {
        loop {
            let done = match self.next_activity_task().await {
                Ok(Some(task)) => self.perform(task).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                return error.context("the demo's worker failed at an activity task");
            }
        }
    }

    async fn next_workflow_task(&self) -> anyhow::Result<Option<PollWorkflowTaskQueueResponse>> {
        let poll = PollWorkflowTaskQueueRequest {
            namespace: self.client.namespace().to_owned(),
            task_queue: queue(),
            identity: self.client.identity().to_owned(),
            ..Default::default()
        };
        let answer = self.client.workflow_service().poll_workflow_task_queue(limited(poll, POLL_LIMIT)).await;
        Ok(self.polled(answer).await?.filter(|task| !task.task_token.is_empty()))
    }

    async fn next_activity_task(&self) -> anyhow::Result<Option<PollActivityTaskQueueResponse>> {
        let poll = PollActivityTaskQueueRequest {
            namespace: self.client.namespace().to_owned(),
            task_queue: queue(),
            identity: self.client.identity().to_owned(),
            ..Default::default()
        };
        let answer = self.client.workflow_service().poll_activity_task_queue(limited(poll, POLL_LIMIT)).await;
        Ok(self.polled(answer).await?.filter(|task| !task.task_token.is_empty()))
    }

    /// Nothing where the server is away: the next poll finds it when it is back.
    async fn polled<T>(&self, answer: Result<Response<T>, Status>) -> anyhow::Result<Option<T>> {
        match answer {
            Ok(answer) => Ok(Some(answer.into_inner())),
            Err(status) if is_passing(&status) => {
                self.pause(AWAY_PAUSE).await;
                Ok(None)
            }
            Err(status) => Err(status).context("polling was refused"),
        }
    }

    async fn decide(&self, task: PollWorkflowTaskQueueResponse) -> anyhow::Result<()> {
        anyhow::ensure!(task.next_page_token.is_empty(), "a history of more than one page");
        let gate = Gate::read(&task.history.unwrap_or_default().events)?;
        let answer = RespondWorkflowTaskCompletedRequest {
            namespace: self.client.namespace().to_owned(),
            task_token: task.task_token,
            commands: gate.commands()?,
            identity: self.client.identity().to_owned(),
            ..Default::default()
        };
        let send =
            |mut stub: WorkflowService, answer| async move { stub.respond_workflow_task_completed(answer).await };
        if let Delivered::Taken { .. } = self.deliver(answer, send).await? {
            self.fence.recorded(gate.outcomes.len());
        }
        Ok(())
    }

    /// Runs one attempt of an activity while telling the server that it lives, and answers.
    async fn perform(&self, task: PollActivityTaskQueueResponse) -> anyhow::Result<()> {
        let name = task.activity_id.clone();
        let kind = task.activity_type.as_ref().map_or("", |kind| &kind.name);
        let done = tokio::select! {
            done = self.attempt(kind, &task) => done,
            never = self.heartbeat(&task) => match never {},
        };
        let (outcome, delivered) = match done {
            Ok((result, outcome)) => (outcome, self.completed(&task, result).await?),
            Err(trouble) => (Some(Outcome::CouldNotRun(trouble.says.clone())), self.failed(&task, trouble).await?),
        };
        let Delivered::Taken { tries } = delivered else { return Ok(()) };
        if let Some(outcome) = outcome {
            self.screen.check(&name, &outcome, tries > 1);
        }
        Ok(())
    }

    /// The result of an activity, and what it says of a check.
    async fn attempt(
        &self,
        kind: &str,
        task: &PollActivityTaskQueueResponse,
    ) -> Result<(Option<Payloads>, Option<Outcome>), CouldNotRun> {
        if kind == gate::REPORT {
            let judged: Judged = gate::decode(task.input.as_ref()).map_err(misfit)?;
            let size = report::write(&judged).await?;
            return Ok((gate::encode(&size).map_err(misfit)?, None));
        }
        let input: CheckInput = gate::decode(task.input.as_ref()).map_err(misfit)?;
        let Some(check) = Check::named(&input.check) else {
            return Err(CouldNotRun::for_good(format!("there is no check {:?}", input.check)));
        };
        self.fence.started(check.name());
        let found = check.run(&Repo::new(input.repo)).await;
        // An attempt that will be repeated ends nothing.
        if found.as_ref().err().is_none_or(|trouble| trouble.for_good || task.attempt >= ATTEMPTS_MAX) {
            self.fence.pass().await;
        }
        let finding = found?;
        Ok((gate::encode(&finding).map_err(misfit)?, Some(Outcome::Found(finding))))
    }

    /// One that is lost does no harm; the next follows soon.
    async fn heartbeat(&self, task: &PollActivityTaskQueueResponse) -> std::convert::Infallible {
        loop {
            let beat = RecordActivityTaskHeartbeatRequest {
                namespace: self.client.namespace().to_owned(),
                task_token: task.task_token.clone(),
                identity: self.client.identity().to_owned(),
                ..Default::default()
            };
            let _ = self.client.workflow_service().record_activity_task_heartbeat(limited(beat, CALL_LIMIT)).await;
            self.pause(HEARTBEAT_EVERY).await;
        }
    }

    async fn completed(
        &self,
        task: &PollActivityTaskQueueResponse,
        result: Option<Payloads>,
    ) -> anyhow::Result<Delivered> {
        let answer = RespondActivityTaskCompletedRequest {
            namespace: self.client.namespace().to_owned(),
            task_token: task.task_token.clone(),
            result,
            identity: self.client.identity().to_owned(),
            ..Default::default()
        };
        let send =
            |mut stub: WorkflowService, answer| async move { stub.respond_activity_task_completed(answer).await };
        self.deliver(answer, send).await
    }

    async fn failed(&self, task: &PollActivityTaskQueueResponse, trouble: CouldNotRun) -> anyhow::Result<Delivered> {
        let info = ApplicationFailureInfo {
            r#type: "CouldNotRun".to_owned(),
            non_retryable: trouble.for_good,
            ..ApplicationFailureInfo::default()
        };
        let failure = Failure {
            message: trouble.says,
            failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
            ..Failure::default()
        };
        let answer = RespondActivityTaskFailedRequest {
            namespace: self.client.namespace().to_owned(),
            task_token: task.task_token.clone(),
            failure: Some(failure),
            identity: self.client.identity().to_owned(),
            ..Default::default()
        };
        let send = |mut stub: WorkflowService, answer| async move { stub.respond_activity_task_failed(answer).await };
        self.deliver(answer, send).await
    }

    /// Sends an answer until the server has it. The task token makes repeating it harmless.
    async fn deliver<Q: Clone, A, F>(
        &self,
        answer: Q,
        send: impl Fn(WorkflowService, Request<Q>) -> F,
    ) -> anyhow::Result<Delivered>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut tries = 1;
        loop {
            match send(self.client.workflow_service(), limited(answer.clone(), CALL_LIMIT)).await {
                Ok(_) => return Ok(Delivered::Taken { tries }),
                Err(status) if status.code() == Code::NotFound => return Ok(Delivered::NotWanted),
                Err(status) if is_passing(&status) => self.pause(AWAY_PAUSE).await,
                Err(status) => return Err(status).context("an answer was refused"),
            }
            tries += 1;
        }
    }

    async fn pause(&self, span: Duration) {
        self.clock.sleep_until(self.clock.monotonic() + span).await;
    }
}

fn queue() -> Option<TaskQueue> {
    Some(TaskQueue { name: gate::QUEUE.to_owned(), ..TaskQueue::default() })
}

fn limited<T>(message: T, limit: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}

/// What a dying, absent or busy server looks like from here.
fn is_passing(status: &Status) -> bool {
    use Code::{Cancelled, DeadlineExceeded, Internal, ResourceExhausted, Unavailable, Unknown};
    matches!(status.code(), Unavailable | Unknown | Cancelled | DeadlineExceeded | Internal | ResourceExhausted)
}

fn misfit(error: anyhow::Error) -> CouldNotRun {
    CouldNotRun::for_good(format!("{error:#}"))
}
