//! Events of workflow tasks.

use alloc::string::ToString;
use core::time::Duration;

use weft_protocol::api::{
    deployment::WorkerDeploymentVersion,
    enums::{SuggestContinueAsNewReason, TaskQueueKind, TimeoutType, WorkerVersioningMode, WorkflowTaskFailedCause},
    failure::Failure,
    history::{
        HistoryEvent, WorkflowTaskCompletedEventAttributes, WorkflowTaskFailedEventAttributes,
        WorkflowTaskScheduledEventAttributes, WorkflowTaskStartedEventAttributes, WorkflowTaskTimedOutEventAttributes,
    },
    taskqueue::TaskQueue,
};

use crate::{
    ids::{EventId, Identity, RunId, TaskQueueName},
    limits::Limits,
    request::{CompleteWorkflowTask, Poller},
    state::{ScheduledOn, WorkflowTask},
    time::wire_span,
    workflow_task::fail::SERVER,
};

pub(crate) fn scheduled(normal: &TaskQueueName, on: &ScheduledOn, timeout: Duration, attempt: u32) -> HistoryEvent {
    let task_queue = match on {
        ScheduledOn::Normal => super::workflow::queue(normal),
        ScheduledOn::Sticky { queue, .. } => {
            TaskQueue { name: queue.to_string(), kind: TaskQueueKind::Sticky as i32, normal_name: normal.to_string() }
        }
    };
    super::of(
        WorkflowTaskScheduledEventAttributes {
            task_queue: Some(task_queue),
            start_to_close_timeout: Some(wire_span(timeout)),
            attempt: i32::try_from(attempt).unwrap_or(i32::MAX),
        }
        .into(),
    )
}

/// What a started task says of the history it sees: the delivered task and the stored event must agree.
pub(crate) struct Seen {
    pub(crate) events: i64,
    pub(crate) bytes: u64,
    pub(crate) too_many_updates: bool,
}

impl Seen {
    pub(crate) fn suggests_continue_as_new(&self, limits: &Limits) -> bool {
        self.too_many(limits) || self.too_large(limits) || self.too_many_updates
    }

    fn too_many(&self, limits: &Limits) -> bool {
        self.events >= limits.suggest_continue_as_new_events
    }

    fn too_large(&self, limits: &Limits) -> bool {
        self.bytes >= limits.suggest_continue_as_new_bytes
    }
}

pub(crate) fn started(scheduled: EventId, poller: &Poller, seen: &Seen, limits: &Limits) -> HistoryEvent {
    let too_large = seen.too_large(limits).then_some(SuggestContinueAsNewReason::HistorySizeTooLarge);
    let too_many = seen.too_many(limits).then_some(SuggestContinueAsNewReason::TooManyHistoryEvents);
    let updates = seen.too_many_updates.then_some(SuggestContinueAsNewReason::TooManyUpdates);
    #[expect(deprecated, reason = "workers without deployments still send a build id, and replay shows it")]
    super::of(
        WorkflowTaskStartedEventAttributes {
            scheduled_event_id: scheduled.0,
            identity: poller.identity.to_string(),
            request_id: poller.request.to_string(),
            suggest_continue_as_new: seen.suggests_continue_as_new(limits),
            suggest_continue_as_new_reasons: too_large
                .into_iter()
                .chain(too_many)
                .chain(updates)
                .map(|it| it as i32)
                .collect(),
            history_size_bytes: i64::try_from(seen.bytes).unwrap_or(i64::MAX),
            worker_version: poller.version.clone(),
            ..WorkflowTaskStartedEventAttributes::default()
        }
        .into(),
    )
}

pub(crate) fn completed(body: &mut CompleteWorkflowTask, scheduled: EventId, started: EventId) -> HistoryEvent {
    let deployment = body.deployment.clone().unwrap_or_default();
    let versioned = deployment.worker_versioning_mode() == WorkerVersioningMode::Versioned;
    let version = versioned.then(|| WorkerDeploymentVersion {
        build_id: deployment.build_id.clone(),
        deployment_name: deployment.deployment_name.clone(),
    });
    #[expect(deprecated, reason = "workers without deployments still send them, and replay shows them")]
    super::of(
        WorkflowTaskCompletedEventAttributes {
            scheduled_event_id: scheduled.0,
            started_event_id: started.0,
            identity: body.identity.to_string(),
            binary_checksum: core::mem::take(&mut body.binary_checksum),
            worker_version: body.version.clone(),
            sdk_metadata: body.sdk_metadata.take(),
            metering_metadata: body.metering.take(),
            versioning_behavior: body.versioning_behavior,
            worker_deployment_name: deployment.deployment_name,
            deployment_version: version,
            ..WorkflowTaskCompletedEventAttributes::default()
        }
        .into(),
    )
}

/// Why a workflow task failed, and who says so.
pub(crate) struct TaskFailure {
    pub(crate) cause: WorkflowTaskFailedCause,
    pub(crate) failure: Option<Failure>,
    pub(crate) identity: Identity,
}

pub(crate) fn failed(task: &WorkflowTask, started: EventId, why: TaskFailure) -> HistoryEvent {
    super::of(
        WorkflowTaskFailedEventAttributes {
            scheduled_event_id: task.scheduled_event_id.0,
            started_event_id: started.0,
            cause: why.cause as i32,
            failure: why.failure,
            identity: why.identity.to_string(),
            ..WorkflowTaskFailedEventAttributes::default()
        }
        .into(),
    )
}

/// The task ends because the run goes on from here under another id: workers seed their randomness anew.
pub(crate) fn reset(task: &WorkflowTask, started: EventId, base: &RunId, new_run: &RunId) -> HistoryEvent {
    super::of(
        WorkflowTaskFailedEventAttributes {
            scheduled_event_id: task.scheduled_event_id.0,
            started_event_id: started.0,
            cause: WorkflowTaskFailedCause::ResetWorkflow as i32,
            identity: SERVER.to_string(),
            base_run_id: base.to_string(),
            new_run_id: new_run.to_string(),
            ..WorkflowTaskFailedEventAttributes::default()
        }
        .into(),
    )
}

pub(crate) fn timed_out(task: &WorkflowTask, started: EventId, kind: TimeoutType) -> HistoryEvent {
    super::of(
        WorkflowTaskTimedOutEventAttributes {
            scheduled_event_id: task.scheduled_event_id.0,
            started_event_id: started.0,
            timeout_type: kind as i32,
        }
        .into(),
    )
}
