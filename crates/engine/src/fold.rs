//! How events change the state: the one place, for live requests and for rebuilding a run from its history.
//!
//! An event is folded in two steps, because some wait in a buffer: [`apply`] when it happens, [`place`] when it has its
//! number. What no event tells is set by the handlers, and a rebuilt run lacks it: the queue and stage of a scheduled
//! workflow task (sticky or not), attempts above 1 and their count of problems, sticky queues, started activities with
//! their attempts, heartbeats and failures, request ids of starts, of cancels and of operations that are done once, answered
//! tasks, `closing`, `wake_at`, `remove_at`, `made_by_reset`, `reset_run`, `forked_from`, updates from a reset run that were
//! rejected, `head`, `state_transitions` and everything volatile.

mod activity;
pub(crate) mod build;
mod child;
mod external;
mod marker;
mod pause;
mod signal;
mod timer;
mod update;
mod workflow;
mod workflow_task;

pub(crate) use marker::{is_null, merge};
use weft_protocol::api::{
    enums::WorkflowTaskFailedCause,
    history::{HistoryEvent, history_event::Attributes},
};
pub(crate) use workflow::{begin, retry_policy};

use crate::{
    change::stored_bytes,
    ids::{EventId, RequestId, RunId},
    state::{Execution, TaskProblem},
    time::Timestamp,
};

/// What an event means for the state, when it happens.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of event, and nothing else")]
pub(crate) fn apply(execution: &mut Execution, event: &HistoryEvent) {
    let Some(attributes) = &event.attributes else { return };
    match attributes {
        // `begin` made the state from the first; a started activity is state of its own already (`ActivityStage`).
        Attributes::WorkflowExecutionStartedEventAttributes(_)
        | Attributes::ActivityTaskStartedEventAttributes(_)
        | Attributes::MarkerRecordedEventAttributes(_) => {}
        Attributes::WorkflowTaskScheduledEventAttributes(it) => workflow_task::scheduled(execution, event, it),
        Attributes::WorkflowTaskStartedEventAttributes(it) => workflow_task::started(execution, event, it),
        Attributes::WorkflowTaskCompletedEventAttributes(it) => {
            workflow_task::completed(execution, it);
            build::answered(execution, event, it);
        }
        Attributes::WorkflowTaskFailedEventAttributes(it) => {
            workflow_task::ended(execution, TaskProblem::Failed(it.cause));
            if it.cause() == WorkflowTaskFailedCause::ResetWorkflow {
                workflow_task::reset(execution);
            }
        }
        Attributes::WorkflowTaskTimedOutEventAttributes(it) => {
            workflow_task::ended(execution, TaskProblem::TimedOut(it.timeout_type));
        }
        Attributes::ActivityTaskScheduledEventAttributes(it) => activity::scheduled(execution, event, it),
        Attributes::ActivityTaskCancelRequestedEventAttributes(it) => activity::cancel_requested(execution, event, it),
        Attributes::ActivityTaskCompletedEventAttributes(it) => activity::ended(execution, it.scheduled_event_id),
        Attributes::ActivityTaskFailedEventAttributes(it) => activity::ended(execution, it.scheduled_event_id),
        Attributes::ActivityTaskTimedOutEventAttributes(it) => activity::ended(execution, it.scheduled_event_id),
        Attributes::ActivityTaskCanceledEventAttributes(it) => activity::ended(execution, it.scheduled_event_id),
        Attributes::TimerStartedEventAttributes(it) => timer::started(execution, event, it),
        Attributes::TimerFiredEventAttributes(it) => timer::ended(execution, &it.timer_id, it.started_event_id),
        Attributes::TimerCanceledEventAttributes(it) => timer::ended(execution, &it.timer_id, it.started_event_id),
        Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(it) => child::initiated(execution, event, it),
        Attributes::StartChildWorkflowExecutionFailedEventAttributes(it) => {
            child::ended(execution, it.initiated_event_id);
        }
        Attributes::ChildWorkflowExecutionStartedEventAttributes(it) => child::started(execution, it),
        Attributes::ChildWorkflowExecutionCompletedEventAttributes(it) => {
            child::ended(execution, it.initiated_event_id);
        }
        Attributes::ChildWorkflowExecutionFailedEventAttributes(it) => child::ended(execution, it.initiated_event_id),
        Attributes::ChildWorkflowExecutionCanceledEventAttributes(it) => {
            child::ended(execution, it.initiated_event_id);
        }
        Attributes::ChildWorkflowExecutionTimedOutEventAttributes(it) => {
            child::ended(execution, it.initiated_event_id);
        }
        Attributes::ChildWorkflowExecutionTerminatedEventAttributes(it) => {
            child::ended(execution, it.initiated_event_id);
        }
        Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            external::signal_initiated(execution, event, it);
        }
        Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(it) => {
            external::cancel_initiated(execution, event, it);
        }
        Attributes::ExternalWorkflowExecutionSignaledEventAttributes(it) => {
            external::settled(execution, it.initiated_event_id);
        }
        Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(it) => {
            external::settled(execution, it.initiated_event_id);
        }
        Attributes::ExternalWorkflowExecutionCancelRequestedEventAttributes(it) => {
            external::settled(execution, it.initiated_event_id);
        }
        Attributes::RequestCancelExternalWorkflowExecutionFailedEventAttributes(it) => {
            external::settled(execution, it.initiated_event_id);
        }
        Attributes::UpsertWorkflowSearchAttributesEventAttributes(it) => marker::search_attributes(execution, it),
        Attributes::WorkflowPropertiesModifiedEventAttributes(it) => marker::properties(execution, it),
        Attributes::WorkflowExecutionSignaledEventAttributes(it) => signal::signaled(execution, it),
        Attributes::WorkflowExecutionCancelRequestedEventAttributes(_) => signal::cancel_requested(execution, event),
        Attributes::WorkflowExecutionOptionsUpdatedEventAttributes(it) => signal::attached(execution, event, it),
        Attributes::WorkflowExecutionPausedEventAttributes(it) => pause::paused(execution, event, it),
        Attributes::WorkflowExecutionUnpausedEventAttributes(_) => pause::unpaused(execution),
        Attributes::WorkflowExecutionUpdateAdmittedEventAttributes(it) => update::admitted(execution, event, it),
        Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(it) => update::accepted(execution, event, it),
        Attributes::WorkflowExecutionUpdateCompletedEventAttributes(it) => update::completed(execution, event, it),
        closing => workflow::closed(execution, event, closing),
    }
}

/// What its number means for the state.
pub(crate) fn place(execution: &mut Execution, event: &HistoryEvent) {
    let core = &mut execution.core;
    core.next_event_id = EventId(event.event_id).next();
    core.history_bytes += stored_bytes(event);
    if let Some(time) = &event.event_time {
        core.last_event_at = Timestamp::from_wire(time);
    }
    signal::place(core, event);
    child::place(execution, event);
    pause::place(execution, event);
}

/// The run that these events tell of, from its first one on; `None` if that is no start or nothing is there.
#[must_use]
pub fn rebuild<'e>(
    run: RunId,
    started_by: RequestId,
    events: impl IntoIterator<Item = &'e HistoryEvent>,
) -> Option<Execution> {
    let mut events = events.into_iter();
    let first = events.next()?;
    let mut execution = begin(run, started_by, first)?;
    place(&mut execution, first);
    for event in events {
        apply(&mut execution, event);
        place(&mut execution, event);
    }
    Some(execution)
}
