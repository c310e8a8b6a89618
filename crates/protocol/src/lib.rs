//! Temporal's public API as Rust sees it: messages, service stubs, error details, canonical bytes and proto JSON.
//!
//! The messages come from `temporalio-protos`, so that every crate of Weft, and Temporal's own Rust SDK, speak of the
//! same types. This crate adds what is about the wire and nothing else: it takes no decisions and knows no workflow.
//!
//! Feature `messages` (the default) has no transport: the pure crates depend on it alone. Feature `services` adds
//! server traits, clients, statuses and JSON.

pub mod api;
pub mod canonical;
#[cfg(feature = "services")]
pub mod error;
#[cfg(feature = "services")]
pub mod internal;
#[cfg(feature = "services")]
pub mod json;
pub mod payload;
#[cfg(feature = "services")]
pub mod payloads;
#[cfg(feature = "services")]
pub mod raw;
#[cfg(feature = "services")]
pub mod rpc;
#[cfg(feature = "services")]
pub mod services;
#[cfg(feature = "services")]
pub mod test_service;
pub mod time;
#[cfg(feature = "services")]
pub mod weft;

pub use api::{Any, Duration, Timestamp};
pub use canonical::{encode_canonical, encode_canonical_into};
pub use prost;
pub use prost_wkt_types;
