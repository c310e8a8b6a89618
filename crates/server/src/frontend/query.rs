//! Queries: asked, dispatched by themselves where no workflow task carries them, and answered.
//!
//! Invariant: a query changes nothing, so whatever is lost on the way (a leader, a worker, a sticky cache) is asked again
//! within the caller's deadline.

mod elsewhere;

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;
use tonic::{Request, Response, Status};
use weft_engine::{
    Answer, AskQuery, DirectQuery, Namespace, QueryDisposition, QueryOutcome, Request as Ask, Target, Timestamp,
    WorkflowKey, state::QueryId,
};
use weft_env::SkippingClock;
use weft_matching::{Dispatched, QueueKey, QueueKind};
use weft_protocol::{
    api::{
        common::Payloads,
        enums::{QueryRejectCondition, QueryResultType},
        query::{QueryRejected, WorkflowQuery},
        workflowservice::{
            QueryWorkflowRequest, QueryWorkflowResponse, RespondQueryTaskCompletedRequest,
            RespondQueryTaskCompletedResponse,
        },
    },
    error::{Error, Exhausted, text},
    prost::Message,
};
use weft_shard::Failure;

use super::{
    context, errors,
    validate::{sizes, tokens},
};
use crate::node::{
    Node,
    leader::Leader,
    tasks::{AskedQuery, QueryTask},
};

/// The way for a worker's answer.
type Reply = oneshot::Receiver<RespondQueryTaskCompletedRequest>;

/// One query on its way.
struct Asked<'a> {
    node: &'a Node,
    namespace: Arc<Namespace>,
    key: WorkflowKey,
    query: Arc<WorkflowQuery>,
    /// Monotonic.
    deadline: Duration,
}

pub(crate) async fn query(
    node: &Node,
    request: Request<QueryWorkflowRequest>,
) -> Result<Response<QueryWorkflowResponse>, Status> {
    let deadline = context::call_deadline(node, &request, node.options().query_timeout);
    let body = request.into_inner();
    let namespace = context::namespace(node, &body.namespace).await?;
    let (key, run) = context::execution(node, &namespace, body.execution.as_ref())?;
    let reject = body.query_reject_condition();
    let query = body.query.ok_or_else(|| Error::invalid_argument(text::QUERY_NOT_SET))?;
    if query.query_type.is_empty() {
        return Err(Error::invalid_argument(text::QUERY_TYPE_NOT_SET).into());
    }
    sizes::blob(&node.settings().limits, query.query_args.as_ref())?;
    sizes::header(&node.settings().limits, query.header.as_ref())?;
    let asked = Asked { node, namespace, key, query: Arc::new(query), deadline };
    let target = Target { run, first_run: None };
    let sleep = node.clock().sleep_until(deadline);
    // A worker has it, or is to take it.
    let _hold = node.clock().skipping().map(SkippingClock::hold);
    tokio::select! {
        answer = asked.run(target, reject) => answer.map(Response::new),
        () = sleep => Err(Error::deadline_exceeded("query timed out before a worker could process it").into()),
    }
}

impl Asked<'_> {
    async fn run(&self, target: Target, reject: QueryRejectCondition) -> Result<QueryWorkflowResponse, Status> {
        loop {
            if self.node.leaves() {
                return Err(errors::not_leader());
            }
            match self.once(&target, reject).await {
                Err(Failure::Unavailable(_)) => self.pause().await,
                Err(failure) => return Err(errors::about(failure, &self.key, &target)),
                Ok(Outcome::Again) => {}
                Ok(Outcome::Answer(answer)) => return answer,
            }
        }
    }

    async fn pause(&self) {
        let clock = self.node.clock();
        clock.sleep_until(clock.monotonic() + self.node.options().give_back_retry).await;
    }

    async fn once(&self, target: &Target, reject: QueryRejectCondition) -> Result<Outcome, Failure> {
        let clock = self.node.clock();
        let left = self.deadline.saturating_sub(clock.monotonic());
        let query = AskQuery {
            id: QueryId(0),
            query: Arc::clone(&self.query),
            deadline: Timestamp(clock.now().0).after(left),
            reject_if_not_open: reject == QueryRejectCondition::NotOpen,
            reject_if_not_completed_cleanly: reject == QueryRejectCondition::NotCompletedCleanly,
        };
        let shard = self.node.shard(&self.key);
        let asked = shard.query(self.key.clone(), Arc::clone(&self.namespace), target.clone(), query).await?;
        let (answer, mut attached) = asked;
        let Answer::Query(disposition) = answer else { return Ok(Outcome::Again) };
        match disposition {
            QueryDisposition::Rejected(status) => {
                let rejected = QueryRejected { status: status.wire().into() };
                Ok(Outcome::Answer(Ok(QueryWorkflowResponse { query_rejected: Some(rejected), ..Default::default() })))
            }
            QueryDisposition::Direct(direct) => Ok(self.dispatch(direct).await),
            QueryDisposition::Attached(run) => {
                attached.in_run(run);
                match attached.outcome().await? {
                    QueryOutcome::Result(result) => Ok(Outcome::Answer(match result.result_type() {
                        QueryResultType::Failed => failed(result.error_message, result.failure),
                        QueryResultType::Answered | QueryResultType::Unspecified => self.answered(result.answer),
                    })),
                    QueryOutcome::Release(direct, _) => Ok(self.dispatch(direct).await),
                    QueryOutcome::NotReady => Ok(Outcome::Answer(Err(Error::workflow_not_ready(
                        "cannot query workflow because its workflow task keeps failing",
                    )
                    .into()))),
                }
            }
        }
    }

    /// Gives the query to a worker by itself: to the sticky one first, for as long as it is to be trusted.
    async fn dispatch(&self, direct: Box<DirectQuery>) -> Outcome {
        if let Some(sticky) = direct.sticky.clone() {
            let key = QueueKey::sticky(self.key.namespace.as_str(), sticky.queue.as_str());
            let until = self.node.clock().monotonic() + sticky.schedule_to_start;
            let sleep = self.node.clock().sleep_until(until);
            let answer = tokio::select! {
                answer = self.hand_over(&key, direct.clone(), true) => answer,
                () = sleep => None,
            };
            match answer {
                Some(answer) => return answer,
                None => self.reset_sticky(&direct).await,
            }
        }
        let key = QueueKey::normal(self.key.namespace.as_str(), direct.queue.as_str(), QueueKind::Workflow);
        self.hand_over(&key, direct, false).await.unwrap_or(Outcome::Again)
    }

    /// `None` if nobody will answer there.
    async fn hand_over(&self, queue: &QueueKey, direct: Box<DirectQuery>, sticky: bool) -> Option<Outcome> {
        let (reply, answer) = oneshot::channel();
        let id = self.node.ids().next_u64();
        let query = Arc::clone(&self.query);
        let (key, deadline) = (self.key.clone(), self.deadline);
        let asked = AskedQuery { id, key, direct, query, deadline, sticky, reply };
        let given = async {
            match self.node.inner().owner(queue) {
                Leader::Here => self.hand_over_here(queue, asked, answer).await,
                Leader::Node(owner) => elsewhere::hand_over(self, owner, queue, asked, answer).await,
                Leader::Nobody => {
                    self.pause().await;
                    Some(Outcome::Again)
                }
            }
        };
        tokio::select! {
            outcome = given => outcome,
            // Its worker answers to the new leader, which has not heard of it.
            () = elsewhere::moved(self) => Some(Outcome::Again),
        }
    }

    async fn hand_over_here(&self, queue: &QueueKey, asked: AskedQuery, answer: Reply) -> Option<Outcome> {
        let id = asked.id;
        match self.node.matching().dispatch_query(queue, QueryTask::Here(Box::new(asked)), self.deadline) {
            Dispatched::Matched | Dispatched::Queued => {}
            Dispatched::NoStickyPoller(_) => return None,
            Dispatched::TooMany(_) => return Some(too_many()),
        }
        let _held = Held { node: self.node, queue, id };
        Some(self.outcome(answer.await.ok()?))
    }

    fn outcome(&self, answer: RespondQueryTaskCompletedRequest) -> Outcome {
        Outcome::Answer(match answer.completed_type() {
            QueryResultType::Failed => failed(answer.error_message, answer.failure),
            QueryResultType::Answered | QueryResultType::Unspecified => self.answered(answer.query_result),
        })
    }

    async fn reset_sticky(&self, direct: &DirectQuery) {
        let target = Target { run: Some(direct.run.clone()), first_run: None };
        let shard = self.node.shard(&self.key);
        // A closed run, or one that is gone, has no stickiness that matters.
        let _ = shard.ask(self.key.clone(), Arc::clone(&self.namespace), Ask::ResetSticky(target)).await;
    }

    fn answered(&self, answer: Option<Payloads>) -> Result<QueryWorkflowResponse, Status> {
        let size = answer.as_ref().map_or(0, Message::encoded_len);
        let limit = self.node.settings().limits.blob_bytes_error;
        if size > limit {
            let message = format!("query result of {size} bytes exceeds the limit of {limit} bytes");
            return Err(Error::query_failed(message, None).into());
        }
        Ok(QueryWorkflowResponse { query_result: Some(answer.unwrap_or_default()), ..Default::default() })
    }
}

enum Outcome {
    Answer(Result<QueryWorkflowResponse, Status>),
    /// What was asked is lost: ask again.
    Again,
}

fn failed(
    message: String,
    failure: Option<weft_protocol::api::failure::Failure>,
) -> Result<QueryWorkflowResponse, Status> {
    Err(Error::query_failed(message, failure).into())
}

fn too_many() -> Outcome {
    Outcome::Answer(Err(Error::resource_exhausted(Exhausted::BUSY_WORKFLOW, text::QUERY_BUFFER_FULL).into()))
}

/// A query that waits at a queue; taken back when its caller goes.
struct Held<'a> {
    node: &'a Node,
    queue: &'a QueueKey,
    id: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.node.matching().cancel_query(self.queue, &self.id);
    }
}

pub(crate) async fn completed(
    node: &Node,
    body: RespondQueryTaskCompletedRequest,
) -> Result<Response<RespondQueryTaskCompletedResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let token = tokens::query(&namespace, &body.task_token)?;
    if !node.queries().answer(token.query.0, body) {
        return Err(Error::not_found(text::QUERY_TASK_NOT_FOUND).into());
    }
    Ok(Response::new(Default::default()))
}
