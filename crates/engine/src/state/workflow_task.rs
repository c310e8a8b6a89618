//! The pending workflow task: at most one per run.
//!
//! Invariant: a transient task (attempt above 1) has no events of its own in history until it completes, and a speculative
//! one has neither events nor rows; the event ids of both are the ones those events would get.

use core::time::Duration;

use crate::{
    ids::{EventId, Identity, RequestId, TaskQueueName},
    time::Timestamp,
};

/// Work handed to a worker: go on with the workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowTask {
    pub scheduled_event_id: EventId,
    pub scheduled_at: Timestamp,
    /// When the first of a chain of heartbeating tasks was scheduled.
    pub original_scheduled_at: Timestamp,
    /// From 1.
    pub attempt: u32,
    pub kind: TaskKind,
    /// Start-to-close timeout of this attempt.
    pub timeout: Duration,
    pub stage: WorkflowTaskStage,
}

/// How much of the task is in history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// Its Scheduled (and Started) events are written.
    Normal,
    /// A retry: Scheduled and Started are only shown to the worker, and written when it completes.
    Transient,
    /// Made for updates, in memory alone: written when something else is, or when the workflow does anything.
    Speculative,
}

/// Where the task is.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkflowTaskStage {
    Scheduled(ScheduledOn),
    Started(StartedStage),
}

/// The queue on which a scheduled task is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduledOn {
    Normal,
    /// The worker that has the run cached, until `give_up_at`.
    Sticky {
        queue: TaskQueueName,
        give_up_at: Timestamp,
    },
}

/// A worker has the task.
#[derive(Clone, Debug, PartialEq)]
pub struct StartedStage {
    pub event_id: EventId,
    pub at: Timestamp,
    pub identity: Identity,
    /// The hand-over's id (rule 13): the same id again gets the same task again.
    pub request: RequestId,
    /// The queue from which it was taken, if it was the sticky one.
    pub from_sticky: bool,
    /// Fixed when started: the delivered task and the stored event must say the same.
    pub suggest_continue_as_new: bool,
    /// One of the reasons for that: the run has had too many updates.
    pub too_many_updates: bool,
    pub history_bytes: u64,
}
