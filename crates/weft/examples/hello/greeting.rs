//! The smallest workflow: it calls an activity and returns what that says.

use weft::{Client, Ctx, Result, Worker, activity, workflow};

pub(crate) const QUEUE: &str = "greetings";

#[workflow]
pub(crate) async fn hello(ctx: Ctx, name: String) -> Result<String> {
    ctx.activity(greet, name).await
}

#[activity]
async fn greet(name: String) -> String {
    format!("Hello, {name}!")
}

pub(crate) fn worker(client: &Client) -> Worker {
    Worker::new(client, QUEUE).workflow(hello).activity(greet)
}
