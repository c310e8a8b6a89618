//! Forks: what a copy of a history goes on with, and that it goes on by itself.

use weft_engine::{
    Answer, Copy, Copying, EventId, ForkOrigin, ForkWorkflow, Refusal, Request, RequestId, RunId, Settings,
    StartConflict, WorkflowId, fork_point,
};
use weft_protocol::api::{
    enums::EventType,
    history::{HistoryEvent, history_event::Attributes},
};

use proptest::prelude::*;

use crate::{
    laws::config,
    property::{lines, tight},
    script::Script,
    world::World,
};

/// A script with a copy of the current run of another one, up to `at`, in place of a workflow.
fn fork(origin: &Script, at: i64) -> (Script, Request) {
    let run = &origin.world.current().expect("a run is there").core.run;
    let history = &origin.world.table.histories[run];
    let point = fork_point(history, EventId(at)).expect("the whole history is there");
    let (workflow, copy_run) = (WorkflowId::from("copy"), RunId::from("copy-1"));
    let (request, from) = (
        RequestId::from("fork"),
        ForkOrigin { workflow: origin.world.workflow.key.workflow.clone(), run: run.clone(), event_id: point },
    );
    let copy = Copy {
        namespace: "default",
        workflow: &workflow,
        run: &copy_run,
        request: &request,
        origin: &from,
        event_type: EventType::WorkflowTaskScheduled,
    };
    let (mut copying, first) = Copying::begin(&copy, history[0].clone()).expect("a start");
    let events: Vec<HistoryEvent> =
        history[1..].iter().take_while(|event| event.event_id <= point.0).cloned().collect();
    events.iter().for_each(|event| copying.push(event));
    let mut world = World::named("copy", "copy", origin.world.settings.clone());
    world.now = origin.world.now;
    world.table.stage(&copy_run, [first].into_iter().chain(events).collect());
    let request = Request::Fork(Box::new(ForkWorkflow { request, origin: from, copy: Box::new(copying.finish()) }));
    (Script::of(world, "copy-1"), request)
}

/// Forks and shows what was written for it; then plays on in the copy.
fn check(scenario: &str, at: i64, goes_on: &str, expected: &str) {
    let mut origin = Script::new(Settings::default());
    scenario.lines().map(str::trim).filter(|line| !line.is_empty()).for_each(|line| origin.line(line));
    let (mut copy, request) = fork(&origin, at);
    copy.send(request).expect("it is forked");
    goes_on.lines().map(str::trim).filter(|line| !line.is_empty()).for_each(|line| copy.line(line));
    let trim = |text: &str| text.trim().lines().map(|line| format!("{}\n", line.trim())).collect::<String>();
    let actual = copy.take_transcript();
    assert!(trim(&actual) == trim(expected), "the transcript is\n{actual}\nand should be\n{}", trim(expected));
}

#[test]
fn a_copy_replays_and_goes_on() {
    check(
        "start
        poll
        complete timer=t:5s
        +6s",
        5,
        "poll
        complete done=x",
        "6 WorkflowTaskScheduled timeout=10s
        7 WorkflowTaskStarted scheduled=6
        8 WorkflowTaskFailed cause=ResetWorkflow
        9 WorkflowTaskScheduled timeout=10s
        = started copy-1 Running
        > poll
        10 WorkflowTaskStarted scheduled=9
        = task events 1..11
        > complete done=x
        11 WorkflowTaskCompleted scheduled=9 started=10
        12 WorkflowExecutionCompleted result=x",
    );
}

#[test]
fn a_task_that_a_worker_had_is_decided_anew() {
    check(
        "start
        poll
        complete done=old",
        5,
        "poll
        complete done=new",
        "4 WorkflowTaskFailed cause=ResetWorkflow
        5 WorkflowTaskScheduled timeout=10s
        ~ listed Running
        = started copy-1 Running
        > poll
        6 WorkflowTaskStarted scheduled=5
        = task events 1..7
        > complete done=new
        7 WorkflowTaskCompleted scheduled=5 started=6
        8 WorkflowExecutionCompleted result=new",
    );
}

#[test]
fn a_timer_keeps_its_due_time_and_an_activity_is_scheduled_again() {
    let mut origin = Script::new(Settings::default());
    ["start", "poll", "complete timer=t:5s activity=a", "+2s"].into_iter().for_each(|line| origin.line(line));
    let (mut copy, request) = fork(&origin, 6);
    copy.send(request).expect("it is forked");
    let (old, new) = (origin.world.current().expect("it runs"), copy.world.current().expect("it runs"));
    assert_eq!(old.timers, new.timers);
    let scheduled =
        |run: &weft_engine::Execution| run.activities.values().map(|it| it.scheduled_at).collect::<Vec<_>>();
    assert_eq!(scheduled(new), [copy.world.now]);
    assert_ne!(scheduled(old), scheduled(new));
    assert_eq!(new.core.forked_from.as_ref().map(|origin| origin.event_id), Some(EventId(6)));
}

#[test]
fn a_fork_that_is_asked_for_again_is_answered_as_before_and_another_is_refused() {
    let mut origin = Script::new(Settings::default());
    origin.line("start");
    let (mut copy, request) = fork(&origin, 2);
    copy.send(request.clone()).expect("it is forked");
    let (transition, answer) = copy.send(request.clone()).expect("it is answered");
    assert!(transition.is_empty() && matches!(answer, Answer::Started(started) if started.run.as_str() == "copy-1"));
    let Request::Fork(mut other) = request else { panic!("it is a fork") };
    other.request = "other".into();
    let refused = copy.send(Request::Fork(other)).expect_err("the id is taken");
    assert!(matches!(refused, Refusal::AlreadyStarted { conflict: StartConflict::Running, .. }), "{refused:?}");
}

#[test]
fn the_first_event_names_the_new_id_and_the_origin_and_no_parent() {
    let mut origin = Script::new(Settings::default());
    origin.line("start");
    let (copy, _) = fork(&origin, 1);
    let first = &copy.world.table.histories[&RunId::from("copy-1")][0];
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(it)) = &first.attributes else {
        panic!("it is a start")
    };
    assert_eq!((it.workflow_id.as_str(), it.first_execution_run_id.as_str()), ("copy", "copy-1"));
    assert_eq!(it.original_execution_run_id, "run-1", "workers draw the same numbers again");
    assert_eq!(first.links.len(), 1);
}

/// Plays as far as there is something to play.
fn play(script: &mut Script, lines: &[&'static str]) {
    for line in lines {
        if let Some(request) = script.step(line) {
            drop(script.send(request));
        }
    }
}

proptest! {
    #![proptest_config(config())]

    /// What must hold of every request (`world.rs`) holds of the copy and of all that comes after.
    #[test]
    fn any_life_can_be_forked_anywhere(before in lines(), at: prop::sample::Index, after in lines()) {
        let mut origin = Script::new(tight());
        play(&mut origin, &before);
        let Some(run) = origin.world.current().map(|run| run.core.run.clone()) else { return Ok(()) };
        let events = origin.world.table.histories[&run].len();
        let unchanged = origin.world.workflow.clone();
        let (mut copy, request) = fork(&origin, at.index(events) as i64 + 1);
        prop_assert_eq!(&origin.world.workflow, &unchanged);
        if copy.send(request).is_ok() {
            play(&mut copy, &after);
            copy.world.lose_leader();
            play(&mut copy, &after);
        }
    }
}
