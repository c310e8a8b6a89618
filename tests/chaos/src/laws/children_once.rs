//! A child is begun once, and its parent hears once that it has started and once how it ended.
//!
//! That there is one run of it, begun by this parent, is for [`super::Messages`] and [`super::one_running`] to see.

use std::collections::{BTreeMap, BTreeSet};

use weft_protocol::api::history::{HistoryEvent, history_event::Attributes as Event};

/// How far a child has come, as its parent has heard.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    Started,
    Completed,
}

/// # Errors
/// Which child was begun twice, or did not come to its end in order, though its parent has.
pub(crate) fn judge(events: &[HistoryEvent]) -> Result<(), String> {
    let (mut begun, mut heard) = (BTreeSet::new(), BTreeMap::new());
    for event in events {
        let (initiated, before, after) = match &event.attributes {
            Some(Event::StartChildWorkflowExecutionInitiatedEventAttributes(it)) => {
                if !begun.insert(it.workflow_id.as_str()) {
                    return Err(format!("child {} was begun twice", it.workflow_id));
                }
                heard.insert(event.event_id, Heard::Nothing);
                continue;
            }
            Some(Event::ChildWorkflowExecutionStartedEventAttributes(it)) => {
                (it.initiated_event_id, Heard::Nothing, Heard::Started)
            }
            Some(Event::ChildWorkflowExecutionCompletedEventAttributes(it)) => {
                (it.initiated_event_id, Heard::Started, Heard::Completed)
            }
            // Nothing in the way of these children makes them fail.
            Some(
                Event::StartChildWorkflowExecutionFailedEventAttributes(_)
                | Event::ChildWorkflowExecutionFailedEventAttributes(_)
                | Event::ChildWorkflowExecutionTimedOutEventAttributes(_)
                | Event::ChildWorkflowExecutionTerminatedEventAttributes(_)
                | Event::ChildWorkflowExecutionCanceledEventAttributes(_),
            ) => return Err(format!("event {} says that a child failed", event.event_id)),
            _ => continue,
        };
        match heard.insert(initiated, after) {
            Some(was) if was == before => {}
            was => return Err(format!("event {} is of a child of which was heard {was:?}", event.event_id)),
        }
    }
    let last = events.last().and_then(|event| event.attributes.as_ref());
    let is_over = matches!(last, Some(Event::WorkflowExecutionCompletedEventAttributes(_)));
    match heard.iter().find(|(_, heard)| **heard != Heard::Completed) {
        Some((initiated, heard)) if is_over => {
            Err(format!("the workflow is over, and of the child of event {initiated} was heard {heard:?}"))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::history::{
        ChildWorkflowExecutionCompletedEventAttributes as Completed,
        ChildWorkflowExecutionStartedEventAttributes as Started,
        StartChildWorkflowExecutionFailedEventAttributes as Failed,
        StartChildWorkflowExecutionInitiatedEventAttributes as Initiated, WorkflowExecutionCompletedEventAttributes,
    };

    use super::*;
    use crate::laws::made_up::history;

    fn initiated() -> Event {
        let child = Initiated { workflow_id: "child".to_owned(), ..Initiated::default() };
        Event::StartChildWorkflowExecutionInitiatedEventAttributes(child)
    }

    fn started() -> Event {
        let child = Started { initiated_event_id: 1, ..Started::default() };
        Event::ChildWorkflowExecutionStartedEventAttributes(child)
    }

    fn completed() -> Event {
        let child = Completed { initiated_event_id: 1, ..Completed::default() };
        Event::ChildWorkflowExecutionCompletedEventAttributes(child)
    }

    fn over() -> Event {
        Event::WorkflowExecutionCompletedEventAttributes(WorkflowExecutionCompletedEventAttributes::default())
    }

    #[test]
    fn a_parent_hears_of_each_step_once() {
        assert_eq!(judge(&history([initiated(), started(), completed(), over()])), Ok(()));
        assert_eq!(judge(&history([initiated(), started()])), Ok(()));
        assert!(judge(&history([initiated(), initiated()])).is_err());
        assert!(judge(&history([initiated(), started(), started()])).is_err());
        assert!(judge(&history([initiated(), completed()])).is_err());
        assert!(judge(&history([initiated(), started(), completed(), completed()])).is_err());
        assert!(judge(&history([started()])).is_err());
    }

    #[test]
    fn a_child_does_not_fail_and_is_over_before_its_parent() {
        let failed = Event::StartChildWorkflowExecutionFailedEventAttributes(Failed::default());
        assert!(judge(&history([initiated(), failed])).is_err());
        assert!(judge(&history([initiated(), started(), over()])).is_err());
    }
}
