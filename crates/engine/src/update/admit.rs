//! Admitting updates, and finding those that are known already.

use alloc::format;

use prost::Message;

use super::carry;
use crate::{
    answer::{Answer, UpdateStage, UpdateStatus},
    change::{Change, Run},
    ids::{RunId, UpdateId},
    refusal::Refusal,
    request::{Target, UpdateBody},
    state::{AdmittedUpdate, Execution},
    workflow_task::speculative,
};

/// From this attempt on a workflow task counts as broken: an update could not mend it, for it comes after the events.
const BROKEN_FROM_ATTEMPT: u32 = 3;

const BROKEN: &str = "Unable to perform workflow execution update due to Workflow Task in failed state.";
const CLOSING: &str = "workflow operation can not be applied because workflow is closing";

/// A client updates a workflow. What is known already is only told of.
pub(crate) fn admit(change: &mut Change<'_>, target: &Target, body: UpdateBody) -> Result<Answer, Refusal> {
    let id = meant(change, target)?;
    let mut run = change.run(&id).ok_or(Refusal::WorkflowNotFound)?;
    admit_in(&mut run, body).map(Answer::Update)
}

/// A client asks how far an update has come.
pub(crate) fn find(change: &mut Change<'_>, target: &Target, update: &UpdateId) -> Result<Answer, Refusal> {
    let id = meant(change, target)?;
    let run = change.run(&id).ok_or(Refusal::WorkflowNotFound)?;
    known(&run, update).map(Answer::Update).ok_or_else(|| Refusal::UpdateNotFound(update.clone()))
}

/// Unlike elsewhere, a first run that is given beside a run must be that run's.
fn meant(change: &mut Change<'_>, target: &Target) -> Result<RunId, Refusal> {
    let id = change.resolve(&Target { run: target.run.clone(), first_run: None })?;
    let run = change.run(&id).ok_or(Refusal::WorkflowNotFound)?;
    let fits = target.first_run.as_ref().is_none_or(|first| *first == run.core.start.first_run);
    if fits { Ok(id) } else { Err(Refusal::WorkflowNotFound) }
}

/// Takes an update into an open run, with a workflow task to carry it if none is pending.
pub(super) fn admit_in(run: &mut Run<'_>, body: UpdateBody) -> Result<UpdateStatus, Refusal> {
    if let (false, status) = (run.is_open(), known(run, &body.id)) {
        return status.ok_or(Refusal::WorkflowClosed);
    }
    if run.is_paused() {
        return Err(Refusal::Precondition("Workflow is paused. Cannot update the workflow.".into()));
    }
    if run.task().is_some_and(|task| task.attempt >= BROKEN_FROM_ATTEMPT) {
        return Err(Refusal::NotReady(BROKEN.into()));
    }
    if run.core.closing && run.has_started_task() {
        return Err(Refusal::Busy(CLOSING.into()));
    }
    if let Some(status) = known(run, &body.id) {
        return Ok(status);
    }
    check_limits(run, body.request.encoded_len())?;
    put(run, &body);
    speculative::want(run);
    Ok(status(run, UpdateStage::Admitted))
}

/// Notes an update as the last of those that wait.
pub(super) fn put(run: &mut Run<'_>, body: &UpdateBody) {
    let order = run.volatile.admitted.values().map(|it| it.order + 1).max().unwrap_or(0);
    let update = AdmittedUpdate { request: body.request.clone(), order, carried_by: None };
    run.volatile.admitted.put(body.id.clone(), update);
}

fn check_limits(run: &Run<'_>, bytes: usize) -> Result<(), Refusal> {
    let limits = &run.at.settings.limits;
    if carry::in_flight(run) >= limits.updates_in_flight {
        let limit = limits.updates_in_flight;
        let why = format!("limit on number of concurrent in-flight updates has been reached ({limit})");
        return Err(Refusal::UpdatesInFlight(why));
    }
    check_total(run)?;
    let waiting: usize = run.volatile.admitted.values().map(|it| it.request.encoded_len()).sum();
    if waiting + bytes >= limits.updates_in_flight_bytes {
        let limit = limits.updates_in_flight_bytes;
        let why = format!("limit on total payload size of in-flight updates has been reached ({limit} bytes)");
        return Err(Refusal::UpdatesInFlight(why));
    }
    Ok(())
}

/// # Errors
/// When the run has had all the updates that it may have.
pub(super) fn check_total(run: &Run<'_>) -> Result<(), Refusal> {
    let limit = run.at.settings.limits.updates;
    if carry::count(run) >= limit {
        let why = format!("limit on number of total updates has been reached ({limit})");
        return Err(Refusal::UpdatesExhausted(why));
    }
    Ok(())
}

/// How far an update has come, if the run knows it.
pub(super) fn known(run: &Execution, id: &UpdateId) -> Option<UpdateStatus> {
    let stage = match run.updates.get(id) {
        Some(update) if !update.is_accepted() => run.is_open().then_some(UpdateStage::Admitted)?,
        Some(update) => match update.completed_event_id {
            Some(event) => UpdateStage::Completed(event),
            None if run.is_open() => UpdateStage::Accepted,
            None => UpdateStage::CutShort,
        },
        None if run.volatile.admitted.contains(id) => UpdateStage::Admitted,
        None => return None,
    };
    Some(status(run, stage))
}

fn status(run: &Execution, stage: UpdateStage) -> UpdateStatus {
    UpdateStatus { run: run.core.run.clone(), branch: run.core.branch.clone(), stage }
}
