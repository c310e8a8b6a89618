//! `cargo run -p weft --example fan_out --features embedded`

mod totals;

use totals::{QUEUE, total};
use weft::{Result, embedded::Server};

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::in_memory().await?;
    let client = server.client()?;
    let worker = totals::worker(&client).start()?;

    let today = client.start_workflow(total, 500_u32).id("today").task_queue(QUEUE).await?;
    println!("500 shops took {} in all.", today.result().await?);

    worker.shutdown().await?;
    server.shutdown().await;
    Ok(())
}
