//! Real commands on real git repositories in temporary folders, confined by this machine's kernel.

mod checks;
mod github;
#[path = "../hub/server.rs"]
mod hub;
mod operations;
mod process;
mod repository;
mod sandbox;
mod support;
