//! Nothing that was done once is done again: the completion of a workflow task, an activity, or its result.

use std::collections::BTreeSet;

use weft_protocol::api::history::{HistoryEvent, history_event::Attributes as Event};

/// # Errors
/// What is there twice.
pub(crate) fn judge(events: &[HistoryEvent]) -> Result<(), String> {
    let (mut tasks, mut activities, mut results) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for event in events {
        match &event.attributes {
            Some(Event::WorkflowTaskCompletedEventAttributes(it)) if !tasks.insert(it.started_event_id) => {
                return Err(format!("the task of event {} was completed twice", it.started_event_id));
            }
            Some(Event::ActivityTaskScheduledEventAttributes(it)) if !activities.insert(&it.activity_id) => {
                return Err(format!("activity {} was scheduled twice", it.activity_id));
            }
            Some(Event::ActivityTaskCompletedEventAttributes(it)) if !results.insert(it.scheduled_event_id) => {
                return Err(format!("the activity of event {} was completed twice", it.scheduled_event_id));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::history::{
        ActivityTaskCompletedEventAttributes as Done, ActivityTaskScheduledEventAttributes as Scheduled,
        WorkflowTaskCompletedEventAttributes as Completed,
    };

    use super::*;
    use crate::laws::made_up::history;

    #[test]
    fn tasks_activities_and_results_are_there_once() {
        let completed = |started_event_id| {
            Event::WorkflowTaskCompletedEventAttributes(Completed { started_event_id, ..Completed::default() })
        };
        let scheduled = |id: &str| {
            let activity = Scheduled { activity_id: id.to_owned(), ..Scheduled::default() };
            Event::ActivityTaskScheduledEventAttributes(activity)
        };
        let done = |scheduled_event_id| {
            Event::ActivityTaskCompletedEventAttributes(Done { scheduled_event_id, ..Done::default() })
        };
        let events = [completed(3), scheduled("a"), done(2), completed(7), scheduled("b"), done(5)];
        assert_eq!(judge(&history(events)), Ok(()));
        assert!(judge(&history([completed(3), completed(3)])).is_err());
        assert!(judge(&history([scheduled("a"), scheduled("a")])).is_err());
        assert!(judge(&history([scheduled("a"), done(1), done(1)])).is_err());
    }
}
