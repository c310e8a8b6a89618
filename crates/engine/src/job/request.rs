//! What may be asked of a batch job.

use alloc::{boxed::Box, string::String, vec::Vec};

use weft_protocol::api::common::WorkflowExecution;

use crate::{
    ids::{Identity, RunId},
    state::JobOrder,
};

/// Something asked of the job of this id.
#[derive(Clone, Debug)]
pub enum JobRequest {
    Start(Box<JobOrder>),
    /// The job as it is.
    Look,
    /// So many executions it is of.
    Count(u64),
    Progress(JobProgress),
    /// It cannot go on.
    Fail(String),
    Stop(StopJob),
    /// Its wake row is due.
    Wake,
    /// Its namespace goes away, and the job with it.
    Remove,
}

/// Some executions were dealt with, or found, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct JobProgress {
    /// The job's own id: another job may have the name by now.
    pub job: RunId,
    /// How many had been dealt with before.
    pub from: u64,
    /// How many had been found before.
    pub until: u64,
    pub completed: u64,
    pub failed: u64,
    /// Those that come next.
    pub found: Vec<WorkflowExecution>,
    /// Nothing is left.
    pub is_last: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StopJob {
    pub reason: String,
    pub identity: Identity,
    /// What was dealt with since the last progress, in whatever order: a job that is stopped finds nothing any more, and
    /// what was done is counted with the stop or not at all.
    pub last: Option<JobProgress>,
}
