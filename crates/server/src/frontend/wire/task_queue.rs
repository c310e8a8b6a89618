//! What is known of a task queue.

use std::{collections::HashMap, time::Duration};

use weft_engine::{Timestamp, Urgency, wire_span};
use weft_matching::{PollerSeen, QueueStats, RateSource};
use weft_protocol::{
    api::{
        common::WorkerVersionCapabilities,
        deployment::WorkerDeploymentOptions,
        enums::{RateLimitSource, TaskQueueKind, WorkerVersioningMode},
        taskqueue::{PollerInfo, TaskQueue, TaskQueueStats, TaskQueueStatus, TaskQueueTypeInfo},
        workflowservice::{DescribeTaskQueueRequest, describe_task_queue_response::EffectiveRateLimit},
    },
    time,
};
use weft_shard::Waiting;

/// A queue that any worker may poll.
pub(crate) fn normal(name: &str) -> TaskQueue {
    TaskQueue { name: name.to_owned(), kind: TaskQueueKind::Normal.into(), ..TaskQueue::default() }
}

pub(crate) fn pollers(stats: &QueueStats) -> Vec<PollerInfo> {
    stats.pollers.iter().map(poller).collect()
}

fn poller(seen: &PollerSeen) -> PollerInfo {
    let version = &seen.version;
    let mode = if version.use_versioning { WorkerVersioningMode::Versioned } else { WorkerVersioningMode::Unversioned };
    let deployment = version.deployment.as_ref().map(|name| WorkerDeploymentOptions {
        deployment_name: name.to_string(),
        build_id: version.build_id.as_deref().unwrap_or_default().to_owned(),
        worker_versioning_mode: mode.into(),
    });
    let capabilities = version.build_id.as_ref().map(|build_id| WorkerVersionCapabilities {
        build_id: build_id.to_string(),
        use_versioning: version.use_versioning,
        ..WorkerVersionCapabilities::default()
    });
    #[expect(deprecated, reason = "older tools read the version here")]
    PollerInfo {
        last_access_time: Some(time::timestamp(seen.last_access.0)),
        identity: seen.identity.to_string(),
        rate_per_second: seen.rate_per_second.unwrap_or(UNLIMITED),
        worker_version_capabilities: capabilities,
        deployment_options: deployment,
    }
}

/// How Temporal's server shows that a poller asks for no limit.
const UNLIMITED: f64 = 100_000.0;

/// What is known of a queue.
pub(crate) struct Known {
    pub(crate) stats: QueueStats,
    /// What waits in the shards; `None` of a sticky queue, whose tasks stand there under the normal one.
    pub(crate) waiting: Option<Waiting>,
    pub(crate) now: Timestamp,
}

impl Known {
    fn backlog(&self) -> u64 {
        self.waiting.as_ref().map_or(self.stats.backlog_count_hint, Waiting::count)
    }

    fn age(&self) -> Duration {
        match &self.waiting {
            Some(waiting) => waiting.oldest().map_or(Duration::ZERO, |oldest| self.now.since(oldest)),
            None => self.stats.backlog_age.unwrap_or_default(),
        }
    }
}

pub(crate) fn stats(known: &Known) -> TaskQueueStats {
    TaskQueueStats {
        approximate_backlog_count: count(known.backlog()),
        approximate_backlog_age: Some(wire_span(known.age())),
        tasks_add_rate: known.stats.tasks_add_rate as f32,
        tasks_dispatch_rate: known.stats.tasks_dispatch_rate as f32,
        rate_limiting_active: known.stats.rate_limited,
    }
}

/// What waits and what goes by priority; the usual one is always there.
pub(crate) fn by_priority(known: &Known) -> HashMap<i32, TaskQueueStats> {
    let mut stats = HashMap::from([(i32::from(Urgency::DEFAULT.level()), TaskQueueStats::default())]);
    for (urgency, line) in known.waiting.iter().flat_map(|waiting| &waiting.lines) {
        let of = stats.entry(i32::from(urgency.level())).or_default();
        of.approximate_backlog_count = count(line.count);
        of.approximate_backlog_age = Some(wire_span(known.now.since(line.oldest)));
    }
    for (priority, rates) in &known.stats.rates {
        let of = stats.entry(i32::try_from(*priority).unwrap_or(i32::MAX)).or_default();
        of.tasks_add_rate = rates.added as f32;
        of.tasks_dispatch_rate = rates.dispatched as f32;
    }
    for of in stats.values_mut() {
        of.approximate_backlog_age.get_or_insert_with(|| wire_span(Duration::ZERO));
        of.rate_limiting_active = known.stats.rate_limited;
    }
    stats
}

/// How many tasks per second are handed out at most, and who says so.
pub(crate) fn rate_limit(known: &Known) -> EffectiveRateLimit {
    let source = match known.stats.rate_source {
        RateSource::System => RateLimitSource::System,
        RateSource::Worker => RateLimitSource::Worker,
        RateSource::Config => RateLimitSource::Api,
    };
    let rate = known.stats.rate.unwrap_or(UNLIMITED);
    EffectiveRateLimit { requests_per_second: rate as f32, rate_limit_source: source.into() }
}

pub(crate) fn status(known: &Known) -> TaskQueueStatus {
    TaskQueueStatus {
        backlog_count_hint: count(known.backlog()),
        rate_per_second: known.stats.rate.unwrap_or(UNLIMITED),
        ..TaskQueueStatus::default()
    }
}

/// One type of a queue, with what was asked for of it.
#[expect(deprecated, reason = "released tools ask in the older ways")]
pub(crate) fn of_type(known: &Known, asked: &DescribeTaskQueueRequest) -> TaskQueueTypeInfo {
    TaskQueueTypeInfo {
        pollers: if asked.report_pollers { pollers(&known.stats) } else { Vec::new() },
        stats: asked.report_stats.then(|| stats(known)),
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
