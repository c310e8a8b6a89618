//! Every bound and interval of matching, by name.
//!
//! Invariant: whatever grows in this crate is bounded by one of these.

use std::time::Duration;

/// Bounds and intervals. `Options::default()` is what production uses.
#[derive(Clone, Debug)]
pub struct Options {
    /// Tasks held per queue and shard; the rest stays in the shard and is pulled.
    pub held_per_shard_max: usize,
    /// How much further in its order, in the units of [`Rank::order`](crate::Rank), a task may stand than another and go
    /// first to a poll at its shard's leader: where these are nanoseconds, 100 ms.
    pub overtaking_max: u64,
    /// Queries held per queue.
    pub queries_max: usize,
    /// Queues known at once.
    pub queues_max: usize,
    /// Polls waiting at once, over all queues.
    pub polls_max: usize,
    /// Pollers remembered per queue.
    pub pollers_seen_max: usize,
    /// How long a poller is remembered after its last poll.
    pub poller_memory: Duration,
    /// A sticky queue that no poller was seen at for this long has none.
    pub sticky_poller_gone: Duration,
    /// How long past its deadline a poll waits for a task that is being recorded as started for it.
    pub reserve_grace: Duration,
    /// A pull that was not answered for this long is asked again.
    pub pull_retry: Duration,
    /// Workers remembered that sent heartbeats, over all namespaces …
    pub workers_max: usize,
    /// … and the bytes of their heartbeats.
    pub worker_bytes_max: usize,
    /// How long a worker is remembered after its last heartbeat.
    pub worker_memory: Duration,
    /// How long a worker that has shut down gets no task, should a poll of it still come.
    pub worker_gone_memory: Duration,
    /// How often what expires with time is looked for.
    pub sweep_interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            held_per_shard_max: 1_000,
            overtaking_max: 100_000_000,
            queries_max: 1_000,
            queues_max: 20_000,
            polls_max: 50_000,
            pollers_seen_max: 1_000,
            poller_memory: Duration::from_secs(300),
            sticky_poller_gone: Duration::from_secs(10),
            reserve_grace: Duration::from_millis(500),
            pull_retry: Duration::from_secs(5),
            workers_max: 100_000,
            worker_bytes_max: 128 << 20,
            worker_memory: Duration::from_secs(300),
            worker_gone_memory: Duration::from_secs(70),
            sweep_interval: Duration::from_secs(1),
        }
    }
}
