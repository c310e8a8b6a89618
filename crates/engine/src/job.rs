//! Batch jobs: what becomes of one when it is started, goes on, is stopped, or has been kept long enough.
//!
//! Invariants: a job id is given once, until retention has removed its job; progress is taken only by whoever knew where
//! the job stood, so two that work on the same job count each execution once; a job that has ended stays ended, but what
//! was under way then still counts: with the stop, or afterwards if who stopped it did not know. What this file does not do: find executions, or do anything to them.

mod request;
mod written;

use alloc::{borrow::ToOwned, string::String, sync::Arc, vec::Vec};

pub use request::{JobProgress, JobRequest, StopJob};
pub(crate) use written::written;
pub use written::{JOB_TYPE, info, kind, wake_run};

use crate::{
    answer::Answer,
    change::Change,
    ids::{RequestId, RunId},
    refusal::{Refusal, StartConflict},
    state::{Aim, Job, JobEnd, JobOrder, JobOutcome},
    transition::Effect,
};

pub(crate) fn handle(change: &mut Change<'_>, request: JobRequest) -> Result<Answer, Refusal> {
    match request {
        JobRequest::Start(order) => start(change, *order),
        JobRequest::Look => look(change),
        JobRequest::Count(total) => count(change, total),
        JobRequest::Progress(progress) => progress_made(change, progress),
        JobRequest::Fail(why) => fail(change, why),
        JobRequest::Stop(stop) => stop_it(change, stop),
        JobRequest::Wake => wake(change),
        JobRequest::Remove => remove(change),
    }
}

fn start(change: &mut Change<'_>, order: JobOrder) -> Result<Answer, Refusal> {
    if let Some(job) = job(change) {
        let conflict = if job.is_running() { StartConflict::Running } else { StartConflict::Finished };
        let (run, first_run) = (job.run.clone(), job.run.clone());
        return Err(Refusal::AlreadyStarted { request: RequestId::from(run.as_str()), run, first_run, conflict });
    }
    let job = Job {
        run: change.at.new_run.clone(),
        order: Arc::new(order),
        started_at: change.at.now,
        total: None,
        completed: 0,
        failed: 0,
        page: Vec::new(),
        after: None,
        ended: None,
    };
    Ok(put(change, job))
}

fn look(change: &Change<'_>) -> Result<Answer, Refusal> {
    let job = job(change).ok_or(Refusal::WorkflowNotFound)?;
    Ok(Answer::Job(Arc::new(job.clone())))
}

/// How many executions there are is counted once, when the work begins.
fn count(change: &mut Change<'_>, total: u64) -> Result<Answer, Refusal> {
    let mut job = running(change)?;
    job.total.get_or_insert(total);
    Ok(put(change, job))
}

fn progress_made(change: &mut Change<'_>, progress: JobProgress) -> Result<Answer, Refusal> {
    let mut job = job(change).ok_or(Refusal::WorkflowNotFound)?.clone();
    let had_ended = job.ended.is_some();
    let is_last = progress.is_last;
    count_dealt_with(&mut job, &progress)?;
    if had_ended && progress.completed + progress.failed == 0 {
        return Err(Refusal::WorkflowClosed);
    }
    if let (Aim::Query(_), Some(last)) = (&job.order.aim, progress.found.last()) {
        job.after = Some(RunId::from(last.run_id.as_str()));
    }
    job.page.extend(progress.found);
    if is_last && !had_ended {
        job.total = Some(job.done());
        end(change, &mut job, JobOutcome::Completed);
    }
    Ok(put(change, job))
}

/// Counts executions of the page, if the job still stands where their work began.
fn count_dealt_with(job: &mut Job, progress: &JobProgress) -> Result<(), Refusal> {
    let dealt_with = progress.completed + progress.failed;
    let stands = job.run == progress.job && job.done() == progress.from && job.found() == progress.until;
    if !stands || dealt_with > job.page.len() as u64 {
        return Err(Refusal::TaskGone);
    }
    job.completed += progress.completed;
    job.failed += progress.failed;
    let gone = usize::try_from(dealt_with).map_or(job.page.len(), |count| count.min(job.page.len()));
    job.page.drain(..gone);
    // Executions may have come or gone since they were counted; it is never more than all.
    job.total = job.total.map(|total| total.max(job.done()));
    Ok(())
}

fn fail(change: &mut Change<'_>, why: String) -> Result<Answer, Refusal> {
    let mut job = running(change)?;
    end(change, &mut job, JobOutcome::Failed { why });
    Ok(put(change, job))
}

fn stop_it(change: &mut Change<'_>, stop: StopJob) -> Result<Answer, Refusal> {
    let mut job = running(change)?;
    if let Some(last) = &stop.last {
        count_dealt_with(&mut job, last)?;
        // What is left of it need not be what was not done.
        job.page.clear();
    }
    end(change, &mut job, JobOutcome::Stopped { reason: stop.reason, identity: stop.identity });
    Ok(put(change, job))
}

/// Its wake row is due: a running job wants to be worked on, one that has ended may have been kept long enough.
fn wake(change: &mut Change<'_>) -> Result<Answer, Refusal> {
    let now = change.at.now;
    match job(change) {
        Some(job) if job.is_running() => change.effects.push(Effect::WorkOnJob),
        Some(job) if job.wake_at() <= now => change.workflow.job.put((), None),
        Some(_) | None => {}
    }
    Ok(Answer::Done)
}

/// Its namespace goes away.
fn remove(change: &mut Change<'_>) -> Result<Answer, Refusal> {
    job(change).ok_or(Refusal::WorkflowNotFound)?;
    change.workflow.job.put((), None);
    Ok(Answer::Done)
}

fn end(change: &Change<'_>, job: &mut Job, outcome: JobOutcome) {
    let at = change.at.now;
    job.ended = Some(JobEnd { outcome, at, remove_at: at.after(change.at.namespace.retention) });
}

fn job<'c>(change: &'c Change<'_>) -> Option<&'c Job> {
    change.workflow.job.get(&())?.as_ref()
}

fn running(change: &Change<'_>) -> Result<Job, Refusal> {
    let job = job(change).ok_or(Refusal::WorkflowNotFound)?;
    if job.is_running() { Ok(job.to_owned()) } else { Err(Refusal::WorkflowClosed) }
}

fn put(change: &mut Change<'_>, job: Job) -> Answer {
    let answer = Answer::Job(Arc::new(job.clone()));
    change.workflow.job.put((), Some(job));
    answer
}
