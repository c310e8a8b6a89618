//! Any node answers any client: a call is brought to the node that can answer it.
//!
//! Invariants: a call whose outcome is unknown is not made a second time, unless it only reads or polls; while a shard has
//! no leader its calls wait, for as long as their callers do, and then are `UNAVAILABLE`, never a final answer. A node of
//! its own pays nothing for any of this.

mod body;
mod layer;
mod scan;
mod table;

pub(crate) use layer::Routed;
