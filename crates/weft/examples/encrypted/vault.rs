//! Encrypted payloads: the server, its disk and its web page see ciphertext; workflows and activities see values.

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use weft::{
    Client, ConnectOptions, Ctx, Result, Worker, activity,
    client::{BoxError, DataCodec, PayloadCodec, api::common::Payload, async_trait},
    workflow,
};

pub(crate) const QUEUE: &str = "secrets";
const ENCODING: &str = "encoding";
const ENCRYPTED: &[u8] = b"binary/encrypted";

/// AES-256-GCM over whole payloads. In real life the key comes from where keys are kept, and its name goes into the
/// metadata, so that keys can be changed.
pub(crate) struct Aes {
    key: LessSafeKey,
    chance: SystemRandom,
}

impl Aes {
    pub(crate) fn new(key: [u8; 32]) -> Result<Self, BoxError> {
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| "the key has another length")?;
        Ok(Self { key: LessSafeKey::new(key), chance: SystemRandom::new() })
    }

    /// How a client and a worker are told: messages and stack traces of failures are sealed too.
    pub(crate) fn options(key: [u8; 32]) -> Result<ConnectOptions, BoxError> {
        let codec = DataCodec::new(Self::new(key)?).seal_failures();
        Ok(ConnectOptions { codec, ..ConnectOptions::default() })
    }

    /// The nonce stands before the rest. What is not random of a value, its encoding, is encrypted with it.
    fn encrypt(&self, payload: &Payload) -> Result<Payload, BoxError> {
        let mut nonce = [0; NONCE_LEN];
        self.chance.fill(&mut nonce).map_err(|_| "no randomness")?;
        let mut text = serde_json::to_vec(&(&payload.metadata, &payload.data))?;
        let sealed = self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text);
        sealed.map_err(|_| "the value is too long")?;
        let metadata = [(ENCODING.to_owned(), ENCRYPTED.to_vec())].into();
        Ok(Payload { metadata, data: [&nonce, text.as_slice()].concat(), ..Payload::default() })
    }

    fn decrypt(&self, payload: Payload) -> Result<Payload, BoxError> {
        if payload.metadata.get(ENCODING).is_none_or(|encoding| encoding != ENCRYPTED) {
            return Ok(payload);
        }
        let (nonce, text) = payload.data.split_at_checked(NONCE_LEN).ok_or("the value is too short")?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| "the nonce has another length")?;
        let mut text = text.to_vec();
        let open = self.key.open_in_place(nonce, Aad::empty(), &mut text).map_err(|_| "the value is of another key")?;
        let (metadata, data) = serde_json::from_slice(open)?;
        Ok(Payload { metadata, data, ..Payload::default() })
    }
}

#[async_trait]
impl PayloadCodec for Aes {
    async fn encode(&self, payloads: Vec<Payload>) -> Result<Vec<Payload>, BoxError> {
        payloads.iter().map(|payload| self.encrypt(payload)).collect()
    }

    async fn decode(&self, payloads: Vec<Payload>) -> Result<Vec<Payload>, BoxError> {
        payloads.into_iter().map(|payload| self.decrypt(payload)).collect()
    }
}

/// Knows nothing of encryption.
#[workflow]
pub(crate) async fn keep(ctx: Ctx, secret: String) -> Result<String> {
    ctx.activity(store, secret).await
}

#[activity]
async fn store(secret: String) -> String {
    format!("kept: {secret}")
}

pub(crate) fn worker(client: &Client) -> Worker {
    Worker::new(client, QUEUE).workflow(keep).activity(store)
}
