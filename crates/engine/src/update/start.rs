//! An update that starts its workflow if that does not run.

use alloc::boxed::Box;

use super::admit;
use crate::{
    answer::{Answer, Started, UpdateStage, UpdateStatus},
    change::Change,
    ids::UpdateId,
    refusal::Refusal,
    request::{ConflictPolicy, StartWorkflow, UpdateBody},
    start,
    state::CurrentRun,
};

/// Updates the current run if the update is meant for it, otherwise starts a run whose first task carries the update.
pub(crate) fn update_with_start(
    change: &mut Change<'_>,
    start: StartWorkflow,
    body: UpdateBody,
) -> Result<Answer, Refusal> {
    if let Some(current) = change.workflow.current.clone() {
        if let Some(status) = completed(change, &current, &body.id) {
            return Ok(Answer::UpdateWithStart(existing(&current), status));
        }
        if current.status.is_open() && is_meant(change, &current, &start, &body.id) {
            let status = admit_to(change, &current.run, body)?;
            return Ok(Answer::UpdateWithStart(existing(&current), status));
        }
    }
    let Answer::Started(started) = start::start(change, start)? else { return Err(Refusal::NotStarted) };
    if !started.started || change.workflow.current == change.current_before {
        return Err(Refusal::NotStarted);
    }
    let status = admit_to(change, &started.run, body)?;
    Ok(Answer::UpdateWithStart(started, status))
}

/// An update that is completed is answered whatever the start says, also after its run has ended.
fn completed(change: &mut Change<'_>, current: &CurrentRun, id: &UpdateId) -> Option<UpdateStatus> {
    let run = change.run(&current.run)?;
    admit::known(&run, id).filter(|status| matches!(status.stage, UpdateStage::Completed(_)))
}

/// Does the open run take the update? It does if this very start began it, if it has the update already, or if the start
/// says that it may.
fn is_meant(change: &mut Change<'_>, current: &CurrentRun, start: &StartWorkflow, id: &UpdateId) -> bool {
    current.started_by == start.request
        || start.conflict == ConflictPolicy::UseExisting
        || change.run(&current.run).is_some_and(|run| admit::known(&run, id).is_some())
}

fn admit_to(change: &mut Change<'_>, run: &crate::ids::RunId, body: UpdateBody) -> Result<UpdateStatus, Refusal> {
    let mut run = change.run(run).ok_or(Refusal::WorkflowNotFound)?;
    admit::admit_in(&mut run, body).map_err(|refusal| Refusal::OfUpdate(Box::new(refusal)))
}

fn existing(current: &CurrentRun) -> Started {
    Started {
        run: current.run.clone(),
        first_run: current.first_run.clone(),
        started: false,
        attached: false,
        status: current.status,
        eager_task: None,
    }
}
