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
            ScheduleActivityTaskCommandAttributes, SignalExternalWorkflowExecutionCommandAttributes,
            StartChildWorkflowExecutionCommandAttributes, StartTimerCommandAttributes, command::Attributes,
        },
        common::{ActivityType, RetryPolicy, WorkflowExecution, WorkflowType},
        enums::{CommandType, WorkflowTaskFailedCause},
        history::{HistoryEvent, history_event::Attributes as Event},
        taskqueue::TaskQueue,
    },
    payload,
};

use crate::plan::{Step, Tell, WorkflowPlan};

/// The queue of workflow and activity tasks.
pub(crate) const QUEUE: &str = "queue";
/// The type of a run that waits for no signals.
pub(crate) const AGAIN: &str = "Again";

/// Of the workflow tasks of clients' workflows and of children.
pub(crate) const TASK_TIMEOUT: Duration = Duration::from_millis(300);
const START_TO_CLOSE: Duration = Duration::from_millis(250);
const HEARTBEAT_TIMEOUT: Duration = Duration::from_millis(120);
const RETRY_INITIAL: Duration = Duration::from_millis(40);

#[derive(Default)]
struct Progress<'h> {
    cancel_requested: bool,
    is_again: bool,
    /// It is a copy: nobody speaks with it, and what the origin waits for elsewhere does not come here.
    is_fork: bool,
    scheduled: BTreeMap<i64, &'h str>,
    begun: BTreeSet<&'h str>,
    done: BTreeSet<&'h str>,
    /// Children and signals to others.
    elsewhere: BTreeSet<&'h str>,
    /// Signals to others that did not arrive: they may be sent again.
    failed: BTreeSet<&'h str>,
    signals: BTreeSet<&'h str>,
}

impl<'h> Progress<'h> {
    fn of(plan: &WorkflowPlan, history: &'h [Arc<HistoryEvent>]) -> Self {
        let mut progress = Self { is_fork: plan.is_fork, ..Self::default() };
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
            Some(Event::WorkflowTaskFailedEventAttributes(it))
                if self.is_fork && it.cause() == WorkflowTaskFailedCause::ResetWorkflow =>
            {
                self.done.extend(self.elsewhere.iter());
            }
            // A copy of a run that was paused goes on from here.
            Some(Event::WorkflowExecutionUnpausedEventAttributes(_)) if self.is_fork => {
                self.done.extend(self.elsewhere.iter());
            }
            Some(Event::WorkflowExecutionSignaledEventAttributes(it)) => {
                self.signals.insert(&it.signal_name);
            }
            Some(Event::ActivityTaskScheduledEventAttributes(it)) => {
                self.scheduled.insert(event.event_id, &it.activity_id);
                self.begun.insert(&it.activity_id);
            }
            Some(Event::ActivityTaskCompletedEventAttributes(it)) => self.asked_done(it.scheduled_event_id),
            Some(Event::ActivityTaskFailedEventAttributes(it)) => self.asked_done(it.scheduled_event_id),
            Some(Event::ActivityTaskTimedOutEventAttributes(it)) => self.asked_done(it.scheduled_event_id),
            Some(Event::StartChildWorkflowExecutionInitiatedEventAttributes(it)) => {
                self.scheduled.insert(event.event_id, &it.workflow_id);
                self.begun.insert(&it.workflow_id);
                self.elsewhere.insert(&it.workflow_id);
            }
            Some(Event::StartChildWorkflowExecutionFailedEventAttributes(it)) => self.asked_done(it.initiated_event_id),
            Some(Event::ChildWorkflowExecutionCompletedEventAttributes(it)) => self.asked_done(it.initiated_event_id),
            Some(Event::ChildWorkflowExecutionTerminatedEventAttributes(it)) => self.asked_done(it.initiated_event_id),
            Some(Event::SignalExternalWorkflowExecutionInitiatedEventAttributes(it)) => {
                self.scheduled.insert(event.event_id, &it.signal_name);
                self.begun.insert(&it.signal_name);
                self.elsewhere.insert(&it.signal_name);
            }
            Some(Event::ExternalWorkflowExecutionSignaledEventAttributes(it)) => self.asked_done(it.initiated_event_id),
            Some(Event::SignalExternalWorkflowExecutionFailedEventAttributes(it)) => {
                if let Some(name) = self.scheduled.get(&it.initiated_event_id) {
                    self.failed.insert(name);
                    self.begun.remove(name);
                }
            }
            Some(Event::TimerStartedEventAttributes(it)) => {
                self.begun.insert(&it.timer_id);
            }
            Some(Event::TimerFiredEventAttributes(it)) => {
                self.done.insert(&it.timer_id);
            }
            _ => {}
        }
    }

    /// What this event asked for has come to its end.
    fn asked_done(&mut self, scheduled: i64) {
        if let Some(id) = self.scheduled.get(&scheduled) {
            self.done.insert(id);
        }
    }
}

impl Progress<'_> {
    /// It failed, and nobody waits for it.
    fn gave_up(&self, tell: &Tell) -> bool {
        let insists = tell.insists && !self.is_again;
        !insists && self.failed.contains(tell.name.as_str())
    }
}

/// The commands that follow from this history; the workflow ends only if it has had its updates.
pub(crate) fn decide(plan: &WorkflowPlan, history: &[Arc<HistoryEvent>], updated: bool, eager: bool) -> Vec<Command> {
    let progress = Progress::of(plan, history);
    if progress.cancel_requested {
        let cancel = CancelWorkflowExecutionCommandAttributes { details: None };
        return vec![command(
            CommandType::CancelWorkflowExecution,
            Attributes::CancelWorkflowExecutionCommandAttributes(cancel),
        )];
    }
    for step in plan.steps.iter() {
        let ids: Vec<&str> = match step {
            Step::Activities(ids) | Step::Children(ids) => ids.iter().map(String::as_str).collect(),
            Step::Timers(timers) => timers.iter().map(|(id, _)| id.as_str()).collect(),
            // What the origin waits for from others must come from them, not from a fork of them.
            Step::Tell(_) if progress.is_fork => continue,
            Step::Tell(tell) if progress.gave_up(tell) => continue,
            Step::Tell(tell) => vec![&tell.name],
        };
        if ids.iter().all(|id| progress.done.contains(id)) {
            continue;
        }
        let new = ids.into_iter().filter(|id| !progress.begun.contains(id));
        return new.map(|id| begin(step, id, eager)).collect();
    }
    let has_signals = plan.signals.iter().chain(&plan.tells).all(|name| progress.signals.contains(name.as_str()));
    let has_all = has_signals && updated;
    if !progress.is_again && !progress.is_fork && !has_all {
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
        Step::Children(_) => start_child(id),
        Step::Tell(tell) => signal(tell),
        Step::Timers(timers) => {
            let lasts = timers.iter().find(|(name, _)| name == id).map(|(_, ms)| *ms);
            timer(id, lasts.expect("it is one of them"))
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

pub(crate) fn timer(id: &str, ms: u64) -> Command {
    let start_to_fire_timeout = Some(wire_span(Duration::from_millis(ms)));
    let start = StartTimerCommandAttributes { timer_id: id.to_owned(), start_to_fire_timeout };
    command(CommandType::StartTimer, Attributes::StartTimerCommandAttributes(start))
}

fn start_child(id: &str) -> Command {
    let start = StartChildWorkflowExecutionCommandAttributes {
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Child".to_owned() }),
        task_queue: Some(TaskQueue { name: QUEUE.to_owned(), ..TaskQueue::default() }),
        input: Some(payload::list(payload::json_string(id))),
        workflow_task_timeout: Some(wire_span(TASK_TIMEOUT)),
        ..StartChildWorkflowExecutionCommandAttributes::default()
    };
    let start = Attributes::StartChildWorkflowExecutionCommandAttributes(start);
    command(CommandType::StartChildWorkflowExecution, start)
}

fn signal(tell: &Tell) -> Command {
    let signal = SignalExternalWorkflowExecutionCommandAttributes {
        execution: Some(WorkflowExecution { workflow_id: tell.whom.clone(), run_id: String::new() }),
        signal_name: tell.name.clone(),
        ..SignalExternalWorkflowExecutionCommandAttributes::default()
    };
    let signal = Attributes::SignalExternalWorkflowExecutionCommandAttributes(signal);
    command(CommandType::SignalExternalWorkflowExecution, signal)
}

pub(crate) fn command(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind.into(), attributes: Some(attributes), ..Command::default() }
}
