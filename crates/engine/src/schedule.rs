//! Schedules: when they act (`times.rs`, `spec.rs`), and what they do then (`act.rs`).
//!
//! A schedule lives at the slot of its id, beside a workflow of the same id and not in it. The workflows that it starts
//! have other ids, so it starts them, ends them and hears of their end through the outbox, like a parent of its children;
//! but they do not know it as a parent.
//!
//! Invariant: whatever happens to a schedule happens in [`carry_out`], so what it says to others and what it remembers of
//! that are in one transition.

mod act;
mod ask;
mod buffer;
mod calendar;
mod cron_string;
pub(crate) mod hear;
mod show;
mod spec;
mod times;
pub(crate) mod watch;
mod write;

use alloc::sync::Arc;

use act::Acting;
pub(crate) use ask::ask;
pub use ask::{CreateSchedule, ScheduleBody, ScheduleRequest, UpdateSchedule};
pub(crate) use buffer::{identity, rfc3339};
pub use show::{DIVISION, LIST_INFO, WORKFLOW_TYPE, described, entry, info, list_info};
pub use spec::{canonical, clean};
pub use times::{Found, Time, Times};

use crate::{
    change::Change,
    state::schedule::{Schedule, Scheduled},
};

/// Does something with the schedule, if there is one.
fn carry_out(change: &mut Change<'_>, act: impl FnOnce(&mut Acting<'_>)) {
    let Some(schedule) = change.workflow.schedule.get() else { return };
    let key = change.workflow.key.clone();
    let mut acting = Acting::on(schedule, &key, change.at);
    act(&mut acting);
    let Acting { plan, progress, outbox, .. } = acting;
    change.outbox.extend(outbox.into_iter().map(|(id, message)| (id, message.map(Arc::new))));
    change.workflow.schedule = Scheduled::Present(Schedule { plan, progress: Arc::new(progress) });
}

/// The times at which a schedule acts, as far as its spec says.
#[must_use]
pub fn times_of(key: &crate::ids::WorkflowKey, schedule: &Schedule) -> Option<Times> {
    act::times(&schedule.plan, key)
}
