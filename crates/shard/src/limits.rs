//! The bounds of one shard.

use std::time::Duration;

/// How much a shard holds, takes and puts together.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Calls that wait to be taken; one more is refused as overload.
    pub mailbox: usize,
    /// Calls that wait for one workflow id to be loaded.
    pub waiting_per_workflow: usize,
    /// Bytes of one batch, from which on it is proposed without taking more.
    pub batch_bytes: usize,
    /// Calls decided before the loop proposes.
    pub batch_calls: usize,
    /// Calls for which a batch is worth while another one is under way; fewer wait until that one is applied.
    pub batch_calls_min: usize,
    /// Batches under way; while there are so many, what is decided waits in the next one.
    pub batches_in_flight: usize,
    /// Estimated bytes of executions in memory.
    pub cache_bytes: usize,
    /// Bytes of decoded recent events in memory.
    pub event_cache_bytes: usize,
    /// Wake rows read at a time from one slot.
    pub wakes_per_read: usize,
    /// History rows removed in one batch.
    pub swept_per_batch: usize,
    /// Task rows read at a time when matching asks for more, or when leadership begins.
    pub tasks_per_read: usize,
    /// How long a timer waits that cannot fire now (no room on the disk, namespace not known yet).
    pub retry_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mailbox: 4096,
            waiting_per_workflow: 1024,
            batch_bytes: 1 << 20,
            batch_calls: 512,
            batch_calls_min: 32,
            batches_in_flight: 4,
            cache_bytes: 4 << 20,
            event_cache_bytes: 2 << 20,
            wakes_per_read: 256,
            swept_per_batch: 256,
            tasks_per_read: 1000,
            retry_after: Duration::from_secs(1),
        }
    }
}
