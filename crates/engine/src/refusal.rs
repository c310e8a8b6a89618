//! Errors that changed nothing, one variant per different reaction of the caller. The frontend maps each to a gRPC
//! status and Temporal's error details in one place.

use alloc::{borrow::Cow, boxed::Box, string::String};

use crate::ids::{RequestId, RunId, UpdateId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such workflow id, or no such run of it.
    WorkflowNotFound,
    /// The run is closed and the request needs an open one.
    WorkflowClosed,
    /// The token names a workflow task that is not (or no longer) the pending one.
    WorkflowTaskNotFound,
    /// The token or id names an activity that is not pending, or another attempt of it.
    ActivityNotFound,
    /// No pending activity is of this id or type.
    NoSuchActivity,
    /// The state does not allow it.
    Precondition(Cow<'static, str>),
    /// The id names an activity that no worker has.
    ActivityNotStarted,
    /// A task that was offered is not there any more: the matcher drops it and goes on.
    TaskGone,
    /// Another worker has the task already.
    TaskTaken,
    AlreadyStarted {
        run: RunId,
        first_run: RunId,
        request: RequestId,
        conflict: StartConflict,
    },
    InvalidArgument(Cow<'static, str>),
    /// Query or the like while the run has no worker that can answer.
    NotReady(Cow<'static, str>),
    /// Busy: to be tried again later.
    Busy(Cow<'static, str>),
    /// No update of this id is known to the run.
    UpdateNotFound(UpdateId),
    /// So many updates are under way that no other is taken now.
    UpdatesInFlight(String),
    /// The run has had so many updates that it takes no other.
    UpdatesExhausted(String),
    /// Of a start with an update: the update is what cannot be.
    OfUpdate(Box<Refusal>),
    /// Of a start with an update: the start was done before, by the same request, and its run has ended.
    NotStarted,
    ScheduleNotFound,
    /// The id has a schedule already.
    ScheduleExists,
    /// The schedule is not the one that the client knows.
    ScheduleConflict,
    /// A run has grown since its history was read: to be read again.
    HistoryGrew,
    /// A failed invariant: the execution must be quarantined (rule 12). Says what broke.
    Broken {
        run: RunId,
        what: String,
    },
}

/// Why a workflow id that has run before is not given to a new run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartConflict {
    Running,
    /// Closed, but not by a failure, and only failed runs may be repeated.
    FinishedSuccessfully,
    /// Closed, and no repetition is allowed.
    Finished,
}
