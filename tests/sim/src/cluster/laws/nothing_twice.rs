//! Nothing that was done once is done again: a signal, the completion of a workflow task, the result of an activity.

use std::collections::{BTreeMap, BTreeSet};

use weft_protocol::api::history::{HistoryEvent, history_event::Attributes as Event};

/// # Errors
/// What is there twice.
pub(crate) fn judge(events: &[HistoryEvent]) -> Result<(), String> {
    let (mut tasks, mut results) = (BTreeSet::new(), BTreeSet::new());
    let mut signals = BTreeMap::<&str, u64>::new();
    for event in events {
        match &event.attributes {
            Some(Event::WorkflowExecutionSignaledEventAttributes(it)) => {
                *signals.entry(&it.signal_name).or_default() += 1;
            }
            Some(Event::WorkflowTaskCompletedEventAttributes(it)) if !tasks.insert(it.started_event_id) => {
                return Err(format!("the task of event {} was completed twice", it.started_event_id));
            }
            Some(Event::ActivityTaskCompletedEventAttributes(it)) if !results.insert(it.scheduled_event_id) => {
                return Err(format!("the activity of event {} was completed twice", it.scheduled_event_id));
            }
            _ => {}
        }
    }
    match signals.iter().find(|(_, times)| **times > 1) {
        Some((name, times)) => Err(format!("signal {name} is there {times} times")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::history::{
        WorkflowExecutionSignaledEventAttributes as Signaled, WorkflowTaskCompletedEventAttributes as Completed,
    };

    use super::*;

    fn event(attributes: Event) -> HistoryEvent {
        HistoryEvent { attributes: Some(attributes), ..HistoryEvent::default() }
    }

    #[test]
    fn a_signal_and_the_completion_of_a_task_are_there_once() {
        let signaled = |name: &str| {
            let signal = Signaled { signal_name: name.to_owned(), ..Signaled::default() };
            event(Event::WorkflowExecutionSignaledEventAttributes(signal))
        };
        let completed = |started_event_id| {
            let task = Completed { started_event_id, ..Completed::default() };
            event(Event::WorkflowTaskCompletedEventAttributes(task))
        };
        assert_eq!(judge(&[signaled("a"), completed(3), signaled("b"), completed(7)]), Ok(()));
        assert!(judge(&[signaled("a"), signaled("a")]).is_err());
        assert!(judge(&[completed(3), completed(3)]).is_err());
    }
}
