//! What Temporal's API can say went wrong, and how it stands on the wire.
//!
//! A gRPC status carries a `google.rpc.Status` in `grpc-status-details-bin`; clients look at its first detail only,
//! and at the code to choose among details. The table in `error/details.rs` is the one place that pairs them. The
//! same table reads statuses back for clients. Which error a situation calls for is decided by the callers.

use prost::Message;
use temporalio_protos::google::rpc;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::api::enums::{ResourceExhaustedCause, ResourceExhaustedScope};

mod details;
mod make;
pub mod text;

pub use details::ErrorDetails;
pub use make::{Conflict, Holder};

/// Response headers by which proxies and SDKs see why a call was throttled without decoding details.
pub const RESOURCE_EXHAUSTED_CAUSE: &str = "x-resource-exhausted-cause";
pub const RESOURCE_EXHAUSTED_SCOPE: &str = "x-resource-exhausted-scope";

/// Longer messages are cut: they travel in a header.
const MESSAGE_BYTES_MAX: usize = 4000;
const CUT: &str = "... <truncated>";

/// An error as a caller of the API sees it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub message: String,
    pub details: ErrorDetails,
}

impl Error {
    pub fn new(details: ErrorDetails, message: impl Into<String>) -> Self {
        Self { message: message.into(), details }
    }

    /// The gRPC code, which follows from the details.
    pub fn code(&self) -> Code {
        self.details.code()
    }

    /// Reads any status: one of another server, or of a proxy, keeps its code and has no details.
    pub fn from_status(status: &Status) -> Self {
        Self::new(ErrorDetails::from_status(status), status.message())
    }

    /// Of an error of several operations: what went wrong with the one that is to blame.
    pub fn blamed_operation(&self) -> Option<Self> {
        let ErrorDetails::MultiOperation(failure) = &self.details else { return None };
        let to_blame = |code: Code| !matches!(code, Code::Ok | Code::Aborted);
        let status = failure.statuses.iter().find(|status| to_blame(Code::from_i32(status.code)))?;
        let rpc = rpc::Status { code: status.code, message: status.message.clone(), details: status.details.clone() };
        let status = Status::with_details(Code::from_i32(status.code), &status.message, rpc.encode_to_vec().into());
        Some(Self::from_status(&status))
    }

    fn headers(&self) -> MetadataMap {
        let mut headers = MetadataMap::new();
        if let ErrorDetails::ResourceExhausted(failure) = &self.details {
            headers.insert(RESOURCE_EXHAUSTED_CAUSE, header(failure.cause().as_str_name(), CAUSE_PREFIX));
            headers.insert(RESOURCE_EXHAUSTED_SCOPE, header(failure.scope().as_str_name(), SCOPE_PREFIX));
        }
        headers
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let code = error.code();
        let headers = error.headers();
        let message = cut(error.message);
        let Some(detail) = error.details.to_any() else {
            return Self::new(code, message);
        };
        let status = rpc::Status { code: i32::from(code), message: message.clone(), details: vec![detail] };
        Self::with_details_and_metadata(code, message, status.encode_to_vec().into(), headers)
    }
}

impl From<&Status> for Error {
    fn from(status: &Status) -> Self {
        Self::from_status(status)
    }
}

fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX - CUT.len()));
        message.push_str(CUT);
    }
    message
}

const CAUSE_PREFIX: &str = "RESOURCE_EXHAUSTED_CAUSE_";
const SCOPE_PREFIX: &str = "RESOURCE_EXHAUSTED_SCOPE_";
const NAMESPACE_STATE_PREFIX: &str = "NAMESPACE_STATE_";

fn header(name: &str, prefix: &str) -> MetadataValue<Ascii> {
    short_name(name, prefix).parse().expect("names of enum values are ASCII letters")
}

/// The name that Temporal's server prints for an enum value: `BusyWorkflow` for
/// `RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW`.
fn short_name(name: &str, prefix: &str) -> String {
    let words = name.strip_prefix(prefix).unwrap_or(name).split('_');
    words
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_owned() + &rest.to_ascii_lowercase()
        })
        .collect()
}

/// Why and for whom a call was throttled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    pub cause: ResourceExhaustedCause,
    pub scope: ResourceExhaustedScope,
}

impl Exhausted {
    pub const BUSY_WORKFLOW: Self =
        Self { cause: ResourceExhaustedCause::BusyWorkflow, scope: ResourceExhaustedScope::Namespace };
    pub const CONCURRENT_LIMIT: Self =
        Self { cause: ResourceExhaustedCause::ConcurrentLimit, scope: ResourceExhaustedScope::Namespace };
    pub const RPS_LIMIT: Self =
        Self { cause: ResourceExhaustedCause::RpsLimit, scope: ResourceExhaustedScope::Namespace };
    pub const SYSTEM_OVERLOADED: Self =
        Self { cause: ResourceExhaustedCause::SystemOverloaded, scope: ResourceExhaustedScope::System };
    pub const STORAGE_LIMIT: Self =
        Self { cause: ResourceExhaustedCause::PersistenceStorageLimit, scope: ResourceExhaustedScope::System };
}

#[cfg(test)]
mod tests;
