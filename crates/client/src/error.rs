//! What can go wrong for a caller of the API, one variant per different reaction.

use tonic::{Code, Status};
use weft_protocol::error::{Error as ApiError, ErrorDetails};

use crate::{BoxError, CodecError, ValueError, config};

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings do not say how to connect.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// Nobody answers there.
    #[error("cannot reach {address}: {why}")]
    Unreachable { address: String, why: String },
    /// The server refused, with what Temporal's API tells about it.
    #[error("{call}: {error}")]
    Refused { call: &'static str, error: Box<ApiError> },
    /// A value of the caller cannot be written, or one of the answer is of another type.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The payloads of the request or the answer cannot be encoded or decoded.
    #[error("{call}: {error}")]
    Codec {
        call: &'static str,
        #[source]
        error: Box<CodecError>,
    },
    /// An interceptor of this client refused to send it.
    #[error("{call}: {error}")]
    Intercepted {
        call: &'static str,
        #[source]
        error: BoxError,
    },
    /// The answer lacks what the API promises.
    #[error("{call}: the answer has no {what}")]
    Answer { call: &'static str, what: &'static str },
}

impl Error {
    pub(crate) fn of_status(address: &str, call: &'static str, status: &Status) -> Self {
        // A transport that failed has an error behind it; a server that refused has not.
        match std::error::Error::source(status) {
            Some(source) if status.code() == Code::Unavailable => {
                Self::Unreachable { address: address.to_owned(), why: deepest(source) }
            }
            _ => Self::Refused { call, error: Box::new(ApiError::from_status(status)) },
        }
    }

    pub(crate) fn of_transport(address: &str, error: &tonic::transport::Error) -> Self {
        let why = deepest(error);
        // What rustls says when it is answered in the clear.
        let why = if why.contains("InvalidContentType") { format!("no TLS is spoken there ({why})") } else { why };
        Self::Unreachable { address: address.to_owned(), why }
    }

    /// The gRPC code, where a server gave one.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Refused { error, .. } => Some(error.code()),
            Self::Unreachable { .. } => Some(Code::Unavailable),
            Self::Config(_) | Self::Value(_) | Self::Codec { .. } | Self::Intercepted { .. } | Self::Answer { .. } => {
                None
            }
        }
    }

    /// What the server told about its refusal.
    #[must_use]
    pub fn details(&self) -> Option<&ErrorDetails> {
        match self {
            Self::Refused { error, .. } => Some(&error.details),
            Self::Unreachable { .. }
            | Self::Config(_)
            | Self::Value(_)
            | Self::Codec { .. }
            | Self::Intercepted { .. }
            | Self::Answer { .. } => None,
        }
    }

    /// Repeating the call may help: nobody was there, or the server was busy or about to stop.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.code(), Some(Code::Unavailable | Code::ResourceExhausted))
    }

    /// The time that the caller gave the call has passed.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Refused { error, .. } => match error.code() {
                Code::DeadlineExceeded => true,
                // How this transport says that its own timer rang first.
                Code::Cancelled => error.message == "Timeout expired",
                _ => false,
            },
            Self::Unreachable { .. }
            | Self::Config(_)
            | Self::Value(_)
            | Self::Codec { .. }
            | Self::Intercepted { .. }
            | Self::Answer { .. } => false,
        }
    }
}

/// The last of a chain of causes is the one that says what happened.
pub(crate) fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
