//! The work on a batch job: its executions are found a few at a time, the operation is done to each, and how far that
//! came is written to the job.
//!
//! Invariants: executions are gone through in the order of their run ids (or of the list), which nothing that is done to
//! them changes, and only those that had started when the job did; so none is missed and none is met twice. They are
//! written to the job before anything is done to them, because a query may not find them afterwards, and the workflow id
//! of a list may have another run. What was done counts when it is written, and only if the job still stood where this
//! work began: a crash in between, or another node that works on the same job, does an operation again under the same
//! request id, and counts it once. A stop is written with what was done last, so that no crash takes that away.

mod ask;
mod operation;
mod pace;
mod stop;

use std::{pin::pin, sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt, future, stream};
use tonic::Code;
use weft_engine::{
    Answer, JobProgress, JobRequest, Namespace, PAUSE_INFO, Refusal, Request, StopJob, WorkflowKey,
    state::{Aim, Job, JobOrder},
};
use weft_protocol::api::{
    batch::{BatchOperationUnpauseActivities, batch_operation_unpause_activities::Activity as Which},
    common::WorkflowExecution,
    workflowservice::start_batch_operation_request::Operation as Kind,
};
use weft_shard::{Directory, Failure};
use weft_visibility::{Step, Walk};

use crate::{
    frontend::{condition, single},
    node::{ListError, Node},
};
pub(crate) use operation::Single;
use operation::{Course, Done, Operation};
use pace::Pace;
pub(crate) use stop::{StopOrder, Stopped, Stops};

/// Executions that are found at a time, at most; and never more than are dealt with in a second.
const PAGE_MAX: u64 = 100;
/// So few matches are sorted anew for each page.
const FEW: u64 = 5_000;
/// Between tries while a shard has no leader or lists cannot be read.
const RETRY: Duration = Duration::from_millis(200);

/// Works on a job until it is not running and nobody wants it stopped, or the node stops. `node` gives the node for as
/// long as it is there.
pub(crate) async fn work(node: impl Fn() -> Option<Node>, key: &WorkflowKey, stops: &Stops) {
    let mut known: Option<Known> = None;
    loop {
        let Some(node) = node() else { return };
        if *node.stopping().borrow() {
            return;
        }
        let step = async {
            let work = Work::on(&node, key, stops).await?;
            let Some(Known { job, pace, inherited }) = known.take() else {
                return work.look().await;
            };
            if !job.is_running() {
                return Err(Trouble::Over);
            }
            Ok(Known { job: work.step(&job, &pace, inherited).await?, pace, inherited: false })
        };
        match step.await {
            Ok(step) => known = Some(step),
            Err(Trouble::Over) if stops.is_asked() => known = None,
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
    format!(" AND {}", condition(PAUSE_INFO, &format!("property:activityType={name}")))
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

/// A job as this work has seen it last.
struct Known {
    job: Arc<Job>,
    pace: Pace,
    /// Somebody else may have begun with its page. It is dealt with before the job is stopped: what was done already is
    /// not done again, and is counted.
    inherited: bool,
}

/// One job on one node.
struct Work<'w> {
    node: &'w Node,
    key: &'w WorkflowKey,
    namespace: Arc<Namespace>,
    stops: &'w Stops,
}

impl<'w> Work<'w> {
    async fn on(node: &'w Node, key: &'w WorkflowKey, stops: &'w Stops) -> Result<Self, Trouble> {
        if node.metadata().namespace(&key.namespace).is_none() {
            node.metadata().confirmed().await.map_err(|error| Trouble::Later(error.to_string()))?;
        }
        let Some(namespace) = node.metadata().namespace(&key.namespace) else {
            stops.give_up();
            return Err(Trouble::Over);
        };
        Ok(Self { node, key, namespace, stops })
    }

    /// The job as it is; if it does not run, whoever wants to stop it is told so.
    async fn look(&self) -> Result<Known, Trouble> {
        let job = match self.ask(JobRequest::Look).await {
            Ok(job) if job.is_running() || !self.stops.is_asked() => job,
            Ok(_) | Err(Trouble::Over) if self.stops.is_asked() => self.stop(None).await?,
            outcome => outcome?,
        };
        let pace = Pace::of(&job.order, self.node.options().jobs.operations_per_second);
        Ok(Known { inherited: !job.page.is_empty(), job, pace })
    }

    async fn ask(&self, request: JobRequest) -> Result<Arc<Job>, Trouble> {
        self.send(request).await.map_err(|failure| match failure {
            Failure::Refused(Refusal::WorkflowNotFound | Refusal::WorkflowClosed) => Trouble::Over,
            // Also: somebody else works on it, or this very progress was written before its answer was lost.
            failure => Trouble::Later(failure.to_string()),
        })
    }

    async fn send(&self, request: JobRequest) -> Stopped {
        let shard = self.node.shard(self.key);
        match shard.ask(self.key.clone(), Arc::clone(&self.namespace), Request::Job(request)).await? {
            Answer::Job(job) => Ok(job),
            _ => Err(Failure::Unavailable("a batch job was answered with something else")),
        }
    }

    /// Stops the job for the client that asked first, with what was dealt with last.
    async fn stop(&self, last: Option<JobProgress>) -> Result<Arc<Job>, Trouble> {
        let Some(StopOrder { reason, identity, reply }) = self.stops.next() else {
            return self.ask(JobRequest::Look).await;
        };
        let mut stopped = Err(Failure::Refused(Refusal::TaskGone));
        if last.is_some() {
            let stop = StopJob { reason: reason.clone(), identity: identity.clone(), last };
            stopped = self.send(JobRequest::Stop(stop)).await;
        }
        // Somebody else has counted it.
        if matches!(stopped, Err(Failure::Refused(Refusal::TaskGone))) {
            stopped = self.send(JobRequest::Stop(StopJob { reason, identity, last: None })).await;
        }
        let outcome = match &stopped {
            Ok(job) => Ok(Arc::clone(job)),
            Err(Failure::Refused(_)) => Err(Trouble::Over),
            Err(failure) => Err(Trouble::Later(failure.to_string())),
        };
        // The client may have gone.
        let _ = reply.send(stopped);
        outcome
    }

    /// Counts the executions, or deals with those that are known and finds the next few.
    async fn step(&self, job: &Job, pace: &Pace, inherited: bool) -> Result<Arc<Job>, Trouble> {
        if self.stops.is_asked() && !inherited {
            return self.stop(None).await;
        }
        if job.total.is_none() {
            return match self.count(job).await? {
                Ok(total) => self.ask(JobRequest::Count(total)).await,
                Err(why) => self.fail(why).await,
            };
        }
        let limit = pace.page().min(PAGE_MAX);
        let page = &job.page[..job.page.len().min(usize::try_from(limit).unwrap_or(usize::MAX))];
        let done = self.deal_with(job, page, pace, inherited).await;
        if self.node_stops() {
            let told = progress(job, done.iter().take_while(|done| **done != Done::BrokenOff));
            return if told.completed + told.failed == 0 {
                Err(Trouble::Over)
            } else {
                self.ask(JobRequest::Progress(told)).await
            };
        }
        if done.contains(&Done::BrokenOff) {
            // A stop is asked for. What was not done is not done any more, wherever it stood in the page.
            return self.stop(Some(progress(job, &done))).await;
        }
        let mut told = progress(job, &done);
        match self.find(job, limit).await? {
            Ok(found) => told.found = found,
            Err(why) => return self.fail(why).await,
        }
        told.is_last = told.found.is_empty() && told.completed + told.failed == job.page.len() as u64;
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

    /// Those that come after the ones that are known.
    async fn find(&self, job: &Job, limit: u64) -> Result<Result<Vec<WorkflowExecution>, String>, Trouble> {
        if let Aim::Executions(executions) = &job.order.aim {
            return self.find_runs(rest_of(executions, job.found(), limit)).await.map(Ok);
        }
        let Some(filter) = filter(&job.order, job.started_at.0) else { return Ok(Ok(Vec::new())) };
        let query = match self.parse(&filter) {
            Ok(query) => query,
            Err(why) => return Ok(Err(why)),
        };
        let how = if job.total.is_some_and(|total| total <= FEW) { Walk::Few } else { Walk::Many };
        let (after, limit) =
            (job.after.as_ref().map(ToString::to_string), usize::try_from(limit).unwrap_or(usize::MAX));
        let step = Step { after, limit, how };
        let records = self.node.lists().walk(self.key.namespace.to_string(), query, step).await?;
        let execution = |record: weft_visibility::Record| WorkflowExecution {
            workflow_id: record.workflow_id,
            run_id: record.run_id,
        };
        Ok(Ok(records.into_iter().map(execution).collect()))
    }

    /// These, each with the run that is the current one now if it names none. What has none is left as it is.
    async fn find_runs(&self, executions: &[WorkflowExecution]) -> Result<Vec<WorkflowExecution>, Trouble> {
        let found: Vec<_> = executions.iter().map(|execution| self.find_run(execution.clone())).collect();
        stream::iter(found).buffered(self.node.options().jobs.concurrency).try_collect().await
    }

    async fn find_run(&self, execution: WorkflowExecution) -> Result<WorkflowExecution, Trouble> {
        if !execution.run_id.is_empty() {
            return Ok(execution);
        }
        match single::current_run(self.node, &self.namespace.name, &execution.workflow_id).await {
            Ok(run) => Ok(WorkflowExecution { run_id: run.to_string(), ..execution }),
            Err(status) => match status.code() {
                Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Aborted => {
                    Err(Trouble::Later(status.to_string()))
                }
                _ => Ok(execution),
            },
        }
    }

    fn parse(&self, filter: &str) -> Result<weft_visibility::Query, String> {
        crate::frontend::filter(self.node, &self.namespace, filter)
    }

    /// Does the operation to executions, in order, several at a time, as fast as it may, and says what came of each.
    async fn deal_with(&self, job: &Job, page: &[WorkflowExecution], pace: &Pace, inherited: bool) -> Vec<Done> {
        let course = || match (self.node_stops(), self.stops.is_asked() && !inherited) {
            (true, _) => Course::BreakOff,
            (false, true) => Course::Settle,
            (false, false) => Course::GoOn,
        };
        let operation = Operation { node: self.node, namespace: &self.namespace, job };
        let turn = async |(execution, place)| {
            let turn = pace.turn(self.node.clock().as_ref());
            if inherited {
                turn.await;
            } else {
                future::select(pin!(turn), pin!(self.stops.asked())).await;
            }
            match course() {
                Course::GoOn => operation.run(execution, place, course).await,
                Course::Settle | Course::BreakOff => Done::BrokenOff,
            }
        };
        let turns: Vec<_> = page.iter().zip(job.done()..).map(turn).collect();
        stream::iter(turns).buffered(self.node.options().jobs.concurrency).collect().await
    }

    fn node_stops(&self) -> bool {
        *self.node.stopping().borrow()
    }
}

/// What came of the first executions of a job's page.
fn progress<'d>(job: &Job, done: impl IntoIterator<Item = &'d Done>) -> JobProgress {
    let (mut completed, mut failed) = (0, 0);
    for done in done {
        match done {
            Done::Completed => completed += 1,
            Done::Failed => failed += 1,
            Done::BrokenOff => {}
        }
    }
    let (from, until) = (job.done(), job.found());
    JobProgress { job: job.run.clone(), from, until, completed, failed, found: Vec::new(), is_last: false }
}

/// The next few of a list after those that were found.
fn rest_of(executions: &[WorkflowExecution], found: u64, limit: u64) -> &[WorkflowExecution] {
    let rest = usize::try_from(found).ok().and_then(|found| executions.get(found..)).unwrap_or_default();
    &rest[..rest.len().min(usize::try_from(limit).unwrap_or(usize::MAX))]
}
