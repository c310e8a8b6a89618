//! The close event as it is shown to callers that wait for it.
//!
//! Where a run was followed by another (by retry or cron), Temporal shows a caller that asks for the close event alone,
//! and does not say that it follows such links, that the run continued as new. Some SDKs still rely on that.

use bytes::Bytes;
use tonic::Request;
use weft_protocol::{
    api::{
        enums::{EventType, TimeoutType},
        failure::{Failure, TimeoutFailureInfo, failure::FailureInfo},
        history::{
            HistoryEvent, WorkflowExecutionContinuedAsNewEventAttributes as Continued, history_event::Attributes,
        },
    },
    prost::Message,
};

/// The header in which a caller lists, between commas, what it can do.
const FEATURES: &str = "supported-features";
const FOLLOWS_RUNS: &str = "follows-next-run-id";

/// Whether the caller says that it follows the run id in completed, failed and timed out events.
pub(crate) fn is_followed_by<T>(request: &Request<T>) -> bool {
    let features = request.metadata().get(FEATURES).and_then(|features| features.to_str().ok());
    features.is_some_and(|features| features.split(',').any(|feature| feature == FOLLOWS_RUNS))
}

/// The stored event for a caller that does not follow such links.
pub(crate) fn for_unfollowing(stored: Bytes) -> Bytes {
    let event = HistoryEvent::decode(&*stored).ok();
    event.and_then(shown).map_or(stored, |event| event.encode_to_vec().into())
}

/// What is shown in place of the event; `None` if it is shown as it is.
fn shown(event: HistoryEvent) -> Option<HistoryEvent> {
    let continued = event.attributes.as_ref().and_then(continued)?;
    Some(HistoryEvent {
        event_id: event.event_id,
        event_time: event.event_time,
        event_type: EventType::WorkflowExecutionContinuedAsNew.into(),
        version: event.version,
        task_id: event.task_id,
        attributes: Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(continued)),
        ..HistoryEvent::default()
    })
}

/// How the run went on, with its result or failure, if it did.
fn continued(end: &Attributes) -> Option<Continued> {
    let (new_execution_run_id, last_completion_result, failure) = match end {
        Attributes::WorkflowExecutionCompletedEventAttributes(it) => {
            (it.new_execution_run_id.clone(), it.result.clone(), None)
        }
        Attributes::WorkflowExecutionFailedEventAttributes(it) => {
            (it.new_execution_run_id.clone(), None, it.failure.clone())
        }
        Attributes::WorkflowExecutionTimedOutEventAttributes(it) => {
            (it.new_execution_run_id.clone(), None, Some(timed_out()))
        }
        _ => return None,
    };
    let goes_on = !new_execution_run_id.is_empty();
    goes_on.then(|| Continued { new_execution_run_id, last_completion_result, failure, ..Continued::default() })
}

fn timed_out() -> Failure {
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
    use super::*;
    use weft_protocol::api::history::{
        WorkflowExecutionCompletedEventAttributes as Completed, WorkflowExecutionTimedOutEventAttributes as TimedOut,
    };

    fn event(kind: EventType, attributes: Attributes) -> HistoryEvent {
        let attributes = Some(attributes);
        HistoryEvent { event_id: 5, task_id: 77, event_type: kind.into(), attributes, ..HistoryEvent::default() }
    }

    fn completed(next: &str) -> HistoryEvent {
        let attributes = Completed { new_execution_run_id: next.to_owned(), ..Completed::default() };
        event(EventType::WorkflowExecutionCompleted, Attributes::WorkflowExecutionCompletedEventAttributes(attributes))
    }

    fn timed_out_before(next: &str) -> HistoryEvent {
        let attributes = TimedOut { new_execution_run_id: next.to_owned(), ..TimedOut::default() };
        event(EventType::WorkflowExecutionTimedOut, Attributes::WorkflowExecutionTimedOutEventAttributes(attributes))
    }

    #[test]
    fn a_run_that_another_follows_is_shown_as_continued() {
        for ended in [completed("next"), timed_out_before("next")] {
            let shown = HistoryEvent::decode(&*for_unfollowing(ended.encode_to_vec().into())).expect("an event");
            assert_eq!((shown.event_id, shown.task_id), (5, 77));
            assert_eq!(shown.event_type(), EventType::WorkflowExecutionContinuedAsNew);
            let Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(it)) = shown.attributes else {
                panic!("a continuation");
            };
            assert_eq!(it.new_execution_run_id, "next");
        }
    }

    #[test]
    fn the_last_run_is_shown_as_it_ended() {
        for ended in [completed(""), timed_out_before("")] {
            let stored = Bytes::from(ended.encode_to_vec());
            assert_eq!(for_unfollowing(stored.clone()), stored);
        }
    }

    #[test]
    fn a_caller_says_among_others_that_it_follows() {
        let with = |features: &'static str| {
            let mut request = Request::new(());
            request.metadata_mut().insert(FEATURES, features.parse().expect("a header"));
            request
        };
        assert!(is_followed_by(&with("follows-next-run-id")));
        assert!(is_followed_by(&with("other,follows-next-run-id")));
        assert!(!is_followed_by(&with("other")));
        assert!(!is_followed_by(&Request::new(())));
    }
}
