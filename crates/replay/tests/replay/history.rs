//! Histories in a few words: one line, or one word group between semicolons, is one event.
//!
//! `task` is a workflow task that was answered, `task?` one that was not, `task!` one that failed, `task~` one that timed
//! out, `reset` one that a reset ended. Events of commands name what they begin (`timer 1`, `activity 1 greet`,
//! `child c Kind`, `accepted u name`), and those that follow name it again (`fired 1`, `done 1 text`).

use std::collections::HashMap;

use weft_protocol::{
    Timestamp,
    api::{
        common::{ActivityType, Payloads, WorkflowExecution, WorkflowType},
        enums::{EventType as Kind, WorkflowTaskFailedCause},
        failure::{Failure, failure::FailureInfo},
        history::{HistoryEvent, history_event::Attributes, *},
        update::{Input, Meta, Request},
    },
    payload,
};

/// The run of every history here.
pub(crate) const RUN: &str = "11111111-0000-4000-8000-000000000001";

/// Events of a description, from the first on.
pub(crate) fn history(text: &str) -> Vec<HistoryEvent> {
    let mut history = History::default();
    text.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty()).for_each(|line| history.line(line));
    history.events
}

#[derive(Default)]
struct History {
    events: Vec<HistoryEvent>,
    /// The first events of operations, by their names.
    begun: HashMap<String, i64>,
}

pub(crate) fn text(value: &str) -> Payloads {
    payload::list(payload::json_string(value))
}

pub(crate) fn failed(message: &str) -> Failure {
    let info = FailureInfo::ApplicationFailureInfo(Default::default());
    Failure { message: message.to_owned(), failure_info: Some(info), ..Failure::default() }
}

pub(crate) fn request(id: &str, name: &str) -> Request {
    let meta = Meta { update_id: id.to_owned(), ..Meta::default() };
    Request { meta: Some(meta), input: Some(Input { name: name.to_owned(), ..Input::default() }), ..Request::default() }
}

fn workflow(id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() })
}

impl History {
    fn add(&mut self, kind: Kind, attributes: Attributes) -> i64 {
        let event_id = self.events.len() as i64 + 1;
        self.events.push(HistoryEvent {
            event_id,
            event_type: kind.into(),
            event_time: Some(Timestamp { seconds: event_id, nanos: 0 }),
            attributes: Some(attributes),
            ..HistoryEvent::default()
        });
        event_id
    }

    fn begin(&mut self, name: &str, kind: Kind, attributes: impl Into<Attributes>) {
        let id = self.add(kind, attributes.into());
        self.begun.insert(name.to_owned(), id);
    }

    fn id(&self, name: &str) -> i64 {
        *self.begun.get(name).unwrap_or_else(|| panic!("no event begins {name}"))
    }

    fn line(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (word, name, more) = (words.next().unwrap_or(""), words.next().unwrap_or(""), words.next().unwrap_or(""));
        if !(self.task(word) || self.of_activity(word, name, more) || self.of_others(word, name, more)) {
            self.of_workflow(word, name, more);
        }
    }

    fn task(&mut self, word: &str) -> bool {
        if !matches!(word, "task" | "task?" | "task!" | "task~" | "reset") {
            return false;
        }
        self.add(Kind::WorkflowTaskScheduled, WorkflowTaskScheduledEventAttributes::default().into());
        self.add(Kind::WorkflowTaskStarted, WorkflowTaskStartedEventAttributes::default().into());
        match word {
            "task" => {
                self.add(Kind::WorkflowTaskCompleted, WorkflowTaskCompletedEventAttributes::default().into());
            }
            "task!" => {
                self.add(Kind::WorkflowTaskFailed, WorkflowTaskFailedEventAttributes::default().into());
            }
            "task~" => {
                self.add(Kind::WorkflowTaskTimedOut, WorkflowTaskTimedOutEventAttributes::default().into());
            }
            "reset" => {
                let reset = WorkflowTaskFailedEventAttributes {
                    cause: WorkflowTaskFailedCause::ResetWorkflow.into(),
                    base_run_id: RUN.to_owned(),
                    new_run_id: "22222222-0000-4000-8000-000000000002".to_owned(),
                    ..Default::default()
                };
                self.add(Kind::WorkflowTaskFailed, reset.into());
            }
            _ => {}
        }
        true
    }

    fn of_activity(&mut self, word: &str, name: &str, more: &str) -> bool {
        let key = format!("activity {name}");
        let scheduled_event_id = if word == "activity" { 0 } else { self.begun.get(&key).copied().unwrap_or(0) };
        let result = (!more.is_empty()).then(|| text(more));
        match word {
            "activity" => {
                let scheduled = ActivityTaskScheduledEventAttributes {
                    activity_id: name.to_owned(),
                    activity_type: Some(ActivityType { name: more.to_owned() }),
                    ..Default::default()
                };
                self.begin(&key, Kind::ActivityTaskScheduled, scheduled);
            }
            "done" => {
                let it = ActivityTaskCompletedEventAttributes { scheduled_event_id, result, ..Default::default() };
                self.add(Kind::ActivityTaskCompleted, it.into());
            }
            "failed" => {
                let failure = Some(failed(more));
                let it = ActivityTaskFailedEventAttributes { scheduled_event_id, failure, ..Default::default() };
                self.add(Kind::ActivityTaskFailed, it.into());
            }
            "timed-out" => {
                let failure = Some(failed("too late"));
                let it = ActivityTaskTimedOutEventAttributes { scheduled_event_id, failure, ..Default::default() };
                self.add(Kind::ActivityTaskTimedOut, it.into());
            }
            "cancel-asked" => {
                let it = ActivityTaskCancelRequestedEventAttributes { scheduled_event_id, ..Default::default() };
                self.add(Kind::ActivityTaskCancelRequested, it.into());
            }
            "canceled" => {
                let it = ActivityTaskCanceledEventAttributes { scheduled_event_id, ..Default::default() };
                self.add(Kind::ActivityTaskCanceled, it.into());
            }
            _ => return false,
        }
        true
    }

    fn of_others(&mut self, word: &str, name: &str, more: &str) -> bool {
        match word {
            "timer" => {
                let it = TimerStartedEventAttributes { timer_id: name.to_owned(), ..Default::default() };
                self.begin(&format!("timer {name}"), Kind::TimerStarted, it);
            }
            "fired" => {
                let started_event_id = self.id(&format!("timer {name}"));
                let it = TimerFiredEventAttributes { timer_id: name.to_owned(), started_event_id };
                self.add(Kind::TimerFired, it.into());
            }
            "timer-canceled" => {
                let it = TimerCanceledEventAttributes { timer_id: name.to_owned(), ..Default::default() };
                self.add(Kind::TimerCanceled, it.into());
            }
            "send" => {
                let it = SignalExternalWorkflowExecutionInitiatedEventAttributes {
                    workflow_execution: workflow(name),
                    signal_name: more.to_owned(),
                    ..Default::default()
                };
                self.begin(&format!("send {name}"), Kind::SignalExternalWorkflowExecutionInitiated, it);
            }
            "sent" => {
                let initiated_event_id = self.id(&format!("send {name}"));
                let it = ExternalWorkflowExecutionSignaledEventAttributes { initiated_event_id, ..Default::default() };
                self.add(Kind::ExternalWorkflowExecutionSignaled, it.into());
            }
            "not-sent" => {
                let initiated_event_id = self.id(&format!("send {name}"));
                let cause = 1;
                let it = SignalExternalWorkflowExecutionFailedEventAttributes {
                    initiated_event_id,
                    cause,
                    ..Default::default()
                };
                self.add(Kind::SignalExternalWorkflowExecutionFailed, it.into());
            }
            "cancel-other" => {
                let it = RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
                    workflow_execution: workflow(name),
                    ..Default::default()
                };
                self.begin(&format!("cancel {name}"), Kind::RequestCancelExternalWorkflowExecutionInitiated, it);
            }
            "other-told" => {
                let initiated_event_id = self.id(&format!("cancel {name}"));
                let it = ExternalWorkflowExecutionCancelRequestedEventAttributes {
                    initiated_event_id,
                    ..Default::default()
                };
                self.add(Kind::ExternalWorkflowExecutionCancelRequested, it.into());
            }
            _ => return self.of_child(word, name, more),
        }
        true
    }

    fn of_child(&mut self, word: &str, name: &str, more: &str) -> bool {
        let key = format!("child {name}");
        let initiated_event_id = self.begun.get(&key).copied().unwrap_or(0);
        match word {
            "child" => {
                let it = StartChildWorkflowExecutionInitiatedEventAttributes {
                    workflow_id: name.to_owned(),
                    workflow_type: Some(WorkflowType { name: more.to_owned() }),
                    ..Default::default()
                };
                self.begin(&key, Kind::StartChildWorkflowExecutionInitiated, it);
            }
            "child-started" => {
                let workflow_execution =
                    Some(WorkflowExecution { workflow_id: name.to_owned(), run_id: "child-run".to_owned() });
                let it = ChildWorkflowExecutionStartedEventAttributes {
                    initiated_event_id,
                    workflow_execution,
                    ..Default::default()
                };
                self.add(Kind::ChildWorkflowExecutionStarted, it.into());
            }
            "child-refused" => {
                let it = StartChildWorkflowExecutionFailedEventAttributes {
                    initiated_event_id,
                    cause: 1,
                    ..Default::default()
                };
                self.add(Kind::StartChildWorkflowExecutionFailed, it.into());
            }
            "child-done" => {
                let result = Some(text(more));
                let it =
                    ChildWorkflowExecutionCompletedEventAttributes { initiated_event_id, result, ..Default::default() };
                self.add(Kind::ChildWorkflowExecutionCompleted, it.into());
            }
            "child-failed" => {
                let failure = Some(failed(more));
                let it =
                    ChildWorkflowExecutionFailedEventAttributes { initiated_event_id, failure, ..Default::default() };
                self.add(Kind::ChildWorkflowExecutionFailed, it.into());
            }
            "child-canceled" => {
                let it = ChildWorkflowExecutionCanceledEventAttributes { initiated_event_id, ..Default::default() };
                self.add(Kind::ChildWorkflowExecutionCanceled, it.into());
            }
            "child-killed" => {
                let it = ChildWorkflowExecutionTerminatedEventAttributes { initiated_event_id, ..Default::default() };
                self.add(Kind::ChildWorkflowExecutionTerminated, it.into());
            }
            _ => return false,
        }
        true
    }

    fn of_workflow(&mut self, word: &str, name: &str, more: &str) {
        let (kind, attributes): (Kind, Attributes) = match word {
            "start" => {
                let it = WorkflowExecutionStartedEventAttributes {
                    original_execution_run_id: RUN.to_owned(),
                    ..Default::default()
                };
                (Kind::WorkflowExecutionStarted, it.into())
            }
            "signal" => {
                let it =
                    WorkflowExecutionSignaledEventAttributes { signal_name: name.to_owned(), ..Default::default() };
                (Kind::WorkflowExecutionSignaled, it.into())
            }
            "cancel" => {
                let it = WorkflowExecutionCancelRequestedEventAttributes::default();
                (Kind::WorkflowExecutionCancelRequested, it.into())
            }
            "version" | "version-past" => {
                let mut details = HashMap::from([("id".to_owned(), text(name))]);
                if word == "version-past" {
                    details.insert("deprecated".to_owned(), text("true"));
                }
                marker("Version", details, None)
            }
            "effect" => {
                marker("SideEffect", [("id".to_owned(), text(name)), ("data".to_owned(), text(more))].into(), None)
            }
            "local" => {
                let details = [("id".to_owned(), text(name)), ("data".to_owned(), text(more))].into();
                marker("LocalActivity", details, None)
            }
            "local-failed" => marker("LocalActivity", [("id".to_owned(), text(name))].into(), Some(failed(more))),
            "attributes" => {
                let it = UpsertWorkflowSearchAttributesEventAttributes::default();
                (Kind::UpsertWorkflowSearchAttributes, it.into())
            }
            "admitted" => {
                let it = WorkflowExecutionUpdateAdmittedEventAttributes {
                    request: Some(request(name, more)),
                    ..Default::default()
                };
                (Kind::WorkflowExecutionUpdateAdmitted, it.into())
            }
            "accepted" | "accepted-before" => {
                let it = WorkflowExecutionUpdateAcceptedEventAttributes {
                    protocol_instance_id: name.to_owned(),
                    accepted_request: (word == "accepted").then(|| request(name, more)),
                    ..Default::default()
                };
                (Kind::WorkflowExecutionUpdateAccepted, it.into())
            }
            "updated" => {
                let it = WorkflowExecutionUpdateCompletedEventAttributes {
                    meta: request(name, "").meta,
                    ..Default::default()
                };
                (Kind::WorkflowExecutionUpdateCompleted, it.into())
            }
            "complete" => {
                (Kind::WorkflowExecutionCompleted, WorkflowExecutionCompletedEventAttributes::default().into())
            }
            "continued" => (
                Kind::WorkflowExecutionContinuedAsNew,
                WorkflowExecutionContinuedAsNewEventAttributes::default().into(),
            ),
            word => panic!("{word:?} is no event"),
        };
        self.add(kind, attributes);
    }
}

fn marker(name: &str, details: HashMap<String, Payloads>, failure: Option<Failure>) -> (Kind, Attributes) {
    let it = MarkerRecordedEventAttributes {
        marker_name: name.to_owned(),
        details: details.into_iter().collect(),
        failure,
        ..Default::default()
    };
    (Kind::MarkerRecorded, it.into())
}
