//! The end of a run that another run follows, as clients see it that only follow a run that continued as new.

use weft_protocol::api::{
    enums::{EventType, TimeoutType},
    failure::{Failure, TimeoutFailureInfo, failure::FailureInfo},
    history::{HistoryEvent, WorkflowExecutionContinuedAsNewEventAttributes, history_event::Attributes},
};

/// What a client calls it that it can follow any end with a next run.
pub(super) const FEATURE: &str = "follows-next-run-id";

/// A close event that names a next run, as the end of a run that continued as new; any other event as it is.
pub(super) fn as_continued(event: HistoryEvent) -> HistoryEvent {
    match event.attributes.as_ref().and_then(continued) {
        Some(attributes) => HistoryEvent {
            event_type: EventType::WorkflowExecutionContinuedAsNew.into(),
            attributes: Some(attributes.into()),
            ..event
        },
        None => event,
    }
}

#[expect(deprecated, reason = "Temporal shows the failure in this field, and older clients read it there")]
fn continued(attributes: &Attributes) -> Option<WorkflowExecutionContinuedAsNewEventAttributes> {
    let (next, result, failure) = match attributes {
        Attributes::WorkflowExecutionCompletedEventAttributes(it) => {
            (&it.new_execution_run_id, it.result.clone(), None)
        }
        Attributes::WorkflowExecutionFailedEventAttributes(it) => (&it.new_execution_run_id, None, it.failure.clone()),
        Attributes::WorkflowExecutionTimedOutEventAttributes(it) => (&it.new_execution_run_id, None, Some(timeout())),
        _ => return None,
    };
    (!next.is_empty()).then(|| WorkflowExecutionContinuedAsNewEventAttributes {
        new_execution_run_id: next.clone(),
        last_completion_result: result,
        failure,
        ..WorkflowExecutionContinuedAsNewEventAttributes::default()
    })
}

fn timeout() -> Failure {
    let info = TimeoutFailureInfo { timeout_type: TimeoutType::StartToClose.into(), last_heartbeat_details: None };
    Failure {
        message: "workflow timeout".to_owned(),
        source: "Server".to_owned(),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(info)),
        ..Failure::default()
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::history::{
        WorkflowExecutionCanceledEventAttributes, WorkflowExecutionCompletedEventAttributes,
        WorkflowExecutionFailedEventAttributes, WorkflowExecutionTimedOutEventAttributes,
    };

    use super::*;

    fn check(attributes: Attributes, expected: Option<&str>) {
        let event = HistoryEvent {
            event_id: 9,
            event_type: attributes.event_type().into(),
            attributes: Some(attributes),
            ..HistoryEvent::default()
        };
        let shown = as_continued(event.clone());
        match (expected, &shown.attributes) {
            (None, _) => assert_eq!(shown, event),
            (Some(run), Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(it))) => {
                assert_eq!((it.new_execution_run_id.as_str(), shown.event_id), (run, 9));
                assert_eq!(shown.event_type(), EventType::WorkflowExecutionContinuedAsNew);
            }
            (Some(_), other) => panic!("{other:?} is no continuation"),
        }
    }

    #[test]
    fn an_end_with_a_next_run_is_shown_as_a_continuation() {
        let new_execution_run_id = "next".to_owned();
        let id = || new_execution_run_id.clone();
        check(
            WorkflowExecutionCompletedEventAttributes { new_execution_run_id: id(), ..Default::default() }.into(),
            Some("next"),
        );
        check(
            WorkflowExecutionFailedEventAttributes { new_execution_run_id: id(), ..Default::default() }.into(),
            Some("next"),
        );
        check(
            WorkflowExecutionTimedOutEventAttributes { new_execution_run_id: id(), ..Default::default() }.into(),
            Some("next"),
        );
    }

    #[test]
    fn any_other_end_is_shown_as_it_is() {
        check(WorkflowExecutionCompletedEventAttributes::default().into(), None);
        check(WorkflowExecutionFailedEventAttributes::default().into(), None);
        check(WorkflowExecutionTimedOutEventAttributes::default().into(), None);
        check(WorkflowExecutionCanceledEventAttributes::default().into(), None);
    }
}
