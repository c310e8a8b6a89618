//! Heads of histories: shown where a run is described and where it ends, and what verifying against them finds.

use std::path::Path;

use serde_json::{Value, json};
use weft_client::api::{
    command::{CompleteWorkflowExecutionCommandAttributes, command::Attributes},
    history::History,
};
use weft_protocol::json::from_json;
use weft_rows::{SlotRange, table};
use weft_server::node::Place;
use weft_store::{
    datadir::Backend,
    state::{self, KeyRange, Order, Row, Table, WriteBatch},
};

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

#[test]
fn a_history_verifies_against_itself_and_against_heads_kept_elsewhere() {
    let world = World::start();
    world.run(&START).ok();
    let (_, early) = head(&world.run(&["workflow", "describe", "o", "--output", "json"]).json());
    world.run(&["workflow", "signal", "o", "--name", "pay"]).ok();
    let (_, late) = head(&world.run(&["workflow", "describe", "o", "--output", "json"]).json());

    let verify = world.run(&["workflow", "verify", "o"]);
    assert_eq!(verify.ok(), format!("o verified: 3 events in 2 batches, head {late}\n"));
    let verify = world.run(&["workflow", "verify", "o", "--head", &late]);
    assert_eq!(verify.ok(), format!("o verified: 3 events in 2 batches, head {late}, which is the given one\n"));
    let verify = world.run(&["workflow", "verify", "o", "--head", &early, "--output", "json"]).json();
    assert_eq!((&verify["verified"], &verify["keptAfterEvent"]), (&json!(true), &json!(2)));
}

#[test]
fn a_head_that_is_not_the_historys_own_is_refused() {
    let world = World::start();
    world.run(&START).ok();
    let other = "0f".repeat(32);
    let verify = world.run(&["workflow", "verify", "o", "--head", &other]);
    assert!(verify.error(1).contains("the given head stands nowhere in it"), "{verify:?}");
    let verify = world.run(&["workflow", "verify", "o", "--head", &other, "--output", "json"]);
    assert!(verify.code == 1 && verify.out.contains("\"verified\": false"), "{verify:?}");
    assert!(world.run(&["workflow", "verify", "o", "--head", "0f"]).error(2).contains("64 hexadecimal digits"));
    assert!(world.run(&["workflow", "verify", "nobody"]).error(1).contains("workflow not found"));
}

/// Rows of the history table, in the order of keys.
fn damage(dir: &Path, change: impl FnOnce(&[Row], &mut WriteBatch)) {
    let tables: Vec<_> = table::TABLES.iter().map(|(id, name)| Table { id: *id, name }).collect();
    let store = state::open(Backend::Fjall, &dir.join("state"), &tables, 1 << 20).unwrap();
    let (from, end) = weft_rows::load::execution_range(SlotRange::ALL);
    let rows = store.scan(table::HISTORY, &KeyRange::between(from, end), Order::Ascending, usize::MAX).unwrap();
    let mut batch = WriteBatch::new();
    change(&rows, &mut batch);
    store.apply(batch).unwrap();
    store.close().unwrap();
}

fn signaled(dir: &Path) -> String {
    let world = World::at(Place::Directory(dir.to_owned()));
    world.run(&START).ok();
    for name in ["pay", "ship", "thank"] {
        world.run(&["workflow", "signal", "o", "--name", name]).ok();
    }
    head(&world.run(&["workflow", "describe", "o", "--output", "json"]).json()).1
}

/// What verifying says once the stopped server's store was damaged.
fn verdict(change: impl FnOnce(&[Row], &mut WriteBatch)) -> Value {
    let dir = tempfile::tempdir().unwrap();
    signaled(dir.path());
    damage(dir.path(), change);
    let world = World::at(Place::Directory(dir.path().to_owned()));
    let verify = world.run(&["workflow", "verify", "o", "--output", "json"]);
    assert_eq!(verify.code, 1, "{verify:?}");
    serde_json::from_str(&verify.out).unwrap()
}

fn range(verdict: &Value) -> (&Value, &Value) {
    (&verdict["problem"]["firstEventId"], &verdict["problem"]["lastEventId"])
}

#[test]
fn a_restarted_server_still_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let kept = signaled(dir.path());
    let world = World::at(Place::Directory(dir.path().to_owned()));
    world.run(&["workflow", "verify", "o", "--head", &kept]).ok();
}

#[test]
fn a_flipped_bit_on_the_disk_is_found() {
    let found = verdict(|rows, batch| {
        let (key, value) = &rows[1];
        let mut value = value.to_vec();
        *value.last_mut().unwrap() ^= 1;
        batch.put(table::HISTORY, key.clone(), value);
    });
    assert_eq!(range(&found), (&json!(3), &json!(3)), "{found}");
    assert_eq!(found["computedHead"]["eventCount"], 3, "{found}");
}

#[test]
fn a_batch_that_is_gone_from_the_disk_is_missed() {
    let found = verdict(|rows, batch| batch.delete(table::HISTORY, rows[2].0.clone()));
    assert_eq!(range(&found), (&json!(4), &json!(4)), "{found}");
}

#[test]
fn batches_that_were_swapped_on_the_disk_are_found() {
    let found = verdict(|rows, batch| {
        batch.put(table::HISTORY, rows[1].0.clone(), rows[2].1.clone());
        batch.put(table::HISTORY, rows[2].0.clone(), rows[1].1.clone());
    });
    assert_eq!(range(&found).0, &json!(3), "{found}");
}

#[test]
fn a_history_whose_beginning_is_damaged_does_not_verify() {
    let found = verdict(|rows, batch| batch.put(table::HISTORY, rows[0].0.clone(), vec![1, 2, 3]));
    assert_eq!(range(&found).0, &json!(1), "{found}");
}

#[test]
fn an_export_has_its_head_beside_it() {
    let world = World::start();
    world.run(&START).ok();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("o.json");
    let told = world.run(&["workflow", "export", "o", "--to", file.to_str().unwrap(), "--output", "json"]).json();
    world.run(&["workflow", "signal", "o", "--name", "pay"]).ok();

    let read = |name| serde_json::from_str::<Value>(&std::fs::read_to_string(dir.path().join(name)).unwrap()).unwrap();
    let history: History = from_json(&read("o.json")).unwrap();
    let kept = read("o.json.head");
    assert_eq!((history.events.len(), &kept["eventCount"], &kept["workflowId"]), (2, &json!(2), &json!("o")));
    assert_eq!(told["historyHead"], kept);
    assert_eq!(read("o.json").as_object().map(serde_json::Map::len), Some(1), "replayers read nothing else");
    let verify = ["workflow", "verify", "o", "--head", kept["hash"].as_str().unwrap(), "--output", "json"];
    assert_eq!(world.run(&verify).json()["keptAfterEvent"], 2);
}

#[test]
fn a_fork_is_described_with_its_origin_and_refused_where_it_cannot_be() {
    let world = World::start();
    let run =
        world.run(&["workflow", "start", "Order", "--task-queue", "orders", "--workflow-id", "o", "-o", "json"]).json();
    let forked = world.run(&["workflow", "fork", "o", "--at", "2", "--id", "other"]);
    assert!(forked.ok().starts_with("forked other (run "), "{forked:?}");
    let described = world.run(&["workflow", "describe", "other", "--output", "json"]).json();
    assert_eq!(described["forkedFrom"], json!({ "workflowId": "o", "runId": run["runId"], "eventId": 2 }));
    assert!(world.run(&["workflow", "verify", "other"]).ok().starts_with("other verified: 5 events in 2 batches"));

    for (at, id, why) in
        [("2", "other", "already running"), ("9", "new", "events 1 to 2"), ("0", "new", "events 1 to 2")]
    {
        let refused = world.run(&["workflow", "fork", "o", "--at", at, "--id", id]);
        assert!(refused.error(1).contains(why), "{refused:?}");
    }
    assert!(world.run(&["workflow", "fork", "nobody", "--at", "1", "--id", "new"]).error(1).contains("not found"));
}
