//! What must hold of a history that a client is shown, given what was known when it was asked for.
//!
//! Invariants it checks: what was acknowledged before the question is there, once; what was refused is not; what was
//! shown before is there as it was; ids are dense, nothing follows the end, and no deadline comes early.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use weft_protocol::{
    Timestamp,
    api::history::{HistoryEvent, history_event::Attributes as Event},
    encode_canonical,
};

use super::record::Run;

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

fn is_end(event: &Event) -> bool {
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

/// # Errors
/// What does not hold.
pub(crate) fn judge(before: &Run, shown: &Shown) -> Result<(), String> {
    if shown.events.len() < before.seen.len() {
        return Err(format!("{} events were seen and {} are there", before.seen.len(), shown.events.len()));
    }
    if let Some(place) = before.seen.iter().zip(&shown.hashes).position(|(one, other)| one != other) {
        return Err(format!("event {} was another one before: {:?}", place + 1, shown.events[place]));
    }
    let mut signals = BTreeMap::<&str, u64>::new();
    let mut was_worked_at = false;
    for (place, event) in (1..).zip(&shown.events) {
        if event.event_id != place {
            return Err(format!("event {} stands at place {place}", event.event_id));
        }
        let Some(attributes) = &event.attributes else { return Err(format!("event {place} is of no kind")) };
        if is_end(attributes) && usize::try_from(place).is_ok_and(|place| place < shown.events.len()) {
            return Err(format!("something follows the end at event {place}"));
        }
        was_worked_at |= matches!(attributes, Event::WorkflowTaskStartedEventAttributes(_));
        if let Event::WorkflowExecutionSignaledEventAttributes(signal) = attributes {
            *signals.entry(&signal.signal_name).or_default() += 1;
        }
    }
    if let Some((name, times)) = signals.iter().find(|(_, times)| **times > 1) {
        return Err(format!("signal {name} is there {times} times"));
    }
    // While a worker has a task, what comes waits for its answer and is in no history.
    let may_wait = was_worked_at && shown.end().is_none();
    let lost = before.signals.iter().find(|name| !signals.contains_key(name.as_str()));
    if let Some(lost) = lost.filter(|_| !may_wait) {
        return Err(format!("signal {lost} was acknowledged and is not there"));
    }
    if let Some(name) = before.refused.iter().find(|name| signals.contains_key(name.as_str())) {
        return Err(format!("signal {name} was refused and is there"));
    }
    let is_terminated = matches!(shown.end(), Some(Event::WorkflowExecutionTerminatedEventAttributes(_)));
    if before.is_terminated && !is_terminated {
        return Err("its termination was acknowledged, and it is not terminated".to_owned());
    }
    deadline(before, shown)
}

/// A run that timed out had a deadline, and it was over.
fn deadline(before: &Run, shown: &Shown) -> Result<(), String> {
    let Some(Event::WorkflowExecutionTimedOutEventAttributes(_)) = shown.end() else { return Ok(()) };
    let Some(deadline_ms) = before.deadline_ms else { return Err("it timed out without a deadline".to_owned()) };
    let at = |event: Option<&HistoryEvent>| event.and_then(|event| event.event_time.as_ref()).map_or(0, nanos);
    let lasted = at(shown.events.last()) - at(shown.events.first());
    if lasted < i128::from(deadline_ms) * 1_000_000 {
        return Err(format!("it timed out after {lasted} ns, {deadline_ms} ms too early"));
    }
    Ok(())
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
