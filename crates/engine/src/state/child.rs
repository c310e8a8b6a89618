//! What a run waits for in other workflows: its children, and its requests to external executions.
//!
//! Invariant: each stands under the number of its Initiated event, and goes with the event that settles it.

use alloc::sync::Arc;

use weft_protocol::api::common::Header;

use crate::ids::{EventId, RunId, WorkflowKey};

/// A child that is to start or has not ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    pub target: WorkflowKey,
    /// The name of its namespace.
    pub namespace: Arc<str>,
    pub workflow_type: Arc<str>,
    pub policy: ParentClosePolicy,
    pub stage: ChildStage,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ChildStage {
    /// Its start is on its way. The event that tells of it repeats the header.
    Initiated { header: Option<Arc<Header>> },
    /// `run` is the first of its chain; `event_id` is `EventId::NONE` while its Started event waits in the buffer.
    Started { run: RunId, event_id: EventId },
}

/// What becomes of a child when its parent ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentClosePolicy {
    Terminate,
    Abandon,
    RequestCancel,
}

/// A signal or a request to cancel that is on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalRequest {
    pub target: WorkflowKey,
    /// `None` is the target's current run.
    pub run: Option<RunId>,
    /// The name of the target's namespace as the command gave it; empty is the run's own.
    pub namespace: Arc<str>,
    pub kind: ExternalKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternalKind {
    /// The event that tells of it repeats `control`.
    Signal {
        control: Arc<str>,
    },
    Cancel,
}
