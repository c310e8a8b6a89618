//! `cargo run -p weft --example subscription --features embedded`

mod subscription;

use std::time::Duration;

use subscription::{QUEUE, Subscription};
use weft::{Result, embedded::Server};

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::in_memory().await?;
    let client = server.client()?;
    let worker = subscription::worker(&client).start()?;

    // A month in earnest.
    let period = Duration::from_millis(100);
    let ada = subscription::of("Ada", period);
    let ada = client.start_workflow(Subscription::run, ada).id("ada").task_queue(QUEUE).await?;
    let before = ada.update(Subscription::change_price, 1_000_u64).await?;
    println!("It was {before} cents.");
    tokio::time::sleep(20 * period).await;
    println!("Ada has paid {} periods.", ada.query(Subscription::paid_periods, ()).await?);
    ada.signal(Subscription::cancel, ()).await?;
    println!("In all it was {}.", ada.result().await?);

    worker.shutdown().await?;
    server.shutdown().await;
    Ok(())
}
