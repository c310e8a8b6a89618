//! What operators do to one run from outside. Each arm is one function of one family.

use crate::{
    activity,
    answer::Answer,
    change::Change,
    pause,
    refusal::Refusal,
    request::{Operation, Target},
    run_options,
};

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
