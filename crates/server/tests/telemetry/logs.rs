//! The log as JSON: a call is told of with its ids when it is asked for, and costs no line when it is not.

use serde_json::{Value, json};

use crate::process::{Process, call_twice};

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_a_call_says_which_request_workflow_and_run_it_is_about() {
    let server = Process::start(&["--log-level", "info,weft::call=debug"]).await;
    let run = call_twice(&mut server.client().await, "order-9").await;
    let said = server.stop().await;
    let told = |rpc: &str| {
        let of_rpc = |line: &&Value| line["span"]["rpc"] == rpc && line["message"] == "close";
        said.iter().find(of_rpc).unwrap_or_else(|| panic!("nothing of {rpc}: {said:#?}"))
    };
    let (started, ended) = (told("StartWorkflowExecution"), told("TerminateWorkflowExecution"));
    for line in [started, ended] {
        let span = &line["span"];
        let ids = [&span["namespace"], &span["workflow"], &span["run"]].map(Clone::clone);
        assert_eq!(ids, [json!("default"), json!("order-9"), json!(run)]);
        assert!(line["time.busy"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    assert_ne!(started["span"]["request"], ended["span"]["request"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_not_told_of_unless_they_are_asked_for() {
    let server = Process::start(&[]).await;
    call_twice(&mut server.client().await, "order-10").await;
    let said = server.stop().await;
    assert!(said.iter().all(|line| line["span"].is_null()), "{said:#?}");
}
