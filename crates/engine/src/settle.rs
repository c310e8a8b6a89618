//! What follows from a request whatever it was: limits, counters, the wake row, the current run's status; and the check
//! that nothing is broken. It is the last step that may refuse, or put the end of the run in place of what was asked.

use alloc::{borrow::Cow, vec::Vec};

use crate::{
    bounds::{self, Outgrown, TooLarge},
    change::{Change, Run},
    check, deadline,
    ids::RunId,
    limits::Limits,
    pause_info, query,
    refusal::Refusal,
    transition::Effect,
    update, workflow_task,
};

/// Brings every run that the request touched to rest. If one of them has outgrown its limits the request does nothing but
/// end that run, and the reason is given.
///
/// # Errors
/// A run that the request itself would make has outgrown them, and there is none to end instead. Or something is broken.
pub(crate) fn settle(change: &mut Change<'_>, too_large: &TooLarge) -> Result<Option<Cow<'static, str>>, Refusal> {
    let touched: Vec<RunId> = change.drafts.keys().cloned().collect();
    let Some((id, outgrown)) = outgrown(change, &touched, too_large)? else {
        bring_to_rest(change, touched)?;
        return Ok(None);
    };
    change.undo();
    let id = match too_large {
        _ if change.workflow.runs.contains_key(&id) => id,
        TooLarge::EndRun(asked) => asked.clone(),
        TooLarge::Refuse | TooLarge::Pass => return Err(Refusal::InvalidArgument(outgrown.why)),
    };
    if let Some(mut run) = change.run(&id) {
        outgrown.end(&mut run);
    }
    bring_to_rest(change, [id])?;
    Ok(Some(outgrown.why))
}

/// An open run that the request changed and that has grown beyond a bound, and why.
fn outgrown(
    change: &mut Change<'_>,
    touched: &[RunId],
    too_large: &TooLarge,
) -> Result<Option<(RunId, Outgrown)>, Refusal> {
    for id in touched {
        let Some(run) = change.run(id) else { continue };
        if !run.is_open() || run.is_removed() || !run.is_touched() {
            continue;
        }
        if let Some(outgrown) = bounds::outgrown(&run, too_large)? {
            return Ok(Some((id.clone(), outgrown)));
        }
    }
    Ok(None)
}

fn bring_to_rest(change: &mut Change<'_>, runs: impl IntoIterator<Item = RunId>) -> Result<(), Refusal> {
    for id in runs {
        let Some(mut run) = change.run(&id) else { continue };
        if run.is_removed() {
            continue;
        }
        workflow_task::speculative::settle(&mut run);
        if !run.is_touched() {
            continue;
        }
        if run.was_open() {
            enforce_limits(&mut run);
        }
        rest(&mut run)?;
        let status = run.status();
        if let Some(current) = &mut change.workflow.current
            && current.run == id
        {
            current.status = status;
        }
    }
    Ok(())
}

/// Counters, retention and wake row; then nothing changes any more.
fn rest(run: &mut Run<'_>) -> Result<(), Refusal> {
    let just_closed = run.was_open() && !run.is_open();
    if just_closed {
        let jitter = (u128::from(run.at.jitter) * run.at.settings.retention_jitter.as_nanos()) >> 64;
        let jitter = core::time::Duration::from_nanos(u64::try_from(jitter).unwrap_or(0));
        let remove_at = run.now().after(run.at.namespace.retention).after(jitter);
        if let Some(closed) = &mut run.core.closed {
            closed.remove_at = remove_at;
        }
    }
    if just_closed {
        update::end::abort(run);
    }
    query::settle(run);
    pause_info::settle(run);
    run.core.state_transitions += 1;
    run.core.wake_at = deadline::next_wake(run, run.has_woken(), just_closed);
    check::check(run).map_err(|what| Refusal::Broken { run: run.core.run.clone(), what })
}

/// A buffer that is full ends the workflow task.
fn enforce_limits(run: &mut Run<'_>) {
    let limits = &run.at.settings.limits;
    if run.is_open() && buffer_is_full(run, limits) {
        workflow_task::fail::force(run);
    }
    warn(run, limits);
}

fn buffer_is_full(run: &Run<'_>, limits: &Limits) -> bool {
    run.buffered.len() > limits.buffered_events
        || (run.buffered.is_dirty()
            && run.buffered.values().map(crate::change::stored_bytes).sum::<u64>() > limits.buffered_bytes as u64)
}

/// Says so once, when a history grows past its warning mark.
fn warn(run: &mut Run<'_>, limits: &Limits) {
    let before = run.before().map_or((0, 0), |core| (core.next_event_id.0 - 1, core.history_bytes));
    let (events, bytes) = (run.core.next_event_id.0 - 1, run.core.history_bytes);
    if before.0 <= limits.history_events_warn && events > limits.history_events_warn {
        let (value, limit) = (events.unsigned_abs(), limits.history_events_warn.unsigned_abs());
        let run_id = run.core.run.clone();
        run.effect(Effect::Warn { run: run_id, what: "history events", value, limit });
    }
    if before.1 <= limits.history_bytes_warn && bytes > limits.history_bytes_warn {
        let run_id = run.core.run.clone();
        run.effect(Effect::Warn { run: run_id, what: "history bytes", value: bytes, limit: limits.history_bytes_warn });
    }
}
