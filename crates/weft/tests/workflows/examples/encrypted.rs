//! The example `encrypted`.

use vault::{Aes, QUEUE, keep};
use weft::{client::AnyWorkflow, embedded::Server};
use weft_protocol::prost::Message;

#[path = "../../../examples/encrypted/vault.rs"]
mod vault;

/// It comes about nowhere by chance.
const SECRET: &str = "the code is 4711";

fn has_secret(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_the_key_reads_a_secret() {
    let server = Server::in_memory().await.expect("a server starts in memory");
    let with = |key: u8| server.client_with(Aes::options([key; 32]).expect("a key")).expect("the options are right");
    let client = with(7);
    let worker = vault::worker(&client).start().expect("the worker starts");
    let secret = client.start_workflow(keep, SECRET).id("secret").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(secret.result().await.expect("it completes"), format!("kept: {SECRET}"));

    let stranger = server.client().expect("the options are right");
    let sealed = stranger.handle::<AnyWorkflow>("secret").result().await.expect("it is there").0;
    assert!(!has_secret(&sealed.data), "{sealed:?}");
    let events = stranger.handle::<AnyWorkflow>("secret").history().all().await.expect("it is known");
    assert!(events.len() > 5 && !events.iter().any(|event| has_secret(&event.encode_to_vec())), "it is in the history");
    let wrong = with(8).handle::<keep>("secret").result().await.expect_err("it is of another key");
    assert!(wrong.to_string().contains("the value is of another key"), "{wrong}");

    worker.shutdown().await.expect("no poll was refused");
    server.shutdown().await;
}
