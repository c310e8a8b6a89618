//! The workflow: a quality gate as a state machine over its history.
//!
//! Whatever happened to worker or server, the next step follows from the events alone:
//!
//! ```text
//! schedule every check ─► all ended ─► timer ─► fired ─► score (marker) and report ─► written ─► complete
//! ```
//!
//! Invariant: [`Gate::read`] and [`Gate::commands`] are pure, and a command is given only if its event is not in the
//! history yet, so a workflow task may be handed out any number of times.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use weft_client::api::{
    command::{
        Command, CompleteWorkflowExecutionCommandAttributes, FailWorkflowExecutionCommandAttributes,
        RecordMarkerCommandAttributes, ScheduleActivityTaskCommandAttributes, StartTimerCommandAttributes,
        command::Attributes as Does,
    },
    common::{ActivityType, Payloads, RetryPolicy},
    enums::CommandType,
    failure::Failure,
    history::{HistoryEvent, history_event::Attributes as Event},
    taskqueue::TaskQueue,
};
use weft_protocol::{payload, time::proto_duration};

use super::{
    checks::Check,
    score::{Outcome, Outcomes, Score},
};

pub(super) const WORKFLOW: &str = "QualityGate";
pub(super) const QUEUE: &str = "quality-gate";
/// Types of activities; the id of a check's activity is the check's name.
pub(super) const CHECK: &str = "Check";
pub(super) const REPORT: &str = "WriteReport";
const REPORT_ID: &str = "report";
const PAUSE_ID: &str = "pause";
const SCORE_MARKER: &str = "score";

pub(super) const ATTEMPTS_MAX: i32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
const ATTEMPT_LIMIT: Duration = Duration::from_secs(90);
/// Well above the interval at which the worker says that it lives.
const HEARTBEAT_LIMIT: Duration = Duration::from_secs(10);

/// What the workflow is started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Input {
    pub(super) repo: String,
    pub(super) report: String,
}

/// What the activity of a check is given.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CheckInput {
    pub(super) repo: String,
    pub(super) check: String,
}

/// What the activity that writes the report is given, and what the workflow gives back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Judged {
    pub(super) input: Input,
    pub(super) score: Score,
    pub(super) outcomes: Outcomes,
}

/// How far the workflow is.
#[derive(Debug, Default)]
pub(super) struct Gate {
    input: Option<Input>,
    /// Names of activities by the event that scheduled them.
    names: BTreeMap<i64, String>,
    pub(super) outcomes: Outcomes,
    pause: Stage,
    report: Stage,
}

#[derive(Debug, Default, PartialEq)]
enum Stage {
    #[default]
    NotYet,
    Begun,
    Done,
    Failed(String),
}

impl Gate {
    /// Folds a history from its first event on.
    pub(super) fn read(events: &[HistoryEvent]) -> anyhow::Result<Self> {
        let mut gate = Self::default();
        for event in events {
            gate.apply(event).with_context(|| format!("event {}", event.event_id))?;
        }
        Ok(gate)
    }

    /// The id of the activity that an event scheduled.
    pub(super) fn activity(&self, scheduled: i64) -> &str {
        self.names.get(&scheduled).map_or("", String::as_str)
    }

    fn apply(&mut self, event: &HistoryEvent) -> anyhow::Result<()> {
        match event.attributes.as_ref().context("without attributes")? {
            Event::WorkflowExecutionStartedEventAttributes(it) => self.input = Some(decode(it.input.as_ref())?),
            Event::ActivityTaskScheduledEventAttributes(it) => {
                if it.activity_id == REPORT_ID {
                    self.report = Stage::Begun;
                }
                self.names.insert(event.event_id, it.activity_id.clone());
            }
            Event::ActivityTaskCompletedEventAttributes(it) => {
                let name = self.activity(it.scheduled_event_id).to_owned();
                if name == REPORT_ID {
                    self.report = Stage::Done;
                } else {
                    self.outcomes.insert(name, Outcome::Found(decode(it.result.as_ref())?));
                }
            }
            Event::ActivityTaskFailedEventAttributes(it) => {
                self.ended_badly(it.scheduled_event_id, reason(it.failure.as_ref()));
            }
            Event::ActivityTaskTimedOutEventAttributes(it) => {
                self.ended_badly(it.scheduled_event_id, reason(it.failure.as_ref()));
            }
            Event::TimerStartedEventAttributes(_) => self.pause = Stage::Begun,
            Event::TimerFiredEventAttributes(_) => self.pause = Stage::Done,
            // Workflow tasks and starts of activities say nothing about the gate.
            _ => {}
        }
        Ok(())
    }

    fn ended_badly(&mut self, scheduled: i64, why: String) {
        let name = self.activity(scheduled).to_owned();
        if name == REPORT_ID {
            self.report = Stage::Failed(why);
        } else {
            self.outcomes.insert(name, Outcome::CouldNotRun(why));
        }
    }

    pub(super) fn judged(&self) -> anyhow::Result<Judged> {
        let input = self.input.clone().context("the history has no start")?;
        Ok(Judged { input, score: Score::of(&self.outcomes), outcomes: self.outcomes.clone() })
    }

    /// What to do next; nothing while something is under way.
    pub(super) fn commands(&self) -> anyhow::Result<Vec<Command>> {
        let judged = self.judged()?;
        if self.names.is_empty() {
            return Check::ALL.iter().map(|check| check_command(*check, &judged.input)).collect();
        }
        if self.outcomes.len() < Check::ALL.len() {
            return Ok(Vec::new());
        }
        match (&self.pause, &self.report) {
            (Stage::NotYet, _) => Ok(vec![pause()]),
            (Stage::Done, Stage::NotYet) => Ok(vec![marker(&judged.score)?, schedule(REPORT, REPORT_ID, &judged)?]),
            (_, Stage::Done) => Ok(vec![complete(&judged)?]),
            (_, Stage::Failed(why)) => Ok(vec![fail(why)]),
            (Stage::Begun | Stage::Failed(_), Stage::NotYet) | (_, Stage::Begun) => Ok(Vec::new()),
        }
    }
}

fn check_command(check: Check, input: &Input) -> anyhow::Result<Command> {
    schedule(CHECK, check.name(), &CheckInput { repo: input.repo.clone(), check: check.name().to_owned() })
}

fn schedule(kind: &str, id: &str, input: &impl Serialize) -> anyhow::Result<Command> {
    let retry = RetryPolicy {
        initial_interval: Some(proto_duration(Duration::from_millis(200))),
        backoff_coefficient: 2.0,
        maximum_interval: Some(proto_duration(Duration::from_secs(2))),
        maximum_attempts: ATTEMPTS_MAX,
        ..RetryPolicy::default()
    };
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: id.to_owned(),
        activity_type: Some(ActivityType { name: kind.to_owned() }),
        task_queue: Some(TaskQueue { name: QUEUE.to_owned(), ..TaskQueue::default() }),
        input: encode(input)?,
        start_to_close_timeout: Some(proto_duration(ATTEMPT_LIMIT)),
        heartbeat_timeout: Some(proto_duration(HEARTBEAT_LIMIT)),
        retry_policy: Some(retry),
        ..ScheduleActivityTaskCommandAttributes::default()
    };
    Ok(command(CommandType::ScheduleActivityTask, Does::ScheduleActivityTaskCommandAttributes(attributes)))
}

fn pause() -> Command {
    let start_to_fire_timeout = Some(proto_duration(PAUSE));
    let attributes = StartTimerCommandAttributes { timer_id: PAUSE_ID.to_owned(), start_to_fire_timeout };
    command(CommandType::StartTimer, Does::StartTimerCommandAttributes(attributes))
}

/// The score as it was computed, for whoever reads the history.
fn marker(score: &Score) -> anyhow::Result<Command> {
    let details = encode(score)?.map(|score| [(SCORE_MARKER.to_owned(), score)].into()).unwrap_or_default();
    let attributes =
        RecordMarkerCommandAttributes { marker_name: SCORE_MARKER.to_owned(), details, ..Default::default() };
    Ok(command(CommandType::RecordMarker, Does::RecordMarkerCommandAttributes(attributes)))
}

fn complete(judged: &Judged) -> anyhow::Result<Command> {
    let attributes = CompleteWorkflowExecutionCommandAttributes { result: encode(judged)? };
    Ok(command(CommandType::CompleteWorkflowExecution, Does::CompleteWorkflowExecutionCommandAttributes(attributes)))
}

fn fail(why: &str) -> Command {
    let failure = Some(Failure { message: format!("the report was not written: {why}"), ..Failure::default() });
    let attributes = FailWorkflowExecutionCommandAttributes { failure };
    command(CommandType::FailWorkflowExecution, Does::FailWorkflowExecutionCommandAttributes(attributes))
}

fn command(kind: CommandType, does: Does) -> Command {
    Command { command_type: kind.into(), attributes: Some(does), ..Command::default() }
}

/// The deepest cause is the one that says what happened.
fn reason(failure: Option<&Failure>) -> String {
    let mut failure = failure;
    while let Some(cause) = failure.and_then(|it| it.cause.as_deref()) {
        failure = Some(cause);
    }
    failure.map_or_else(|| "no reason is given".to_owned(), |it| it.message.clone())
}

/// One JSON payload.
pub(super) fn encode(value: &impl Serialize) -> anyhow::Result<Option<Payloads>> {
    let json = serde_json::to_vec(value).context("a value has no JSON")?;
    Ok(Some(Payloads { payloads: vec![payload::json_plain(json)] }))
}

pub(super) fn decode<T: DeserializeOwned>(payloads: Option<&Payloads>) -> anyhow::Result<T> {
    let first = payloads.and_then(|it| it.payloads.first()).context("a payload is missing")?;
    serde_json::from_slice(&first.data).context("a payload is not what was expected")
}

#[cfg(test)]
mod tests;
