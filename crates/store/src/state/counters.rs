//! Counts that every backend keeps in the same way, so that ceilings on them mean the same everywhere.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Op, StoreStats};

#[derive(Debug, Default)]
pub(super) struct Counters {
    batches: AtomicU64,
    puts: AtomicU64,
    deletes: AtomicU64,
    bytes_written: AtomicU64,
    persists: AtomicU64,
}

/// What one batch adds, counted while it is written and added once it has been.
#[derive(Debug, Default)]
pub(super) struct Tally {
    puts: u64,
    deletes: u64,
    bytes: u64,
}

impl Tally {
    pub(super) fn count(&mut self, op: &Op) {
        match op.value {
            Some(_) => self.puts += 1,
            None => self.deletes += 1,
        }
        self.bytes += op.bytes() as u64;
    }
}

impl Counters {
    pub(super) fn applied(&self, tally: &Tally) {
        self.batches.fetch_add(1, Relaxed);
        self.puts.fetch_add(tally.puts, Relaxed);
        self.deletes.fetch_add(tally.deletes, Relaxed);
        self.bytes_written.fetch_add(tally.bytes, Relaxed);
    }

    pub(super) fn persisted(&self) {
        self.persists.fetch_add(1, Relaxed);
    }

    pub(super) fn stats(&self) -> StoreStats {
        StoreStats {
            batches: self.batches.load(Relaxed),
            puts: self.puts.load(Relaxed),
            deletes: self.deletes.load(Relaxed),
            bytes_written: self.bytes_written.load(Relaxed),
            persists: self.persists.load(Relaxed),
            ..StoreStats::default()
        }
    }
}
