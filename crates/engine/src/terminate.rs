//! Ending a run from outside, at once.

use alloc::{borrow::ToOwned, vec::Vec};

use crate::{
    answer::Answer,
    change::{Change, Run},
    event,
    ids::Identity,
    refusal::Refusal,
    request::{Target, TerminateBody},
    workflow_task::fail,
};

/// A client ends an open run.
pub(crate) fn terminate(change: &mut Change<'_>, target: &Target, body: TerminateBody) -> Result<Answer, Refusal> {
    let mut run = change.open_run(target)?;
    now(&mut run, body);
    Ok(Answer::Done)
}

/// The server ends a run that cannot go on.
pub(crate) fn by_server(run: &mut Run<'_>, reason: &str) {
    now(run, body_of_server(reason));
}

pub(crate) fn body_of_server(reason: &str) -> TerminateBody {
    TerminateBody {
        identity: Identity::from(fail::SERVER),
        reason: reason.to_owned(),
        details: None,
        links: Vec::new(),
    }
}

/// Ends the run: a worker's task fails, what waited for it is written, and nothing comes after.
pub(crate) fn now(run: &mut Run<'_>, body: TerminateBody) {
    if run.has_started_task() {
        fail::fail(run, fail::forced());
    }
    run.flush();
    run.append(event::workflow::terminated(body));
}
