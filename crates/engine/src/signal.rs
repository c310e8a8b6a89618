//! Signals.

use weft_protocol::api::common::WorkflowExecution;

use crate::{
    answer::Answer,
    change::{Change, Run},
    event,
    refusal::Refusal,
    request::{SignalBody, Target},
    state::Execution,
    workflow_task::schedule,
};

/// A client signals an open run. What was answered once is answered so again, also after the run has closed.
pub(crate) fn receive(change: &mut Change<'_>, target: &Target, body: SignalBody) -> Result<Answer, Refusal> {
    let id = change.resolve(target)?;
    if change.workflow.runs.get(&id).is_some_and(|run| is_repeated(run, &body)) {
        return Ok(Answer::Signaled(id));
    }
    let mut run = change.open_run(target)?;
    record(&mut run, body)?;
    schedule::want(&mut run);
    Ok(Answer::Signaled(run.core.run.clone()))
}

/// Writes a signal, unless it is there already.
pub(crate) fn record(run: &mut Run<'_>, body: SignalBody) -> Result<(), Refusal> {
    record_from(run, body, None)
}

/// The same, of a signal that another workflow may have sent.
pub(crate) fn record_from(run: &mut Run<'_>, body: SignalBody, from: Option<WorkflowExecution>) -> Result<(), Refusal> {
    if is_repeated(run, &body) {
        return Ok(());
    }
    if run.core.closing && run.has_started_task() {
        return Err(Refusal::Busy("workflow operation can not be applied because workflow is closing".into()));
    }
    if run.core.signals >= run.at.settings.limits.signals {
        return Err(Refusal::InvalidArgument("exceeded workflow execution limit for signal events".into()));
    }
    run.append(event::signal::signaled(body, from));
    Ok(())
}

fn is_repeated(run: &Execution, body: &SignalBody) -> bool {
    body.request.as_ref().is_some_and(|request| run.signal_requests.contains(request))
}
