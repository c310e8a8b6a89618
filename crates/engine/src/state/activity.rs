//! A pending activity.
//!
//! Invariant: `attempt` is the number of the attempt that runs or will run next, from 1. Input and header are not kept
//! here: they stand in the `ActivityTaskScheduled` event, which whoever hands the task out reads.

use alloc::{string::String, sync::Arc, vec::Vec};
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
