//! A history as somebody is shown it, and how much of it is there for ever.
//!
//! What must hold of it stands in `laws`.

use std::hash::{DefaultHasher, Hash, Hasher};

use weft_protocol::{
    Timestamp,
    api::history::{HistoryEvent, history_event::Attributes as Event},
    encode_canonical,
};

/// A whole history.
pub(crate) struct Shown {
    pub(crate) events: Vec<HistoryEvent>,
    /// Of those that are there for ever.
    pub(crate) hashes: Vec<u64>,
}

impl Shown {
    pub(crate) fn of(events: Vec<HistoryEvent>) -> Self {
        let stored = events.len() - of_a_task(&events);
        let hashes = events.iter().take(stored).map(hash).collect();
        Self { events, hashes }
    }

    /// How the run ended, if it did.
    pub(crate) fn end(&self) -> Option<&Event> {
        self.events.last().and_then(|event| event.attributes.as_ref()).filter(|event| is_end(event))
    }
}

/// How many of the last events are of a workflow task that nobody has completed: one that is tried again, or that carries
/// updates alone, is shown, and may come to nothing. Whatever follows such a task was written, and the task before it.
fn of_a_task(events: &[HistoryEvent]) -> usize {
    let kind = |event: &HistoryEvent| event.attributes.as_ref().map(Part::of);
    match events.iter().map(kind).collect::<Vec<_>>()[..] {
        [.., Some(Part::Scheduled), Some(Part::Started)] => 2,
        [.., Some(Part::Scheduled)] => 1,
        [..] => 0,
    }
}

/// What an event is of a workflow task that has not ended.
#[derive(Clone, Copy)]
enum Part {
    Scheduled,
    Started,
    Nothing,
}

impl Part {
    fn of(event: &Event) -> Self {
        match event {
            Event::WorkflowTaskScheduledEventAttributes(_) => Self::Scheduled,
            Event::WorkflowTaskStartedEventAttributes(_) => Self::Started,
            _ => Self::Nothing,
        }
    }
}

pub(crate) fn hash(event: &HistoryEvent) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Maps are in another order each time that they are read.
    encode_canonical(event).hash(&mut hasher);
    hasher.finish()
}

pub(crate) fn is_end(event: &Event) -> bool {
    matches!(
        event,
        Event::WorkflowExecutionCompletedEventAttributes(_)
            | Event::WorkflowExecutionFailedEventAttributes(_)
            | Event::WorkflowExecutionTimedOutEventAttributes(_)
            | Event::WorkflowExecutionTerminatedEventAttributes(_)
            | Event::WorkflowExecutionCanceledEventAttributes(_)
            | Event::WorkflowExecutionContinuedAsNewEventAttributes(_)
    )
}

pub(crate) fn nanos(time: &Timestamp) -> i128 {
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::history::{
        WorkflowExecutionSignaledEventAttributes, WorkflowTaskScheduledEventAttributes,
        WorkflowTaskStartedEventAttributes,
    };

    use super::*;

    fn stored(kinds: Vec<Event>) -> usize {
        let event = |kind| HistoryEvent { attributes: Some(kind), ..HistoryEvent::default() };
        Shown::of(kinds.into_iter().map(event).collect()).hashes.len()
    }

    #[test]
    fn only_a_task_that_nothing_follows_may_come_to_nothing() {
        let scheduled = || Event::WorkflowTaskScheduledEventAttributes(WorkflowTaskScheduledEventAttributes::default());
        let started = || Event::WorkflowTaskStartedEventAttributes(WorkflowTaskStartedEventAttributes::default());
        let signal = WorkflowExecutionSignaledEventAttributes::default;
        let signaled = || Event::WorkflowExecutionSignaledEventAttributes(signal());
        assert_eq!(stored(vec![signaled(), scheduled()]), 1);
        assert_eq!(stored(vec![signaled(), scheduled(), started()]), 1);
        assert_eq!(stored(vec![signaled(), scheduled(), signaled()]), 3);
        assert_eq!(stored(vec![scheduled(), started(), signaled()]), 3);
    }
}
