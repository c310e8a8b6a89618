//! What people get wrong, and what they are told.

use crate::world::{World, run, wfctl};

#[test]
fn nothing_listens_there() {
    // A port that is given to nobody who asks for any.
    let address = "127.0.0.1:1";
    let ran = run(&mut wfctl(&["workflow", "list", "--address", address]));
    let error = ran.error(3);
    for part in [&*format!("nothing answers at {address} (given)"), "refused", "`wfctl dev`"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn an_unknown_namespace_names_those_near_it() {
    let world = World::start();
    let ran = world.run(&["workflow", "list", "--namespace", "defualt"]);
    let error = ran.error(1);
    assert!(
        error.contains("there is no namespace \"defualt\" at ") && error.contains("(did you mean default?)"),
        "{error}"
    );
}

#[test]
fn a_queue_without_a_worker_names_those_near_it() {
    let world = World::start();
    world.poll_in_background("orders");
    let ran = world.run(&["workflow", "start", "Order", "-t", "ordres"]);
    assert!(ran.err.contains("no worker polls task queue \"ordres\" yet (did you mean orders?)"), "{ran:?}");
    let ran = world.run(&["task-queue", "describe", "ordres"]);
    assert!(ran.err.contains("no worker polls task queue \"ordres\" (did you mean orders?)"), "{ran:?}");
    let ran = world.run(&["workflow", "start", "Order", "-t", "orders"]);
    assert_eq!(ran.err, "");
}

#[test]
fn a_query_that_nobody_answers_names_the_queue() {
    let world = World::start();
    world.run(&["workflow", "start", "Order", "-t", "orders", "-w", "o"]).ok();
    let ran = world.run(&["workflow", "query", "o", "--name", "status"]);
    assert!(ran.error(1).contains("task queue \"orders\""), "{ran:?}");
}

#[test]
fn an_unknown_or_closed_workflow_says_where_to_look() {
    let world = World::start();
    let ran = world.run(&["workflow", "describe", "nobody"]);
    assert!(ran.error(1).contains("`wfctl workflow list"), "{ran:?}");
    world.run(&["workflow", "start", "Order", "-t", "orders", "-w", "o"]).ok();
    let ran = world.run(&["workflow", "start", "Order", "-t", "orders", "-w", "o"]);
    assert!(ran.error(1).contains("--id-conflict-policy use-existing"), "{ran:?}");
    world.run(&["workflow", "terminate", "o"]).ok();
    let ran = world.run(&["workflow", "signal", "o", "--name", "pay"]);
    assert!(ran.error(1).contains("`wfctl workflow describe` shows how it ended"), "{ran:?}");
}

#[test]
fn wrong_usage_has_a_code_of_its_own_and_is_found_without_a_server() {
    let check = |args: &[&str], part: &str| {
        let ran = run(wfctl(args).env("WEFT_ADDRESS", "127.0.0.1:1"));
        assert!(ran.error(2).contains(part), "{part}: {ran:?}");
    };
    check(&["workflow", "lst"], "'list'");
    check(&["workflow", "start", "Order"], "--task-queue");
    check(&["workflow", "list", "--address", "https://weft:7233", "--tls=false"], "TLS is off");
    check(&["workflow", "list", "--tls-cert-path", "c.pem"], "the client's certificate is given, but not its key");
    check(
        &["workflow", "list", "--tls-ca-path", "/no/ca.pem"],
        "cannot read the server's CA certificate from /no/ca.pem",
    );
    check(&["workflow", "list", "--profile", "prod"], "no profile \"prod\"");
    check(&["workflow", "start", "X", "-t", "q", "--run-timeout", "soon"], "write 30s");
}

#[test]
fn input_that_is_not_json_is_shown_with_its_quotes() {
    let world = World::start();
    let ran = world.run(&["workflow", "start", "Greet", "-t", "q", "--input", "Ada"]);
    assert!(ran.error(2).contains("a text is written --input '\"Ada\"'"), "{ran:?}");
}

#[test]
fn programs_get_errors_as_json() {
    let world = World::start();
    let ran = world.run(&["workflow", "describe", "nobody", "--output", "json"]);
    let error: serde_json::Value = serde_json::from_str(ran.error(1)).unwrap();
    assert_eq!(error["error"]["kind"], "refused");
}

#[test]
fn quarantine_is_empty_and_says_what_is_not_in_it() {
    let world = World::start();
    assert_eq!(world.run(&["quarantine", "list", "--output", "json"]).json(), serde_json::json!([]));
    let ran = world.run(&["quarantine", "clear", "nobody"]);
    assert!(ran.error(1).contains("nobody of namespace default is not in quarantine"), "{ran:?}");
}

#[test]
fn the_doctor_finds_a_healthy_server_healthy_and_a_missing_worker_missing() {
    let world = World::start();
    let ran = world.run(&["doctor"]);
    for part in ["ok       server", "ok       namespace", "ok       health", "ok       clock", "ok       disk"] {
        assert!(ran.ok().contains(part), "{part}: {ran:?}");
    }
    let ran = world.run(&["doctor", "--task-queue", "orders"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("no worker polls task queue \"orders\""), "{ran:?}");
    let ran = run(wfctl(&["doctor", "--output", "json"]).env("WEFT_ADDRESS", "127.0.0.1:1"));
    assert_eq!(ran.code, 1, "{ran:?}");
}

#[test]
fn colours_are_for_those_who_ask() {
    let world = World::start();
    world.run(&["workflow", "start", "Order", "-t", "orders"]).ok();
    assert!(!world.run(&["workflow", "list"]).ok().contains('\u{1b}'));
    assert!(world.run(&["workflow", "list", "--color", "always"]).ok().contains('\u{1b}'));
}

#[test]
fn help_and_completions_need_nothing() {
    assert!(run(&mut wfctl(&["--help"])).ok().contains("Exit codes:"));
    assert!(run(&mut wfctl(&["completion", "bash"])).ok().contains("_wfctl"));
}
