//! Namespaces that come and go.

use crate::world::World;

#[test]
fn a_deleted_namespace_takes_its_workflows_along_and_frees_its_name() {
    let world = World::start();
    world.run(&["namespace", "create", "orders"]).ok();
    let start = ["workflow", "start", "Order", "-t", "q", "-w", "w", "--namespace"];
    world.run(&[&start[..], &["orders"]].concat()).ok();
    let ran = world.run(&["namespace", "delete", "orders"]);
    assert!(ran.error(2).contains("say --yes if you mean it"), "{ran:?}");
    let ran = world.run(&["namespace", "delete", "orders", "--yes"]);
    assert_eq!(ran.ok(), "deleted namespace orders\n");
    assert!(ran.err.contains("as namespace orders-deleted-"), "{ran:?}");
    assert!(!world.run(&["namespace", "list"]).ok().contains("orders"));

    // Its empty shell can still be asked.
    let left = ran.err.rsplit_once(" as namespace ").expect("it is named").1.trim().to_owned();
    while world.run(&["workflow", "count", "--namespace", &left]).ok() != "0\n" {}
    world.run(&["namespace", "create", "orders"]).ok();
    assert_eq!(world.run(&["workflow", "count", "--namespace", "orders"]).ok(), "0\n");
    let ran = world.run(&[&start[..], &[&*left]].concat());
    assert!(ran.error(1).contains("Deleted"), "{ran:?}");
}

#[test]
fn a_namespace_that_is_not_there_cannot_be_deleted() {
    let world = World::start();
    let ran = world.run(&["namespace", "delete", "ordesr", "--yes"]);
    assert!(ran.error(1).contains("there is no namespace \"ordesr\""), "{ran:?}");
}
