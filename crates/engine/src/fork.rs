//! Forks: a copy of a run's history up to some event, under another workflow id, that goes on by itself.
//!
//! Invariants: the copied events are those of the origin, but for the first, which names the new id and the origin; what
//! is pending there goes on here without the origin noticing. Timers keep their due times; activities are scheduled
//! again; children and requests to other workflows are not connected; the run's own timeouts count from now. The
//! workflow task of the point ends as in a reset, so that a worker replays what was copied and decides anew.
//!
//! What this file does not do: copy. The shell stages the bytes of the events, and the run that the copied events give
//! comes with the request.

mod copying;
mod point;

pub use copying::{Copy, Copying};
pub use point::point;

use crate::{
    answer::{Answer, Started},
    change::{Change, Run},
    event,
    ids::{EventId, Identity, RequestId, RunId, WorkflowId},
    refusal::{Refusal, StartConflict},
    request::{ForkWorkflow, Poller},
    state::{ActivityStage, CurrentRun, Status, WorkflowTaskStage},
    time::Timestamp,
    update::carry::Resend,
    workflow_task::{fail::SERVER, schedule, start as task_start},
};

/// Where a fork comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkOrigin {
    pub workflow: WorkflowId,
    pub run: RunId,
    /// The last event that was copied.
    pub event_id: EventId,
}

/// Takes in the run that the copied events give, and lets it go on.
pub(crate) fn fork(change: &mut Change<'_>, body: ForkWorkflow) -> Result<Answer, Refusal> {
    if let Some(current) = change.workflow.current.clone() {
        return if current.started_by == body.request { Ok(answer(current)) } else { Err(taken(current)) };
    }
    let ForkWorkflow { request, origin, copy } = body;
    let id = copy.core.run.clone();
    let mut run = change.take_copy(*copy);
    go_on(&mut run);
    decide_anew(&mut run, &request, &origin.run);
    run.core.forked_from = Some(origin.into());
    let (first_run, status) = (run.core.start.first_run.clone(), Status::Running);
    Ok(Answer::Started(Started { run: id, first_run, started: true, attached: false, status, eager_task: None }))
}

/// What was said the first time, to a request that comes again.
fn answer(current: CurrentRun) -> Answer {
    let CurrentRun { run, first_run, status, .. } = current;
    Answer::Started(Started { run, first_run, started: true, attached: false, status, eager_task: None })
}

/// A fork makes a new workflow id; one that was used, however it ended, is not new.
fn taken(current: CurrentRun) -> Refusal {
    let conflict = if current.status.is_open() { StartConflict::Running } else { StartConflict::Finished };
    Refusal::AlreadyStarted { run: current.run, first_run: current.first_run, request: current.started_by, conflict }
}

/// What is pending goes on in the copy, as far as it can.
fn go_on(run: &mut Run<'_>) {
    let now = run.now();
    run.children.clear();
    run.external.clear();
    let pending: alloc::vec::Vec<EventId> = run.activities.keys().copied().collect();
    for id in pending {
        run.activities.update(&id, |activity| {
            activity.scheduled_at = now;
            activity.stage = ActivityStage::Scheduled { at: now };
        });
    }
    let start = &run.core.start;
    let (execution, own) = (start.execution_timeout, start.run_timeout);
    let in_time = |span: core::time::Duration| (!span.is_zero()).then(|| now.after(span));
    run.core.execution_expires_at = in_time(execution);
    // Below the deadline of the whole; without a time of its own the run has that deadline alone.
    run.core.run_expires_at = in_time(own).map(|at| run.core.execution_expires_at.map_or(at, |whole| at.min(whole)));
    // A child waits for its parent to know of it; this one has none.
    if run.core.first_task_at == Some(Timestamp::MAX) {
        run.core.first_task_at = None;
    }
}

/// Ends the workflow task of the point, or one made for that, and schedules the next: its worker replays what was copied.
/// A run that still waits for its first task's time has nothing to replay.
fn decide_anew(run: &mut Run<'_>, request: &RequestId, origin: &RunId) {
    if run.core.first_task_at.is_some() {
        return;
    }
    if run.core.task.is_none() {
        schedule::schedule(run, 1);
    }
    let Some(started) = started(run, request) else { return };
    let Some(task) = run.core.task.clone() else { return };
    let new_run = run.core.run.clone();
    run.append(event::workflow_task::reset(&task, started, origin, &new_run));
    schedule::schedule(run, 1);
}

/// The started event of the pending task; one that waits is started by the server.
fn started(run: &mut Run<'_>, request: &RequestId) -> Option<EventId> {
    if let Some(WorkflowTaskStage::Scheduled(_)) = run.core.task.as_ref().map(|task| &task.stage) {
        let (identity, request) = (Identity::from(SERVER), request.clone());
        let poller = Poller { identity, request, version: None, deployment: None };
        task_start::begin(run, &poller, false, Resend::All);
    }
    match &run.core.task.as_ref()?.stage {
        WorkflowTaskStage::Started(started) => Some(started.event_id),
        WorkflowTaskStage::Scheduled(_) => None,
    }
}
