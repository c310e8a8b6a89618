//! `cargo run -p weft --example cart --features embedded`

mod cart;

use cart::{Cart, QUEUE};
use weft::{Error, Result, embedded::Server};

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::in_memory().await?;
    let client = server.client()?;
    let worker = cart::worker(&client).start()?;

    let cart = client.start_workflow(Cart::run, ()).id("cart-17").task_queue(QUEUE).await?;
    for (item, count) in [("apple", 3), ("pear", 0), ("melon", 1)] {
        match cart.update(Cart::add, (item.to_owned(), count)).await {
            Ok(pieces) => println!("{count} {item}: {pieces} pieces in the cart"),
            Err(refused) => println!("{count} {item}: {:?}", Error::from(refused)),
        }
    }
    cart.update(Cart::remove, "melon").await?;
    println!("in the cart: {:?}", cart.query(Cart::items, ()).await?);
    for card in ["expired", "Ada's card"] {
        match cart.update(Cart::check_out, card).await {
            Ok(receipt) => println!("{receipt}"),
            Err(error) => println!("{card}: {:?}", Error::from(error)),
        }
    }
    println!("{}", cart.result().await?);

    worker.shutdown().await?;
    server.shutdown().await;
    Ok(())
}
