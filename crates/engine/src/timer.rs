//! Timers of the workflow's own.

use crate::{change::Run, event, ids::TimerId, workflow_task::schedule};

/// The timer is due, if it is still there.
pub(crate) fn fire(run: &mut Run<'_>, id: &TimerId) {
    let Some(timer) = run.timers.get(id) else { return };
    if timer.fires_at > run.now() {
        return;
    }
    let started = timer.started_event_id;
    run.append(event::timer::fired(id, started));
    schedule::want(run);
}
