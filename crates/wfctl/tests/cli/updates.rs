//! Updates from the command line.

use serde_json::json;
use weft_client::api::{
    Any,
    failure::Failure,
    protocol::Message,
    update::{Acceptance, Meta, Outcome, Rejection, Response, outcome::Value},
    workflowservice::PollWorkflowTaskQueueResponse,
};
use weft_protocol::{
    payload::{json_plain, list},
    prost::Name,
};

use crate::world::{Ran, World};

fn message<M: weft_protocol::prost::Message + Name>(update: &str, body: &M) -> Message {
    let body = Any { type_url: format!("type.googleapis.com/{}", M::full_name()), value: body.encode_to_vec() };
    Message { id: M::NAME.to_owned(), protocol_instance_id: update.to_owned(), body: Some(body), ..Message::default() }
}

/// The id of the one update that a task carries.
fn carried(task: &PollWorkflowTaskQueueResponse) -> &str {
    let [message] = &task.messages[..] else { panic!("{:?} are not one update", task.messages) };
    &message.protocol_instance_id
}

fn accepts(update: &str) -> Message {
    message(update, &Acceptance { accepted_request_sequencing_event_id: 1, ..Acceptance::default() })
}

fn responds(update: &str, result: &str) -> Message {
    let meta = Some(Meta { update_id: update.to_owned(), ..Meta::default() });
    let outcome = Some(Outcome { value: Some(Value::Success(list(json_plain(result)))) });
    message(update, &Response { meta, outcome })
}

fn rejects(update: &str) -> Message {
    let failure = Some(Failure { message: "sold out".to_owned(), ..Failure::default() });
    message(update, &Rejection { failure, ..Rejection::default() })
}

/// Runs a command while a worker answers one workflow task with these messages.
fn answered(world: &World, args: &[&str], answer: impl Fn(&str) -> Vec<Message>) -> Ran {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| world.run(args));
        world.answer("orders", |task| (Vec::new(), answer(carried(task))));
        waiting.join().unwrap()
    })
}

/// A workflow that its worker has looked at once.
fn started() -> World {
    let world = World::start();
    world.run(&["workflow", "start", "Order", "--task-queue", "orders", "--workflow-id", "o"]).ok();
    // The next task is the one that an update makes.
    world.answer("orders", |_| (Vec::new(), Vec::new()));
    world
}

#[test]
fn execute_prints_the_result_and_asking_again_is_the_same_update() {
    let world = started();
    let args = ["workflow", "update", "execute", "o", "--name", "add", "--input", "2", "--update-id", "u"];
    let executed = answered(&world, &args, |update| vec![accepts(update), responds(update, "5")]);
    assert_eq!(executed.ok(), "5\n");
    assert_eq!(world.run(&args).ok(), "5\n");
    let result = world.run(&["workflow", "update", "result", "o", "--update-id", "u", "-o", "json"]).json();
    assert_eq!(
        (&result["updateId"], &result["stage"], &result["result"]),
        (&"u".into(), &"COMPLETED".into(), &json!([5]))
    );
    let shown = world.run(&["workflow", "show", "o", "--detailed"]);
    assert!(shown.ok().contains("WorkflowExecutionUpdateCompleted  update=u"), "{shown:?}");
}

#[test]
fn start_returns_when_the_workflow_has_accepted_and_result_waits_for_the_rest() {
    let world = started();
    let args = ["workflow", "update", "start", "o", "--name", "add", "--update-id", "u", "--wait-stage", "accepted"];
    let accepted = answered(&world, &args, |update| vec![accepts(update)]);
    assert!(accepted.ok().starts_with("o accepted update u (run "), "{accepted:?}");
    world.run(&["workflow", "signal", "o", "--name", "go"]).ok();
    let result = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| world.run(&["workflow", "update", "result", "o", "--update-id", "u"]));
        world.answer("orders", |_| (Vec::new(), vec![responds("u", "7")]));
        waiting.join().unwrap()
    });
    assert_eq!(result.ok(), "7\n");
}

#[test]
fn a_rejected_update_is_an_exit_code_of_its_own() {
    let world = started();
    let args = ["workflow", "update", "execute", "o", "--name", "add", "--update-id", "u"];
    let rejected = answered(&world, &args, |update| vec![rejects(update)]);
    assert!(rejected.error(4).contains("update u failed: sold out"), "{rejected:?}");
    let unknown = world.run(&["workflow", "update", "result", "o", "--update-id", "u"]);
    assert!(unknown.error(1).contains("update \"u\" not found"), "{unknown:?}");
}
