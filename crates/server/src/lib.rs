//! The server: frontend, node, configuration and telemetry; the binary `weft-server` and, as a library, the same server
//! inside another process.
//!
//! Invariant: every part runs the same code embedded, as one node, and in a simulation; only clock, entropy, disk and
//! threads differ ([`node::World`]).

pub mod config;
mod connector;
mod frontend;
mod jobs;
pub mod node;
mod operations;
mod server;
pub mod telemetry;

pub use connector::Connector;
pub use server::{Builder, Embedded, Server, StartError};
