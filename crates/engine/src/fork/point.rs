//! Up to where a history can be copied so that a worker can go on from there.
//!
//! Invariant: a copy never ends between a completed workflow task and the last of what it decided, since a replay decides
//! all of it; nor between the start of an activity's attempt and its end, which stand in history together; nor with the
//! end of the run, which a copy is to go beyond.

use weft_protocol::api::{
    enums::EventType,
    history::{HistoryEvent, history_event::Attributes},
};

use crate::{
    buffer::{is_of_command, is_workflow_edge},
    ids::EventId,
};

/// The last event at or before `at` up to which a history can be copied. `window` has events without a gap, up to the one
/// after `at` if there is one. `None` if it does not reach back far enough.
#[must_use]
pub fn point(window: &[HistoryEvent], at: EventId) -> Option<EventId> {
    let up_to = window.partition_point(|event| event.event_id <= at.0);
    let found = (1..=up_to).rev().find(|length| is_whole(&window[..*length], window.get(*length)))?;
    // What the window begins with may be the middle of something.
    let reaches_back = window[0].event_id == EventId::FIRST.0;
    let is_certain = reaches_back || window[..found].iter().any(|event| is_of_task(event.event_type()));
    is_certain.then_some(EventId(window[found - 1].event_id))
}

/// Can a history end after these events, when `next` comes after them?
fn is_whole(events: &[HistoryEvent], next: Option<&HistoryEvent>) -> bool {
    let Some(last) = events.last() else { return false };
    match last.event_type() {
        EventType::WorkflowExecutionStarted => true,
        edge if is_workflow_edge(edge) => false,
        decided if decided == EventType::WorkflowTaskCompleted || is_of_command(decided) => {
            !next.is_some_and(|next| is_decided(next.event_type()))
        }
        _ => !has_open_attempt(events),
    }
}

/// Written by the completion of a workflow task: by a command, or as the end that the workflow decided on.
fn is_decided(kind: EventType) -> bool {
    let is_own_end = matches!(
        kind,
        EventType::WorkflowExecutionCompleted
            | EventType::WorkflowExecutionFailed
            | EventType::WorkflowExecutionCanceled
            | EventType::WorkflowExecutionContinuedAsNew
    );
    is_own_end || is_of_command(kind)
}

fn is_of_task(kind: EventType) -> bool {
    matches!(
        kind,
        EventType::WorkflowTaskScheduled
            | EventType::WorkflowTaskStarted
            | EventType::WorkflowTaskCompleted
            | EventType::WorkflowTaskFailed
            | EventType::WorkflowTaskTimedOut
    )
}

/// Since the last event of a workflow task, an activity's attempt was written as started and not yet as ended: both are
/// written together, but what else waited may stand between them.
fn has_open_attempt(events: &[HistoryEvent]) -> bool {
    let since = events.iter().rev().take_while(|event| !is_of_task(event.event_type()));
    let mut ended = alloc::collections::BTreeSet::new();
    for event in since {
        match &event.attributes {
            Some(Attributes::ActivityTaskStartedEventAttributes(it)) if !ended.contains(&it.scheduled_event_id) => {
                return true;
            }
            Some(Attributes::ActivityTaskCompletedEventAttributes(it)) => drop(ended.insert(it.scheduled_event_id)),
            Some(Attributes::ActivityTaskFailedEventAttributes(it)) => drop(ended.insert(it.scheduled_event_id)),
            Some(Attributes::ActivityTaskTimedOutEventAttributes(it)) => drop(ended.insert(it.scheduled_event_id)),
            Some(Attributes::ActivityTaskCanceledEventAttributes(it)) => drop(ended.insert(it.scheduled_event_id)),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use weft_protocol::api::history::{
        ActivityTaskCompletedEventAttributes as Completed, ActivityTaskStartedEventAttributes as Began,
    };

    use super::*;

    fn history(kinds: &[EventType]) -> Vec<HistoryEvent> {
        let event = |(id, kind): (i64, &EventType)| {
            let attributes: Option<Attributes> = match kind {
                EventType::ActivityTaskStarted => Some(Began { scheduled_event_id: 5, ..Began::default() }.into()),
                EventType::ActivityTaskCompleted => {
                    Some(Completed { scheduled_event_id: 5, ..Completed::default() }.into())
                }
                _ => None,
            };
            HistoryEvent { event_id: id, event_type: *kind as i32, attributes, ..HistoryEvent::default() }
        };
        (1..).zip(kinds).map(event).collect()
    }

    /// A workflow that ran an activity and a timer and was signalled.
    fn usual() -> Vec<HistoryEvent> {
        use EventType as E;
        history(&[
            E::WorkflowExecutionStarted,
            E::WorkflowTaskScheduled,
            E::WorkflowTaskStarted,
            E::WorkflowTaskCompleted,
            E::ActivityTaskScheduled,
            E::TimerStarted,
            E::ActivityTaskStarted,
            E::WorkflowExecutionSignaled,
            E::ActivityTaskCompleted,
            E::WorkflowTaskScheduled,
            E::WorkflowTaskStarted,
            E::WorkflowTaskCompleted,
            E::WorkflowExecutionCompleted,
        ])
    }

    fn check(at: i64, expected: i64) {
        assert_eq!(point(&usual(), EventId(at)), Some(EventId(expected)), "at {at}");
    }

    #[test]
    fn a_copy_ends_where_nothing_is_half_done() {
        [1, 2, 3, 6, 9, 10, 11].into_iter().for_each(|at| check(at, at));
    }

    #[test]
    fn what_a_task_decided_is_copied_whole_or_decided_anew() {
        check(4, 3);
        check(5, 3);
    }

    #[test]
    fn an_attempt_is_copied_with_its_end() {
        check(7, 6);
        check(8, 6);
    }

    #[test]
    fn the_end_of_a_run_is_decided_anew() {
        check(12, 11);
        check(13, 11);
    }

    #[test]
    fn a_termination_is_left_out() {
        use EventType as E;
        let history = history(&[E::WorkflowExecutionStarted, E::WorkflowTaskScheduled, E::WorkflowExecutionTerminated]);
        assert_eq!(point(&history, EventId(3)), Some(EventId(2)));
    }

    #[test]
    fn a_history_without_workflow_tasks_can_be_copied() {
        let history = history(&[EventType::WorkflowExecutionStarted, EventType::WorkflowExecutionSignaled]);
        assert_eq!(point(&history, EventId(2)), Some(EventId(2)));
    }

    #[test]
    fn a_window_that_begins_in_the_middle_of_something_is_not_enough() {
        let history = usual();
        assert_eq!(point(&history[4..9], EventId(8)), None);
        assert_eq!(point(&history[1..9], EventId(8)), Some(EventId(6)));
        assert_eq!(point(&[], EventId(8)), None);
    }
}
