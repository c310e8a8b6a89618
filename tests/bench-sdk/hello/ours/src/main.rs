//! The smallest worker of our SDK, to see what it takes to build it.

use weft::{Client, ConnectOptions, Ctx, Result, Worker, activity, workflow};

#[workflow]
async fn hello(ctx: Ctx, name: String) -> Result<String> {
    ctx.activity(greet, name).await
}

#[activity]
async fn greet(name: String) -> String {
    format!("Hello, {name}!")
}

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::connect(ConnectOptions::default()).await?;
    Worker::new(&client, "greetings").workflow(hello).activity(greet).run().await?;
    Ok(())
}
