//! The server: frontend, node, configuration and telemetry; the binary `weft-server` and, as a library, the same server
//! inside another process.
//!
//! Invariant: every part runs the same code embedded, as one node, and in a simulation; only clock, entropy, disk, threads
//! and the way between nodes differ ([`node::World`]).

pub mod access;
pub mod backup;
mod cluster;
pub mod config;
mod connections;
mod connector;
mod exchange;
mod frontend;
mod jobs;
pub mod node;
mod operations;
pub mod process;
mod routing;
mod server;
pub mod telemetry;

use weft_protocol::{services::workflow_service_server::WorkflowService, weft::history_service_server::HistoryService};

pub use cluster::{ClusterError, ClusterOptions, JoinError, MeetError, Network, Pipe};
pub use connector::Connector;
pub use server::{Builder, Embedded, Server, StartError};

/// A node's services as they are served, for a caller in the same process that needs no network.
#[must_use]
pub fn services(node: node::Node) -> impl WorkflowService + HistoryService {
    frontend::Frontend::new(node)
}
