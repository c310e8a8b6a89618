//! Payloads that only those who have the codec can read: the server and whoever reads its disk cannot.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use weft::{
    ActivityCtx, Client, ConnectOptions, Ctx, Error, Failure, Replayer, Result, RetryPolicy, Worker, activity,
    client::{
        BoxError, DataCodec, PayloadCodec,
        api::{common::Payload, history::History},
        async_trait,
    },
    embedded::Server,
    workflow,
};
use weft_protocol::{json, prost::Message};

use crate::world::QUEUE;

/// Every value in these tests has this in it.
const SECRET: &str = "s3cret";
const ENCODING: &[u8] = b"binary/sealed";

/// As a cipher does, it hides whole payloads and marks what it made.
struct Sealing;

#[async_trait]
impl PayloadCodec for Sealing {
    async fn encode(&self, payloads: Vec<Payload>) -> std::result::Result<Vec<Payload>, BoxError> {
        let seal = |payload: Payload| Payload {
            metadata: [("encoding".to_owned(), ENCODING.to_vec())].into(),
            data: hide(&payload.encode_to_vec()),
            ..Payload::default()
        };
        Ok(payloads.into_iter().map(seal).collect())
    }

    async fn decode(&self, payloads: Vec<Payload>) -> std::result::Result<Vec<Payload>, BoxError> {
        let open = |payload: Payload| match payload.metadata.get("encoding") {
            Some(encoding) if encoding == ENCODING => Ok(Payload::decode(hide(&payload.data).as_slice())?),
            Some(_) | None => Ok(payload),
        };
        payloads.into_iter().map(open).collect()
    }
}

fn hide(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ 0xa5).collect()
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
struct Text(String);

fn secret(of: &str) -> Text {
    Text(format!("{SECRET} {of}"))
}

#[derive(Default)]
struct Vault {
    texts: Vec<Text>,
    closed: bool,
}

#[workflow]
impl Vault {
    #[run]
    async fn run(ctx: Ctx<Self>, first: Text) -> Result<Vec<Text>> {
        ctx.with_mut(|vault| vault.texts.push(first.clone()));
        let read = ctx.activity(echo, first.clone()).retry(quick()).await?;
        let local = ctx.local_activity(echo_here, first.clone()).await?;
        let noted = ctx.side_effect(|| secret("side effect"))?;
        let failed = ctx.activity(refuse, first).await.expect_err("it refuses");
        let failure = failed.into_failure();
        let why = Text(failure.root().message.clone());
        ctx.with_mut(|vault| vault.texts.extend([read, local, noted, why]));
        ctx.wait_until(|vault: &Self| vault.closed).await?;
        Ok(ctx.with(|vault| vault.texts.clone()))
    }

    #[signal]
    fn close(&mut self, text: Text) {
        self.texts.push(text);
        self.closed = true;
    }

    #[query]
    fn about(&self, text: Text) -> Text {
        Text(format!("{} of {}", text.0, self.texts.len()))
    }

    #[update(check = may_add)]
    fn add(&mut self, text: Text) -> Text {
        self.texts.push(text.clone());
        text
    }

    fn may_add(&self, text: &Text) -> Result<()> {
        if text.0.contains("wrong") { Err(Error::new(format!("{SECRET} refusal"))) } else { Ok(()) }
    }
}

fn quick() -> RetryPolicy {
    RetryPolicy { initial_interval: Duration::from_millis(1), ..RetryPolicy::default() }
}

/// The second attempt reads what the first said last, which was never sent as a heartbeat of its own.
#[activity]
async fn echo(ctx: ActivityCtx, text: Text) -> Result<Text> {
    match ctx.heartbeat_details::<Text>()? {
        Some(said) if said == secret("heartbeat") => Ok(text),
        Some(other) => Err(Error::new(format!("heartbeat {other:?}"))),
        None => {
            ctx.heartbeat(&secret("heartbeat"))?;
            Err(Error::new(format!("{SECRET} failure of the first attempt")))
        }
    }
}

#[activity]
async fn echo_here(text: Text) -> Text {
    text
}

#[activity]
async fn refuse(_text: Text) -> Result<()> {
    Err(Failure::application(format!("{SECRET} failure")).non_retryable().into())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_reads_nothing() {
    let server = Server::in_memory().await.expect("a server starts in memory");
    let codec = DataCodec::new(Sealing).seal_failures();
    let client = server.client_with(ConnectOptions { codec, ..ConnectOptions::default() }).expect("they are right");
    let worker = Worker::new(&client, QUEUE).workflow(Vault::run);
    // Nothing is kept, so that each task reads the whole history again.
    let worker = worker.activity(echo).activity(echo_here).activity(refuse).cached_workflows_max(0);
    let worker = worker.start().expect("it starts");
    let start = client.start_workflow(Vault::run, secret("input")).id("vault").task_queue(QUEUE);
    let vault = start.memo("note", &secret("memo")).await.expect("it starts");
    assert_eq!(vault.update(Vault::add, secret("update")).await.expect("it is taken"), secret("update"));
    let refused = vault.update(Vault::add, secret("wrong")).await.expect_err("it is refused");
    assert!(format!("{refused:?}").contains("s3cret refusal"), "{refused:?}");
    let answer = vault.query(Vault::about, secret("query")).await.expect("it answers");
    assert!(answer.0.starts_with("s3cret query of "), "{answer:?}");
    vault.signal(Vault::close, secret("signal")).await.expect("it is taken");
    let texts = vault.result().await.expect("it completes");
    for expected in ["input", "update", "signal", "side effect", "failure"] {
        assert!(texts.contains(&secret(expected)), "{expected} in {texts:?}");
    }
    assert_eq!(texts.iter().filter(|text| **text == secret("input")).count(), 3, "{texts:?}");
    let memo: Option<Text> = vault.describe().await.expect("it is known").memo("note").expect("it is a text");
    assert_eq!(memo, Some(secret("memo")));
    worker.shutdown().await.expect("no poll was refused");
    let stranger = server.client().expect("the options are right");
    assert_unreadable(&stranger).await;
    assert_replayable(&client, &stranger).await;
    server.shutdown().await;
}

async fn assert_unreadable(stranger: &Client) {
    let mut pages = stranger.handle::<Vault>("vault").history();
    let mut seen = 0;
    while let Some(events) = pages.next().await.expect("it is known") {
        for event in events {
            seen += 1;
            let bytes = event.encode_to_vec();
            let clear = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
            assert!(!clear, "{event:?}");
        }
    }
    assert!(seen > 20, "the history is there: {seen} events");
    let described = stranger.handle::<Vault>("vault").describe().await.expect("it is known");
    assert!(described.memo::<Text>("note").is_err(), "a stranger reads no memo");
}

/// A history that somebody without the codec exported is replayed by a worker that has it.
async fn assert_replayable(client: &Client, stranger: &Client) {
    let events = stranger.handle::<Vault>("vault").history().all().await.expect("it is known");
    let text = json::to_json(&History { events }).expect("a history is written as JSON").to_string();
    let unread = Replayer::new().workflow(Vault::run).replay_json(&text);
    assert!(unread.is_err(), "nobody decodes its payloads: {unread:?}");
    let file = tempfile::NamedTempFile::new().expect("there is room");
    std::fs::write(file.path(), text).expect("it is written");
    let told = ["worker", "replay", &file.path().to_string_lossy()].map(str::to_owned);
    let worker = Worker::new(client, "none").workflow(Vault::run);
    worker.run_or_replay(told).await.expect("the client's codec decodes it");
}
