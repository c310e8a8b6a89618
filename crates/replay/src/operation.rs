//! What a program waits for: a timer, an activity, a child, an answer from another workflow, a condition.
//!
//! Invariants: an operation is resolved at most once; once it is resolved and the program has seen it, only what history
//! may still say of it is kept.

use alloc::{boxed::Box, format, rc::Rc, string::String};
use core::task::Waker;

use weft_protocol::api::{
    common::{Payloads, WorkflowExecution},
    failure::{ChildWorkflowExecutionFailureInfo, Failure},
};

use crate::{
    command::Source,
    scope::ScopeId,
    state::{Cancellation, ChildCancellation},
};

/// Names an operation within its run, in the order in which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OperationId(pub(crate) u64);

/// What a program waits for, and where in its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub what: String,
    pub at: Source,
}

/// How an operation ended.
pub type Resolution = Result<Option<Payloads>, Box<Failure>>;

pub(crate) struct Operation {
    pub(crate) kind: Kind,
    pub(crate) scope: ScopeId,
    /// The line that began it.
    pub(crate) at: Source,
    /// Where history has it; `None` until the answer that began it was read back.
    pub(crate) event_id: Option<i64>,
    pub(crate) cancel_asked: bool,
    pub(crate) ended: Stage,
    /// Nobody will ask for the end any more.
    pub(crate) abandoned: bool,
}

/// What somebody may wait for.
#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) resolution: Option<Resolution>,
    pub(crate) reached: bool,
    pub(crate) waker: Option<Waker>,
}

impl Stage {
    /// The first resolution counts.
    pub(crate) fn reach(&mut self, resolution: Resolution) {
        if self.reached {
            return;
        }
        self.reached = true;
        self.resolution = Some(resolution);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

pub(crate) enum Kind {
    Timer {
        id: String,
    },
    Activity {
        id: String,
        kind: String,
        cancellation: Cancellation,
    },
    LocalActivity {
        id: String,
        kind: String,
    },
    Child {
        target: ChildWorkflowExecutionFailureInfo,
        cancellation: ChildCancellation,
        started: Stage,
    },
    /// A signal to, or a cancellation of, another workflow.
    External,
    Condition {
        holds: Rc<dyn Fn() -> bool>,
    },
}

impl Kind {
    /// What is waited for, in a few words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Timer { id } => format!("timer {id}"),
            Self::Activity { id, kind, .. } => format!("activity {id}, type `{kind}`"),
            Self::LocalActivity { id, kind } => format!("local activity {id}, type `{kind}`"),
            Self::Child { target, .. } => {
                let id = target.workflow_execution.as_ref().map_or("", |run| &run.workflow_id);
                format!("child `{id}`")
            }
            Self::External => String::from("another workflow"),
            Self::Condition { .. } => String::from("a condition"),
        }
    }

    pub(crate) fn child_run(&self) -> Option<&WorkflowExecution> {
        match self {
            Self::Child { target, .. } => target.workflow_execution.as_ref(),
            Self::Timer { .. }
            | Self::Activity { .. }
            | Self::LocalActivity { .. }
            | Self::External
            | Self::Condition { .. } => None,
        }
    }
}
