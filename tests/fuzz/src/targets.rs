//! The targets, by name.

mod batch;
mod execution;
mod filter;
pub(crate) mod log;
mod rows;
mod token;

use crate::seeds;

/// One decoder, or a few that belong together.
pub struct Target {
    pub name: &'static str,
    /// Panics when something does not hold for these bytes.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Mutations that a test run tries.
    pub tries: u64,
}

pub const TARGETS: &[Target] = &[
    Target { name: "task_token", run: token::task, seeds: || seeds::golden("token of a"), tries: 20_000 },
    Target { name: "page_token", run: token::page, seeds: token::pages, tries: 5_000 },
    Target { name: "key", run: rows::key, seeds: seeds::keys, tries: 20_000 },
    Target { name: "row", run: rows::value, seeds: seeds::values, tries: 20_000 },
    Target { name: "execution", run: execution::assemble, seeds: execution::seeds, tries: 10_000 },
    Target { name: "filter", run: filter::run, seeds: filter::seeds, tries: 5_000 },
    Target { name: "batch", run: batch::run, seeds: batch::seeds, tries: 20_000 },
    Target { name: "raft_record", run: batch::record, seeds: batch::records, tries: 20_000 },
    Target { name: "log", run: log::run, seeds: seeds::logs, tries: 1_000 },
];

impl Target {
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }
}
