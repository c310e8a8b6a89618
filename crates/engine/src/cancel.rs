//! Requests to cancel a run: the workflow is told, and decides itself.

use crate::{
    answer::Answer,
    change::Change,
    event,
    refusal::Refusal,
    request::{CancelBody, Target},
    workflow_task::schedule,
};

/// A client asks an open run to cancel. It is told once; asking again, or asking a closed run, does nothing.
pub(crate) fn request(change: &mut Change<'_>, target: &Target, body: CancelBody) -> Result<Answer, Refusal> {
    if change.workflow.current.as_ref().is_some_and(|current| target.first_run.is_some() && !current.status.is_open()) {
        return Ok(Answer::Done);
    }
    let mut run = match change.open_run(target) {
        Ok(run) => run,
        Err(Refusal::WorkflowClosed) => return Ok(Answer::Done),
        Err(refusal) => return Err(refusal),
    };
    if run.core.cancel.is_some() {
        return Ok(Answer::Done);
    }
    let request = body.request.clone();
    run.append(event::signal::cancel_requested(body));
    if let Some(cancel) = &mut run.core.cancel {
        cancel.request = request;
    }
    schedule::at_once(&mut run);
    Ok(Answer::Done)
}
