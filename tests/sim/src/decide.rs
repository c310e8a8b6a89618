//! The workflow's code: what to do next, from the history alone.
//!
//! Invariant: the same history gives the same commands, and a step is begun once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use weft_engine::wire_span;
use weft_protocol::{
    api::{
        command::{
            CancelWorkflowExecutionCommandAttributes, Command, CompleteWorkflowExecutionCommandAttributes,
            ScheduleActivityTaskCommandAttributes, StartTimerCommandAttributes, command::Attributes,
        },
        common::{ActivityType, RetryPolicy},
        enums::CommandType,
        history::{HistoryEvent, history_event::Attributes as Event},
        taskqueue::TaskQueue,
    },
    payload,
};

use crate::plan::{Step, WorkflowPlan};

/// The queue of workflow and activity tasks.
pub(crate) const QUEUE: &str = "queue";
/// The type of a run that waits for no signals.
pub(crate) const AGAIN: &str = "Again";

const START_TO_CLOSE: Duration = Duration::from_millis(250);
const HEARTBEAT_TIMEOUT: Duration = Duration::from_millis(120);
const RETRY_INITIAL: Duration = Duration::from_millis(40);

#[derive(Default)]
struct Progress<'h> {
    cancel_requested: bool,
    is_again: bool,
    scheduled: BTreeMap<i64, &'h str>,
    begun: BTreeSet<&'h str>,
    done: BTreeSet<&'h str>,
    signals: BTreeSet<&'h str>,
}

impl<'h> Progress<'h> {
    fn of(history: &'h [Arc<HistoryEvent>]) -> Self {
        let mut progress = Self::default();
        for event in history {
            progress.add(event);
        }
        progress
    }

    fn add(&mut self, event: &'h HistoryEvent) {
        match event.attributes.as_ref() {
            Some(Event::WorkflowExecutionStartedEventAttributes(it)) => {
                self.is_again = it.workflow_type.as_ref().is_some_and(|kind| kind.name == AGAIN);
            }
            Some(Event::WorkflowExecutionCancelRequestedEventAttributes(_)) => self.cancel_requested = true,
            Some(Event::WorkflowExecutionSignaledEventAttributes(it)) => {
                self.signals.insert(&it.signal_name);
            }
            Some(Event::ActivityTaskScheduledEventAttributes(it)) => {
                self.scheduled.insert(event.event_id, &it.activity_id);
                self.begun.insert(&it.activity_id);
            }
            Some(Event::ActivityTaskCompletedEventAttributes(it)) => self.activity_done(it.scheduled_event_id),
            Some(Event::ActivityTaskFailedEventAttributes(it)) => self.activity_done(it.scheduled_event_id),
            Some(Event::ActivityTaskTimedOutEventAttributes(it)) => self.activity_done(it.scheduled_event_id),
            Some(Event::TimerStartedEventAttributes(it)) => {
                self.begun.insert(&it.timer_id);
            }
            Some(Event::TimerFiredEventAttributes(it)) => {
                self.done.insert(&it.timer_id);
            }
            _ => {}
        }
    }

    fn activity_done(&mut self, scheduled: i64) {
        if let Some(id) = self.scheduled.get(&scheduled) {
            self.done.insert(id);
        }
    }
}

/// The commands that follow from this history.
pub(crate) fn decide(plan: &WorkflowPlan, history: &[Arc<HistoryEvent>], eager: bool) -> Vec<Command> {
    let progress = Progress::of(history);
    if progress.cancel_requested {
        let cancel = CancelWorkflowExecutionCommandAttributes { details: None };
        return vec![command(
            CommandType::CancelWorkflowExecution,
            Attributes::CancelWorkflowExecutionCommandAttributes(cancel),
        )];
    }
    for step in &plan.steps {
        let ids: Vec<&str> = match step {
            Step::Activities(ids) => ids.iter().map(String::as_str).collect(),
            Step::Timer(id, _) => vec![id],
        };
        if ids.iter().all(|id| progress.done.contains(id)) {
            continue;
        }
        let new = ids.into_iter().filter(|id| !progress.begun.contains(id));
        return new.map(|id| begin(step, id, eager)).collect();
    }
    let has_signals = plan.signals.iter().all(|name| progress.signals.contains(name.as_str()));
    if !progress.is_again && !has_signals {
        return Vec::new();
    }
    let result = Some(payload::list(payload::json_string("done")));
    let complete = CompleteWorkflowExecutionCommandAttributes { result };
    vec![command(
        CommandType::CompleteWorkflowExecution,
        Attributes::CompleteWorkflowExecutionCommandAttributes(complete),
    )]
}

fn begin(step: &Step, id: &str, eager: bool) -> Command {
    match step {
        Step::Timer(_, ms) => {
            let start_to_fire_timeout = Some(wire_span(Duration::from_millis(*ms)));
            let start = StartTimerCommandAttributes { timer_id: id.to_owned(), start_to_fire_timeout };
            command(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(start))
        }
        Step::Activities(_) => {
            let retry = RetryPolicy {
                initial_interval: Some(wire_span(RETRY_INITIAL)),
                backoff_coefficient: 2.0,
                maximum_interval: Some(wire_span(RETRY_INITIAL * 4)),
                ..RetryPolicy::default()
            };
            let schedule = ScheduleActivityTaskCommandAttributes {
                activity_id: id.to_owned(),
                activity_type: Some(ActivityType { name: "Activity".to_owned() }),
                task_queue: Some(TaskQueue { name: QUEUE.to_owned(), ..TaskQueue::default() }),
                input: Some(payload::list(payload::json_string(id))),
                start_to_close_timeout: Some(wire_span(START_TO_CLOSE)),
                heartbeat_timeout: Some(wire_span(HEARTBEAT_TIMEOUT)),
                retry_policy: Some(retry),
                request_eager_execution: eager,
                ..ScheduleActivityTaskCommandAttributes::default()
            };
            command(CommandType::ScheduleActivityTask, Attributes::ScheduleActivityTaskCommandAttributes(schedule))
        }
    }
}

fn command(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind.into(), attributes: Some(attributes), ..Command::default() }
}
