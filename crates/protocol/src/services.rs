//! Server traits and clients of Temporal's services, generated from the same descriptors as the messages, and those
//! descriptors for reflection and JSON. Our own services are in [`crate::weft`].
//!
//! Nothing is written by hand here. An RPC that a server does not override refuses with its own name (`rpc.rs`).

/// The public API's files, our own and their imports, encoded as a `google.protobuf.FileDescriptorSet` without comments.
pub static FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

pub use client::{operator::operator_service_client, workflow::workflow_service_client};
pub use server::{operator::operator_service_server, workflow::workflow_service_server};

#[expect(unused_qualifications, clippy::allow_attributes_without_reason, reason = "generated code")]
mod client {
    pub(super) mod operator {
        include!(concat!(env!("OUT_DIR"), "/client/temporal.api.operatorservice.v1.rs"));
    }
    pub(super) mod workflow {
        include!(concat!(env!("OUT_DIR"), "/client/temporal.api.workflowservice.v1.rs"));
    }
}

/// Its answers with a history are the raw ones ([`crate::raw`]).
#[expect(
    unused_qualifications,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::excessive_nesting,
    clippy::too_many_lines,
    reason = "generated code"
)]
mod server {
    pub(super) mod operator {
        include!(concat!(env!("OUT_DIR"), "/server/temporal.api.operatorservice.v1.rs"));
    }
    pub(super) mod workflow {
        include!(concat!(env!("OUT_DIR"), "/server/temporal.api.workflowservice.v1.rs"));
    }
}
