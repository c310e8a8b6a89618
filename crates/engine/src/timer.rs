//! Timers of the workflow's own.

use crate::{change::Run, ids::TimerId};

/// The timer is due, if it is still there.
pub(crate) fn fire(_run: &mut Run<'_>, _id: &TimerId) {}
