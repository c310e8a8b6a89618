//! `cargo run -p weft --example encrypted --features embedded`

mod vault;

use vault::{Aes, QUEUE, keep};
use weft::{Result, client::AnyWorkflow, embedded::Server};

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::in_memory().await?;
    let client = server.client_with(Aes::options([7; 32]).map_err(weft::Failure::from)?)?;
    let worker = vault::worker(&client).start()?;

    let secret = client.start_workflow(keep, "the code is 4711").id("secret-1").task_queue(QUEUE).await?;
    println!("with the key: {}", secret.result().await?);
    // A client without the key.
    let sealed = server.client()?.handle::<AnyWorkflow>("secret-1").result().await?;
    println!("without it: {} bytes of {:?}", sealed.0.data.len(), sealed.0.metadata.keys());

    worker.shutdown().await?;
    server.shutdown().await;
    Ok(())
}
