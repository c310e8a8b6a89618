//! What can be wrong with a request by itself, without the state of any workflow.
//!
//! Invariant: whatever a client may send is either taken as it is or refused with `INVALID_ARGUMENT` in Temporal's
//! words; nothing here panics, and nothing is written.

pub(crate) mod batch;
pub(crate) mod causes;
pub(crate) mod ids;
pub(crate) mod mask;
pub(crate) mod run_options;
pub(crate) mod search_attributes;
pub(crate) mod sizes;
pub(crate) mod timeouts;
pub(crate) mod tokens;
