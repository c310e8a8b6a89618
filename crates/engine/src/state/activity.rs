//! A pending activity.
//!
//! Invariant: `attempt` is the number of the attempt that runs or will run next, from 1. Input and header are not kept
//! here: they stand in the `ActivityTaskScheduled` event, which whoever hands the task out reads.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use weft_protocol::api::{
    common::{Payloads, Priority},
    failure::Failure,
};

use crate::{
    ids::{ActivityId, EventId, Identity, RequestId, TaskQueueName},
    time::Timestamp,
};

/// A pending activity: scheduled and not yet ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    pub scheduled_event_id: EventId,
    pub id: ActivityId,
    pub activity_type: Arc<str>,
    pub queue: TaskQueueName,
    /// When it was scheduled first.
    pub scheduled_at: Timestamp,
    pub attempt: u32,
    pub stage: ActivityStage,
    /// The event that asked to cancel it.
    pub cancel_requested: Option<EventId>,
    /// Zero stands for "none" in all four, after normalisation.
    pub schedule_to_close: Duration,
    pub schedule_to_start: Duration,
    pub start_to_close: Duration,
    pub heartbeat_timeout: Duration,
    pub retry: RetryPolicy,
    /// What ended the previous attempt, cut to a limit.
    pub last_failure: Option<Arc<Failure>>,
    pub heartbeat: Option<Heartbeat>,
    pub last_identity: Identity,
    pub last_attempt_ended_at: Option<Timestamp>,
    pub priority: Option<Priority>,
    /// What operators did to it; nobody touches most of them.
    pub operated: Option<Box<Operated>>,
}

/// What operators did to a pending activity, or to the workflow that waits for it. Never there with nothing in it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Operated {
    pub paused: Option<ActivityPause>,
    /// The whole workflow is paused.
    pub held: bool,
    /// The running attempt is to be begun again: its worker is told.
    pub reset: bool,
    /// The next attempt starts without the heartbeat details of those before.
    pub forgets_heartbeat: bool,
    /// How long its timeouts did not run because the workflow was paused: in all, and in the attempt that runs.
    pub suspended: Duration,
    pub attempt_suspended: Duration,
    /// Its options as the workflow gave them, once they were changed.
    pub original: Option<Box<ActivityOptions>>,
}

/// Who paused an activity, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityPause {
    pub at: Timestamp,
    pub identity: Identity,
    pub reason: String,
    /// Empty if the caller gave none.
    pub request: String,
}

/// What may be changed of a pending activity.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityOptions {
    pub queue: TaskQueueName,
    pub schedule_to_close: Duration,
    pub schedule_to_start: Duration,
    pub start_to_close: Duration,
    pub heartbeat_timeout: Duration,
    pub retry: RetryPolicy,
    pub priority: Option<Priority>,
}

/// Where the current attempt is.
#[derive(Clone, Debug, PartialEq)]
pub enum ActivityStage {
    /// Offered on its queue since `at`.
    Scheduled { at: Timestamp },
    /// The next attempt is offered at `until`.
    Backoff { until: Timestamp },
    /// A worker has it. `request` is the hand-over's id (rule 13).
    Started { at: Timestamp, offered_at: Timestamp, identity: Identity, request: RequestId, heartbeat_at: Timestamp },
}

impl Activity {
    /// A worker has it.
    #[must_use]
    pub fn is_started(&self) -> bool {
        match &self.stage {
            ActivityStage::Started { .. } => true,
            ActivityStage::Scheduled { .. } | ActivityStage::Backoff { .. } => false,
        }
    }

    /// Who paused it, if somebody did.
    #[must_use]
    pub fn paused(&self) -> Option<&ActivityPause> {
        self.operated.as_ref()?.paused.as_ref()
    }

    /// It is paused, or the whole workflow is: it is not offered and none of its deadlines runs.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.operated.as_ref().is_some_and(|it| it.held || it.paused.is_some())
    }

    /// When there is no time for any attempt any more.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        let suspended = self.operated.as_ref().map_or(Duration::ZERO, |it| it.suspended);
        (!self.schedule_to_close.is_zero()).then(|| self.scheduled_at.after(self.schedule_to_close).after(suspended))
    }

    /// It was reset while a worker has it.
    #[must_use]
    pub fn is_reset(&self) -> bool {
        self.operated.as_ref().is_some_and(|it| it.reset)
    }

    /// Notes what an operator did.
    pub(crate) fn operate(&mut self, change: impl FnOnce(&mut Operated)) {
        let mut operated = self.operated.take().unwrap_or_default();
        change(&mut operated);
        self.operated = (*operated != Operated::default()).then_some(operated);
    }

    /// What may be changed of it, as it is.
    #[must_use]
    pub fn options(&self) -> ActivityOptions {
        ActivityOptions {
            queue: self.queue.clone(),
            schedule_to_close: self.schedule_to_close,
            schedule_to_start: self.schedule_to_start,
            start_to_close: self.start_to_close,
            heartbeat_timeout: self.heartbeat_timeout,
            retry: self.retry.clone(),
            priority: self.priority.clone(),
        }
    }
}

/// What the worker said last.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    pub at: Timestamp,
    pub details: Option<Arc<Payloads>>,
}

/// A retry policy with its defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    pub initial: Duration,
    pub coefficient: f64,
    pub max_interval: Duration,
    /// 0 is unlimited.
    pub max_attempts: u32,
    pub non_retryable_types: Vec<String>,
}
