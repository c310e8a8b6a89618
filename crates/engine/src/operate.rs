//! What operators do to one run from outside. Each arm is one function of one family.
//!
//! Invariant: what was asked for under a request id is done once, though others operate on the same run meanwhile. No
//! event tells of such an id, so a run that is rebuilt from its events has forgotten it.

use crate::{
    activity,
    answer::Answer,
    change::Change,
    ids::RequestId,
    pause,
    refusal::Refusal,
    request::{Operation, Target},
    run_options,
};

/// Carries out an operation on an open run, unless it was carried out under this id before.
pub(crate) fn once(
    change: &mut Change<'_>,
    target: &Target,
    request: &RequestId,
    operation: Operation,
) -> Result<Answer, Refusal> {
    let (id, request) = (change.resolve(target)?, remembered_as(request));
    if change.workflow.runs.get(&id).is_some_and(|run| run.signal_requests.contains(&request)) {
        return Ok(Answer::Done);
    }
    let answer = operate(change, target, operation)?;
    if let Some(mut run) = change.run(&id) {
        run.signal_requests.put(request, ());
    }
    Ok(answer)
}

/// The id among those of signals, none of which it is.
fn remembered_as(request: &RequestId) -> RequestId {
    RequestId::from(alloc::format!("{OPERATION}{request}"))
}

/// What the remembered ids of operations begin with.
pub const OPERATION: &str = "operation ";

/// Carries out an operation on an open run.
pub(crate) fn operate(change: &mut Change<'_>, target: &Target, operation: Operation) -> Result<Answer, Refusal> {
    let mut run = change.open_run(target)?;
    match operation {
        Operation::PauseActivities(which, body) => activity::pause(&mut run, &which, &body),
        Operation::UnpauseActivities(which, body) => activity::unpause(&mut run, &which, &body),
        Operation::ResetActivities(which, body) => activity::reset(&mut run, &which, &body),
        Operation::UpdateActivities(which, body) => activity::update_options(&mut run, &which, &body),
        Operation::UpdateRun(body) => run_options::update(&mut run, *body),
        Operation::Pause(body) => pause::pause(&mut run, &body),
        Operation::Unpause(body) => pause::unpause(&mut run, &body),
    }
}
