//! An HTTP service whose orders are workflows. The server is in this process, with its data in `weft-data`; with
//! `WEFT_ADDRESS` it is elsewhere.
//!
//! ```text
//! cargo run -p weft --example service --features embedded
//! curl -d 'a lamp' localhost:8080/orders/17
//! curl localhost:8080/orders/17
//! curl -X POST localhost:8080/orders/17/approve
//! curl localhost:8080/orders/17/receipt
//! ```

mod orders;
mod routes;

use weft::{Client, ConnectOptions, Result, embedded::Server};

#[tokio::main]
async fn main() -> Result<()> {
    let (server, client) = match std::env::var("WEFT_ADDRESS") {
        Ok(address) => (None, Client::connect(ConnectOptions { address, ..ConnectOptions::default() }).await?),
        Err(_) => {
            let server = Server::open("weft-data").await?;
            let client = server.client()?;
            (Some(server), client)
        }
    };
    let worker = orders::worker(&client).start()?;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}", listener.local_addr()?);
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, routes::router(client)).with_graceful_shutdown(stop).await?;

    worker.shutdown().await?;
    if let Some(server) = server {
        server.shutdown().await;
    }
    Ok(())
}
