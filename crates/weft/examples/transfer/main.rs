//! `cargo run -p weft --example transfer --features embedded`

mod bank;

use bank::{Account, Order, QUEUE, Transfer, account_with};
use weft::{Error, Result, embedded::Server};

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::in_memory().await?;
    let client = server.client()?;
    let worker = bank::worker(&client).start()?;

    let ada = client.start_workflow(Account::run, account_with(100)).id("ada").task_queue(QUEUE).await?;
    let bob = client.start_workflow(Account::run, account_with(0)).id("bob").task_queue(QUEUE).await?;
    for (id, to, cents) in [("rent", "bob", 70), ("a yacht", "bob", 5_000), ("a gift", "nobody", 20)] {
        let order = Order { from: "ada".to_owned(), to: to.to_owned(), cents };
        let transfer = client.start_workflow(Transfer::run, order).id(id).task_queue(QUEUE).await?;
        match transfer.result().await {
            Ok(()) => println!("{id}: done"),
            Err(error) => println!("{id}: {:?}", Error::from(error)),
        }
    }
    for account in [&ada, &bob] {
        println!("{} has {} cents.", account.id(), account.query(Account::cents, ()).await?);
        account.signal(Account::close, ()).await?;
        account.result().await?;
    }

    worker.shutdown().await?;
    server.shutdown().await;
    Ok(())
}
