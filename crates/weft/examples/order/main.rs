//! `cargo run -p weft --example order --features embedded`

mod order;

use order::{QUEUE, lamp_for, place_order};
use weft::{Error, Result, embedded::Server};

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::in_memory().await?;
    let client = server.client()?;
    let worker = order::worker(&client, 1).start()?;

    for country in ["Norway", "Atlantis", "Chile"] {
        let order = lamp_for(country);
        let id = order.id.clone();
        let placed = client.start_workflow(place_order, order).id(id).task_queue(QUEUE).await?;
        match placed.result().await {
            Ok(shipped) => println!("{country}: {shipped}"),
            Err(error) => println!("{country}: {:?}", Error::from(error)),
        }
    }

    worker.shutdown().await?;
    server.shutdown().await;
    Ok(())
}
