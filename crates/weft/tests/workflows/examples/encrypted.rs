//! The example `encrypted`.

use vault::{Aes, QUEUE, keep};
use weft::{client::AnyWorkflow, embedded::Server};

#[path = "../../../examples/encrypted/vault.rs"]
mod vault;

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_the_key_reads_a_secret() {
    let server = Server::in_memory().await.expect("a server starts in memory");
    let with = |key: u8| server.client_with(Aes::options([key; 32]).expect("a key")).expect("the options are right");
    let client = with(7);
    let worker = vault::worker(&client).start().expect("the worker starts");
    let secret = client.start_workflow(keep, "4711").id("secret").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(secret.result().await.expect("it completes"), "kept: 4711");

    let stranger = server.client().expect("the options are right");
    let sealed = stranger.handle::<AnyWorkflow>("secret").result().await.expect("it is there").0;
    assert!(!sealed.data.windows(4).any(|part| part == b"4711"), "{sealed:?}");
    let events = stranger.handle::<AnyWorkflow>("secret").history().all().await.expect("it is known");
    assert!(events.len() > 5 && !format!("{events:?}").contains("4711"), "nothing of it is in the history");
    let wrong = with(8).handle::<keep>("secret").result().await.expect_err("it is of another key");
    assert!(wrong.to_string().contains("the value is of another key"), "{wrong}");

    worker.shutdown().await.expect("no poll was refused");
    server.shutdown().await;
}
