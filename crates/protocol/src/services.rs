//! Server traits and clients of Temporal's services, generated from the same descriptors as the messages, and those
//! descriptors for reflection and JSON.
//!
//! Nothing is written by hand here. An RPC that a server does not override refuses with its own name (`rpc.rs`).

/// The public API's files and their imports, encoded as a `google.protobuf.FileDescriptorSet` without comments.
pub static FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

pub use operator::{operator_service_client, operator_service_server};
pub use workflow::{workflow_service_client, workflow_service_server};

#[expect(
    unused_qualifications,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::excessive_nesting,
    clippy::too_many_lines,
    reason = "generated code"
)]
mod operator {
    tonic::include_proto!("temporal.api.operatorservice.v1");
}

#[expect(
    unused_qualifications,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::excessive_nesting,
    clippy::too_many_lines,
    reason = "generated code"
)]
mod workflow {
    tonic::include_proto!("temporal.api.workflowservice.v1");
}
