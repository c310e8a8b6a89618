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

/// Why an open run cannot go on, if its history has grown too long. Bytes count from the request after the one that wrote
/// them, and so do the last events of a request if they are of a kind that may have to wait.
pub(crate) fn too_long(run: &Run<'_>) -> Option<&'static str> {
    let limits = &run.at.settings.limits;
    if run.before().is_some_and(|before| before.history_bytes > limits.history_bytes_error) {
        return Some("Workflow history size exceeds limit.");
    }
    (run.last_firm_event().0 > limits.history_events_error).then_some("Workflow history count exceeds limit.")
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
