//! `cargo run -p weft --example approval --features embedded`

mod approval;

use std::time::Duration;

use approval::{Approval, QUEUE, Request};
use weft::{Result, embedded::Server};

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::in_memory().await?;
    let client = server.client()?;
    let worker = approval::worker(&client).start()?;

    // Days in earnest.
    let request = |what: &str| Request {
        what: what.to_owned(),
        approver: "Ada".to_owned(),
        remind_after: Duration::from_secs(1),
        give_up_after: Duration::from_secs(2),
    };
    for what in ["a new chair", "a trip to the moon", "a blue door"] {
        let asked = client.start_workflow(Approval::run, request(what)).id(what).task_queue(QUEUE).await?;
        match what {
            "a new chair" => asked.signal(Approval::approve, ()).await?,
            "a trip to the moon" => asked.signal(Approval::refuse, "too far").await?,
            _ => {}
        }
        let outcome = asked.result().await?;
        println!("{what}: {outcome:?} after {} reminders", asked.query(Approval::reminders, ()).await?);
    }

    worker.shutdown().await?;
    server.shutdown().await;
    Ok(())
}
