//! A history as it is shown, word for word.

use weft_client::api::{
    Duration, Timestamp,
    common::{ActivityType, WorkflowType},
    enums::{EventType, TimeoutType, WorkflowTaskFailedCause},
    failure::Failure,
    history::{history_event::Attributes, *},
    taskqueue::TaskQueue,
};
use weft_protocol::payload::{json_plain, list};

use super::*;

fn event(id: i64, kind: EventType, attributes: Attributes) -> HistoryEvent {
    HistoryEvent {
        event_id: id,
        event_time: Some(Timestamp { seconds: 1_700_000_000 + id, nanos: 1_000_000 }),
        event_type: kind.into(),
        attributes: Some(attributes),
        ..HistoryEvent::default()
    }
}

fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() })
}

fn started() -> HistoryEvent {
    let it = WorkflowExecutionStartedEventAttributes {
        workflow_type: Some(WorkflowType { name: "Order".to_owned() }),
        task_queue: queue("orders"),
        input: Some(list(json_plain("{\"boots\": 2}"))),
        attempt: 1,
        ..Default::default()
    };
    event(1, EventType::WorkflowExecutionStarted, Attributes::WorkflowExecutionStartedEventAttributes(it))
}

fn history() -> Vec<HistoryEvent> {
    let failed = WorkflowTaskFailedEventAttributes {
        cause: WorkflowTaskFailedCause::NonDeterministicError.into(),
        failure: Some(Failure { message: "no such step".to_owned(), ..Failure::default() }),
        identity: "w1".to_owned(),
        ..Default::default()
    };
    let timed_out =
        WorkflowTaskTimedOutEventAttributes { timeout_type: TimeoutType::StartToClose.into(), ..Default::default() };
    let activity = ActivityTaskScheduledEventAttributes {
        activity_type: Some(ActivityType { name: "charge".to_owned() }),
        activity_id: "5".to_owned(),
        task_queue: queue("orders"),
        ..Default::default()
    };
    let timer = TimerStartedEventAttributes {
        timer_id: "6".to_owned(),
        start_to_fire_timeout: Some(Duration { seconds: 10, nanos: 0 }),
        ..Default::default()
    };
    let signal = WorkflowExecutionSignaledEventAttributes {
        signal_name: "pay".to_owned(),
        input: Some(list(json_plain("7"))),
        identity: "ada".to_owned(),
        ..Default::default()
    };
    let terminated = WorkflowExecutionTerminatedEventAttributes { reason: "a test".to_owned(), ..Default::default() };
    let pause = WorkflowExecutionPausedEventAttributes::default();
    vec![
        started(),
        event(4, EventType::WorkflowTaskFailed, Attributes::WorkflowTaskFailedEventAttributes(failed)),
        event(5, EventType::WorkflowTaskTimedOut, Attributes::WorkflowTaskTimedOutEventAttributes(timed_out)),
        event(6, EventType::ActivityTaskScheduled, Attributes::ActivityTaskScheduledEventAttributes(activity)),
        event(7, EventType::TimerStarted, Attributes::TimerStartedEventAttributes(timer)),
        event(8, EventType::WorkflowExecutionSignaled, Attributes::WorkflowExecutionSignaledEventAttributes(signal)),
        event(9, EventType::WorkflowExecutionPaused, Attributes::WorkflowExecutionPausedEventAttributes(pause)),
        event(
            10,
            EventType::WorkflowExecutionTerminated,
            Attributes::WorkflowExecutionTerminatedEventAttributes(terminated),
        ),
    ]
}

#[test]
fn a_history_is_one_line_per_event() {
    let lines: Vec<_> = history().iter().map(line).collect();
    let expected = r#"
   1  2023-11-14T22:13:21.001Z  WorkflowExecutionStarted          Order queue=orders input=[{"boots":2}]
   4  2023-11-14T22:13:24.001Z  WorkflowTaskFailed                NonDeterministicError no such step by=w1
   5  2023-11-14T22:13:25.001Z  WorkflowTaskTimedOut              StartToClose
   6  2023-11-14T22:13:26.001Z  ActivityTaskScheduled             charge id=5 queue=orders
   7  2023-11-14T22:13:27.001Z  TimerStarted                      id=6 after=10s
   8  2023-11-14T22:13:28.001Z  WorkflowExecutionSignaled         pay input=[7] by=ada
   9  2023-11-14T22:13:29.001Z  WorkflowExecutionPaused
  10  2023-11-14T22:13:30.001Z  WorkflowExecutionTerminated       reason="a test""#;
    assert_eq!(lines.join("\n"), expected.trim_start_matches('\n'));
}

#[test]
fn an_event_of_tomorrow_has_a_line_too() {
    let event = HistoryEvent { event_id: 3, event_type: 9999, ..HistoryEvent::default() };
    assert_eq!(line(&event), "   3    #9999");
}
