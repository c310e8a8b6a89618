//! The public API: `temporal.api.workflowservice.v1`, one file per family of calls.
//!
//! Invariant: nothing here decides about workflows. A call is decoded, checked for what needs no state, sent to the
//! shard of its workflow id, and the answer is translated back. What is not built answers `UNIMPLEMENTED`, naming
//! itself: the generated traits' defaults do that.

mod activity_task;
mod context;
mod errors;
mod poll;
mod query;
mod wire;
mod workflow_task;
