//! A codec that encrypts: the server sees nothing of what is said, and the client nothing of the codec.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use weft_client::{
    BoxError, Client, ConnectOptions, DataCodec, Failure, PayloadCodec, WorkflowError, api::common::Payload,
};
use weft_protocol::{payload, prost::Message};

use crate::{Order, QUEUE, World, worker};

const ENCRYPTED: &[u8] = b"binary/encrypted";

/// Encrypts each payload with AES-GCM; the nonce stands before the rest.
struct Aes {
    key: LessSafeKey,
    chance: SystemRandom,
}

impl Aes {
    fn new(key: [u8; 32]) -> Self {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("it has the right length"));
        Self { key, chance: SystemRandom::new() }
    }

    fn encrypt(&self, payload: &Payload) -> Result<Payload, BoxError> {
        let mut nonce = [0; NONCE_LEN];
        self.chance.fill(&mut nonce).map_err(|_| "there is no chance")?;
        let mut text = payload.encode_to_vec();
        let sealed = self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text);
        sealed.map_err(|_| "it is too long")?;
        let metadata = [(payload::ENCODING.to_owned(), ENCRYPTED.to_vec())].into();
        Ok(Payload { metadata, data: [&nonce, text.as_slice()].concat(), ..Payload::default() })
    }

    fn decrypt(&self, payload: Payload) -> Result<Payload, BoxError> {
        if payload::encoding(&payload) != Some(ENCRYPTED) {
            return Ok(payload);
        }
        let (nonce, text) = payload.data.split_at_checked(NONCE_LEN).ok_or("it is too short")?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| "it has another length")?;
        let mut text = text.to_vec();
        let open = self.key.open_in_place(nonce, Aad::empty(), &mut text).map_err(|_| "it is of another key")?;
        Ok(Payload::decode(&*open)?)
    }
}

#[weft_client::async_trait]
impl PayloadCodec for Aes {
    async fn encode(&self, payloads: Vec<Payload>) -> Result<Vec<Payload>, BoxError> {
        payloads.iter().map(|payload| self.encrypt(payload)).collect()
    }

    async fn decode(&self, payloads: Vec<Payload>) -> Result<Vec<Payload>, BoxError> {
        payloads.into_iter().map(|payload| self.decrypt(payload)).collect()
    }
}

impl World {
    /// Another client of the same server, with a codec.
    fn with_codec(&self, codec: DataCodec) -> Client {
        let options = ConnectOptions { codec, ..ConnectOptions::default() };
        Client::over(self.server.connector().channel(), options).expect("headers are right")
    }
}

fn codec() -> DataCodec {
    DataCodec::new(Aes::new([7; 32])).seal_failures()
}

#[tokio::test]
async fn the_server_keeps_nothing_in_the_clear() {
    let world = World::new().await;
    let client = world.with_codec(codec());
    let start = client.start_workflow(Order, ("secret".to_owned(), 1)).id("o").task_queue(QUEUE);
    let handle = start.memo("note", &"secret".to_owned()).summary("secret").await.expect("it starts");
    let command = codec().encode(worker::fail(Failure::application("secret").kind("Shown"))).await;
    worker::turn(&world.client, vec![command.expect("it is encoded")]).await;

    let stored = world.client.handle::<Order>("o");
    let seen = format!("{:?}", stored.history().all().await.expect("it is read"));
    let payload = |text: &str| format!("{:?}", text.as_bytes());
    assert!(!seen.contains("secret") && !seen.contains(payload("secret").trim_matches(['[', ']'])), "{seen}");
    assert!(seen.contains("Shown"), "the kind is for retry policies: {seen}");

    let described = handle.describe().await.expect("it is there");
    assert_eq!(described.memo::<String>("note").expect("it is a text").as_deref(), Some("secret"));
    assert_eq!(described.summary().as_deref(), Some("secret"));
    let error = handle.result().await.expect_err("it failed");
    let WorkflowError::Failed(failure) = error else { panic!("{error}") };
    assert_eq!((failure.message.as_str(), failure.application_kind()), ("secret", Some("Shown")));
    world.end().await;
}

#[tokio::test]
async fn a_wrong_key_is_an_error_and_no_answer() {
    let world = World::new().await;
    let client = world.with_codec(codec());
    let start = client.start_workflow(Order, ("secret".to_owned(), 1)).id("o").task_queue(QUEUE);
    start.await.expect("it starts");
    let other = world.with_codec(DataCodec::new(Aes::new([8; 32])));
    let error = other.handle::<Order>("o").history().all().await.expect_err("it cannot be read");
    assert_eq!(error.to_string(), "GetWorkflowExecutionHistory: the codec failed: it is of another key");
    world.end().await;
}
