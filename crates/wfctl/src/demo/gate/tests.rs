//! The workflow, step by step and over histories made by hand.

use weft_client::api::{
    command::command::Attributes as Does,
    history::{
        ActivityTaskCompletedEventAttributes, ActivityTaskFailedEventAttributes, ActivityTaskScheduledEventAttributes,
        TimerFiredEventAttributes, TimerStartedEventAttributes, WorkflowExecutionStartedEventAttributes,
    },
};

use super::{
    super::checks::{Finding, Verdict},
    *,
};

/// A history that grows by what the gate commands and what becomes of it.
struct Story(Vec<HistoryEvent>);

impl Story {
    fn begin() -> Self {
        let input = encode(&Input { repo: "/r".to_owned(), report: "/r.md".to_owned() }).unwrap();
        let mut story = Self(Vec::new());
        story.push(Event::WorkflowExecutionStartedEventAttributes(WorkflowExecutionStartedEventAttributes {
            input,
            ..Default::default()
        }));
        story
    }

    fn push(&mut self, attributes: Event) -> i64 {
        let event_id = i64::try_from(self.0.len()).unwrap() + 1;
        self.0.push(HistoryEvent { event_id, attributes: Some(attributes), ..Default::default() });
        event_id
    }

    fn commands(&self) -> Vec<CommandType> {
        let commands = Gate::read(&self.0).unwrap().commands().unwrap();
        commands.iter().map(Command::command_type).collect()
    }

    /// Schedules what the gate asks for and gives the scheduling events.
    fn schedule(&mut self) -> Vec<i64> {
        let commands = Gate::read(&self.0).unwrap().commands().unwrap();
        let scheduled = commands.into_iter().filter_map(|command| match command.attributes? {
            Does::ScheduleActivityTaskCommandAttributes(it) => Some(it.activity_id),
            _ => None,
        });
        let events =
            scheduled.map(|activity_id| ActivityTaskScheduledEventAttributes { activity_id, ..Default::default() });
        events.map(|it| self.push(Event::ActivityTaskScheduledEventAttributes(it))).collect()
    }

    fn complete(&mut self, scheduled_event_id: i64) {
        let finding =
            Finding { verdict: Verdict::Passed, summary: String::new(), command: String::new(), details: Vec::new() };
        let result = encode(&finding).unwrap();
        let it = ActivityTaskCompletedEventAttributes { scheduled_event_id, result, ..Default::default() };
        self.push(Event::ActivityTaskCompletedEventAttributes(it));
    }

    fn fail(&mut self, scheduled_event_id: i64) {
        let failure = Some(Failure { message: "no disk".to_owned(), ..Default::default() });
        let it = ActivityTaskFailedEventAttributes { scheduled_event_id, failure, ..Default::default() };
        self.push(Event::ActivityTaskFailedEventAttributes(it));
    }

    fn pause(&mut self) {
        self.push(Event::TimerStartedEventAttributes(TimerStartedEventAttributes::default()));
        assert_eq!(self.commands(), []);
        self.push(Event::TimerFiredEventAttributes(TimerFiredEventAttributes::default()));
    }
}

#[test]
fn every_check_is_scheduled_once_and_waited_for() {
    let mut story = Story::begin();
    assert_eq!(story.commands(), vec![CommandType::ScheduleActivityTask; Check::ALL.len()]);
    let checks = story.schedule();
    for check in checks {
        assert_eq!(story.commands(), []);
        story.complete(check);
    }
    assert_eq!(story.commands(), [CommandType::StartTimer]);
}

#[test]
fn the_report_follows_the_pause_and_ends_the_workflow() {
    let mut story = Story::begin();
    story.schedule().into_iter().for_each(|check| story.complete(check));
    story.pause();
    assert_eq!(story.commands(), [CommandType::RecordMarker, CommandType::ScheduleActivityTask]);
    let report = story.schedule();
    assert_eq!(story.commands(), []);
    story.complete(report[0]);
    assert_eq!(story.commands(), [CommandType::CompleteWorkflowExecution]);
}

#[test]
fn a_check_that_could_not_run_is_kept_apart_and_the_gate_goes_on() {
    let mut story = Story::begin();
    let checks = story.schedule();
    story.fail(checks[0]);
    checks[1..].iter().for_each(|check| story.complete(*check));
    assert_eq!(story.commands(), [CommandType::StartTimer]);
    let gate = Gate::read(&story.0).unwrap();
    assert_eq!(gate.outcomes[Check::ALL[0].name()], Outcome::CouldNotRun("no disk".to_owned()));
}

#[test]
fn a_report_that_cannot_be_written_fails_the_workflow() {
    let mut story = Story::begin();
    story.schedule().into_iter().for_each(|check| story.complete(check));
    story.pause();
    let report = story.schedule();
    story.fail(report[0]);
    assert_eq!(story.commands(), [CommandType::FailWorkflowExecution]);
}
