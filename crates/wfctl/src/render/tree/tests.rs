//! Histories as trees, line by line.

use weft_client::api::{
    Duration,
    common::{ActivityType, WorkflowType},
    enums::EventType,
    failure::Failure,
    history::{history_event::Attributes, *},
};
use weft_protocol::payload::{json_plain, list};

use super::*;

/// Events that come half a second after each other, unless more is said.
#[derive(Default)]
struct Story {
    events: Vec<HistoryEvent>,
    millis: i64,
}

impl Story {
    fn wait(mut self, millis: i64) -> Self {
        self.millis += millis;
        self
    }

    fn event(mut self, kind: EventType, attributes: Attributes) -> Self {
        let at = Timestamp {
            seconds: 1_700_000_000 + self.millis / 1000,
            nanos: i32::try_from(self.millis % 1000).expect("less than a second") * 1_000_000,
        };
        self.millis += 500;
        self.events.push(HistoryEvent {
            event_id: self.events.len() as i64 + 1,
            event_time: Some(at),
            event_type: kind.into(),
            attributes: Some(attributes),
            ..HistoryEvent::default()
        });
        self
    }

    fn started(self) -> Self {
        let it = WorkflowExecutionStartedEventAttributes {
            workflow_type: Some(WorkflowType { name: "Order".to_owned() }),
            ..Default::default()
        };
        self.event(EventType::WorkflowExecutionStarted, Attributes::WorkflowExecutionStartedEventAttributes(it))
    }

    /// Scheduled, Started and Completed of a workflow task.
    fn task(self) -> Self {
        let scheduled = self.events.len() as i64 + 1;
        self.event(
            EventType::WorkflowTaskScheduled,
            Attributes::WorkflowTaskScheduledEventAttributes(WorkflowTaskScheduledEventAttributes::default()),
        )
        .event(
            EventType::WorkflowTaskStarted,
            Attributes::WorkflowTaskStartedEventAttributes(WorkflowTaskStartedEventAttributes {
                scheduled_event_id: scheduled,
                ..Default::default()
            }),
        )
        .event(
            EventType::WorkflowTaskCompleted,
            Attributes::WorkflowTaskCompletedEventAttributes(WorkflowTaskCompletedEventAttributes {
                scheduled_event_id: scheduled,
                started_event_id: scheduled + 1,
                ..Default::default()
            }),
        )
    }

    fn activity(self, id: &str) -> Self {
        let completed = self.events.iter().rfind(|it| it.event_type() == EventType::WorkflowTaskCompleted);
        let it = ActivityTaskScheduledEventAttributes {
            activity_id: id.to_owned(),
            activity_type: Some(ActivityType { name: "charge".to_owned() }),
            workflow_task_completed_event_id: completed.map_or(0, |it| it.event_id),
            ..Default::default()
        };
        self.event(EventType::ActivityTaskScheduled, Attributes::ActivityTaskScheduledEventAttributes(it))
    }

    fn taken(self, scheduled: i64, attempt: i32) -> Self {
        let it = ActivityTaskStartedEventAttributes { scheduled_event_id: scheduled, attempt, ..Default::default() };
        self.event(EventType::ActivityTaskStarted, Attributes::ActivityTaskStartedEventAttributes(it))
    }

    fn done(self, scheduled: i64) -> Self {
        let result = Some(list(json_plain("7")));
        let it = ActivityTaskCompletedEventAttributes { scheduled_event_id: scheduled, result, ..Default::default() };
        self.event(EventType::ActivityTaskCompleted, Attributes::ActivityTaskCompletedEventAttributes(it))
    }

    fn failed(self, scheduled: i64) -> Self {
        let failure = Some(Failure { message: "no money".to_owned(), ..Failure::default() });
        let it = ActivityTaskFailedEventAttributes { scheduled_event_id: scheduled, failure, ..Default::default() };
        self.event(EventType::ActivityTaskFailed, Attributes::ActivityTaskFailedEventAttributes(it))
    }

    fn timer(self, completed: i64) -> Self {
        let it = TimerStartedEventAttributes {
            timer_id: "t".to_owned(),
            start_to_fire_timeout: Some(Duration { seconds: 60, nanos: 0 }),
            workflow_task_completed_event_id: completed,
        };
        self.event(EventType::TimerStarted, Attributes::TimerStartedEventAttributes(it))
    }

    fn fired(self, started: i64) -> Self {
        let it = TimerFiredEventAttributes { timer_id: "t".to_owned(), started_event_id: started };
        self.event(EventType::TimerFired, Attributes::TimerFiredEventAttributes(it))
    }

    fn signal(self) -> Self {
        let it = WorkflowExecutionSignaledEventAttributes { signal_name: "pay".to_owned(), ..Default::default() };
        self.event(EventType::WorkflowExecutionSignaled, Attributes::WorkflowExecutionSignaledEventAttributes(it))
    }

    fn completed(self) -> Self {
        let it = WorkflowExecutionCompletedEventAttributes::default();
        self.event(EventType::WorkflowExecutionCompleted, Attributes::WorkflowExecutionCompletedEventAttributes(it))
    }

    fn drawn(&self) -> String {
        let lines = lines(&self.events).into_iter();
        let text = lines.map(|pieces| pieces.into_iter().map(|(_, text)| text).collect::<String>());
        text.collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn what_a_task_began_stands_below_it_with_its_end() {
    let story = Story::default().started().task().activity("5").timer(4).taken(5, 3).done(5).task();
    let story = story.wait(60_000).fired(6).task().completed();
    let expected = r#"
   1          +0ms  ├─ WorkflowExecutionStarted  Order
   2        +500ms  ├─ workflow task  1s
   5           +2s  │  ├─ activity charge id=5  done [7], 3 attempts  1s 500ms
   6     +2s 500ms  │  └─ timer t of 1m  fired  1m 3s
   9           +4s  ├─ 2 workflow tasks  1m 3s
  16  +1m 7s 500ms  └─ WorkflowExecutionCompleted"#;
    assert_eq!(story.drawn(), expected.trim_start_matches('\n'));
}

#[test]
fn tasks_of_which_nothing_came_are_one_line() {
    let story = Story::default().started().task().task().task().signal().task();
    let expected = r#"
   1          +0ms  ├─ WorkflowExecutionStarted  Order
   2        +500ms  ├─ 3 workflow tasks  4s
  11           +5s  ├─ WorkflowExecutionSignaled  pay
  12     +5s 500ms  └─ workflow task  1s"#;
    assert_eq!(story.drawn(), expected.trim_start_matches('\n'));
}

#[test]
fn what_has_not_ended_is_pending_and_what_failed_says_why() {
    let story = Story::default().started().task().activity("5").activity("6").taken(5, 1).failed(5);
    let expected = r#"
   1          +0ms  ├─ WorkflowExecutionStarted  Order
   2        +500ms  └─ workflow task  1s
   5           +2s     ├─ activity charge id=5  failed: no money  1s 500ms
   6     +2s 500ms     └─ activity charge id=6  pending"#;
    assert_eq!(story.drawn(), expected.trim_start_matches('\n'));
}

#[test]
fn nothing_is_nothing() {
    assert_eq!(Story::default().drawn(), "");
}
