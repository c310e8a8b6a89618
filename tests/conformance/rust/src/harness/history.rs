//! Histories: names of event types, and what must hold of every history whatever it tells.

use std::fmt::Write as _;

use super::api::{
    enums::EventType,
    history::{HistoryEvent, history_event::Attributes},
};

/// The three events of a workflow task that went well: most sequences are made of these.
pub(crate) const TASK: &str = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskCompleted";
pub(crate) const ACTIVITY: &str = "ActivityTaskScheduled, ActivityTaskStarted, ActivityTaskCompleted";

/// `EVENT_TYPE_WORKFLOW_TASK_STARTED` as `WorkflowTaskStarted`.
pub(crate) fn type_name(event: &HistoryEvent) -> String {
    let words = event.event_type().as_str_name().trim_start_matches("EVENT_TYPE_").split('_');
    words.map(|word| word[..1].to_owned() + &word[1..].to_lowercase()).collect()
}

pub(crate) fn names(events: &[HistoryEvent]) -> Vec<String> {
    events.iter().map(type_name).collect()
}

/// How often an event type occurs.
pub(crate) fn count(events: &[HistoryEvent], name: &str) -> usize {
    events.iter().filter(|event| type_name(event) == name).count()
}

/// `A, B*2` is A, B, B.
fn parse(expected: &str) -> Vec<String> {
    let parts = expected.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .flat_map(|part| {
            let (name, times) = part.split_once('*').unwrap_or((part, "1"));
            let times = times.parse().expect("the number of times after a `*`");
            vec![name.to_owned(); times]
        })
        .collect()
}

/// Panics, side by side, if the sequence of types is another.
pub(crate) fn assert_types(events: &[HistoryEvent], expected: &str) {
    let (actual, expected) = (names(events), parse(expected));
    if actual == expected {
        return;
    }
    let mut table = String::new();
    for index in 0..actual.len().max(expected.len()).min(120) {
        let got = actual.get(index).map_or("(nothing)", String::as_str);
        let want = expected.get(index).map_or("(nothing)", String::as_str);
        let (mark, say) = if got == want { (' ', String::new()) } else { ('!', format!("expected {want}")) };
        let _ = writeln!(table, "{mark} {:4} {got:42} {say}", index + 1);
    }
    panic!("the history is not as expected:\n{table}");
}

/// Dense ids, times and task ids that do not go back, references that point to what they name.
///
/// Time may go back at an event that was held back while a workflow task ran: it is written with its own time.
pub(crate) fn assert_sound(events: &[HistoryEvent]) {
    let mut latest = (0, 0);
    let mut task_id = 0;
    for (event, id) in events.iter().zip(1..) {
        let name = type_name(event);
        assert_eq!(event.event_id, id, "the id of {name}");
        let time = event.event_time.unwrap_or_default();
        let time = (time.seconds, time.nanos);
        assert!(time >= latest || may_be_late(event.event_type()), "{name} {id} happened before an earlier event");
        latest = latest.max(time);
        assert!(id == 1 || event.task_id > task_id, "the task id of {name} {id} does not grow");
        task_id = event.task_id;
        for (of, points_at) in references(event) {
            let named = usize::try_from(of - 1).ok().and_then(|index| events.get(index));
            let found = named.filter(|_| of < id).map(HistoryEvent::event_type);
            assert_eq!(found, Some(points_at), "what {name} {id} refers to as {of}");
        }
    }
}

fn may_be_late(event_type: EventType) -> bool {
    matches!(
        event_type,
        EventType::WorkflowExecutionSignaled
            | EventType::WorkflowExecutionCancelRequested
            | EventType::ActivityTaskStarted
            | EventType::ActivityTaskCompleted
            | EventType::ActivityTaskFailed
            | EventType::ActivityTaskTimedOut
            | EventType::ActivityTaskCanceled
            | EventType::TimerFired
    )
}

/// The events that this one names, and the type that each must have.
fn references(event: &HistoryEvent) -> Vec<(i64, EventType)> {
    let (scheduled, started) = (EventType::ActivityTaskScheduled, EventType::ActivityTaskStarted);
    let decided = EventType::WorkflowTaskCompleted;
    match event.attributes.as_ref() {
        Some(Attributes::WorkflowTaskStartedEventAttributes(it)) => {
            vec![(it.scheduled_event_id, EventType::WorkflowTaskScheduled)]
        }
        Some(Attributes::WorkflowTaskCompletedEventAttributes(it)) => {
            vec![
                (it.scheduled_event_id, EventType::WorkflowTaskScheduled),
                (it.started_event_id, EventType::WorkflowTaskStarted),
            ]
        }
        Some(Attributes::ActivityTaskScheduledEventAttributes(it)) => {
            vec![(it.workflow_task_completed_event_id, decided)]
        }
        Some(Attributes::ActivityTaskStartedEventAttributes(it)) => vec![(it.scheduled_event_id, scheduled)],
        Some(Attributes::ActivityTaskCompletedEventAttributes(it)) => {
            vec![(it.scheduled_event_id, scheduled), (it.started_event_id, started)]
        }
        Some(Attributes::ActivityTaskFailedEventAttributes(it)) => {
            vec![(it.scheduled_event_id, scheduled), (it.started_event_id, started)]
        }
        Some(Attributes::TimerStartedEventAttributes(it)) => vec![(it.workflow_task_completed_event_id, decided)],
        Some(Attributes::TimerFiredEventAttributes(it)) => vec![(it.started_event_id, EventType::TimerStarted)],
        Some(Attributes::TimerCanceledEventAttributes(it)) => {
            vec![(it.started_event_id, EventType::TimerStarted), (it.workflow_task_completed_event_id, decided)]
        }
        Some(Attributes::MarkerRecordedEventAttributes(it)) => vec![(it.workflow_task_completed_event_id, decided)],
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(it)) => {
            vec![(it.workflow_task_completed_event_id, decided)]
        }
        // The rest refers to nothing, or to nothing that is worth a second look.
        _ => vec![],
    }
}
