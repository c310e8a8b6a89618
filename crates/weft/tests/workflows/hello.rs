//! The smallest workflow: a function that calls an activity.

use weft::{Ctx, Result, activity, workflow};

use crate::world::{QUEUE, World};

#[workflow]
async fn hello(ctx: Ctx, name: String) -> Result<String> {
    ctx.activity(greet, name).await
}

#[activity]
async fn greet(name: String) -> String {
    format!("Hello, {name}!")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_calls_an_activity_and_returns_what_it_says() {
    let world = World::with(|worker| worker.workflow(hello).activity(greet)).await;
    let handle = world.client.start_workflow(hello, "Weft").id("hello").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(handle.result().await.expect("it completes"), "Hello, Weft!");
    world.end().await;
}
