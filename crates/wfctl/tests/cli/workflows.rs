//! What is asked of workflows, and what programs read of it.

use std::io::{BufRead, BufReader};

use serde_json::json;
use weft_client::api::{
    command::{
        CompleteWorkflowExecutionCommandAttributes, FailWorkflowExecutionCommandAttributes, command::Attributes,
    },
    failure::Failure,
    history::History,
};
use weft_protocol::{
    json::from_json,
    payload::{json_plain, list},
};

use crate::world::{World, ran};

fn start<'a>(id: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let start = ["workflow", "start", "Order", "--task-queue", "orders", "--workflow-id", id];
    start.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn a_started_workflow_is_listed_described_and_shown() {
    let world = World::start();
    let started = world.run(&start("order-17", &["--input", "{\"boots\": 2}", "--memo", "who=\"Ada\""]));
    assert!(started.ok().starts_with("started order-17 (run "), "{started:?}");

    let list = world.run(&["workflow", "list"]);
    let lines: Vec<_> = list.ok().lines().collect();
    assert_eq!(lines.len(), 2, "{list:?}");
    assert!(lines[0].starts_with("STATUS   WORKFLOW ID  TYPE   TASK QUEUE  STARTED"), "{list:?}");
    assert!(lines[1].starts_with("Running  order-17     Order  orders      20"), "{list:?}");

    let described = world.run(&["workflow", "describe", "order-17"]);
    for part in ["Workflow       order-17", "Status         Running", "Memo           who=\"Ada\""] {
        assert!(described.ok().contains(part), "{part}: {described:?}");
    }
    let shown = world.run(&["workflow", "show", "order-17", "--detailed"]);
    let lines: Vec<_> = shown.ok().lines().collect();
    assert!(
        lines[0].ends_with("WorkflowExecutionStarted          Order queue=orders input=[{\"boots\":2}]"),
        "{shown:?}"
    );
    assert!(lines[1].contains("  WorkflowTaskScheduled"), "{shown:?}");
    assert_eq!(world.run(&["workflow", "count", "--query", "WorkflowType = 'Order'"]).ok(), "1\n");
}

#[test]
fn programs_read_json_with_these_keys() {
    let world = World::start();
    let started = world.run(&start("o", &["-o", "json"])).json();
    let run = started["runId"].as_str().expect("a run id").to_owned();
    assert_eq!(started, json!({ "workflowId": "o", "runId": run, "started": true }));
    let list = world.run(&["workflow", "list", "--output", "json"]).json();
    assert_eq!(list[0]["execution"], json!({ "workflowId": "o", "runId": run }));
    assert_eq!(list[0]["status"], "WORKFLOW_EXECUTION_STATUS_RUNNING");
    let described = world.run(&["workflow", "describe", "o", "--output", "json"]).json();
    assert_eq!(described["workflowExecutionInfo"]["type"]["name"], "Order");
    assert_eq!(world.run(&["workflow", "count", "--output", "json"]).json(), json!({ "count": 1, "groups": [] }));
}

#[test]
fn a_shown_history_is_the_protobuf_json_that_replayers_read() {
    let world = World::start();
    world.run(&start("o", &["--input", "1"])).ok();
    let json = world.run(&["workflow", "show", "o", "--output", "json"]).json();
    assert_eq!(json["events"][0]["eventType"], "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED");
    let history: History = from_json(&json).unwrap();
    let ids: Vec<_> = history.events.iter().map(|event| event.event_id).collect();
    assert_eq!(ids, [1, 2]);
}

#[test]
fn a_signal_a_cancellation_and_a_termination_stand_in_the_history() {
    let world = World::start();
    world.run(&start("o", &[])).ok();
    let signal = world.run(&["workflow", "signal", "o", "--name", "pay", "--input", "7", "--input", "\"x\""]);
    assert_eq!(signal.ok(), "signaled o with pay\n");
    world.run(&["workflow", "cancel", "o", "--reason", "ordered twice"]).ok();
    world.run(&["workflow", "terminate", "-w", "o", "--reason", "a test"]).ok();
    let shown = world.run(&["workflow", "show", "o", "--detailed"]);
    for part in [
        "WorkflowExecutionSignaled         pay input=[7, \"x\"] by=",
        "WorkflowExecutionCancelRequested  reason=\"ordered twice\"",
        "WorkflowExecutionTerminated       reason=\"a test\"",
    ] {
        assert!(shown.ok().contains(part), "{part}: {shown:?}");
    }
    assert!(world.run(&["workflow", "result", "o"]).error(4).contains("o was terminated: a test"));
    let described = world.run(&["workflow", "describe", "o", "-o", "json"]).json();
    let ended = world.run(&["workflow", "result", "o", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(json["runId"], described["workflowExecutionInfo"]["execution"]["runId"], "{ended:?}");
    let deleted = world.run(&["workflow", "delete", "o", "--output", "json"]).json();
    assert_eq!(deleted, json!({ "workflowId": "o", "deleted": true }));
    assert_eq!(world.run(&["workflow", "list"]).ok(), "");
}

#[test]
fn execute_prints_the_result() {
    let world = World::start();
    let args = ["workflow", "execute", "Sum", "-t", "sums", "--input", "-"];
    let input = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| world.run_with_input(&args, "[1, 2]"));
        let it = CompleteWorkflowExecutionCommandAttributes { result: Some(list(json_plain("{\"sum\":3}"))) };
        world.decide("sums", Attributes::CompleteWorkflowExecutionCommandAttributes(it));
        waiting.join().unwrap()
    });
    assert_eq!(input.ok(), "{\n  \"sum\": 3\n}\n");
}

#[test]
fn a_workflow_that_fails_makes_execute_fail() {
    let world = World::start();
    let args = ["workflow", "execute", "Sum", "-t", "sums", "--output", "json"];
    let failed = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| world.run(&args));
        let failure = Failure { message: "no numbers".to_owned(), ..Failure::default() };
        let it = FailWorkflowExecutionCommandAttributes { failure: Some(failure) };
        world.decide("sums", Attributes::FailWorkflowExecutionCommandAttributes(it));
        waiting.join().unwrap()
    });
    assert_eq!(failed.code, 4, "{failed:?}");
    let json: serde_json::Value = serde_json::from_str(&failed.out).unwrap();
    assert_eq!((&json["status"], &json["failure"]["message"]), (&"FAILED".into(), &"no numbers".into()));
    let id = json["workflowId"].as_str().unwrap();
    assert!(world.run(&["workflow", "result", id]).error(4).contains("failed: no numbers"));
}

#[test]
fn a_followed_history_goes_on_until_the_run_closes() {
    let world = World::start();
    world.run(&start("o", &[])).ok();
    let mut child = world.spawn(&mut world.command(&["workflow", "show", "o", "--follow"]));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("WorkflowExecutionStarted"));
    assert!(lines.next().unwrap().contains("WorkflowTaskScheduled"));
    world.run(&["workflow", "terminate", "o"]).ok();
    assert!(lines.next().unwrap().contains("WorkflowExecutionTerminated"));
    assert_eq!(lines.next(), None);
    assert_eq!(ran(child.wait_with_output().unwrap()).code, 0);
}

#[test]
fn namespaces_are_made_changed_and_retired() {
    let world = World::start();
    let namespace = |args: &[&str]| world.run(&[&["namespace"], args].concat());
    assert_eq!(namespace(&["create", "orders", "--retention", "7d"]).ok(), "created namespace orders\n");
    namespace(&["update", "orders", "--description", "boots"]).ok();
    let described = namespace(&["describe", "orders"]);
    for part in ["Retention    7d", "Description  boots", "State        Registered"] {
        assert!(described.ok().contains(part), "{part}: {described:?}");
    }
    namespace(&["deprecate", "orders"]).ok();
    let list = namespace(&["list"]);
    assert!(list.ok().lines().any(|line| line == "orders     Deprecated  7d         boots"), "{list:?}");
    assert!(list.ok().lines().any(|line| line.starts_with("default    Registered")), "{list:?}");
}

#[test]
fn a_task_queue_shows_its_pollers() {
    let world = World::start();
    world.poll_in_background("orders");
    let described = world.run(&["task-queue", "describe", "orders"]);
    assert!(described.ok().contains("workflow  1        0"), "{described:?}");
    assert!(described.ok().contains("worker-1  workflow  20"), "{described:?}");
}
