//! What the workflows that clients start do, and their children: an activity and a timer at once, and then a child of every
//! third one; meanwhile they take updates, and they end when they have been told to.
//!
//! Invariant: the same history gives the same commands, and a step is begun once.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use weft_protocol::{
    Any,
    api::{
        command::Command,
        history::{HistoryEvent, history_event::Attributes as Event},
        protocol::{Message, message::SequencingId},
        update::{Acceptance, Meta, Outcome, Request as Asked, Response, outcome::Value},
    },
    payload,
    prost::{Message as _, Name},
};

use crate::commands;

/// The signal on which a workflow ends.
pub(crate) const FINISH: &str = "finish";
const ACTIVITY: &str = "activity";
const TIMER: &str = "timer";
const CHILD: &str = "-child";
const TIMER_MIN_MS: u64 = 100;
const TIMER_MAX_MS: u64 = 3_000;

/// The steps of a workflow, which follow from its id.
struct Errand {
    timer: Option<Duration>,
    child: Option<String>,
    /// It waits until it is told to finish.
    waits: bool,
}

/// What a worker says to a task.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) commands: Vec<Command>,
    pub(crate) messages: Vec<Message>,
}

/// Whether a workflow is reset on its way. One that has a child is not: the child would be another run's.
pub(crate) fn is_reset(workflow: &str) -> bool {
    let number = workflow.rsplit('-').next().and_then(|number| number.parse::<u64>().ok());
    number.is_some_and(|number| number % 6 == 1)
}

/// The child that a workflow has, if it has one.
pub(crate) fn child_of(workflow: &str) -> Option<String> {
    let number: u64 = workflow.rsplit('-').next()?.parse().ok()?;
    number.is_multiple_of(3).then(|| format!("{workflow}{CHILD}"))
}

impl Errand {
    fn of(workflow: &str) -> Self {
        let number: Option<u64> = workflow.rsplit('-').next().and_then(|number| number.parse().ok());
        // Timers of workflows that follow each other last for very different times.
        let timer = number.map(|number| Duration::from_millis(TIMER_MIN_MS + number * 997 % TIMER_MAX_MS));
        Self { timer, child: child_of(workflow), waits: number.is_some() }
    }
}

/// What follows from this history, and from what came with the task. No two outcomes of updates are the same if no two
/// salts are.
pub(crate) fn decide(workflow: &str, history: &[HistoryEvent], asked: &[Message], salt: u64) -> Said {
    let (errand, progress) = (Errand::of(workflow), Progress::of(history));
    let mut said = Said::default();
    for message in asked {
        said.answer(message, salt);
    }
    let first = [Some(ACTIVITY), errand.timer.map(|_| TIMER)];
    let second = [errand.child.as_deref(), None];
    for steps in [first, second] {
        let steps = || steps.into_iter().flatten();
        if steps().all(|step| progress.done.contains(step)) {
            continue;
        }
        let begin = |step: &str| match (step, errand.timer) {
            (ACTIVITY, _) => commands::activity(ACTIVITY),
            (TIMER, Some(lasts)) => commands::timer(TIMER, lasts),
            (child, _) => commands::child(child, "child"),
        };
        said.commands.extend(steps().filter(|step| !progress.begun.contains(step)).map(begin));
        return said;
    }
    if !errand.waits || progress.is_told {
        said.commands.push(commands::complete(None));
    }
    said
}

#[derive(Default)]
struct Progress<'h> {
    /// By the events that began them.
    steps: BTreeMap<i64, &'h str>,
    begun: BTreeSet<&'h str>,
    done: BTreeSet<&'h str>,
    is_told: bool,
}

impl<'h> Progress<'h> {
    fn of(history: &'h [HistoryEvent]) -> Self {
        let mut progress = Self::default();
        for event in history {
            match &event.attributes {
                Some(Event::ActivityTaskScheduledEventAttributes(it)) => progress.begins(event, &it.activity_id),
                Some(Event::TimerStartedEventAttributes(it)) => progress.begins(event, &it.timer_id),
                Some(Event::StartChildWorkflowExecutionInitiatedEventAttributes(it)) => {
                    progress.begins(event, &it.workflow_id);
                }
                Some(Event::ActivityTaskCompletedEventAttributes(it)) => progress.ends(it.scheduled_event_id),
                Some(Event::TimerFiredEventAttributes(it)) => progress.ends(it.started_event_id),
                Some(Event::ChildWorkflowExecutionCompletedEventAttributes(it)) => progress.ends(it.initiated_event_id),
                Some(Event::WorkflowExecutionSignaledEventAttributes(it)) => {
                    progress.is_told |= it.signal_name == FINISH;
                }
                _ => {}
            }
        }
        progress
    }

    fn begins(&mut self, event: &HistoryEvent, step: &'h str) {
        self.steps.insert(event.event_id, step);
        self.begun.insert(step);
    }

    fn ends(&mut self, began: i64) {
        self.done.extend(self.steps.get(&began));
    }
}

impl Said {
    /// An update is accepted and completed at once.
    fn answer(&mut self, asked: &Message, salt: u64) {
        let id = asked.protocol_instance_id.as_str();
        let Some(SequencingId::EventId(sequencing)) = asked.sequencing_id else { return };
        let acceptance = Acceptance {
            accepted_request_message_id: asked.id.clone(),
            accepted_request_sequencing_event_id: sequencing,
            accepted_request: asked.body.as_ref().and_then(|body| Asked::decode(&*body.value).ok()),
        };
        let result = payload::list(payload::json_string(&format!("{id} {salt:x}")));
        let response = Response {
            meta: Some(Meta { update_id: id.to_owned(), identity: "chaos".to_owned() }),
            outcome: Some(Outcome { value: Some(Value::Success(result)) }),
        };
        for message in [message(id, "accept", &acceptance), message(id, "complete", &response)] {
            self.commands.push(commands::message(&message.id));
            self.messages.push(message);
        }
    }
}

fn message<M: weft_protocol::prost::Message + Name>(id: &str, what: &str, body: &M) -> Message {
    let type_url = format!("type.googleapis.com/{}", M::full_name());
    Message {
        id: format!("{id}/{what}"),
        protocol_instance_id: id.to_owned(),
        body: Some(Any { type_url, value: body.encode_to_vec() }),
        sequencing_id: None,
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::{
        enums::CommandType,
        history::{
            ActivityTaskCompletedEventAttributes as ActivityDone, ActivityTaskScheduledEventAttributes as Scheduled,
            ChildWorkflowExecutionCompletedEventAttributes as ChildDone,
            StartChildWorkflowExecutionInitiatedEventAttributes as Initiated, TimerFiredEventAttributes as Fired,
            TimerStartedEventAttributes as Started, WorkflowExecutionSignaledEventAttributes as Signaled,
        },
    };

    use super::*;
    use crate::laws::made_up;

    /// A whole life of a workflow with a child, without its tasks.
    fn life() -> Vec<HistoryEvent> {
        made_up::history([
            Event::ActivityTaskScheduledEventAttributes(Scheduled {
                activity_id: ACTIVITY.to_owned(),
                ..Scheduled::default()
            }),
            Event::TimerStartedEventAttributes(Started { timer_id: TIMER.to_owned(), ..Started::default() }),
            Event::WorkflowExecutionSignaledEventAttributes(Signaled {
                signal_name: FINISH.to_owned(),
                ..Signaled::default()
            }),
            Event::ActivityTaskCompletedEventAttributes(ActivityDone {
                scheduled_event_id: 1,
                ..ActivityDone::default()
            }),
            Event::TimerFiredEventAttributes(Fired { started_event_id: 2, ..Fired::default() }),
            Event::StartChildWorkflowExecutionInitiatedEventAttributes(Initiated {
                workflow_id: "w0-3-child".to_owned(),
                ..Initiated::default()
            }),
            Event::ChildWorkflowExecutionCompletedEventAttributes(ChildDone {
                initiated_event_id: 6,
                ..ChildDone::default()
            }),
        ])
    }

    fn decided(workflow: &str, events: usize) -> Vec<CommandType> {
        let said = decide(workflow, &life()[..events], &[], 0);
        said.commands.iter().map(Command::command_type).collect()
    }

    #[test]
    fn each_step_is_begun_once_and_then_the_workflow_ends() {
        use CommandType::{CompleteWorkflowExecution, ScheduleActivityTask, StartChildWorkflowExecution, StartTimer};
        assert_eq!(decided("w0-3", 0), [ScheduleActivityTask, StartTimer]);
        assert_eq!(decided("w0-3", 4), []);
        assert_eq!(decided("w0-3", 5), [StartChildWorkflowExecution]);
        assert_eq!(decided("w0-3", 6), []);
        assert_eq!(decided("w0-3", 7), [CompleteWorkflowExecution]);
        assert_eq!(decided("w0-4", 5), [CompleteWorkflowExecution], "it has no child");
        assert_eq!(decided("w0-3-child", 4), [CompleteWorkflowExecution], "it waits for nobody");
    }

    #[test]
    fn no_workflow_is_reset_that_has_a_child() {
        let all = || (0..100).map(|number| format!("w0-{number}"));
        assert!(all().any(|workflow| is_reset(&workflow)));
        assert!(all().all(|workflow| child_of(&workflow).is_none() || !is_reset(&workflow)));
    }

    #[test]
    fn an_update_is_accepted_and_completed_with_the_task_that_brings_it() {
        let update = Message {
            protocol_instance_id: "u".to_owned(),
            sequencing_id: Some(SequencingId::EventId(2)),
            ..Message::default()
        };
        let said = decide("w0-3", &life()[..4], &[update], 0);
        let ids: Vec<&str> = said.messages.iter().map(|message| message.id.as_str()).collect();
        assert_eq!((ids, said.commands.len()), (vec!["u/accept", "u/complete"], 2));
    }
}
