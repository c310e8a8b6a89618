//! Who polls, and what is told about it: the poller's own words, and the answers of describe.
//!
//! Invariant: what a worker said of itself is handed on as it said it; nothing here is interpreted but the rate.

use crate::key::QueueKind;
use crate::queue::RateSource;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;
use weft_env::UnixNanos;

/// The version of a worker, as it states it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerVersion {
    pub deployment: Option<Arc<str>>,
    pub build_id: Option<Arc<str>>,
    pub use_versioning: bool,
}

/// One poll's account of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct PollerInfo {
    pub identity: Arc<str>,
    /// Names this one hand-over: it is stored with the started task, and the task is given back by it.
    pub request_id: Uuid,
    pub version: WorkerVersion,
    /// Names the worker among all there ever were, if it says so: when it shuts down its polls end.
    pub worker: Option<Arc<str>>,
    /// Throttles the whole activity queue. The last poller that has an opinion wins.
    pub max_tasks_per_second: Option<f64>,
}

/// A poller that was at a queue lately.
#[derive(Clone, Debug, PartialEq)]
pub struct PollerSeen {
    pub identity: Arc<str>,
    pub last_access: UnixNanos,
    pub rate_per_second: Option<f64>,
    pub version: WorkerVersion,
}

/// Tasks per second, in the last half minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TaskRates {
    pub added: f64,
    pub dispatched: f64,
}

/// What is known of one queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueStats {
    /// The latest first.
    pub pollers: Vec<PollerSeen>,
    /// Tasks held in memory: the shards may have more.
    pub backlog_count_hint: u64,
    /// Some shard has tasks of this queue that are not held here.
    pub backlog_is_larger: bool,
    /// How long the task that is held longest has been here.
    pub backlog_age: Option<Duration>,
    pub tasks_add_rate: f64,
    pub tasks_dispatch_rate: f64,
    /// The same by priority, of those that had any task.
    pub rates: BTreeMap<u32, TaskRates>,
    /// Tasks per second that are handed out at most, and who says so.
    pub rate: Option<f64>,
    pub rate_source: RateSource,
    /// In the last half minute tasks waited for the rate though a poll was there.
    pub rate_limited: bool,
    /// Polls that wait at this moment.
    pub waiting: usize,
}

impl QueueStats {
    /// Adds what is known at a branch of the queue.
    pub fn add_branch(&mut self, branch: Self) {
        for poller in branch.pollers {
            match self.pollers.iter_mut().find(|known| known.identity == poller.identity) {
                Some(known) if known.last_access < poller.last_access => *known = poller,
                Some(_) => {}
                None => self.pollers.push(poller),
            }
        }
        self.pollers.sort_by_key(|poller| std::cmp::Reverse(poller.last_access));
        for (priority, rates) in branch.rates {
            let known = self.rates.entry(priority).or_default();
            known.added += rates.added;
            known.dispatched += rates.dispatched;
            self.tasks_add_rate += rates.added;
            self.tasks_dispatch_rate += rates.dispatched;
        }
        self.waiting += branch.waiting;
    }
}

/// A queue that is known here, for hints such as "no worker polls this queue, but one with a similar name".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueName {
    pub name: Arc<str>,
    pub kind: QueueKind,
    pub sticky: bool,
    /// A poller was seen within the time that pollers are remembered.
    pub polled: bool,
}
