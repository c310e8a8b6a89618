//! The public API: `temporal.api.workflowservice.v1`, one file per family of calls; and our own beside it, `weft.api.v1`.
//!
//! Invariant: nothing here decides about workflows. A call is decoded, checked for what needs no state, sent to the
//! shard of its workflow id, and the answer is translated back. What is not built answers `UNIMPLEMENTED`, naming
//! itself: the generated traits' defaults do that.

mod history_service;
mod operator_service;
mod serve;
mod test_service;
mod workflow_service;

mod namespace;
mod system;

mod batch;
mod control;
mod describe;
mod fork;
mod head;
mod history;
mod list;
mod multi_operation;
mod operate;
mod query;
mod reset;
mod schedule;
mod search_attribute;
mod signal;
mod start;
mod task_queue;
mod update;
mod verify;
mod worker;

mod activity_task;
pub(crate) mod for_others;
mod poll;
mod workflow_task;

mod context;
mod errors;
pub(crate) mod trace;
mod validate;
mod wire;

use crate::node::Node;

/// What batch jobs do to single executions.
pub(crate) mod single {
    pub(crate) use super::{
        control::{cancel, delete, terminate},
        describe::{current_run, next_run},
        operate::{reset_activity_once, unpause_activity_once, update_activity_options_once, update_options_once},
        reset::{first_task_of, reset_at},
        signal::signal,
    };
}

pub(crate) use context::POLL_SHORTEST;
pub(crate) use errors::NOT_LEADER;
pub(crate) use list::{is as condition, parse as filter};
pub(crate) use poll::FirstHand;
pub(crate) use validate::ids::grpc_timeout;

/// The services of one node. Clones are handles to the same one.
#[derive(Clone)]
pub(crate) struct Frontend {
    node: Node,
}

impl Frontend {
    pub(crate) fn new(node: Node) -> Self {
        Self { node }
    }
}
