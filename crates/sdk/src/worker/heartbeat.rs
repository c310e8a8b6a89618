//! What a worker says of itself to the server, for whoever lists workers.

use std::time::Duration;

use parking_lot::Mutex;
use tonic::{Code, Request};
use tracing::debug;
use weft_protocol::{
    api::{
        deployment::WorkerDeploymentVersion,
        enums::WorkerStatus,
        worker::{WorkerHeartbeat, WorkerHostInfo, WorkerPollerInfo, WorkerSlotsInfo},
        workflowservice::RecordWorkerHeartbeatRequest,
    },
    time::{proto_duration, timestamp},
};

use super::{
    Shared,
    metrics::{self, TaskMetrics, WorkerMetrics},
    scale::Scale,
    slots::Room,
};

/// One try.
const LIMIT: Duration = Duration::from_secs(5);

/// What was said last.
#[derive(Default)]
pub(crate) struct Last(Mutex<Option<(Duration, WorkerMetrics)>>);

/// Speaks up again and again until the worker stops, or the server does not want to hear it.
pub(crate) async fn run(shared: &Shared, every: Duration) {
    while !shared.stopping.is_cancelled() {
        let request = RecordWorkerHeartbeatRequest {
            namespace: shared.client.namespace().to_owned(),
            identity: shared.client.identity().to_owned(),
            worker_heartbeat: vec![now(shared, WorkerStatus::Running)],
            ..RecordWorkerHeartbeatRequest::default()
        };
        let mut message = Request::new(request);
        message.set_timeout(LIMIT);
        let mut stub = shared.client.workflow_service();
        // Waited for also when the worker stops: given up, it could be heard after the last word, which says that.
        match stub.record_worker_heartbeat(message).await {
            Ok(_) => {}
            Err(status) if matches!(status.code(), Code::Unimplemented | Code::PermissionDenied) => return,
            Err(status) => debug!(%status, "the worker's heartbeat was lost"),
        }
        tokio::select! {
            () = shared.stopping.cancelled() => return,
            () = shared.clock.sleep_until(shared.clock.monotonic().saturating_add(every)) => {}
        }
    }
}

/// The worker as it is now.
pub(crate) fn now(shared: &Shared, status: WorkerStatus) -> WorkerHeartbeat {
    let metrics = metrics::snapshot(shared);
    let at = shared.clock.monotonic();
    let before = shared.last_heartbeat.0.lock().replace((at, metrics.clone()));
    let (since, before) = before.map_or((None, WorkerMetrics::default()), |(last, it)| (Some(at - last), it));
    let deployment_version = shared.settings.deployment.as_ref().map(|deployment| WorkerDeploymentVersion {
        deployment_name: deployment.name.clone(),
        build_id: deployment.build_id.clone(),
    });
    WorkerHeartbeat {
        worker_instance_key: shared.instance_key.clone(),
        worker_identity: shared.client.identity().to_owned(),
        host_info: Some(host(shared)),
        task_queue: shared.queue.clone(),
        deployment_version,
        sdk_name: super::SDK_NAME.to_owned(),
        sdk_version: env!("CARGO_PKG_VERSION").to_owned(),
        status: status.into(),
        start_time: Some(timestamp(shared.started_at)),
        heartbeat_time: Some(timestamp(shared.clock.now().0)),
        elapsed_since_last_heartbeat: since.map(proto_duration),
        workflow_task_slots_info: Some(slots(&shared.workflow_slots, metrics.workflow_tasks, before.workflow_tasks)),
        activity_task_slots_info: Some(slots(&shared.activity_slots, metrics.activities, before.activities)),
        local_activity_slots_info: Some(slots(&shared.local_slots, metrics.local_activities, before.local_activities)),
        workflow_poller_info: poller(shared, &shared.scales.workflow),
        workflow_sticky_poller_info: poller(shared, &shared.scales.sticky),
        activity_poller_info: poller(shared, &shared.scales.activity),
        total_sticky_cache_hit: small(metrics.sticky_hits),
        total_sticky_cache_miss: small(metrics.sticky_misses),
        current_sticky_cache_size: i32::try_from(metrics.cached_workflows).unwrap_or(i32::MAX),
        ..WorkerHeartbeat::default()
    }
}

fn host(shared: &Shared) -> WorkerHostInfo {
    let load = shared.resources.load();
    let host_name = shared.client.identity().split_once('@').map(|(_, host)| host.to_owned()).unwrap_or_default();
    WorkerHostInfo {
        host_name,
        process_id: std::process::id().to_string(),
        current_host_cpu_usage: load.cpu as f32,
        current_host_mem_usage: load.memory as f32,
        ..WorkerHostInfo::default()
    }
}

fn slots(room: &Room, now: TaskMetrics, before: TaskMetrics) -> WorkerSlotsInfo {
    let free = now.slots_max.saturating_sub(now.slots_used);
    WorkerSlotsInfo {
        current_available_slots: i32::try_from(free).unwrap_or(i32::MAX),
        current_used_slots: i32::try_from(now.slots_used).unwrap_or(i32::MAX),
        slot_supplier_kind: room.slots().kind().to_owned(),
        total_processed_tasks: small(now.done),
        total_failed_tasks: small(now.failed),
        last_interval_processed_tasks: small(now.done - before.done),
        last_interval_failure_tasks: small(now.failed - before.failed),
    }
}

fn poller(shared: &Shared, scale: &Scale) -> Option<WorkerPollerInfo> {
    let ago = scale.last_success().map(|at| shared.clock.monotonic().saturating_sub(at));
    Some(WorkerPollerInfo {
        current_pollers: i32::try_from(scale.running()).unwrap_or(i32::MAX),
        last_successful_poll_time: ago.map(|ago| timestamp(shared.clock.now().saturating_sub(ago).0)),
        is_autoscaling: scale.scales(),
    })
}

fn small(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
