//! What happens to payloads between a program and a server: encryption, compression, keeping large ones elsewhere.
//!
//! ```
//! use weft_client::{BoxError, ConnectOptions, DataCodec, PayloadCodec, api::common::Payload};
//!
//! /// Hides data from those who do not look closely.
//! struct Rot128;
//!
//! #[weft_client::async_trait]
//! impl PayloadCodec for Rot128 {
//!     async fn encode(&self, mut payloads: Vec<Payload>) -> Result<Vec<Payload>, BoxError> {
//!         payloads.iter_mut().flat_map(|payload| &mut payload.data).for_each(|byte| *byte ^= 128);
//!         Ok(payloads)
//!     }
//!
//!     async fn decode(&self, payloads: Vec<Payload>) -> Result<Vec<Payload>, BoxError> {
//!         self.encode(payloads).await
//!     }
//! }
//!
//! let options = ConnectOptions { codec: DataCodec::new(Rot128).seal_failures(), ..ConnectOptions::default() };
//! ```
//!
//! A client with a codec applies it to every call of its own; raw stubs are for those who apply it themselves, with
//! [`DataCodec::encode`] and [`DataCodec::decode`]. Search attributes are never encoded: the server reads them.
//! Invariant: without a codec nothing is looked at, and messages go as they are.

use std::{fmt, sync::Arc};

use weft_protocol::{
    api::common::Payload,
    payloads::{self, Scope},
    prost::{Message, Name},
};

use crate::failure::BoxError;

/// Changes payloads on their way out and back on their way in.
#[tonic::async_trait]
pub trait PayloadCodec: Send + Sync + 'static {
    /// Encodes payloads: as many, in their order.
    ///
    /// # Errors
    /// When one cannot be encoded; nothing is sent then.
    async fn encode(&self, payloads: Vec<Payload>) -> Result<Vec<Payload>, BoxError>;

    /// Decodes payloads: as many, in their order. One that this codec did not encode is given back as it is: the server
    /// makes some itself, and others were written before there was a codec.
    ///
    /// # Errors
    /// When one cannot be decoded.
    async fn decode(&self, payloads: Vec<Payload>) -> Result<Vec<Payload>, BoxError>;
}

/// A codec, if there is one, and what it is applied to.
#[derive(Clone, Default)]
pub struct DataCodec {
    codec: Option<Arc<dyn PayloadCodec>>,
    scope: Scope,
}

/// Why the payloads of a message cannot be encoded or decoded.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error("the codec failed: {0}")]
    Codec(#[source] BoxError),
    #[error(transparent)]
    Payloads(#[from] payloads::Error),
}

impl DataCodec {
    #[must_use]
    pub fn new(codec: impl PayloadCodec) -> Self {
        Self { codec: Some(Arc::new(codec)), scope: Scope::default() }
    }

    /// Encodes messages and stack traces of failures as well; without a codec they are moved to a payload in the clear.
    #[must_use]
    pub fn seal_failures(mut self) -> Self {
        self.scope.seal_failures = true;
        self
    }

    /// Encodes headers as well. Not all SDKs do, so it is to be the same on all sides.
    #[must_use]
    pub fn with_headers(mut self) -> Self {
        self.scope.headers = true;
        self
    }

    /// Messages go as they are.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.codec.is_none() && !self.scope.seal_failures
    }

    /// Encodes every payload of a message of the API that is about to leave.
    ///
    /// # Errors
    /// When the codec cannot.
    pub async fn encode<M: Message + Name + Default>(&self, message: M) -> Result<M, CodecError> {
        if self.is_nothing() {
            return Ok(message);
        }
        let (opened, payloads) = payloads::take(&message, self.scope)?;
        let encoded = match &self.codec {
            Some(codec) if !payloads.is_empty() => codec.encode(payloads).await.map_err(CodecError::Codec)?,
            Some(_) | None => payloads,
        };
        Ok(opened.put(encoded)?)
    }

    /// Decodes every payload of a message of the API that has come. A failure that was sealed is opened where it is
    /// read as a [`Failure`](crate::Failure).
    ///
    /// # Errors
    /// When the codec cannot.
    pub async fn decode<M: Message + Name + Default>(&self, message: M) -> Result<M, CodecError> {
        let Some(codec) = &self.codec else { return Ok(message) };
        let (opened, payloads) = payloads::take(&message, Scope { seal_failures: false, ..self.scope })?;
        if payloads.is_empty() {
            return Ok(message);
        }
        Ok(opened.put(codec.decode(payloads).await.map_err(CodecError::Codec)?)?)
    }
}

impl fmt::Debug for DataCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.codec.is_some() { "a codec" } else { "no codec" })
    }
}

/// The same codec, not an equal one: codecs cannot be compared.
impl PartialEq for DataCodec {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.codec, &other.codec) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same && self.scope == other.scope
    }
}
