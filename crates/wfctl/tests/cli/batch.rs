//! One thing done to many workflows: asked for, confirmed, waited for, looked at.

use serde_json::json;

use crate::world::World;

const QUERY: &str = "WorkflowType = 'Order'";

fn with_orders(count: usize) -> World {
    let world = World::start();
    for number in 0..count {
        world.run(&["workflow", "start", "Order", "-t", "orders", "-w", &format!("order-{number}")]).ok();
    }
    world
}

#[test]
fn what_a_filter_finds_is_terminated_by_the_server() {
    let world = with_orders(3);
    world.run(&["workflow", "start", "Other", "-t", "orders", "-w", "other"]).ok();
    // Nobody is there to be asked.
    let ran = world.run(&["workflow", "terminate", "--query", QUERY]);
    assert!(ran.error(2).contains("3 workflows match: say --yes to terminate them"), "{ran:?}");
    assert_eq!(world.run(&["workflow", "count", "--query", "ExecutionStatus = 'Running'"]).ok(), "4\n");

    let ran = world.run(&["workflow", "terminate", "--query", QUERY, "--yes", "--job-id", "clean", "--wait"]);
    assert!(ran.ok().contains("Progress   3 of 3 done, 0 failed"), "{ran:?}");
    assert!(ran.err.contains("3 workflows match"), "{ran:?}");
    assert_eq!(world.run(&["workflow", "count", "--query", "ExecutionStatus = 'Terminated'"]).ok(), "3\n");
    assert_eq!(world.run(&["workflow", "count", "--query", "ExecutionStatus = 'Running'"]).ok(), "1\n");

    let list = world.run(&["batch", "list"]);
    let lines: Vec<_> = list.ok().lines().collect();
    assert!(lines[0].starts_with("STATE      JOB ID  OPERATION           STARTED"), "{list:?}");
    assert!(lines[1].starts_with("Completed  clean   Terminate workflow  20"), "{list:?}");
    let job = world.run(&["batch", "describe", "clean", "--output", "json"]).json();
    assert_eq!((&job["completeOperationCount"], &job["query"]), (&json!("3"), &json!(QUERY)));
    let ran = world.run(&["batch", "stop", "clean"]);
    assert!(ran.error(1).contains("workflow execution already completed"), "{ran:?}");
}

#[test]
fn a_batch_is_started_by_its_name_and_stopped() {
    let world = with_orders(3);
    let slow = ["--query", QUERY, "--reason", "retry", "--rps", "0.01", "--yes", "--job-id", "slow"];
    let ran = world.run(&[&["batch", "start", "signal", "--name", "retry"][..], &slow].concat());
    assert_eq!(ran.ok(), "started batch operation slow\n");
    let second = ["batch", "start", "cancel", "--query", QUERY, "--reason", "no", "--yes"];
    assert!(world.run(&second).error(1).contains("Max concurrent batch operations is reached"));
    let stopped = world.run(&["batch", "stop", "slow", "--reason", "enough", "--output", "json"]).json();
    assert_eq!(stopped, json!({ "jobId": "slow", "stopped": true }));
    let ran = world.run(&["batch", "describe", "slow"]);
    assert!(ran.ok().contains("State      Failed") && ran.ok().contains("Reason     retry"), "{ran:?}");
}

#[test]
fn mistakes_in_a_batch_are_explained() {
    let world = with_orders(1);
    let ran = world.run(&["workflow", "cancel", "--query", "Workflowtipe = 'Order'", "--yes"]);
    assert!(ran.error(1).ends_with("\n  Workflowtipe = 'Order'\n  ^^^^^^^^^^^^\n"), "{ran:?}");
    let ran = world.run(&["workflow", "cancel", "order-0", "--query", QUERY]);
    assert!(ran.error(2).contains("cannot be used with"), "{ran:?}");
    let ran = world.run(&["workflow", "terminate", "order-0", "--wait"]);
    assert!(ran.error(2).contains("--query"), "{ran:?}");
    let ran = world.run(&["batch", "start", "signal", "--query", QUERY, "--reason", "r"]);
    assert!(ran.error(2).contains("--name"), "{ran:?}");
}
