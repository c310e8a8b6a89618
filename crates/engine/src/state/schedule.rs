//! A schedule: what it is to do, and how far it has come.
//!
//! Invariant: every action that it asked for and has not heard of stands in `actions`; of one that was started, the
//! workflow tells when it ends. What clients say changes the plan, what happens changes the progress, and each is a row of
//! its own, so that an action does not write its input again.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use weft_protocol::api::{
    common::{Memo, Payloads, SearchAttributes},
    enums::ScheduleOverlapPolicy,
    failure::Failure,
    schedule::ScheduleSpec,
    workflow::NewWorkflowExecutionInfo,
};

use super::Status;
use crate::{
    ids::{EventId, RequestId, RunId, WorkflowId},
    message::ChildEnd,
    time::Timestamp,
};

/// What is known of the schedule of an id.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Scheduled {
    /// Nobody asked for it, so its rows were not read.
    #[default]
    Unread,
    Absent,
    Present(Schedule),
}

/// One schedule. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub plan: Arc<Plan>,
    pub progress: Arc<Progress>,
}

/// What a client says of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// This schedule, and not another of the same id before or after it: a UUID.
    pub incarnation: RunId,
    pub created_by: RequestId,
    pub created_at: Timestamp,
    /// In its canonical form.
    pub spec: ScheduleSpec,
    pub action: Option<NewWorkflowExecutionInfo>,
    pub policies: Policies,
    pub memo: Option<Memo>,
    pub search_attributes: Option<SearchAttributes>,
}

/// How a schedule acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policies {
    pub overlap: Overlap,
    /// A time that is missed by more than this is not made up for.
    pub catchup_window: Duration,
    pub pause_on_failure: bool,
    /// The nominal time is not appended to the workflow id.
    pub keep_workflow_id: bool,
}

/// What becomes of an action while an earlier one still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    Skip,
    BufferOne,
    BufferAll,
    CancelOther,
    TerminateOther,
    AllowAll,
}

/// How far a schedule has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Grows with each change that a client might not know of.
    pub token: i64,
    pub paused: bool,
    pub notes: String,
    /// Only `remaining` more actions are taken.
    pub limited: bool,
    pub remaining: i64,
    pub updated_at: Option<Timestamp>,
    /// Times up to this one are dealt with.
    pub done_until: Timestamp,
    pub counts: Counts,
    /// Actions that wait.
    pub buffer: Vec<Planned>,
    pub backfills: Vec<Backfill>,
    /// Actions that were asked for, and those among them that must end before another begins.
    pub actions: Vec<Action>,
    /// The last ones that began.
    pub recent: Vec<Recent>,
    pub last_result: Option<Arc<Payloads>>,
    pub last_failure: Option<Arc<Failure>>,
    /// The number of the next message to another workflow id, from 1.
    pub next_number: EventId,
    /// Requests that were carried out last, so that a repeated one is recognised.
    pub requests: Vec<RequestId>,
    /// When the schedule's row in the wake index is due.
    pub wake_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    pub actions: i64,
    pub missed_catchup_window: i64,
    pub overlap_skipped: i64,
    pub buffer_dropped: i64,
}

/// An action whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// What the spec says.
    pub nominal: Timestamp,
    /// With its jitter.
    pub actual: Timestamp,
    /// `None` is the schedule's policy at the moment when it matters.
    pub overlap: Option<Overlap>,
    /// Asked for by a client: neither a pause nor a limit holds it back.
    pub manual: bool,
}

/// A time range that is gone through as if it were now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backfill {
    /// Times after this one are still to come.
    pub after: Timestamp,
    pub until: Timestamp,
    pub overlap: Option<Overlap>,
}

/// An action under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub number: EventId,
    pub workflow: WorkflowId,
    /// Others must wait for its end, and its result is passed on.
    pub counts: bool,
    pub stage: ActionStage,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionStage {
    /// Its workflow is to be started. `scheduled_at` is when it was to begin.
    Asked { scheduled_at: Timestamp },
    /// `run` is the first of its chain, `told` what it was told to do.
    Running { run: RunId, told: Option<ChildEnd> },
}

/// An action that began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    pub number: EventId,
    pub scheduled_at: Timestamp,
    pub began_at: Timestamp,
    pub workflow: WorkflowId,
    pub run: RunId,
    pub status: Status,
}

impl Overlap {
    /// As the API has it; `None` if it says none.
    #[must_use]
    pub fn of(wire: i32) -> Option<Self> {
        match ScheduleOverlapPolicy::try_from(wire).unwrap_or_default() {
            ScheduleOverlapPolicy::Unspecified => None,
            ScheduleOverlapPolicy::Skip => Some(Self::Skip),
            ScheduleOverlapPolicy::BufferOne => Some(Self::BufferOne),
            ScheduleOverlapPolicy::BufferAll => Some(Self::BufferAll),
            ScheduleOverlapPolicy::CancelOther => Some(Self::CancelOther),
            ScheduleOverlapPolicy::TerminateOther => Some(Self::TerminateOther),
            ScheduleOverlapPolicy::AllowAll => Some(Self::AllowAll),
        }
    }

    #[must_use]
    pub fn wire(self) -> ScheduleOverlapPolicy {
        match self {
            Self::Skip => ScheduleOverlapPolicy::Skip,
            Self::BufferOne => ScheduleOverlapPolicy::BufferOne,
            Self::BufferAll => ScheduleOverlapPolicy::BufferAll,
            Self::CancelOther => ScheduleOverlapPolicy::CancelOther,
            Self::TerminateOther => ScheduleOverlapPolicy::TerminateOther,
            Self::AllowAll => ScheduleOverlapPolicy::AllowAll,
        }
    }
}

impl Scheduled {
    /// The schedule, if it is known and there is one.
    #[must_use]
    pub fn get(&self) -> Option<&Schedule> {
        match self {
            Self::Present(schedule) => Some(schedule),
            Self::Unread | Self::Absent => None,
        }
    }
}
