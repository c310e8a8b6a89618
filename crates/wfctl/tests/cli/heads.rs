//! Heads of histories: shown where a run is described and where it ends.

use serde_json::Value;
use weft_client::api::command::{CompleteWorkflowExecutionCommandAttributes, command::Attributes};

use crate::world::World;

const START: [&str; 7] = ["workflow", "start", "Order", "--task-queue", "orders", "--workflow-id", "o"];

fn head(described: &Value) -> (i64, String) {
    let head = &described["historyHead"];
    let hash = head["hash"].as_str().expect("a hash").to_owned();
    assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
    (head["eventCount"].as_i64().expect("a count"), hash)
}

#[test]
fn a_description_has_the_head_and_it_moves_with_the_history() {
    let world = World::start();
    world.run(&START).ok();
    let describe = ["workflow", "describe", "o", "--output", "json"];
    let before = head(&world.run(&describe).json());
    assert_eq!(before.0, 2);
    assert_eq!(head(&world.run(&describe).json()), before);
    assert!(
        world
            .run(&["workflow", "describe", "o"])
            .ok()
            .contains(&format!("Head           {} after event 2\n", before.1))
    );

    world.run(&["workflow", "signal", "o", "--name", "pay"]).ok();
    let after = head(&world.run(&describe).json());
    assert!(after.0 == 3 && after.1 != before.1, "{before:?} {after:?}");
}

#[test]
fn the_end_of_a_run_comes_with_its_head() {
    let world = World::start();
    world.run(&START).ok();
    world.decide(
        "orders",
        Attributes::CompleteWorkflowExecutionCommandAttributes(CompleteWorkflowExecutionCommandAttributes::default()),
    );
    let result = head(&world.run(&["workflow", "result", "o", "--output", "json"]).json());
    assert_eq!(result.0, 5);
    assert_eq!(head(&world.run(&["workflow", "describe", "o", "--output", "json"]).json()), result);
}
