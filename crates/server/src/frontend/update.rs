//! Updates: admitted, waited for, and found again.
//!
//! Invariant: an update that is only admitted dies with its shard's leader, but its caller does not notice: the call is
//! kept here and the update admitted again under its id, until the deadline. What was accepted is durable.

use std::{future::Future, sync::Arc, time::Duration};

use tonic::{Request, Response, Status};
use weft_engine::{
    Answer, EventId, Namespace, Refusal, Request as Ask, RunId, Started, Target, UpdateId, UpdateNews, UpdateStage,
    UpdateStatus, WorkflowKey,
};
use weft_protocol::{
    api::{
        enums::UpdateWorkflowExecutionLifecycleStage as Stage,
        history::history_event::Attributes,
        update::{Outcome, outcome::Value},
        workflowservice::{
            PollWorkflowExecutionUpdateRequest, PollWorkflowExecutionUpdateResponse, UpdateWorkflowExecutionRequest,
            UpdateWorkflowExecutionResponse,
        },
    },
    error::{Error, text},
};
use weft_shard::{Failure, Following};

use super::{context, errors, wire};
use crate::node::Node;

pub(crate) async fn update(
    node: &Node,
    request: Request<UpdateWorkflowExecutionRequest>,
) -> Result<Response<UpdateWorkflowExecutionResponse>, Status> {
    let patience = Patience::of(node, &request);
    let body = request.into_inner();
    let namespace = context::namespace(node, &body.namespace).await?;
    let asked = wire::update::asked(node, &namespace, body)?;
    let caller =
        Caller { node, namespace, key: asked.key, update: asked.body.id.clone(), wanted: asked.wanted, patience };
    let target = asked.target;
    let reached = caller.reach(&target, || Ask::Update(target.clone(), asked.body.clone())).await?;
    let request_id = &asked.body.request.request_id;
    Ok(Response::new(wire::update::response(&caller.namespace, &caller.key, &caller.update, request_id, reached)))
}

pub(crate) async fn poll(
    node: &Node,
    request: Request<PollWorkflowExecutionUpdateRequest>,
) -> Result<Response<PollWorkflowExecutionUpdateResponse>, Status> {
    let patience = Patience::of(node, &request);
    let body = request.into_inner();
    let namespace = context::namespace(node, &body.namespace).await?;
    let polled = wire::update::polled(&namespace, body)?;
    let caller = Caller { node, namespace, key: polled.key, update: polled.update, wanted: polled.wanted, patience };
    let target = polled.target;
    let reached = caller.reach(&target, || Ask::FindUpdate(target.clone(), caller.update.clone())).await?;
    Ok(Response::new(wire::update::polled_response(&caller.key, &caller.update, reached)))
}

/// How long a caller waits (monotonic).
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// From then on it is told how far its update has come, and asks again.
    soft: Duration,
    deadline: Duration,
}

impl Patience {
    pub(crate) fn of<T>(node: &Node, request: &Request<T>) -> Self {
        let longest = node.options().history_wait;
        let soft = node.clock().monotonic() + longest;
        Self { soft, deadline: context::call_deadline(node, request, longest * 2) }
    }
}

/// How far an update has come when its caller is answered.
pub(crate) struct Reached {
    pub(crate) run: RunId,
    pub(crate) stage: Stage,
    pub(crate) outcome: Option<Outcome>,
    /// What the start came to, where there was one.
    pub(crate) started: Option<Started>,
    /// It was completed when it was asked for.
    pub(crate) found: bool,
}

/// One caller of one update.
pub(crate) struct Caller<'a> {
    pub(crate) node: &'a Node,
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) key: WorkflowKey,
    pub(crate) update: UpdateId,
    /// `Unspecified` takes whatever there is.
    pub(crate) wanted: Stage,
    pub(crate) patience: Patience,
}

/// Why an update is not answered yet, or not at all.
pub(crate) enum Setback {
    /// Leadership was lost, or the run goes on in another: ask again.
    Again {
        lost: bool,
    },
    /// The run ended before the update was accepted.
    Closed {
        started: Option<Started>,
    },
    /// The workflow task that carried the update was answered wrongly.
    TaskFailed {
        started: Option<Started>,
    },
    Failure(Failure),
}

impl Caller<'_> {
    /// Asks until the update has come as far as its caller wants.
    async fn reach(&self, target: &Target, ask: impl Fn() -> Ask) -> Result<Reached, Status> {
        let mut was_known = false;
        let reaching = async {
            loop {
                match self.once(ask()).await {
                    Ok(reached) => return Ok(reached),
                    Err(Setback::Again { lost }) => {
                        was_known |= lost;
                        if lost {
                            self.pause().await;
                        }
                    }
                    Err(Setback::Closed { .. }) => return Err(closed().into()),
                    Err(Setback::TaskFailed { .. }) => return Err(task_failed().into()),
                    Err(Setback::Failure(Failure::Unavailable(_))) => self.pause().await,
                    // It was admitted, and its other caller has not yet admitted it again.
                    Err(Setback::Failure(Failure::Refused(Refusal::UpdateNotFound(_)))) if was_known => {
                        return Err(Error::unavailable(text::UPDATE_ABORTED).into());
                    }
                    Err(Setback::Failure(failure)) => return Err(errors::about(failure, &self.key, target)),
                }
            }
        };
        self.in_time(reaching).await
    }

    /// Gives up at the caller's deadline.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        let sleep = self.node.clock().sleep_until(self.patience.deadline);
        tokio::select! {
            done = work => done,
            () = sleep => Err(Error::deadline_exceeded(text::UPDATE_TIMED_OUT).into()),
        }
    }

    pub(crate) async fn pause(&self) {
        let clock = self.node.clock();
        clock.sleep_until(clock.monotonic() + self.node.options().give_back_retry).await;
    }

    /// Asks once, and waits for what comes of it.
    pub(crate) async fn once(&self, ask: Ask) -> Result<Reached, Setback> {
        let shard = self.node.shard(&self.key);
        let asked = shard.update(self.key.clone(), Arc::clone(&self.namespace), self.update.clone(), ask).await;
        let (answer, following) = asked.map_err(Setback::Failure)?;
        let (status, started) = match answer {
            Answer::Update(status) => (status, None),
            Answer::UpdateWithStart(started, status) => (status, Some(started)),
            _ => return Err(Setback::Again { lost: true }),
        };
        let run = status.run.clone();
        let found = matches!(status.stage, UpdateStage::Completed(_));
        let reached = |stage, outcome, started| Reached { run: run.clone(), stage, outcome, started, found };
        match (status.stage, following) {
            (UpdateStage::Completed(event), _) => {
                let outcome = self.outcome(&status, event).await.map_err(Setback::Failure)?;
                Ok(reached(Stage::Completed, Some(outcome), started))
            }
            (UpdateStage::CutShort, _) => Ok(reached(Stage::Completed, Some(wire::update::cut_short()), started)),
            (UpdateStage::Accepted, _) if self.wanted != Stage::Completed => {
                Ok(reached(Stage::Accepted, None, started))
            }
            (UpdateStage::Admitted, _) if self.wanted == Stage::Unspecified => {
                Ok(reached(Stage::Admitted, None, started))
            }
            (UpdateStage::Accepted, Some(following)) => self.follow(Stage::Accepted, run, started, following).await,
            (UpdateStage::Admitted, Some(following)) => self.follow(Stage::Admitted, run, started, following).await,
            (UpdateStage::Accepted | UpdateStage::Admitted, None) => Err(Setback::Again { lost: true }),
        }
    }

    /// Waits for the update to come further.
    async fn follow(
        &self,
        mut stage: Stage,
        run: RunId,
        started: Option<Started>,
        mut following: Following,
    ) -> Result<Reached, Setback> {
        let mut over = self.node.clock().sleep_until(self.patience.soft);
        let mut stopping = self.node.stopping();
        loop {
            let news = tokio::select! {
                news = following.next() => news,
                () = &mut over => return Ok(Reached { run, stage, outcome: None, started, found: false }),
                _ = stopping.wait_for(|stopping| *stopping) => {
                    return Ok(Reached { run, stage, outcome: None, started, found: false });
                }
            };
            let outcome = match news {
                None => return Err(Setback::Again { lost: true }),
                Some(UpdateNews::Closed { continues: true }) => return Err(Setback::Again { lost: false }),
                Some(UpdateNews::Closed { continues: false }) => return Err(Setback::Closed { started }),
                Some(UpdateNews::TaskFailed) => return Err(Setback::TaskFailed { started }),
                Some(UpdateNews::Accepted) if self.wanted == Stage::Completed => {
                    stage = Stage::Accepted;
                    continue;
                }
                Some(UpdateNews::Accepted) => {
                    return Ok(Reached { run, stage: Stage::Accepted, outcome: None, started, found: false });
                }
                Some(UpdateNews::Completed(outcome)) => *outcome,
                Some(UpdateNews::Rejected(failure)) => Outcome { value: Some(Value::Failure(*failure)) },
                Some(UpdateNews::CutShort) => wire::update::cut_short(),
            };
            return Ok(Reached { run, stage: Stage::Completed, outcome: Some(outcome), started, found: false });
        }
    }

    /// The outcome of a completed update stands in its event.
    async fn outcome(&self, status: &UpdateStatus, event: EventId) -> Result<Outcome, Failure> {
        let history = self.node.shard(&self.key).history();
        match history.event(&self.key, &status.branch, event).await?.attributes {
            Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(it)) => Ok(it.outcome.unwrap_or_default()),
            Some(_) | None => Err(Failure::Storage("an update names an event that does not complete it".into())),
        }
    }
}

pub(crate) fn closed() -> Error {
    Error::not_found(text::UPDATE_CLOSED)
}

pub(crate) fn task_failed() -> Error {
    Error::workflow_not_ready(text::UPDATE_TASK_FAILED)
}
