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
    /// Messages for other workflow ids in memory; the rest stay in their rows until there is room.
    pub outbox_held: usize,
    /// Messages under way.
    pub outbox_under_way: usize,
    /// How long a message waits that did not arrive, or whose reply is not recorded yet; ever longer …
    pub outbox_retry: Duration,
    /// … up to this.
    pub outbox_retry_max: Duration,
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
            outbox_held: 4096,
            outbox_under_way: 256,
            outbox_retry: Duration::from_millis(100),
            outbox_retry_max: Duration::from_secs(10),
            retry_after: Duration::from_secs(1),
        }
    }
}
