//! Real commands on real git repositories in temporary folders, confined by this machine's kernel.

mod checks;
mod github;
mod operations;
mod process;
mod repository;
mod sandbox;
mod support;
