//! One operation of a batch job: what a client would ask of that one execution, under a request id that is the same
//! whenever the operation is done again.
//!
//! Invariant: it is of one run, and done to it once. A termination or a deletion needs no request id for that. Of a list
//! that names no run it is of the one that was found, or of the one that goes on from it if that has ended meanwhile; the
//! ones before do not have it, or it would have been found done.

use std::time::Duration;

use tonic::{Code, Status};
use weft_engine::{
    Namespace, RequestId, WorkflowId, WorkflowKey,
    state::{Aim, Job, JobOrder},
};
use weft_protocol::api::{
    common::WorkflowExecution, workflowservice::start_batch_operation_request::Operation as Kind,
};
use weft_protocol::internal::OperateRequest;
use weft_rows::job;

use super::ask::{Ask, reset_build, reset_place};
use crate::{
    frontend::single,
    node::{Node, leader::Leader},
};

/// An operation that may succeed later is tried so often.
const ATTEMPTS: u32 = 50;
const RETRY: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It was done, or there was nothing to do it to any more.
    Completed,
    Failed,
    /// The job or the node stops. Of a job that stops, it was not done.
    BrokenOff,
}

/// Whether an operation that did not succeed yet is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    GoOn,
    /// The job is being stopped: what may have been done is tried until that is known.
    Settle,
    /// The node stops; another one goes on.
    BreakOff,
}

pub(super) struct Operation<'o> {
    pub(super) node: &'o Node,
    pub(super) namespace: &'o Namespace,
    pub(super) job: &'o Job,
}

/// What is done to one execution, by the node that leads its shard.
pub(crate) struct Single<'o> {
    pub(crate) node: &'o Node,
    pub(crate) namespace: &'o str,
    pub(crate) order: &'o JobOrder,
    /// The same for the same execution of the same job, whoever does it and however often.
    pub(crate) request_id: String,
    /// The list leaves it open which run is meant.
    pub(crate) names_no_run: bool,
}

impl Operation<'_> {
    /// Does the operation to an execution, the one at this place of the job.
    pub(super) async fn run(&self, target: &WorkflowExecution, place: u64, course: impl Fn() -> Course) -> Done {
        let (mut pause, mut may_be_done) = (RETRY, false);
        for attempt in 1..=ATTEMPTS {
            let Err(status) = self.once(target.clone(), place).await else { return Done::Completed };
            match status.code() {
                // It is not running any more, or gone.
                Code::NotFound => return Done::Completed,
                Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Aborted
                    if attempt < ATTEMPTS => {}
                _ => {
                    let (workflow, run) = (&target.workflow_id, &target.run_id);
                    tracing::warn!(workflow, run, %status, "an operation of a batch job failed");
                    return Done::Failed;
                }
            }
            may_be_done |= matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded);
            match course() {
                Course::BreakOff => return Done::BrokenOff,
                Course::Settle if !may_be_done => return Done::BrokenOff,
                Course::Settle | Course::GoOn => {}
            }
            let clock = self.node.clock();
            clock.sleep_until(clock.monotonic() + pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
        Done::Failed
    }

    /// The same for the same execution of the same job, whoever does it and however often. A list may name an execution
    /// twice, and mean it.
    fn request_id(&self, target: &WorkflowExecution, place: u64) -> String {
        match &self.job.order.aim {
            Aim::Query(_) => format!("{}:{}", self.job.run, target.run_id),
            Aim::Executions(_) => format!("{}:{place}", self.job.run),
        }
    }

    /// Does it where the execution's shard is led.
    async fn once(&self, target: WorkflowExecution, place: u64) -> Result<(), Status> {
        let inner = self.node.inner();
        let _passage = inner.crossings.pass(inner.clock.as_ref()).await;
        let (request_id, names_no_run) = (self.request_id(&target, place), self.names_no_run(place));
        let (namespace, workflow) = (self.namespace.id.clone(), WorkflowId::from(target.workflow_id.as_str()));
        match self.node.leader_of(&WorkflowKey { namespace, workflow }) {
            Leader::Here => {
                let (node, namespace, order) = (self.node, &*self.namespace.name, &*self.job.order);
                Single { node, namespace, order, request_id, names_no_run }.run(target).await
            }
            Leader::Nobody => Err(Status::unavailable("the execution's shard has no leader now")),
            Leader::Node(node) => {
                let peer = self.node.peers().cluster_service(node);
                let mut peer = peer.ok_or_else(|| Status::unavailable("the execution's node is not a member"))?;
                // The executions may be many, and this is about one.
                let order = JobOrder { aim: Aim::Query(String::new()), ..JobOrder::clone(&self.job.order) };
                let request = OperateRequest {
                    namespace: self.namespace.name.to_string(),
                    order: job::encode_order(&order).into(),
                    workflow_id: target.workflow_id,
                    run_id: target.run_id,
                    request_id,
                    names_no_run,
                };
                peer.operate(request).await.map(drop)
            }
        }
    }

    /// Does the list leave it open which run is meant at this place?
    fn names_no_run(&self, place: u64) -> bool {
        let Aim::Executions(executions) = &self.job.order.aim else { return false };
        let at = usize::try_from(place).ok().and_then(|place| executions.get(place));
        at.is_some_and(|execution| execution.run_id.is_empty())
    }
}

impl Single<'_> {
    /// Does it once.
    ///
    /// # Errors
    /// As the call has that a client would make for it.
    pub(crate) async fn run(&self, mut target: WorkflowExecution) -> Result<(), Status> {
        if target.run_id.is_empty() {
            // It had no run when it was found. A run that was started since is not meant.
            return single::current_run(self.node, self.namespace, &target.workflow_id).await.map(drop);
        }
        if !self.names_no_run {
            return self.to_run(target).await;
        }
        // To cancel what has ended is no mistake, so that is looked at first.
        let looks_first = matches!(self.order.operation, Kind::CancellationOperation(_));
        loop {
            let outcome = if looks_first { Ok(()) } else { self.to_run(target.clone()).await };
            let is_over = looks_first || outcome.as_ref().is_err_and(|status| status.code() == Code::NotFound);
            let next = if is_over { single::next_run(self.node, self.namespace, &target).await? } else { None };
            match next {
                Some(run) => target.run_id = run.to_string(),
                None if looks_first => return self.to_run(target).await,
                None => return outcome,
            }
        }
    }

    async fn to_run(&self, target: WorkflowExecution) -> Result<(), Status> {
        let (node, namespace, order) = (self.node, self.namespace.to_owned(), self.order);
        let request_id = self.request_id.clone();
        let once = Some(RequestId::from(request_id.as_str()));
        let ask = Ask { namespace, target, order, request_id };
        match &order.operation {
            Kind::TerminationOperation(it) => single::terminate(node, ask.terminate(it)).await.map(drop),
            Kind::CancellationOperation(_) => single::cancel(node, ask.cancel()).await.map(drop),
            Kind::SignalOperation(it) => single::signal(node, ask.signal(it)).await.map(drop),
            Kind::DeletionOperation(_) => single::delete(node, ask.delete()).await.map(drop),
            Kind::ResetOperation(it) => {
                let mut reset = ask.reset(it);
                let place = match reset_build(it) {
                    Some((build, only)) => Some(single::first_task_of(node, &mut reset, build, only).await?),
                    None => reset_place(it),
                };
                let place = place.ok_or_else(|| Status::invalid_argument("there is no such place"))?;
                single::reset_at(node, reset, place).await.map(drop)
            }
            Kind::UpdateWorkflowOptionsOperation(it) => {
                single::update_options_once(node, ask.update_options(it), once).await.map(drop)
            }
            Kind::UnpauseActivitiesOperation(it) => {
                single::unpause_activity_once(node, ask.unpause_activities(it), once).await.map(drop)
            }
            Kind::ResetActivitiesOperation(it) => {
                single::reset_activity_once(node, ask.reset_activities(it), once).await.map(drop)
            }
            Kind::UpdateActivityOptionsOperation(it) => {
                single::update_activity_options_once(node, ask.update_activities(it), once).await.map(drop)
            }
            Kind::CancelActivitiesOperation(_)
            | Kind::TerminateActivitiesOperation(_)
            | Kind::DeleteActivitiesOperation(_) => {
                Err(Status::unimplemented("activities of their own are not built in this server yet"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
