//! Activities: work that a workflow asks for and waits for.

use alloc::vec::Vec;

use weft_protocol::api::common::Payloads;

use crate::{
    answer::{Answer, StartedActivityTask},
    change::{Change, Run},
    deadline::ActivityDeadline,
    ids::{EventId, Identity, RequestId},
    refusal::Refusal,
    request::{ActivityRef, ActivityToken, FailActivity, StartActivityTask},
    state::Activity,
    time::Timestamp,
};

/// Hands a scheduled activity to a worker; the same hand-over again gives the same task (rule 13).
pub(crate) fn start(_change: &mut Change<'_>, _body: &StartActivityTask) -> Result<Answer, Refusal> {
    Err(Refusal::TaskGone)
}

pub(crate) fn complete(
    _change: &mut Change<'_>,
    _which: &ActivityRef,
    _identity: &Identity,
    _result: Option<Payloads>,
) -> Result<Answer, Refusal> {
    Err(Refusal::ActivityNotFound)
}

pub(crate) fn fail(_change: &mut Change<'_>, _which: &ActivityRef, _body: FailActivity) -> Result<Answer, Refusal> {
    Err(Refusal::ActivityNotFound)
}

pub(crate) fn cancel(
    _change: &mut Change<'_>,
    _which: &ActivityRef,
    _identity: &Identity,
    _details: Option<Payloads>,
) -> Result<Answer, Refusal> {
    Err(Refusal::ActivityNotFound)
}

pub(crate) fn heartbeat(
    _change: &mut Change<'_>,
    _which: &ActivityRef,
    _identity: &Identity,
    _details: Option<Payloads>,
) -> Result<Answer, Refusal> {
    Err(Refusal::ActivityNotFound)
}

/// The poller to which the task was handed has gone: the same attempt is offered again.
pub(crate) fn give_back(
    _change: &mut Change<'_>,
    _token: &ActivityToken,
    _request: &RequestId,
) -> Result<Answer, Refusal> {
    Err(Refusal::ActivityNotFound)
}

/// The activities that were handed over under this id with an answer, for giving the same answer again.
pub(crate) fn handed_to(_run: &Run<'_>, _request: &RequestId) -> Vec<StartedActivityTask> {
    Vec::new()
}

/// Shows every deadline of one activity.
pub(crate) fn deadlines(_activity: &Activity, _see: &mut dyn FnMut(Timestamp, ActivityDeadline)) {}

/// A deadline has come, if it is still the activity's.
pub(crate) fn due(_run: &mut Run<'_>, _activity: EventId, _what: ActivityDeadline) {}
