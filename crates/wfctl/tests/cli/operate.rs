//! What operators do to a run and to its activities, and the tree that they look at.

use serde_json::json;
use weft_client::api::{
    Duration,
    command::{ScheduleActivityTaskCommandAttributes, command::Attributes},
    common::ActivityType,
    taskqueue::TaskQueue,
};

use crate::world::World;

/// An order whose first step waits for a worker.
pub(crate) fn charging() -> World {
    let world = World::start();
    world.run(&["workflow", "start", "Order", "-w", "o", "--task-queue", "orders"]).ok();
    world.decide(
        "orders",
        Attributes::ScheduleActivityTaskCommandAttributes(ScheduleActivityTaskCommandAttributes {
            activity_id: "5".to_owned(),
            activity_type: Some(ActivityType { name: "charge".to_owned() }),
            task_queue: Some(TaskQueue { name: "charges".to_owned(), ..TaskQueue::default() }),
            start_to_close_timeout: Some(Duration { seconds: 60, nanos: 0 }),
            ..Default::default()
        }),
    );
    world
}

#[test]
fn an_activity_is_paused_changed_and_completed() {
    let world = charging();
    let pause = ["activity", "pause", "o", "--activity-id", "5", "--reason", "the bank is down"];
    assert_eq!(world.run(&pause).ok(), "paused activity 5 of o\n");
    assert!(world.run(&pause).error(1).contains("activity is already paused"));
    let described = world.run(&["workflow", "describe", "o"]);
    assert!(described.ok().contains("charge            5   Paused  1"), "{described:?}");
    let changed = world.run(&[
        "activity",
        "update-options",
        "o",
        "--type",
        "charge",
        "--task-queue",
        "charges-2",
        "--start-to-close-timeout",
        "5m",
        "--retry-maximum-attempts",
        "3",
    ]);
    for part in ["Task queue      charges-2", "Start to close  5m", "Attempts        3"] {
        assert!(changed.ok().contains(part), "{part}: {changed:?}");
    }
    let reset = world.run(&["activity", "reset", "o", "--all", "--keep-paused", "--restore-original-options"]);
    assert_eq!(reset.ok(), "reset all activities of o\n");
    let json = world.run(&["activity", "unpause", "o", "--type", "charge", "-o", "json"]).json();
    assert_eq!(json, json!({ "workflowId": "o", "unpaused": true }));
    assert!(world.run(&["activity", "fail", "o", "-a", "5"]).error(1).contains("activity"));
    assert_eq!(
        world.run(&["activity", "complete", "o", "-a", "5", "--result", "7"]).ok(),
        "completed activity 5 of o\n"
    );
    let tree = world.run(&["workflow", "show", "o"]);
    assert!(tree.ok().contains("│  └─ activity charge id=5 queue=charges  done [7]"), "{tree:?}");
}

#[test]
fn one_must_say_which_activities() {
    let world = World::start();
    assert!(world.run(&["activity", "pause", "o"]).error(2).contains("--activity-id"));
    assert!(world.run(&["activity", "unpause", "o", "--all", "-a", "5"]).error(2).contains("cannot be used with"));
    assert!(world.run(&["activity", "reset", "o", "--all"]).error(1).contains("o"));
}

#[test]
fn a_workflow_is_paused_and_goes_on() {
    let world = charging();
    assert_eq!(world.run(&["workflow", "pause", "o", "--reason", "too hot"]).ok(), "paused o\n");
    assert!(world.run(&["workflow", "pause", "o"]).error(1).contains("workflow is already paused."));
    let described = world.run(&["workflow", "describe", "o"]);
    assert!(described.ok().contains("Status             Paused"), "{described:?}");
    assert!(
        described.ok().lines().any(|line| line.starts_with("Paused") && line.ends_with(": too hot")),
        "{described:?}"
    );
    assert!(world.run(&["workflow", "stack", "o"]).error(1).contains("o is Paused, so it was not asked"));
    let json = world.run(&["workflow", "unpause", "o", "-o", "json"]).json();
    assert_eq!(json, json!({ "workflowId": "o", "unpaused": true }));
    assert!(world.run(&["workflow", "unpause", "o"]).error(1).contains("workflow is not paused."));
    let options = world.run(&["workflow", "update-options", "o", "--priority-key", "1", "--fairness-key", "ada"]);
    assert_eq!(options.ok(), "Priority      1\nFairness key  ada\n");
    let tree = world.run(&["workflow", "show", "o"]);
    for part in
        ["├─ WorkflowExecutionPaused", "├─ WorkflowExecutionUnpaused", "activity charge id=5 queue=charges  pending"]
    {
        assert!(tree.ok().contains(part), "{part}: {tree:?}");
    }
}
