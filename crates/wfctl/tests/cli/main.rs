//! The binary `wfctl` driven from outside, against a server in this process: what it prints and how it exits.
//!
//! Ports come from the system, nothing waits by the clock, and the environment of the commands is empty.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod backups;
mod batch;
mod dev;
mod heads;
mod mistakes;
mod namespaces;
mod nodes;
mod operate;
mod schedules;
mod search_attributes;
mod transcripts;
mod updates;
mod workflows;
mod world;
