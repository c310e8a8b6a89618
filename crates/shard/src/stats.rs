//! Counts of one shard, read by metrics and by tests that put ceilings on them.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a shard has done since its start, and what it holds.
#[derive(Debug, Default)]
pub struct Stats {
    pub calls: AtomicU64,
    pub refusals: AtomicU64,
    pub batches: AtomicU64,
    pub evicted: AtomicU64,
    pub cached_workflows: AtomicU64,
    pub cached_bytes: AtomicU64,
}

impl Stats {
    pub(crate) fn note_cache(&self, workflows: usize, bytes: usize) {
        self.cached_workflows.store(workflows as u64, Ordering::Relaxed);
        self.cached_bytes.store(bytes as u64, Ordering::Relaxed);
    }
}
