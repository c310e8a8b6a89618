//! What a run keeps of the builds of its workers.

use weft_engine::{Answer, Request, Settings};
use weft_protocol::api::{common::WorkerVersionStamp, history::history_event::Attributes};

use crate::script::{Line, Script};

fn script(lines: &[&str]) -> Script {
    let mut script = Script::new(Settings::default());
    lines.iter().for_each(|line| send(&mut script, line, |_| {}));
    script
}

/// Sends a line as a worker of some build.
fn send(script: &mut Script, line: &str, build: impl Fn(&mut weft_engine::CompleteWorkflowTask)) {
    let mut request = script.request(&Line::parse(line));
    if let Request::CompleteWorkflowTask(body) = &mut request {
        build(body);
    }
    let (_, answer) = script.send(request).expect("it is accepted");
    assert!(!matches!(answer, Answer::TaskFailed { .. }), "{line} is right");
}

fn attribute(script: &Script, name: &str) -> Option<String> {
    let value = script.world.current()?.core.search_attributes.get(name)?.clone();
    Some(String::from_utf8(value.data).expect("it is JSON"))
}

fn points(script: &Script) -> Vec<(String, String, i64)> {
    let points = &script.world.current().expect("a run is there").core.reset_points;
    points.iter().map(|it| (it.run.to_string(), it.build_id.clone(), it.completed.0)).collect()
}

fn stamped(build_id: &str, use_versioning: bool) -> impl Fn(&mut weft_engine::CompleteWorkflowTask) {
    move |body| body.version = Some(WorkerVersionStamp { build_id: build_id.to_owned(), use_versioning })
}

#[test]
fn the_builds_that_answered_are_search_attributes_and_places_to_go_back_to() {
    let mut script = script(&["start", "poll", "complete force new"]);
    assert_eq!(attribute(&script, "BuildIds").as_deref(), Some("[\"unversioned\"]"));
    send(&mut script, "complete force new", stamped("b1", false));
    send(&mut script, "complete force new", stamped("b1", false));
    send(&mut script, "complete force new", |body| body.binary_checksum = "c1".to_owned());
    assert_eq!(attribute(&script, "BuildIds").as_deref(), Some("[\"unversioned\",\"unversioned:b1\"]"));
    assert_eq!(attribute(&script, "BinaryChecksums").as_deref(), Some("[\"c1\"]"));
    send(&mut script, "complete force new", stamped("b2", true));
    assert_eq!(attribute(&script, "BuildIds").as_deref(), Some("[\"unversioned:b1\",\"versioned:b2\"]"));
    let run = || "run-1".to_owned();
    let expected = [("", 4), ("b1", 7), ("", 13), ("b2", 16)].map(|(build, event)| (run(), build.to_owned(), event));
    assert_eq!(points(&script), expected);
}

#[test]
fn the_next_run_knows_the_builds_of_the_runs_before_while_these_are_kept() {
    let mut script = script(&["start", "poll"]);
    send(&mut script, "complete can=next", stamped("b1", false));
    assert_eq!(points(&script), [("run-1".to_owned(), "b1".to_owned(), 4)]);
    let run = script.world.current().expect("the next run is there");
    let expires = run.core.reset_points[0].expires_at;
    assert_eq!(expires, Some(script.world.now.after(script.world.namespace.retention)));
    let started = &script.world.table.histories[&run.core.run][0];
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(it)) = &started.attributes else {
        panic!("{started:?} is no start");
    };
    assert_eq!(it.prev_auto_reset_points.as_ref().map(|it| it.points.len()), Some(1));
    // Nothing of the list of builds itself goes on.
    assert_eq!(attribute(&script, "BuildIds"), None);
}

#[test]
fn nobody_goes_back_to_where_a_child_was_pending() {
    let mut script = script(&["start", "poll"]);
    send(&mut script, "complete child=c force new", stamped("b1", false));
    send(&mut script, "complete force new", stamped("b2", false));
    let points = &script.world.current().expect("a run is there").core.reset_points;
    assert_eq!(points.iter().map(|it| it.resettable).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn only_so_many_builds_are_kept() {
    let mut script = script(&["start", "poll"]);
    for build in 0..30 {
        send(&mut script, "complete force new", stamped(&format!("{build}{}", "b".repeat(100)), false));
    }
    assert_eq!(points(&script).len(), weft_engine::limits::RESET_POINTS_MAX);
    let builds = attribute(&script, "BuildIds").expect("it is set");
    assert!(builds.len() <= weft_engine::limits::WORKER_ATTRIBUTE_BYTES_MAX);
    assert!(builds.starts_with("[\"unversioned\",") && builds.contains("unversioned:29"), "{builds}");
}
