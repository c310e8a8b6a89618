//! From events to the tree: who began what, and how it ended.

use std::collections::HashMap;

use weft_client::api::{
    common::WorkflowExecution,
    enums::TimeoutType,
    failure::Failure,
    history::{HistoryEvent, history_event::Attributes},
};

use super::{Kind, Node, Tree, Went};
use crate::render::{failure, history, names, payload, time};

/// The tree of a history.
pub(super) fn tree(events: &[HistoryEvent]) -> Tree {
    let mut builder = Builder::default();
    for event in events {
        let known = event.attributes.as_ref().is_some_and(|attributes| {
            builder.task(event, attributes)
                || builder.activity(event, attributes)
                || builder.timer(event, attributes)
                || builder.child(event, attributes)
                || builder.external(event, attributes)
                || builder.update(event, attributes)
                || builder.of_command(event, attributes)
        });
        if !known {
            builder.moment(event);
        }
    }
    builder.tree
}

#[derive(Default)]
struct Builder {
    tree: Tree,
    /// The node that an event began, or, of a completed workflow task, the task's.
    begun: HashMap<i64, usize>,
    /// The last workflow task that was completed.
    last_task: Option<usize>,
}

impl Builder {
    /// Something that nothing in the history caused.
    fn root(&mut self, event: &HistoryEvent, kind: Kind, what: String) -> usize {
        let at = self.node(event, kind, what);
        self.tree.roots.push(at);
        at
    }

    /// Something that a workflow task's commands began.
    fn part(&mut self, event: &HistoryEvent, completed: i64, kind: Kind, what: String) -> usize {
        let at = self.node(event, kind, what);
        match self.begun.get(&completed).copied().or(self.last_task) {
            Some(task) => self.tree.nodes[task].parts.push(at),
            None => self.tree.roots.push(at),
        }
        at
    }

    fn node(&mut self, event: &HistoryEvent, kind: Kind, what: String) -> usize {
        let at = self.tree.nodes.len();
        let (event_id, began) = (event.event_id, event.event_time);
        self.tree.nodes.push(Node { kind, event: event_id, began, what, ..Node::default() });
        self.begun.insert(event_id, at);
        at
    }

    /// What a certain event began has ended.
    fn end(&mut self, event: &HistoryEvent, of: i64, went: Went, end: String) {
        if let Some(at) = self.begun.get(&of) {
            let node = &mut self.tree.nodes[*at];
            node.ended = event.event_time;
            node.went = went;
            let attempts = core::mem::take(&mut node.end);
            node.end = [end, attempts].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        }
    }

    /// What is over as it happens.
    fn moment(&mut self, event: &HistoryEvent) {
        let facts = history::facts(event);
        let kind = names::event(event.event_type);
        let what = if facts.is_empty() { kind.clone() } else { format!("{kind}  {facts}") };
        let at = self.root(event, Kind::Moment, what);
        let bad = ["WorkflowExecutionFailed", "WorkflowExecutionTimedOut", "WorkflowExecutionTerminated"];
        if bad.contains(&kind.as_str()) {
            self.tree.nodes[at].went = Went::Badly;
        }
    }

    fn task(&mut self, event: &HistoryEvent, attributes: &Attributes) -> bool {
        match attributes {
            Attributes::WorkflowTaskScheduledEventAttributes(_) => {
                self.root(event, Kind::Task, "workflow task".to_owned());
            }
            Attributes::WorkflowTaskStartedEventAttributes(it) => {
                if let Some(at) = self.begun.get(&it.scheduled_event_id) {
                    self.tree.nodes[*at].end = "running".to_owned();
                }
            }
            Attributes::WorkflowTaskCompletedEventAttributes(it) => {
                if let Some(at) = self.begun.get(&it.scheduled_event_id).copied() {
                    self.tree.nodes[at].end.clear();
                    self.begun.insert(event.event_id, at);
                    self.last_task = Some(at);
                }
                self.end(event, it.scheduled_event_id, Went::Well, String::new());
            }
            Attributes::WorkflowTaskFailedEventAttributes(it) => {
                let why = it.failure.as_ref().map(failure::root).unwrap_or_default();
                self.clear(it.scheduled_event_id);
                let end = format!("failed: {} {why}", names::task_failed(it.cause));
                self.end(event, it.scheduled_event_id, Went::Badly, end.trim_end().to_owned());
            }
            Attributes::WorkflowTaskTimedOutEventAttributes(it) => {
                self.clear(it.scheduled_event_id);
                let end = format!("timed out ({})", names::timeout(it.timeout_type));
                self.end(event, it.scheduled_event_id, Went::Badly, end);
            }
            _ => return false,
        }
        true
    }

    fn clear(&mut self, scheduled: i64) {
        if let Some(at) = self.begun.get(&scheduled) {
            self.tree.nodes[*at].end.clear();
        }
    }

    fn activity(&mut self, event: &HistoryEvent, attributes: &Attributes) -> bool {
        match attributes {
            Attributes::ActivityTaskScheduledEventAttributes(it) => {
                let what = format!("activity {}", history::facts(event));
                self.part(event, it.workflow_task_completed_event_id, Kind::Work, what);
            }
            Attributes::ActivityTaskStartedEventAttributes(it) => {
                if let Some(at) = self.begun.get(&it.scheduled_event_id) {
                    let attempts = if it.attempt > 1 { format!("{} attempts", it.attempt) } else { String::new() };
                    self.tree.nodes[*at].end = attempts;
                }
            }
            Attributes::ActivityTaskCompletedEventAttributes(it) => {
                self.end(event, it.scheduled_event_id, Went::Well, done(&payload::list(it.result.as_ref())));
            }
            Attributes::ActivityTaskFailedEventAttributes(it) => {
                self.end(event, it.scheduled_event_id, Went::Badly, failed(it.failure.as_ref()));
            }
            Attributes::ActivityTaskTimedOutEventAttributes(it) => {
                let kind = it.failure.as_ref().and_then(timeout).unwrap_or_default();
                self.end(event, it.scheduled_event_id, Went::Badly, format!("timed out {kind}").trim_end().to_owned());
            }
            Attributes::ActivityTaskCancelRequestedEventAttributes(it) => {
                let what = format!("asked to cancel event {}", it.scheduled_event_id);
                self.part(event, it.workflow_task_completed_event_id, Kind::Moment, what);
            }
            Attributes::ActivityTaskCanceledEventAttributes(it) => {
                self.end(event, it.scheduled_event_id, Went::Badly, "canceled".to_owned());
            }
            _ => return false,
        }
        true
    }

    fn timer(&mut self, event: &HistoryEvent, attributes: &Attributes) -> bool {
        match attributes {
            Attributes::TimerStartedEventAttributes(it) => {
                let what = format!("timer {} of {}", it.timer_id, time::duration(it.start_to_fire_timeout.as_ref()));
                self.part(event, it.workflow_task_completed_event_id, Kind::Work, what);
            }
            Attributes::TimerFiredEventAttributes(it) => {
                self.end(event, it.started_event_id, Went::Well, "fired".to_owned());
            }
            Attributes::TimerCanceledEventAttributes(it) => {
                self.end(event, it.started_event_id, Went::Badly, "canceled".to_owned());
            }
            _ => return false,
        }
        true
    }

    fn child(&mut self, event: &HistoryEvent, attributes: &Attributes) -> bool {
        match attributes {
            Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(it) => {
                let what = format!("child {}", history::facts(event));
                self.part(event, it.workflow_task_completed_event_id, Kind::Work, what);
            }
            Attributes::StartChildWorkflowExecutionFailedEventAttributes(it) => {
                self.end(event, it.initiated_event_id, Went::Badly, "not started: its id is taken".to_owned());
            }
            // That it runs shows as long as nothing else does.
            Attributes::ChildWorkflowExecutionStartedEventAttributes(_) => {}
            Attributes::ChildWorkflowExecutionCompletedEventAttributes(it) => {
                self.end(event, it.initiated_event_id, Went::Well, done(&payload::list(it.result.as_ref())));
            }
            Attributes::ChildWorkflowExecutionFailedEventAttributes(it) => {
                self.end(event, it.initiated_event_id, Went::Badly, failed(it.failure.as_ref()));
            }
            Attributes::ChildWorkflowExecutionCanceledEventAttributes(it) => {
                self.end(event, it.initiated_event_id, Went::Badly, "canceled".to_owned());
            }
            Attributes::ChildWorkflowExecutionTimedOutEventAttributes(it) => {
                self.end(event, it.initiated_event_id, Went::Badly, "timed out".to_owned());
            }
            Attributes::ChildWorkflowExecutionTerminatedEventAttributes(it) => {
                self.end(event, it.initiated_event_id, Went::Badly, "terminated".to_owned());
            }
            _ => return false,
        }
        true
    }

    fn external(&mut self, event: &HistoryEvent, attributes: &Attributes) -> bool {
        match attributes {
            Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(it) => {
                let what = format!("signal {} to {}", it.signal_name, id(it.workflow_execution.as_ref()));
                self.part(event, it.workflow_task_completed_event_id, Kind::Work, what);
            }
            Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(it) => {
                let what = format!("cancel of {}", id(it.workflow_execution.as_ref()));
                self.part(event, it.workflow_task_completed_event_id, Kind::Work, what);
            }
            Attributes::ExternalWorkflowExecutionSignaledEventAttributes(it) => {
                self.end(event, it.initiated_event_id, Went::Well, "delivered".to_owned());
            }
            Attributes::ExternalWorkflowExecutionCancelRequestedEventAttributes(it) => {
                self.end(event, it.initiated_event_id, Went::Well, "delivered".to_owned());
            }
            Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(it) => {
                self.end(event, it.initiated_event_id, Went::Badly, "not delivered".to_owned());
            }
            Attributes::RequestCancelExternalWorkflowExecutionFailedEventAttributes(it) => {
                self.end(event, it.initiated_event_id, Went::Badly, "not delivered".to_owned());
            }
            _ => return false,
        }
        true
    }

    fn update(&mut self, event: &HistoryEvent, attributes: &Attributes) -> bool {
        match attributes {
            Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(it) => {
                let request = it.accepted_request.clone().unwrap_or_default();
                let (meta, input) = (request.meta.unwrap_or_default(), request.input.unwrap_or_default());
                let what =
                    format!("update {} id={} input={}", input.name, meta.update_id, payload::list(input.args.as_ref()));
                self.part(event, 0, Kind::Work, what);
            }
            Attributes::WorkflowExecutionUpdateCompletedEventAttributes(it) => {
                use weft_client::api::update::outcome::Value;
                let (went, end) = match it.outcome.as_ref().and_then(|outcome| outcome.value.as_ref()) {
                    Some(Value::Failure(why)) => (Went::Badly, failed(Some(why))),
                    Some(Value::Success(result)) => (Went::Well, done(&payload::list(Some(result)))),
                    None => (Went::Well, done("")),
                };
                self.end(event, it.accepted_event_id, went, end);
            }
            _ => return false,
        }
        true
    }

    /// What is over as it happens, but was commanded.
    fn of_command(&mut self, event: &HistoryEvent, attributes: &Attributes) -> bool {
        let (completed, what) = match attributes {
            Attributes::MarkerRecordedEventAttributes(it) => (it.workflow_task_completed_event_id, "marker"),
            Attributes::UpsertWorkflowSearchAttributesEventAttributes(it) => {
                (it.workflow_task_completed_event_id, "search attributes")
            }
            Attributes::WorkflowPropertiesModifiedEventAttributes(it) => (it.workflow_task_completed_event_id, "memo"),
            _ => return false,
        };
        self.part(event, completed, Kind::Moment, format!("{what} {}", history::facts(event)).trim_end().to_owned());
        true
    }
}

fn done(result: &str) -> String {
    if result.is_empty() { "done".to_owned() } else { format!("done {result}") }
}

fn failed(why: Option<&Failure>) -> String {
    format!("failed: {}", why.map(failure::root).unwrap_or_default()).trim_end().to_owned()
}

/// Which of its timeouts it was.
fn timeout(why: &Failure) -> Option<String> {
    use weft_client::api::failure::failure::FailureInfo;
    let Some(FailureInfo::TimeoutFailureInfo(info)) = &why.failure_info else { return None };
    (info.timeout_type() != TimeoutType::Unspecified).then(|| format!("({})", names::timeout(info.timeout_type)))
}

fn id(execution: Option<&WorkflowExecution>) -> &str {
    execution.map_or("", |it| &it.workflow_id)
}
