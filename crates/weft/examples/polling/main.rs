//! `cargo run -p weft --example polling --features embedded`

mod export;

use export::{QUEUE, export_table};
use weft::{Result, embedded::Server};

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::in_memory().await?;
    let client = server.client()?;
    let worker = export::worker(&client).start()?;

    let job = client.start_workflow(export_table, "customers").id("export-1").task_queue(QUEUE).await?;
    println!("{}", job.result().await?);

    worker.shutdown().await?;
    server.shutdown().await;
    Ok(())
}
