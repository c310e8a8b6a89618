//! Updates: asked of a workflow, accepted or rejected by it, and answered.
//!
//! Invariant: a rejected update leaves no trace; an accepted one is known by its id as long as its run is, and its
//! outcome is the same whenever it is asked for.

pub(crate) mod admit;
pub(crate) mod carry;
pub(crate) mod end;
pub(crate) mod message;
pub(crate) mod start;
