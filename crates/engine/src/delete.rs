//! Removing a run and its history: because a client asks, or because it has been kept long enough.

use crate::{
    answer::Answer,
    change::Change,
    ids::{Identity, RunId},
    query,
    refusal::Refusal,
    request::Target,
    terminate, update,
};

/// A client removes a run; an open one ends first, so that whoever waits for it is told.
pub(crate) fn delete(change: &mut Change<'_>, target: &Target, identity: &Identity) -> Result<Answer, Refusal> {
    let id = change.resolve(target)?;
    let mut run = change.run(&id).ok_or(Refusal::WorkflowNotFound)?;
    if run.is_open() {
        let body = terminate::body_of_server("Delete workflow execution");
        terminate::now(&mut run, crate::request::TerminateBody { identity: identity.clone(), ..body });
    }
    remove(change, &id);
    Ok(Answer::Done)
}

/// Retention is over.
pub(crate) fn expire(change: &mut Change<'_>, id: &RunId) {
    let now = change.at.now;
    let over = change.run(id).is_some_and(|run| run.core.closed.as_ref().is_some_and(|closed| closed.remove_at <= now));
    if over {
        remove(change, id);
    }
}

fn remove(change: &mut Change<'_>, id: &RunId) {
    let Some(mut run) = change.run(id) else { return };
    query::abandon(&mut run);
    update::end::abandon(&mut run);
    run.remove();
    if change.workflow.current.as_ref().is_some_and(|current| current.run == *id) {
        change.workflow.current = None;
    }
}
