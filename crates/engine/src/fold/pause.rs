//! How a pause changes the state.
//!
//! Whether the run is paused is so from when it was asked; its clock stands still from the Paused event's place in history
//! to the Unpaused event's, so that a run that is rebuilt has the same timers.

use alloc::sync::Arc;
use core::time::Duration;

use weft_protocol::api::history::{HistoryEvent, WorkflowExecutionPausedEventAttributes, history_event::Attributes};

use crate::{
    state::{Activity, ActivityStage, Execution, WorkflowPause},
    time::Timestamp,
};

pub(super) fn paused(execution: &mut Execution, event: &HistoryEvent, it: &WorkflowExecutionPausedEventAttributes) {
    execution.core.pause = Some(Arc::new(WorkflowPause {
        at: event.event_time.as_ref().map(Timestamp::from_wire).unwrap_or_default(),
        identity: it.identity.as_str().into(),
        reason: it.reason.clone(),
        request: it.request_id.clone(),
    }));
    hold(execution);
}

pub(super) fn unpaused(execution: &mut Execution) {
    execution.core.pause = None;
    hold(execution);
}

/// Stops the clock, or lets it go on from where it stood.
pub(super) fn place(execution: &mut Execution, event: &HistoryEvent) {
    let at = event.event_time.as_ref().map(Timestamp::from_wire).unwrap_or_default();
    match &event.attributes {
        Some(Attributes::WorkflowExecutionPausedEventAttributes(_)) if execution.is_open() => {
            execution.core.frozen_at = Some(at);
            hold(execution);
        }
        Some(Attributes::WorkflowExecutionUnpausedEventAttributes(_)) => {
            if let Some(frozen) = execution.core.frozen_at.take() {
                resume(execution, frozen, at);
                hold(execution);
            }
        }
        _ => {}
    }
}

/// Every deadline comes later by the time that the clock stood still for it.
fn resume(execution: &mut Execution, frozen: Timestamp, now: Timestamp) {
    let span = now.since(frozen);
    let core = &mut execution.core;
    for at in [&mut core.run_expires_at, &mut core.execution_expires_at].into_iter().flatten() {
        *at = at.after(span);
    }
    let timers: alloc::vec::Vec<_> = execution.timers.keys().cloned().collect();
    for id in timers {
        // One that was started meanwhile counts from the beginning of the pause (`timer.rs`).
        execution.timers.update(&id, |timer| timer.fires_at = timer.fires_at.after(span));
    }
    each_activity(execution, |activity| put_off(activity, frozen, now));
}

fn put_off(activity: &mut Activity, frozen: Timestamp, now: Timestamp) {
    let stood_still = |since: Timestamp| now.since(since.max(frozen));
    let whole = stood_still(activity.scheduled_at);
    let mut attempt = Duration::ZERO;
    match &mut activity.stage {
        ActivityStage::Scheduled { at } => *at = at.after(stood_still(*at)),
        // The wait before an attempt goes on all the time.
        ActivityStage::Backoff { .. } => {}
        ActivityStage::Started { at, heartbeat_at, .. } => {
            attempt = stood_still(*at);
            *heartbeat_at = heartbeat_at.after(stood_still(*heartbeat_at));
        }
    }
    activity.operate(|it| {
        it.suspended += whole;
        it.attempt_suspended += attempt;
    });
}

/// Pending activities know whether the run stands still.
fn hold(execution: &mut Execution) {
    let held = execution.stands_still();
    each_activity(execution, |activity| activity.operate(|it| it.held = held));
}

fn each_activity(execution: &mut Execution, mut change: impl FnMut(&mut Activity)) {
    let ids: alloc::vec::Vec<_> = execution.activities.keys().copied().collect();
    for id in ids {
        execution.activities.update(&id, &mut change);
    }
}
