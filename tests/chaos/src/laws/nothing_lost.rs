//! What workers were told of their answers is in the history: the completions of workflow tasks, and results of activities.

use std::collections::{BTreeMap, BTreeSet};

use weft_protocol::api::history::{HistoryEvent, history_event::Attributes as Event};

use crate::book::Worked;

/// # Errors
/// What is not there, or is another.
pub(crate) fn judge(worked: &Worked, events: &[HistoryEvent]) -> Result<(), String> {
    let mut completed = BTreeSet::new();
    let (mut activities, mut results) = (BTreeMap::new(), BTreeMap::<&str, &[u8]>::new());
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
                let payload = it.result.as_ref().and_then(|result| result.payloads.first());
                results.insert(id, payload.map_or(&[], |payload| payload.data.as_slice()));
            }
            _ => {}
        }
    }
    if let Some(lost) = worked.tasks.difference(&completed).next() {
        return Err(format!("the completion of the task of event {lost} was acknowledged and is not there"));
    }
    match worked.results.iter().find(|(id, result)| results.get(id.as_str()) != Some(&result.as_slice())) {
        Some((id, _)) => Err(format!("the result of {id} was acknowledged and is not there")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::{
        api::history::{
            ActivityTaskCompletedEventAttributes as Done, ActivityTaskScheduledEventAttributes as Scheduled,
            WorkflowTaskCompletedEventAttributes as Completed,
        },
        payload,
    };

    use super::*;
    use crate::laws::made_up;

    fn history(result: &[u8]) -> Vec<HistoryEvent> {
        let result = Some(payload::list(payload::binary_plain(result.to_vec())));
        made_up::history([
            Event::ActivityTaskScheduledEventAttributes(Scheduled {
                activity_id: "a".to_owned(),
                ..Scheduled::default()
            }),
            Event::ActivityTaskCompletedEventAttributes(Done { scheduled_event_id: 1, result, ..Done::default() }),
            Event::WorkflowTaskCompletedEventAttributes(Completed { started_event_id: 7, ..Completed::default() }),
        ])
    }

    #[test]
    fn what_was_acknowledged_to_a_worker_is_there() {
        let told = |task, result: &[u8]| Worked {
            tasks: [task].into(),
            results: [("a".to_owned(), result.to_vec())].into(),
            ..Worked::default()
        };
        assert_eq!(judge(&told(7, b"one"), &history(b"one")), Ok(()));
        assert_eq!(judge(&Worked::default(), &history(b"one")), Ok(()));
        assert!(judge(&told(7, b"one"), &history(b"other")).is_err());
        assert!(judge(&told(8, b"one"), &history(b"one")).is_err());
        assert!(judge(&told(7, b"one"), &[]).is_err());
    }
}
