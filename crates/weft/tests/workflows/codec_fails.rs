//! A codec that fails: what cannot be encoded is told as the failure that it is, and nothing goes out in the clear.

use weft::{
    ConnectOptions, Ctx, Result, RetryPolicy, Worker, activity,
    client::{BoxError, DataCodec, Error, PayloadCodec, api::common::Payload, async_trait},
    embedded::Server,
    workflow,
};

use crate::world::QUEUE;

const UNSAYABLE: &str = "unsayable";

/// Encodes nothing that has the word in it.
struct Prim;

#[async_trait]
impl PayloadCodec for Prim {
    async fn encode(&self, payloads: Vec<Payload>) -> std::result::Result<Vec<Payload>, BoxError> {
        let is_prim = |payload: &Payload| !payload.data.windows(UNSAYABLE.len()).any(|it| it == UNSAYABLE.as_bytes());
        if payloads.iter().all(is_prim) { Ok(payloads) } else { Err("the key is gone".into()) }
    }

    async fn decode(&self, payloads: Vec<Payload>) -> std::result::Result<Vec<Payload>, BoxError> {
        Ok(payloads)
    }
}

#[workflow]
async fn speaks(ctx: Ctx, _word: String) -> Result<String> {
    ctx.activity(blurts, ()).retry(RetryPolicy::once()).await
}

#[activity]
async fn blurts() -> String {
    UNSAYABLE.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_encoded_fails_where_it_is_said() {
    let server = Server::in_memory().await.expect("a server starts in memory");
    let codec = DataCodec::new(Prim);
    let client = server.client_with(ConnectOptions { codec, ..ConnectOptions::default() }).expect("they are right");
    let worker = Worker::new(&client, QUEUE).workflow(speaks).activity(blurts).start().expect("it starts");

    let refused = client.start_workflow(speaks, UNSAYABLE).id("never").task_queue(QUEUE).await;
    let refused = refused.expect_err("its argument cannot be encoded");
    assert!(matches!(refused, Error::Codec { .. }), "{refused:?}");
    assert!(refused.to_string().contains("the key is gone"), "{refused}");
    assert!(client.handle::<speaks>("never").describe().await.is_err(), "it was not sent");

    let start = client.start_workflow(speaks, "hush").id("speaks").task_queue(QUEUE).await.expect("it starts");
    let failed = start.result().await.expect_err("its activity's result cannot be encoded");
    let root = failed.failure().expect("it failed").root();
    assert_eq!(root.application_kind(), Some("Codec"), "{failed}");
    assert!(failed.to_string().contains("the key is gone"), "the whole chain is told: {failed}");

    worker.shutdown().await.expect("no poll was refused");
    server.shutdown().await;
}
