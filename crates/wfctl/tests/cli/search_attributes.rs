//! Names that lists can be filtered by, and filters that are wrong.

use serde_json::json;

use crate::world::World;

fn create(world: &World, name: &str, kind: &str) {
    let ran = world.run(&["search-attribute", "create", "--name", name, "--type", kind]);
    assert_eq!(ran.ok(), format!("created search attribute {name}\n"));
}

#[test]
fn a_search_attribute_is_created_used_and_removed() {
    let world = World::start();
    let ran = world.run(&["search-attribute", "list"]);
    assert_eq!(ran.ok(), "");
    assert!(ran.err.contains("namespace default has no search attributes of its own"), "{ran:?}");
    create(&world, "Customer", "keyword");
    create(&world, "Total", "Double");
    let ran = world.run(&["search-attribute", "list"]);
    assert_eq!(ran.ok(), "NAME      TYPE\nCustomer  Keyword\nTotal     Double\n");
    assert!(world.run(&["search-attribute", "list", "--all"]).ok().contains("\nWorkflowId "));
    let known = world.run(&["search-attribute", "list", "--output", "json"]).json();
    let expected = json!({ "Customer": "INDEXED_VALUE_TYPE_KEYWORD", "Total": "INDEXED_VALUE_TYPE_DOUBLE" });
    assert_eq!(known["customAttributes"], expected);

    let start = ["workflow", "start", "Order", "-t", "orders", "-w"];
    for (id, total) in [("small", "Total=1.5"), ("large", "Total=900")] {
        let more = [id, "--search-attribute", "Customer=\"Ada\"", "--search-attribute", total];
        world.run(&[&start[..], &more].concat()).ok();
    }
    let query = "Customer = 'Ada' AND Total > 100";
    let listed = world.run(&["workflow", "list", "--query", query]);
    assert!(listed.ok().contains("  large ") && !listed.ok().contains("  small "), "{listed:?}");
    assert_eq!(world.run(&["workflow", "count", "--query", "Customer = 'Ada'"]).ok(), "2\n");
    let described = world.run(&["workflow", "describe", "large"]);
    assert!(described.ok().contains("Search attributes  Customer=\"Ada\" Total=900"), "{described:?}");

    let ran = world.run(&["search-attribute", "remove", "--name", "Customer"]);
    assert_eq!(ran.ok(), "removed search attribute Customer\n");
    assert_eq!(world.run(&["search-attribute", "list"]).ok(), "NAME   TYPE\nTotal  Double\n");
    let ran = world.run(&["workflow", "count", "--query", "Customer = 'Ada'"]);
    assert!(ran.error(1).contains("unknown search attribute `Customer`"), "{ran:?}");
}

#[test]
fn a_name_that_cannot_be_made_or_taken_away_says_why() {
    let world = World::start();
    create(&world, "Customer", "keyword");
    // Once more is no mistake; another type is.
    create(&world, "Customer", "keyword");
    let ran = world.run(&["search-attribute", "create", "--name", "Customer", "--type", "int"]);
    assert!(ran.error(1).contains("Customer is there already with type Keyword"), "{ran:?}");
    let ran = world.run(&["search-attribute", "create", "--name", "RunId", "--type", "keyword"]);
    assert!(ran.error(1).contains("Search attribute RunId is reserved by system."), "{ran:?}");
    let ran = world.run(&["search-attribute", "create", "--name", "A", "--name", "B", "--type", "int"]);
    assert!(ran.error(2).contains("give one --type for each --name"), "{ran:?}");
    let ran = world.run(&["search-attribute", "create", "--name", "A", "--type", "string"]);
    assert!(ran.error(2).contains("keyword-list"), "{ran:?}");
    let ran = world.run(&["search-attribute", "remove", "--name", "Custommer"]);
    assert!(ran.error(1).contains("no search attribute \"Custommer\" (did you mean Customer?)"), "{ran:?}");
    let ran = world.run(&["search-attribute", "remove", "--name", "RunId"]);
    assert!(ran.error(1).contains("Unable to remove non-custom search attributes: RunId."), "{ran:?}");
}

#[test]
fn a_wrong_filter_is_shown_with_its_word_marked() {
    let world = World::start();
    let check = |verb: &str, query: &str, marks: &str| {
        let ran = world.run(&["workflow", verb, "--query", query]);
        assert!(ran.error(1).ends_with(&format!("\n  {query}\n  {marks}\n")), "{}", ran.err);
    };
    check("list", "WorkflowType = 'Order' AND Statsu = 1", "                           ^^^^^^");
    check("list", "ExecutionStatus = 'Runing'", "                  ^^^^^^^^");
    check("list", "WorkflowType = ", "               ^");
    check("count", "GROUP BY StartTime", "         ^^^^^^^^^");
    let ran = world.run(&["workflow", "list", "--query", "Statsu = 1", "--output", "json"]);
    let error: serde_json::Value = serde_json::from_str(ran.error(1)).unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("unknown search attribute `Statsu` at position 1"), "{message}");
    assert!(!message.contains('^'), "{message}");
}
