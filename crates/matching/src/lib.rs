//! Who gets which task: task queues and the pollers that wait at them, in memory.
//!
//! Invariant: a task that was accepted (`Queued`) is handed to one poller, or held, or handed back through [`Source`];
//! a task that was `Dropped` is remembered as "the shard has more", and pulled when there is room. A poller that goes
//! away before it took its item loses nothing.
//!
//! Deliberately not here: durable state (pending tasks are rows of their shard, so losing all of this is harmless),
//! knowledge of workflows, the wire, and any decision whether a task may still start. The same task may be handed out
//! twice when it is offered twice; the shard refuses the second start.

mod backlog;
mod bucket;
mod fair;
mod key;
mod meter;
mod options;
mod payload;
mod poller;
mod queries;
mod queue;
mod seen;
mod service;
mod source;
mod workers;

pub use key::{QueueKey, QueueKind};
pub use options::Options;
pub use payload::{Identified, Offer, Payloads, Position, Rank, Share, Start};
pub use poller::{PollerInfo, PollerSeen, QueueName, QueueStats, TaskRates, WorkerVersion};
pub use queue::{QueueConfig, RateSource, RootBacklog, is_limit};
pub use service::{Dispatched, Fetch, Fetched, Offered, Overloaded, Polled, Reserved, Service};
pub use source::{Orphans, Pull, Source};
pub use workers::Workers;
