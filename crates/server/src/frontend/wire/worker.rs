//! What workers say of themselves, as lists show it and filters read it.

use weft_protocol::{
    api::{
        Timestamp,
        deployment::WorkerDeploymentVersion,
        enums::WorkerStatus,
        worker::{WorkerHeartbeat, WorkerListInfo},
    },
    time,
};
use weft_visibility::{Literal, Schema, attribute::Type};

/// Task queues of the server's own workers begin so.
const SYSTEM_PREFIX: &str = "temporal-sys-";

const TEXTS: [&str; 10] = [
    "WorkerInstanceKey",
    "WorkerIdentity",
    "HostName",
    "TaskQueue",
    "DeploymentName",
    "BuildId",
    "SdkName",
    "SdkVersion",
    "WorkerStatus",
    "Status",
];
const TIMES: [&str; 2] = ["StartTime", "HeartbeatTime"];

/// The names that a filter may use.
pub(crate) fn schema() -> Schema {
    let texts = TEXTS.into_iter().map(|name| (name.to_owned(), Type::Keyword));
    let times = TIMES.into_iter().map(|name| (name.to_owned(), Type::Datetime));
    Schema::only(texts.chain(times))
}

/// What a worker has of a name; a text that is empty is not there.
pub(crate) fn value(worker: &WorkerHeartbeat, name: &str) -> Literal {
    let deployment = |part: fn(&WorkerDeploymentVersion) -> &str| worker.deployment_version.as_ref().map_or("", part);
    match name {
        "WorkerInstanceKey" => text(&worker.worker_instance_key),
        "WorkerIdentity" => text(&worker.worker_identity),
        "HostName" => text(worker.host_info.as_ref().map_or("", |host| host.host_name.as_str())),
        "TaskQueue" => text(&worker.task_queue),
        "DeploymentName" => text(deployment(|version| &version.deployment_name)),
        "BuildId" => text(deployment(|version| &version.build_id)),
        "SdkName" => text(&worker.sdk_name),
        "SdkVersion" => text(&worker.sdk_version),
        "WorkerStatus" | "Status" => text(status(worker.status())),
        "StartTime" => moment(worker.start_time.as_ref()),
        "HeartbeatTime" => moment(worker.heartbeat_time.as_ref()),
        _ => Literal::Null,
    }
}

fn text(text: &str) -> Literal {
    if text.is_empty() { Literal::Null } else { Literal::text(text) }
}

fn moment(at: Option<&Timestamp>) -> Literal {
    at.and_then(|at| time::unix_nanos(at).ok()).map_or(Literal::Null, Literal::Int)
}

fn status(status: WorkerStatus) -> &'static str {
    match status {
        WorkerStatus::Unspecified => "Unspecified",
        WorkerStatus::Running => "Running",
        WorkerStatus::ShuttingDown => "ShuttingDown",
        WorkerStatus::Shutdown => "Shutdown",
    }
}

pub(crate) fn is_system(worker: &WorkerHeartbeat) -> bool {
    worker.task_queue.starts_with(SYSTEM_PREFIX)
}

/// The short form that lists have.
pub(crate) fn listed(worker: &WorkerHeartbeat) -> WorkerListInfo {
    let host = worker.host_info.clone().unwrap_or_default();
    WorkerListInfo {
        worker_instance_key: worker.worker_instance_key.clone(),
        worker_identity: worker.worker_identity.clone(),
        task_queue: worker.task_queue.clone(),
        deployment_version: worker.deployment_version.clone(),
        sdk_name: worker.sdk_name.clone(),
        sdk_version: worker.sdk_version.clone(),
        status: worker.status,
        start_time: worker.start_time,
        host_name: host.host_name,
        worker_grouping_key: host.worker_grouping_key,
        process_id: host.process_id,
        plugins: worker.plugins.clone(),
        drivers: worker.drivers.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_filter_has_a_value() {
        let version = || WorkerDeploymentVersion { deployment_name: "d".to_owned(), build_id: "b".to_owned() };
        let worker = WorkerHeartbeat {
            worker_instance_key: "k".to_owned(),
            worker_identity: "i".to_owned(),
            host_info: Some(weft_protocol::api::worker::WorkerHostInfo {
                host_name: "h".to_owned(),
                ..Default::default()
            }),
            task_queue: "q".to_owned(),
            deployment_version: Some(version()),
            sdk_name: "s".to_owned(),
            sdk_version: "1".to_owned(),
            status: WorkerStatus::ShuttingDown.into(),
            start_time: Some(time::timestamp(5)),
            heartbeat_time: Some(time::timestamp(7)),
            ..WorkerHeartbeat::default()
        };
        let said = TEXTS.map(|name| value(&worker, name));
        let expected = ["k", "i", "h", "q", "d", "b", "s", "1", "ShuttingDown", "ShuttingDown"].map(Literal::text);
        assert_eq!(said, expected);
        assert_eq!(TIMES.map(|name| value(&worker, name)), [5, 7].map(Literal::Int));
        let silent = WorkerHeartbeat::default();
        assert!(TEXTS[..8].iter().chain(&TIMES).all(|name| value(&silent, name) == Literal::Null));
    }
}
