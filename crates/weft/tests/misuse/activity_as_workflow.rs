//! An activity is registered as a workflow.

use weft::{Client, Worker, activity};

#[activity]
async fn greet(name: String) -> String {
    name
}

fn work(client: &Client) {
    let _ = Worker::new(client, "q").workflow(greet); //~ `greet` is no workflow
}
