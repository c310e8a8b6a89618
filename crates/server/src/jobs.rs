//! The work on a batch job: its executions are found a few at a time, the operation is done to each, and how far that
//! came is written to the job.
//!
//! Invariants: executions are gone through in the order of their run ids (or of the list), which nothing that is done to
//! them changes, and only those that had started when the job did; so none is missed and none is met twice. They are
//! written to the job before anything is done to them, because a query may not find them afterwards. What was done counts
//! when it is written, and only if the job still stood where this work began: a crash in between, or another node that
//! works on the same job, does an operation again under the same request id, and counts it once.

mod ask;
mod operation;
mod pace;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, future, stream};
use weft_engine::{
    Answer, JobProgress, JobRequest, Namespace, PAUSE_INFO, Refusal, Request, WorkflowKey,
    state::{Aim, Job, JobOrder},
};
use weft_protocol::api::{
    batch::{BatchOperationUnpauseActivities, batch_operation_unpause_activities::Activity as Which},
    common::WorkflowExecution,
    workflowservice::start_batch_operation_request::Operation as Kind,
};
use weft_shard::{Directory, Failure};
use weft_visibility::Walk;

use crate::node::{ListError, Node};
use operation::{Done, Operation};
use pace::Pace;

/// Executions that are found at a time, at most; and never more than are dealt with in a second.
const PAGE_MAX: u64 = 100;
/// So few matches are sorted anew for each page.
const FEW: u64 = 5_000;
/// Between tries while a shard has no leader or lists cannot be read.
const RETRY: Duration = Duration::from_millis(200);

/// Works on a job until it is not running, or the node stops. `node` gives the node for as long as it is there.
pub(crate) async fn work(node: impl Fn() -> Option<Node>, key: &WorkflowKey, stop: &AtomicBool) {
    let mut known: Option<(Arc<Job>, Pace)> = None;
    loop {
        let Some(node) = node() else { return };
        if *node.stopping().borrow() {
            return;
        }
        let step = async {
            let work = Work::on(&node, key, stop).await?;
            let Some((job, pace)) = known.take() else {
                let job = work.ask(JobRequest::Look).await?;
                let pace = Pace::of(&job.order, node.options().jobs.operations_per_second);
                return Ok((job, pace));
            };
            if !job.is_running() {
                return Err(Trouble::Over);
            }
            Ok((work.step(&job, &pace).await?, pace))
        };
        match step.await {
            Ok(step) => known = Some(step),
            Err(Trouble::Over) => return,
            Err(Trouble::Later(why)) => {
                tracing::debug!(job = %key.workflow, why, "a batch job waits");
                known = None;
                let clock = Arc::clone(node.clock());
                drop(node);
                clock.sleep_until(clock.monotonic() + RETRY).await;
            }
        }
    }
}

/// The filter by which a job finds its executions, if it is of a query. What can only be done to those that run leaves
/// out the others, as Temporal does.
pub(crate) fn filter(order: &JobOrder, started_at: i64) -> Option<String> {
    let Aim::Query(query) = &order.aim else { return None };
    let running = match &order.operation {
        Kind::DeletionOperation(_) | Kind::ResetOperation(_) => "",
        Kind::TerminationOperation(_)
        | Kind::SignalOperation(_)
        | Kind::CancellationOperation(_)
        | Kind::UpdateWorkflowOptionsOperation(_)
        | Kind::UnpauseActivitiesOperation(_)
        | Kind::ResetActivitiesOperation(_)
        | Kind::UpdateActivityOptionsOperation(_)
        | Kind::CancelActivitiesOperation(_)
        | Kind::TerminateActivitiesOperation(_)
        | Kind::DeleteActivitiesOperation(_) => " AND ExecutionStatus IN ('Running', 'Paused')",
    };
    let paused = paused_type(&order.operation);
    Some(format!("({query}){running}{paused} AND StartTime <= {started_at}"))
}

/// Of a type, only workflows are found that have such an activity paused, as Temporal does.
fn paused_type(operation: &Kind) -> String {
    let Kind::UnpauseActivitiesOperation(BatchOperationUnpauseActivities { activity: Some(Which::Type(name)), .. }) =
        operation
    else {
        return String::new();
    };
    let name = name.replace('\\', r"\\").replace('\'', r"\'");
    format!(" AND {PAUSE_INFO} = 'property:activityType={name}'")
}

/// Why there is no next step now.
enum Trouble {
    /// The job is not running, or there is none.
    Over,
    Later(String),
}

impl From<ListError> for Trouble {
    fn from(error: ListError) -> Self {
        Self::Later(error.to_string())
    }
}

/// One job on one node.
struct Work<'w> {
    node: &'w Node,
    key: &'w WorkflowKey,
    namespace: Arc<Namespace>,
    stop: &'w AtomicBool,
}

impl<'w> Work<'w> {
    async fn on(node: &'w Node, key: &'w WorkflowKey, stop: &'w AtomicBool) -> Result<Self, Trouble> {
        if node.metadata().namespace(&key.namespace).is_none() {
            node.metadata().confirmed().await.map_err(|error| Trouble::Later(error.to_string()))?;
        }
        let namespace = node.metadata().namespace(&key.namespace).ok_or(Trouble::Over)?;
        Ok(Self { node, key, namespace, stop })
    }

    async fn ask(&self, request: JobRequest) -> Result<Arc<Job>, Trouble> {
        let shard = self.node.shard(self.key);
        match shard.ask(self.key.clone(), Arc::clone(&self.namespace), Request::Job(request)).await {
            Ok(Answer::Job(job)) => Ok(job),
            Ok(_) => Err(Trouble::Later("a batch job was answered with something else".to_owned())),
            Err(Failure::Refused(Refusal::WorkflowNotFound | Refusal::WorkflowClosed)) => Err(Trouble::Over),
            // Also: somebody else works on it, or this very progress was written before its answer was lost.
            Err(failure) => Err(Trouble::Later(failure.to_string())),
        }
    }

    /// Counts the executions, or deals with those that are known and finds the next few.
    async fn step(&self, job: &Job, pace: &Pace) -> Result<Arc<Job>, Trouble> {
        if job.total.is_none() {
            return match self.count(job).await? {
                Ok(total) => self.ask(JobRequest::Count(total)).await,
                Err(why) => self.fail(why).await,
            };
        }
        let limit = pace.page().min(PAGE_MAX);
        let page = match &job.order.aim {
            Aim::Executions(executions) => rest_of(executions, job.done()),
            Aim::Query(_) => job.page.as_slice(),
        };
        let page = &page[..page.len().min(usize::try_from(limit).unwrap_or(usize::MAX))];
        let mut told = self.deal_with(job, page, pace).await;
        if self.is_stopping() && told.completed + told.failed == 0 {
            return Err(Trouble::Over);
        }
        if !self.is_stopping() {
            match self.find(job, limit).await? {
                Ok(found) => told.found = found,
                Err(why) => return self.fail(why).await,
            }
            let known = match &job.order.aim {
                Aim::Executions(executions) => rest_of(executions, job.done()),
                Aim::Query(_) => job.page.as_slice(),
            };
            told.is_last = told.found.is_empty() && told.completed + told.failed == known.len() as u64;
        }
        self.ask(JobRequest::Progress(told)).await
    }

    /// The query makes no sense any more: a search attribute that it names is gone, say.
    async fn fail(&self, why: String) -> Result<Arc<Job>, Trouble> {
        tracing::warn!(job = %self.key.workflow, why, "a batch job cannot go on");
        self.ask(JobRequest::Fail(why)).await
    }

    async fn count(&self, job: &Job) -> Result<Result<u64, String>, Trouble> {
        let Some(filter) = filter(&job.order, job.started_at.0) else {
            let Aim::Executions(executions) = &job.order.aim else { return Ok(Ok(0)) };
            return Ok(Ok(executions.len() as u64));
        };
        match self.parse(&filter) {
            Ok(query) => Ok(Ok(self.node.lists().count(self.key.namespace.to_string(), query).await?.total)),
            Err(why) => Ok(Err(why)),
        }
    }

    /// Those of a query that come after the ones that are known.
    async fn find(&self, job: &Job, limit: u64) -> Result<Result<Vec<WorkflowExecution>, String>, Trouble> {
        let Some(filter) = filter(&job.order, job.started_at.0) else { return Ok(Ok(Vec::new())) };
        let query = match self.parse(&filter) {
            Ok(query) => query,
            Err(why) => return Ok(Err(why)),
        };
        let how = if job.total.is_some_and(|total| total <= FEW) { Walk::Few } else { Walk::Many };
        let (after, limit) =
            (job.after.as_ref().map(ToString::to_string), usize::try_from(limit).unwrap_or(usize::MAX));
        let records = self.node.lists().walk(self.key.namespace.to_string(), query, after, limit, how).await?;
        let execution = |record: weft_visibility::Record| WorkflowExecution {
            workflow_id: record.workflow_id,
            run_id: record.run_id,
        };
        Ok(Ok(records.into_iter().map(execution).collect()))
    }

    fn parse(&self, filter: &str) -> Result<weft_visibility::Query, String> {
        crate::frontend::filter(self.node, &self.namespace, filter)
    }

    /// Does the operation to executions, in order, several at a time, as fast as it may. If that is broken off, what was
    /// done is still the beginning of them.
    async fn deal_with(&self, job: &Job, page: &[WorkflowExecution], pace: &Pace) -> JobProgress {
        let operation = Operation { node: self.node, namespace: &self.namespace.name, job };
        let first = job.done();
        let turns: Vec<_> =
            page.iter().zip(first..).map(|(execution, place)| self.turn(&operation, execution, place, pace)).collect();
        let done: Vec<Done> = stream::iter(turns)
            .buffered(self.node.options().jobs.concurrency)
            .take_while(|done| future::ready(*done != Done::BrokenOff))
            .collect()
            .await;
        let number = |which: Done| done.iter().filter(|done| **done == which).count() as u64;
        JobProgress {
            job: job.run.clone(),
            from: first,
            after: job.after.clone(),
            completed: number(Done::Completed),
            failed: number(Done::Failed),
            found: Vec::new(),
            is_last: false,
        }
    }

    async fn turn(&self, operation: &Operation<'_>, target: &WorkflowExecution, place: u64, pace: &Pace) -> Done {
        pace.turn(self.node.clock().as_ref()).await;
        if self.is_stopping() {
            return Done::BrokenOff;
        }
        operation.run(target, place, || self.is_stopping()).await
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || *self.node.stopping().borrow()
    }
}

/// What is left of a list.
fn rest_of(executions: &[WorkflowExecution], done: u64) -> &[WorkflowExecution] {
    usize::try_from(done).ok().and_then(|done| executions.get(done..)).unwrap_or_default()
}
