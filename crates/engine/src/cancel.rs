//! Requests to cancel a run: the workflow is told, and decides itself.

use weft_protocol::api::common::WorkflowExecution;

use crate::{
    answer::Answer,
    change::{Change, Run},
    event,
    refusal::Refusal,
    request::{CancelBody, Target},
    workflow_task::schedule,
};

/// The workflow that asks, if it is one that asks.
pub(crate) struct From {
    pub(crate) execution: WorkflowExecution,
    /// The event of its history that asks; 0 if it asks by having ended.
    pub(crate) initiated_event_id: i64,
}

/// A client asks an open run to cancel. Asking a closed run does nothing.
pub(crate) fn request(change: &mut Change<'_>, target: &Target, body: CancelBody) -> Result<Answer, Refusal> {
    if change.workflow.current.as_ref().is_some_and(|current| target.first_run.is_some() && !current.status.is_open()) {
        return Ok(Answer::Done);
    }
    let mut run = match change.open_run(target) {
        Ok(run) => run,
        Err(Refusal::WorkflowClosed) => return Ok(Answer::Done),
        Err(refusal) => return Err(refusal),
    };
    record(&mut run, body, None);
    Ok(Answer::Done)
}

/// Tells an open run. It is told once; asking again does nothing.
pub(crate) fn record(run: &mut Run<'_>, body: CancelBody, from: Option<From>) {
    if run.core.cancel.is_some() {
        return;
    }
    let request = body.request.clone();
    run.append(event::signal::cancel_requested(body, from));
    if let Some(cancel) = &mut run.core.cancel {
        cancel.request = request;
    }
    schedule::at_once(run);
}
