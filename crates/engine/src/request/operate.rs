//! What operators may ask of one run: its pending activities, its options, itself.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use weft_protocol::api::{activity::ActivityOptions, workflow::WorkflowExecutionOptions};

use crate::ids::{ActivityId, Identity};

/// Something done to one run from outside.
#[derive(Clone, Debug)]
pub enum Operation {
    PauseActivities(WhichActivities, PauseActivities),
    UnpauseActivities(WhichActivities, UnpauseActivities),
    ResetActivities(WhichActivities, ResetActivities),
    /// Changes options; the answer has those of the last activity that was changed.
    UpdateActivities(WhichActivities, UpdateActivities),
    /// Changes options of the run; the answer has all of them.
    UpdateRun(Box<UpdateRunOptions>),
    /// Nothing of the run is handed to workers and its clock stands still.
    Pause(PauseWorkflow),
    Unpause(PauseWorkflow),
}

/// Who pauses a run or lets it go on.
#[derive(Clone, Debug)]
pub struct PauseWorkflow {
    pub identity: Identity,
    pub reason: String,
    /// The same again is no mistake. Empty if the caller gave none.
    pub request: String,
}

/// New options of a run.
#[derive(Clone, Debug)]
pub struct UpdateRunOptions {
    pub options: WorkflowExecutionOptions,
    /// Those that are meant, with underscores.
    pub paths: Vec<String>,
    pub identity: Identity,
}

/// Which pending activities are meant. That there is none is a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhichActivities {
    Id(ActivityId),
    Type(Arc<str>),
    All,
}

#[derive(Clone, Debug)]
pub struct PauseActivities {
    pub identity: Identity,
    pub reason: String,
    /// The same again is no mistake. Empty if the caller gave none.
    pub request: String,
}

#[derive(Clone, Debug, Default)]
pub struct UnpauseActivities {
    pub reset_attempts: bool,
    pub reset_heartbeat: bool,
    /// The next attempt is offered somewhen within this time.
    pub jitter: Duration,
}

#[derive(Clone, Debug, Default)]
pub struct ResetActivities {
    pub reset_heartbeat: bool,
    pub keep_paused: bool,
    pub restore_original: bool,
    /// The next attempt is offered somewhen within this time.
    pub jitter: Duration,
}

/// New options of activities.
#[derive(Clone, Debug)]
pub enum UpdateActivities {
    /// As the workflow gave them.
    Restore,
    /// Those of `options` whose paths (with underscores) are named.
    Merge { options: Box<ActivityOptions>, paths: Vec<String> },
}
