//! What is known of a task queue.

use weft_engine::wire_span;
use weft_matching::{PollerSeen, QueueStats};
use weft_protocol::{
    api::{
        common::WorkerVersionCapabilities,
        deployment::WorkerDeploymentOptions,
        enums::{TaskQueueKind, WorkerVersioningMode},
        taskqueue::{PollerInfo, TaskQueue, TaskQueueStats, TaskQueueStatus, TaskQueueTypeInfo},
    },
    time,
};

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

pub(crate) fn stats(stats: &QueueStats) -> TaskQueueStats {
    // What one node holds in memory; the shards may have more.
    TaskQueueStats {
        approximate_backlog_count: count(stats.backlog_count_hint),
        approximate_backlog_age: Some(wire_span(stats.backlog_age.unwrap_or_default())),
        tasks_add_rate: stats.tasks_add_rate as f32,
        tasks_dispatch_rate: stats.tasks_dispatch_rate as f32,
        ..TaskQueueStats::default()
    }
}

pub(crate) fn status(stats: &QueueStats) -> TaskQueueStatus {
    TaskQueueStatus {
        backlog_count_hint: count(stats.backlog_count_hint),
        rate_per_second: stats.pollers.iter().find_map(|poller| poller.rate_per_second).unwrap_or(UNLIMITED),
        ..TaskQueueStatus::default()
    }
}

pub(crate) fn of_type(of: &QueueStats) -> TaskQueueTypeInfo {
    TaskQueueTypeInfo { pollers: pollers(of), stats: Some(stats(of)) }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
