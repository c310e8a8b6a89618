//! One thing done to many workflows: asked for, confirmed, waited for, looked at.

use serde_json::json;

use crate::{operate::charging, world::World};

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

/// Does something to the one order there is, and waits for it.
fn done(world: &World, args: &[&str]) {
    let ran = world.run(&[args, &["--query", QUERY, "--yes", "--wait"]].concat());
    assert!(ran.ok().contains("Progress   1 of 1 done, 0 failed"), "{args:?}: {ran:?}");
}

fn activity(world: &World) -> serde_json::Value {
    world.run(&["workflow", "describe", "o", "-o", "json"]).json()["pendingActivities"][0].take()
}

#[test]
fn activities_of_what_a_filter_finds_are_changed_reset_and_unpaused() {
    let world = charging();
    world.run(&["activity", "pause", "o", "--type", "charge"]).ok();
    done(&world, &["activity", "update-options", "--type", "charge", "--task-queue", "charges-2"]);
    assert_eq!(activity(&world)["activityOptions"]["taskQueue"]["name"], "charges-2");
    done(&world, &["activity", "reset", "--all", "--keep-paused", "--restore-original-options"]);
    let pending = activity(&world);
    let queue = &pending["activityOptions"]["taskQueue"]["name"];
    assert_eq!((queue, &pending["paused"]), (&json!("charges"), &json!(true)));
    done(&world, &["activity", "unpause", "--type", "charge", "--reset-attempts"]);
    assert_eq!(activity(&world)["paused"], json!(null));

    // The same by the names of the operations.
    world.run(&["activity", "pause", "o", "--type", "charge"]).ok();
    let why = ["--reason", "the bank is back"];
    let start = |args: &[&str]| done(&world, &[&["batch", "start"], args, &why].concat());
    start(&["update-activity-options", "--all", "--start-to-close-timeout", "5m"]);
    assert_eq!(activity(&world)["activityOptions"]["startToCloseTimeout"], "300s");
    start(&["reset-activities", "--all", "--keep-paused"]);
    assert_eq!(activity(&world)["paused"], json!(true));
    start(&["unpause-activities", "--all"]);
    assert_eq!(activity(&world)["paused"], json!(null));
    let jobs = world.run(&["batch", "list", "-o", "json"]).json();
    let kinds: Vec<_> = jobs.as_array().expect("a list").iter().map(|job| job["operationType"].clone()).collect();
    let kind = |name: &str| format!("BATCH_OPERATION_TYPE_{name}");
    let each = ["UNPAUSE_ACTIVITY", "RESET_ACTIVITY", "UPDATE_ACTIVITY_OPTIONS"].map(kind);
    let [unpause, reset, update] = each;
    assert_eq!(kinds, [&unpause, &reset, &update, &unpause, &reset, &update].map(|kind| json!(kind)));
}

#[test]
fn what_a_filter_finds_is_reset_and_its_options_are_changed() {
    let world = charging();
    done(&world, &["workflow", "update-options", "--priority-key", "2"]);
    done(&world, &["batch", "start", "update-options", "--fairness-key", "ada", "--reason", "slow"]);
    let info = world.run(&["workflow", "describe", "o", "-o", "json"]).json();
    let priority = &info["workflowExecutionInfo"]["priority"];
    assert_eq!((&priority["priorityKey"], &priority["fairnessKey"]), (&json!(2), &json!("ada")));
    let run = |world: &World| {
        let info = world.run(&["workflow", "describe", "o", "-o", "json"]).json();
        info["workflowExecutionInfo"]["execution"]["runId"].as_str().expect("it has one").to_owned()
    };
    let first = run(&world);
    let running = "WorkflowType = 'Order' AND ExecutionStatus = 'Running'";
    let ask = ["--to", "last", "--signal", "amend", "--input", "7", "--reason", "fixed the bug"];
    let reset = [&["workflow", "reset", "--query", running, "--yes", "--wait"][..], &ask].concat();
    assert!(world.run(&reset).ok().contains("1 of 1 done"));
    let second = run(&world);
    assert_ne!(first, second);
    let history = world.run(&["workflow", "show", "o", "-o", "json"]).json();
    let events = history["events"].as_array().expect("events");
    let signal = events.iter().find_map(|event| event.get("workflowExecutionSignaledEventAttributes"));
    assert_eq!(signal.expect("it was signalled")["signalName"], "amend");
    let task = ["batch", "start", "reset", "--task-end", "4", "--exclude", "signals", "--reason", "again"];
    assert!(world.run(&[&task[..], &["--query", running, "--yes", "--wait"]].concat()).ok().contains("1 of 1 done"));
    assert_ne!(run(&world), second);
}

#[test]
fn what_cannot_be_done_to_several_is_said_before_anything_is_done() {
    let world = with_orders(1);
    let refuse = |args: &[&str], word: &str| {
        let ran = world.run(args);
        assert!(ran.error(2).contains(word), "{args:?}: {ran:?}");
    };
    refuse(
        &["workflow", "reset", "--query", QUERY, "--event", "5", "--yes"],
        "cannot be used with '--event <EVENT_ID>'",
    );
    refuse(&["workflow", "reset", "--query", QUERY, "--to", "last", "--dry-run"], "cannot be used with '--dry-run'");
    refuse(&["workflow", "reset", "--query", QUERY, "--yes"], "--to <TASK>");
    refuse(&["workflow", "reset", "--query", QUERY, "--to", "last"], "1 workflow matches: say --yes to reset them");
    refuse(&["workflow", "reset", "--query", QUERY, "--to", "last", "--input", "1", "--yes"], "--signal");
    refuse(&["workflow", "reset", "order-0", "--to", "last", "--wait"], "--query");
    refuse(&["workflow", "update-options", "--query", QUERY, "--yes"], "--priority-key");
    refuse(&["activity", "unpause", "--query", QUERY, "--activity-id", "5"], "cannot be used with");
    refuse(&["activity", "update-options", "--query", QUERY, "--all", "--yes"], "say what to change");
    refuse(&["batch", "start", "unpause-activities", "--query", QUERY, "--reason", "r"], "--all");
    refuse(&["batch", "start", "reset", "--to", "first", "--reason", "r"], "--query FILTER");
    // There is no such batch operation, and the help says so.
    refuse(&["workflow", "pause", "--query", QUERY], "unexpected argument '--query'");
    refuse(&["batch", "start", "pause", "--query", QUERY], "unrecognized subcommand 'pause'");
    assert!(world.run(&["batch", "start", "--help"]).ok().contains("There is none that pauses"));
    assert!(world.run(&["workflow", "pause", "--help"]).ok().contains("no batch operation that pauses"));
    assert!(world.run(&["batch", "list"]).err.contains("has no batch operation"));
}
