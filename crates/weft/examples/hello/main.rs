//! `cargo run -p weft --example hello --features embedded`

mod greeting;

use greeting::{QUEUE, hello};
use weft::{Result, embedded::Server};

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::in_memory().await?;
    let client = server.client()?;
    let worker = greeting::worker(&client).start()?;

    let greeting = client.start_workflow(hello, "Weft").id("hello-1").task_queue(QUEUE).await?;
    println!("{}", greeting.result().await?);

    worker.shutdown().await?;
    server.shutdown().await;
    Ok(())
}
