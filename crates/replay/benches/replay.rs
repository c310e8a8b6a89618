//! How fast a history of 10,000 events is replayed: `cargo bench -p weft-replay`.
//!
//! Two shapes: activities one after the other, each in a turn of its own, and 500 at a time. The code does nothing else,
//! so this is the cost of replay itself; what payloads are decoded to is the program's.

use std::{panic::Location, time::Duration};

use weft_env::{Clock, RealClock};
use weft_protocol::{
    Timestamp,
    api::{
        command::ScheduleActivityTaskCommandAttributes,
        common::{ActivityType, Payloads},
        enums::EventType as Kind,
        failure::Failure,
        history::{HistoryEvent, history_event::Attributes, *},
    },
};
use weft_replay::{
    Cancellation, Config, Context, End, Info, Outcome, Program, Query, Reaction, Run, ScopeId, Signal, Task,
    UpdateRequest, Wait,
};

const EVENTS: usize = 10_000;
const ROUNDS: u32 = 20;

struct Activities {
    context: Context,
    at_once: usize,
    turns: usize,
}

fn activity(context: &Context) -> Wait {
    let schedule = ScheduleActivityTaskCommandAttributes {
        activity_type: Some(ActivityType { name: "work".to_owned() }),
        ..Default::default()
    };
    context.activity(ScopeId::ROOT, schedule, Cancellation::Try, None, Location::caller().into())
}

impl Program for Activities {
    fn main(&mut self) -> Task {
        let (context, at_once, turns) = (self.context.clone(), self.at_once, self.turns);
        Box::pin(async move {
            for _ in 0..turns {
                let all = (0..at_once).map(|_| activity(&context));
                futures_util::future::join_all(all).await;
            }
            End::Workflow(Outcome::Completed(None))
        })
    }

    fn signal(&mut self, _: Signal) -> Reaction {
        Reaction::Done(End::Handler)
    }

    fn validate(&mut self, _: &UpdateRequest) -> Result<(), Box<Failure>> {
        Ok(())
    }

    fn update(&mut self, _: UpdateRequest) -> Reaction {
        Reaction::Done(End::Update(Ok(None)))
    }

    fn query(&mut self, _: &Query) -> Result<Option<Payloads>, Box<Failure>> {
        Ok(None)
    }
}

/// A history of so many activities at a time.
fn history(at_once: usize) -> (Vec<HistoryEvent>, usize) {
    let mut events: Vec<HistoryEvent> = Vec::new();
    let mut add = |kind: Kind, attributes: Attributes| {
        let event_id = events.len() as i64 + 1;
        let event_time = Some(Timestamp { seconds: event_id, nanos: 0 });
        let attributes = Some(attributes);
        events.push(HistoryEvent { event_id, event_type: kind.into(), event_time, attributes, ..Default::default() });
        event_id
    };
    add(Kind::WorkflowExecutionStarted, WorkflowExecutionStartedEventAttributes::default().into());
    let (mut turns, mut activities) = (0, 0);
    loop {
        add(Kind::WorkflowTaskScheduled, WorkflowTaskScheduledEventAttributes::default().into());
        add(Kind::WorkflowTaskStarted, WorkflowTaskStartedEventAttributes::default().into());
        let last = add(Kind::WorkflowTaskCompleted, WorkflowTaskCompletedEventAttributes::default().into());
        if last as usize >= EVENTS {
            add(Kind::WorkflowExecutionCompleted, WorkflowExecutionCompletedEventAttributes::default().into());
            return (events, turns);
        }
        turns += 1;
        let begin = |_| {
            activities += 1;
            let scheduled = ActivityTaskScheduledEventAttributes {
                activity_id: activities.to_string(),
                activity_type: Some(ActivityType { name: "work".to_owned() }),
                ..Default::default()
            };
            add(Kind::ActivityTaskScheduled, scheduled.into())
        };
        let begun: Vec<i64> = (0..at_once).map(begin).collect();
        for scheduled_event_id in begun {
            add(Kind::ActivityTaskStarted, ActivityTaskStartedEventAttributes::default().into());
            let done = ActivityTaskCompletedEventAttributes { scheduled_event_id, ..Default::default() };
            add(Kind::ActivityTaskCompleted, done.into());
        }
    }
}

fn replay(events: Vec<HistoryEvent>, at_once: usize, turns: usize) {
    let program = move |context| -> Result<Box<dyn Program>, Box<Failure>> {
        Ok(Box::new(Activities { context, at_once, turns }))
    };
    let mut run = Run::new(Config { info: Info::default(), foreign: None, program: Box::new(program) });
    run.advance(events, Vec::new()).expect("the code is the one that made the history");
    assert!(run.outcome().is_some(), "it is replayed to its end");
}

fn main() {
    let clock = RealClock::new();
    for at_once in [1, 500] {
        let (events, turns) = history(at_once);
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            let events = events.clone();
            let began = clock.monotonic();
            replay(events, at_once, turns);
            best = best.min(clock.monotonic().saturating_sub(began));
        }
        let per_second = events.len() as f64 / best.as_secs_f64();
        println!("{} events, {at_once} activities at a time: {best:?}, {per_second:.0} events/s", events.len());
    }
}
