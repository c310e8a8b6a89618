//! A batch job: one operation, asked for once, on many executions, worked through bit by bit by whoever leads.
//!
//! Invariant: what was asked never changes; `completed + failed` executions were dealt with, in the order of the run ids
//! of those that the query finds or in the order of the list. They are written down with their runs before anything is
//! done to them (`page`): a query may not find them any more afterwards, and a workflow id may have another run by then.
//! So each counts once, and what is done again is done to the same run, whatever happens.

use alloc::{string::String, sync::Arc, vec::Vec};

use weft_protocol::api::{common::WorkflowExecution, workflowservice::start_batch_operation_request::Operation};

use crate::{
    ids::{Identity, RunId},
    time::Timestamp,
};

/// A batch job as its rows have it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its own id in lists, from which the request ids of its operations are made.
    pub run: RunId,
    pub order: Arc<JobOrder>,
    pub started_at: Timestamp,
    /// Of how many executions it is; `None` until they were counted.
    pub total: Option<u64>,
    pub completed: u64,
    pub failed: u64,
    /// Executions that were found and not yet dealt with, in order. One without a run id had no run when its turn came, or
    /// makes no sense.
    pub page: Vec<WorkflowExecution>,
    /// The last of a query's executions that was found.
    pub after: Option<RunId>,
    pub ended: Option<JobEnd>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct JobOrder {
    pub reason: String,
    pub identity: Identity,
    pub aim: Aim,
    pub operation: Operation,
    /// Operations in a thousand seconds, at most; `None` leaves it to the server.
    pub pace: Option<u64>,
}

/// Which executions it is of.
#[derive(Clone, Debug, PartialEq)]
pub enum Aim {
    /// Those that this filter finds, and that had started when the job did.
    Query(String),
    Executions(Vec<WorkflowExecution>),
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEnd {
    pub outcome: JobOutcome,
    pub at: Timestamp,
    /// When retention removes it.
    pub remove_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// All executions were dealt with.
    Completed,
    Stopped {
        reason: String,
        identity: Identity,
    },
    /// It cannot go on.
    Failed {
        why: String,
    },
}

impl Job {
    /// How many executions were dealt with.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.completed + self.failed
    }

    /// How many executions were found.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.done() + self.page.len() as u64
    }

    #[must_use]
    pub fn is_running(&self) -> bool {
        self.ended.is_none()
    }

    /// When its wake row is due: while it runs that is at once, so that whoever begins to lead is told of it.
    #[must_use]
    pub fn wake_at(&self) -> Timestamp {
        self.ended.as_ref().map_or(self.started_at, |end| end.remove_at)
    }
}
