//! Temporal's test service, `temporal.api.testservice.v1`: server trait and client, generated from the descriptors of its
//! messages. Only a server that skips time serves it.

pub use client::test_service_client;
pub use server::test_service_server;

/// The name by which health checks know it.
pub const NAME: &str = "temporal.api.testservice.v1.TestService";

#[expect(unused_qualifications, clippy::allow_attributes_without_reason, reason = "generated code")]
mod client {
    include!(concat!(env!("OUT_DIR"), "/test_service/client/temporal.api.testservice.v1.rs"));
}

#[expect(
    unused_qualifications,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::excessive_nesting,
    clippy::too_many_lines,
    reason = "generated code"
)]
mod server {
    include!(concat!(env!("OUT_DIR"), "/test_service/server/temporal.api.testservice.v1.rs"));
}
