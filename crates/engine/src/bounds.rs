//! How large a run's state and one request's events may grow.
//!
//! Invariants: a run whose state grows beyond its bound is ended instead of doing what was asked. A request that would
//! write more events than one transaction holds is refused and changes nothing; only what a worker says to a workflow
//! task ends the run, because the worker would say it again. Semantics: `service/history/workflow/context.go` and
//! `service/history/api/respondworkflowtaskcompleted` of Temporal's server. What the server itself must get done is not
//! bounded here; it writes what other bounds have let in.

use alloc::{borrow::Cow, format};

use prost::Message;
use weft_protocol::payload;

use crate::{
    change::{Run, stored_bytes},
    ids::RunId,
    refusal::Refusal,
    request::Request,
    state::{Activity, Execution},
    terminate,
};

/// What a row costs beside the texts and payloads in it, roughly.
const ROW_BYTES: usize = 64;
const ACTIVITY_BYTES: usize = 256;

const STATE_TOO_LARGE: &str = "Workflow mutable state size exceeds limit.";
const TRANSACTION_TOO_LARGE: &str = "Transaction size exceeds limit.";

/// What becomes of a request that writes too much at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TooLarge {
    Refuse,
    /// A run that it would make is not there to be ended: then this one is, whose worker asks for it.
    EndRun(RunId),
    /// It must get done.
    Pass,
}

impl TooLarge {
    pub(crate) fn of(request: &Request) -> Self {
        match request {
            Request::CompleteWorkflowTask(body) => Self::EndRun(body.token.run.clone()),
            Request::Start(_)
            | Request::SignalWithStart(..)
            | Request::Fork(_)
            | Request::Signal(..)
            | Request::Cancel(..)
            | Request::Update(..)
            | Request::UpdateWithStart(..)
            | Request::Operate(..)
            | Request::OperateOnce(..)
            | Request::Reset(..)
            | Request::FailWorkflowTask(_)
            | Request::CompleteActivity(..)
            | Request::FailActivity(..)
            | Request::CancelActivity(..) => Self::Refuse,
            Request::Terminate(..)
            | Request::Delete(..)
            | Request::Query(..)
            | Request::ForgetQuery(..)
            | Request::FindUpdate(..)
            | Request::ResetSticky(_)
            | Request::StartWorkflowTask(_)
            | Request::GiveBackWorkflowTask(..)
            | Request::StickyUnavailable(..)
            | Request::StartActivityTask(_)
            | Request::Heartbeat(..)
            | Request::GiveBackActivityTask(..)
            | Request::Wake(_)
            | Request::Deliver(_)
            | Request::Replied(_)
            | Request::Job(_)
            | Request::Schedule(_) => Self::Pass,
        }
    }
}

/// Why a run is ended instead of doing what was asked.
pub(crate) struct Outgrown {
    /// What the history says.
    pub(crate) reason: &'static str,
    /// What the caller is told.
    pub(crate) why: Cow<'static, str>,
}

impl Outgrown {
    fn of(reason: &'static str) -> Self {
        Self { reason, why: reason.into() }
    }

    /// Ends the run.
    pub(crate) fn end(&self, run: &mut Run<'_>) {
        let mut body = terminate::body_of_server(self.reason);
        if self.why != self.reason {
            body.details = Some(payload::list(payload::json_string(&self.why)));
        }
        terminate::now(run, body);
    }
}

/// Whether an open run that the request changed has grown beyond a bound.
///
/// # Errors
/// When that is a matter of this request alone.
pub(crate) fn outgrown(run: &Run<'_>, too_large: &TooLarge) -> Result<Option<Outgrown>, Refusal> {
    if let Some(reason) = terminate::too_long(run) {
        return Ok(Some(Outgrown::of(reason)));
    }
    if state_is_too_large(run) {
        return Ok(Some(Outgrown::of(STATE_TOO_LARGE)));
    }
    match (transaction_is_too_large(run), too_large) {
        (Some(why), TooLarge::Refuse) => Err(Refusal::InvalidArgument(why)),
        (Some(why), TooLarge::EndRun(_)) => Ok(Some(Outgrown { reason: TRANSACTION_TOO_LARGE, why })),
        (Some(_), TooLarge::Pass) | (None, _) => Ok(None),
    }
}

/// The run's rows have grown beyond what a run may have. The core alone cannot: what is in it has bounds of its own.
fn state_is_too_large(run: &Run<'_>) -> bool {
    run.has_dirty_rows() && state_bytes(run) > run.at.settings.limits.mutable_state_bytes_error
}

/// Of all rows of a run together, roughly.
fn state_bytes(run: &Execution) -> usize {
    let elsewhere =
        run.children.values().map(|it| ROW_BYTES + it.target.workflow.as_str().len() + it.workflow_type.len());
    let external = run.external.values().map(|it| ROW_BYTES + it.target.workflow.as_str().len());
    run.core.start.attributes.encoded_len()
        + run.activities.values().map(activity_bytes).sum::<usize>()
        + run.timers.keys().map(|id| ROW_BYTES + id.as_str().len()).sum::<usize>()
        + elsewhere.sum::<usize>()
        + external.sum::<usize>()
        + run.buffered.values().map(Message::encoded_len).sum::<usize>()
        + run.signal_requests.keys().map(|id| ROW_BYTES + id.as_str().len()).sum::<usize>()
        + run.updates.keys().map(|id| ROW_BYTES + id.as_str().len()).sum::<usize>()
}

fn activity_bytes(activity: &Activity) -> usize {
    let heartbeat = activity.heartbeat.as_ref().and_then(|it| it.details.as_ref());
    ACTIVITY_BYTES
        + activity.id.as_str().len()
        + activity.activity_type.len()
        + activity.last_failure.as_ref().map_or(0, |failure| failure.encoded_len())
        + heartbeat.map_or(0, |details| details.encoded_len())
}

/// Why the request cannot write all these events to the run at once, if it cannot.
fn transaction_is_too_large(run: &Run<'_>) -> Option<Cow<'static, str>> {
    let limit = run.at.settings.limits.transaction_bytes;
    let before = run.before().map_or(0, |before| before.history_bytes);
    // A run that goes on from another has that one's history too.
    if run.core.history_bytes.saturating_sub(before) <= limit {
        return None;
    }
    let bytes: u64 = run.appended().iter().map(stored_bytes).sum();
    (bytes > limit).then(|| format!("transaction size of {bytes} bytes exceeds limit of {limit} bytes").into())
}
