//! Refusals: the gRPC status inside the SDK's errors, and what of it must be as Temporal says it.

use prost::Message;
use serde_json::{Value, json};
use temporalio_client::{
    errors::{
        AsyncActivityError, ClientError, WorkflowGetResultError, WorkflowInteractionError, WorkflowQueryError,
        WorkflowStartError, WorkflowUpdateError,
    },
    schedules::ScheduleError,
    tonic::Status,
};
use temporalio_protos::google::rpc;

/// An error that may carry a server's refusal.
pub(crate) trait Refusal: std::fmt::Debug {
    fn into_status(self) -> Option<Status>;
}

impl Refusal for Status {
    fn into_status(self) -> Option<Status> {
        Some(self)
    }
}

impl Refusal for WorkflowStartError {
    fn into_status(self) -> Option<Status> {
        match self {
            Self::AlreadyStarted { source, .. } | Self::Rpc(source) => Some(source),
            _ => None,
        }
    }
}

impl Refusal for ScheduleError {
    fn into_status(self) -> Option<Status> {
        match self {
            Self::Rpc(status) => Some(status),
            _ => None,
        }
    }
}

impl Refusal for WorkflowInteractionError {
    fn into_status(self) -> Option<Status> {
        match self {
            Self::NotFound(status) | Self::Rpc(status) => Some(status),
            _ => None,
        }
    }
}

impl Refusal for WorkflowQueryError {
    fn into_status(self) -> Option<Status> {
        match self {
            Self::NotFound(status) | Self::Rpc(status) => Some(status),
            _ => None,
        }
    }
}

impl Refusal for WorkflowUpdateError {
    fn into_status(self) -> Option<Status> {
        match self {
            Self::NotFound(status) | Self::Rpc(status) => Some(status),
            _ => None,
        }
    }
}

impl Refusal for WorkflowGetResultError {
    fn into_status(self) -> Option<Status> {
        match self {
            Self::NotFound(status) | Self::Rpc(status) => Some(status),
            _ => None,
        }
    }
}

impl Refusal for AsyncActivityError {
    fn into_status(self) -> Option<Status> {
        match self {
            Self::NotFound(status) | Self::Rpc(status) => Some(status),
            _ => None,
        }
    }
}

impl Refusal for ClientError {
    fn into_status(self) -> Option<Status> {
        match self {
            Self::Rpc(status) => Some(status),
            _ => None,
        }
    }
}

/// Code, text and the names of the details' messages.
pub(crate) fn facts(status: &Status) -> Value {
    let details = rpc::Status::decode(status.details()).unwrap_or_default().details;
    let names: Vec<&str> = details.iter().filter_map(|detail| detail.type_url.rsplit('/').next()).collect();
    json!({ "code": format!("{:?}", status.code()), "message": status.message(), "details": names })
}
