//! What was acknowledged, to a client or a worker, is there; and what was refused is not.

use std::collections::{BTreeMap, BTreeSet};

use weft_protocol::api::history::{HistoryEvent, history_event::Attributes as Event};

use crate::cluster::{book::Worked, history::Shown, record::Run};

/// What clients were told of a run.
///
/// # Errors
/// What is not as they were told.
pub(crate) fn told(before: &Run, shown: &Shown) -> Result<(), String> {
    let mut signals = BTreeSet::new();
    let mut was_worked_at = false;
    for event in shown.events.iter().filter_map(|event| event.attributes.as_ref()) {
        was_worked_at |= matches!(event, Event::WorkflowTaskStartedEventAttributes(_));
        if let Event::WorkflowExecutionSignaledEventAttributes(signal) = event {
            signals.insert(signal.signal_name.as_str());
        }
    }
    // While a worker has a task, what comes waits for its answer and is in no history.
    let may_wait = was_worked_at && shown.end().is_none();
    let lost = before.signals.iter().find(|name| !signals.contains(name.as_str()));
    if let Some(lost) = lost.filter(|_| !may_wait) {
        return Err(format!("signal {lost} was acknowledged and is not there"));
    }
    if let Some(name) = before.refused.iter().find(|name| signals.contains(name.as_str())) {
        return Err(format!("signal {name} was refused and is there"));
    }
    let is_terminated = matches!(shown.end(), Some(Event::WorkflowExecutionTerminatedEventAttributes(_)));
    if before.is_terminated && !is_terminated {
        return Err("its termination was acknowledged, and it is not terminated".to_owned());
    }
    Ok(())
}

/// What workers were told of their answers.
///
/// # Errors
/// What is not as they were told.
pub(crate) fn answered(worked: &Worked, events: &[HistoryEvent]) -> Result<(), String> {
    let mut completed = BTreeSet::new();
    let mut activities = BTreeMap::new();
    let mut results = BTreeMap::<&str, Vec<u8>>::new();
    for event in events {
        match &event.attributes {
            Some(Event::WorkflowTaskCompletedEventAttributes(it)) => {
                completed.insert(it.started_event_id);
            }
            Some(Event::ActivityTaskScheduledEventAttributes(it)) => {
                activities.insert(event.event_id, it.activity_id.as_str());
            }
            Some(Event::ActivityTaskCompletedEventAttributes(it)) => {
                let Some(id) = activities.get(&it.scheduled_event_id) else {
                    return Err(format!("event {} completes what was never scheduled", event.event_id));
                };
                let payloads = it.result.as_ref().map(|result| result.payloads.as_slice()).unwrap_or_default();
                let data = payloads.first().map(|payload| payload.data.clone()).unwrap_or_default();
                if results.insert(id, data).is_some() {
                    return Err(format!("activity {id} was completed twice"));
                }
            }
            _ => {}
        }
    }
    if let Some(lost) = worked.tasks.difference(&completed).next() {
        return Err(format!("the completion of the task of event {lost} was acknowledged and is not there"));
    }
    let lost = worked.results.iter().find(|(id, result)| results.get(id.as_str()) != Some(result));
    lost.map_or(Ok(()), |(id, _)| Err(format!("the result of {id} was acknowledged and is not there")))
}
