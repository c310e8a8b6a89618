//! The whole state of a run, as a description gives it.

use std::time::Duration;

use weft_engine::{
    EventId, Execution, RunId, Timestamp, WorkflowKey,
    state::{
        Activity, ActivityPause, ActivityStage, Child, ChildStage, Core, ParentClosePolicy, ResetPoint, WorkflowTask,
        WorkflowTaskStage,
    },
    wire_span,
};
use weft_protocol::api::{
    activity::ActivityOptions,
    common::{ActivityType, WorkerVersionStamp},
    enums::{self, EventType, PendingActivityState, PendingWorkflowTaskState},
    taskqueue::TaskQueue,
    workflow::{
        PendingActivityInfo, PendingChildExecutionInfo, PendingWorkflowTaskInfo, RequestIdInfo, ResetPoints,
        WorkflowExecutionConfig, WorkflowExecutionExtendedInfo, WorkflowExecutionInfo, WorkflowExecutionPauseInfo,
        WorkflowExecutionVersioningInfo,
        pending_activity_info::{
            PauseInfo,
            pause_info::{Manual, PausedBy},
        },
    },
    workflowservice::DescribeWorkflowExecutionResponse,
};

use super::task_queue;

pub(crate) fn description(key: &WorkflowKey, run: &Execution) -> DescribeWorkflowExecutionResponse {
    // A closed run has nothing pending any more.
    let open = run.is_open();
    let activities = run.activities.values().filter(|_| open);
    DescribeWorkflowExecutionResponse {
        execution_config: Some(config(&run.core)),
        workflow_execution_info: Some(info(key, run)),
        pending_activities: activities.map(pending_activity).collect(),
        pending_children: run.children.iter().filter(|_| open).map(pending_child).collect(),
        pending_workflow_task: run.task().filter(|_| open).map(pending_task),
        workflow_extended_info: Some(extended(run)),
        ..DescribeWorkflowExecutionResponse::default()
    }
}

fn config(core: &Core) -> WorkflowExecutionConfig {
    let start = &core.start;
    WorkflowExecutionConfig {
        task_queue: Some(task_queue::normal(start.queue.as_str())),
        workflow_execution_timeout: set(start.execution_timeout),
        workflow_run_timeout: set(start.run_timeout),
        default_workflow_task_timeout: Some(wire_span(start.task_timeout)),
        user_metadata: start.user_metadata.clone(),
    }
}

/// A timeout, if there is one.
fn set(span: Duration) -> Option<weft_protocol::Duration> {
    (!span.is_zero()).then(|| wire_span(span))
}

/// As lists show it, with the numbers as they are now.
#[expect(deprecated, reason = "tools still show the build of workers without deployments from here")]
fn info(key: &WorkflowKey, run: &Execution) -> WorkflowExecutionInfo {
    let core = &run.core;
    WorkflowExecutionInfo {
        history_length: core.next_event_id.0 - 1,
        history_size_bytes: i64::try_from(core.history_bytes).unwrap_or(i64::MAX),
        state_transition_count: i64::try_from(core.state_transitions).unwrap_or(i64::MAX),
        auto_reset_points: Some(ResetPoints { points: core.reset_points.iter().map(ResetPoint::wire).collect() }),
        most_recent_worker_version_stamp: core.last_worker.version.as_ref().map(|version| WorkerVersionStamp {
            build_id: version.build_id.clone(),
            use_versioning: version.use_versioning,
        }),
        worker_deployment_name: core.last_worker.deployment.clone(),
        versioning_info: core.versioning_override().map(|given| WorkflowExecutionVersioningInfo {
            versioning_override: Some(weft_engine::versioning::described(given)),
            ..WorkflowExecutionVersioningInfo::default()
        }),
        ..weft_engine::info(key, run)
    }
}

fn extended(run: &Execution) -> WorkflowExecutionExtendedInfo {
    let core = &run.core;
    let started = (core.started_by.to_string(), request(EventType::WorkflowExecutionStarted, EventId::FIRST));
    let attached = core.attached.iter().map(|attached| {
        (attached.request.to_string(), request(EventType::WorkflowExecutionOptionsUpdated, attached.event_id))
    });
    WorkflowExecutionExtendedInfo {
        execution_expiration_time: core.execution_expires_at.map(Timestamp::wire),
        run_expiration_time: core.run_expires_at.map(Timestamp::wire),
        cancel_requested: core.cancel.is_some(),
        original_start_time: Some(core.start.at.wire()),
        pause_info: core.pause.as_ref().map(|pause| WorkflowExecutionPauseInfo {
            identity: pause.identity.to_string(),
            paused_time: Some(pause.at.wire()),
            reason: pause.reason.clone(),
        }),
        last_reset_time: core.made_by_reset.as_ref().map(|reset| reset.at.wire()),
        reset_run_id: core.reset_run.as_ref().map(RunId::to_string).unwrap_or_default(),
        request_id_infos: std::iter::once(started).chain(attached).collect(),
        ..WorkflowExecutionExtendedInfo::default()
    }
}

fn request(event_type: EventType, event: EventId) -> RequestIdInfo {
    RequestIdInfo { event_type: event_type.into(), event_id: event.0, buffered: false }
}

fn pending_task(task: &WorkflowTask) -> PendingWorkflowTaskInfo {
    let (state, started) = match &task.stage {
        WorkflowTaskStage::Scheduled(_) => (PendingWorkflowTaskState::Scheduled, None),
        WorkflowTaskStage::Started(started) => (PendingWorkflowTaskState::Started, Some(started.at.wire())),
    };
    PendingWorkflowTaskInfo {
        state: state.into(),
        scheduled_time: Some(task.scheduled_at.wire()),
        original_scheduled_time: Some(task.original_scheduled_at.wire()),
        started_time: started,
        attempt: i32::try_from(task.attempt).unwrap_or(i32::MAX),
    }
}

fn pending_child((initiated, child): (&EventId, &Child)) -> PendingChildExecutionInfo {
    let run_id = match &child.stage {
        ChildStage::Initiated { .. } => String::new(),
        ChildStage::Started { run, .. } => run.to_string(),
    };
    let policy = match child.policy {
        ParentClosePolicy::Terminate => enums::ParentClosePolicy::Terminate,
        ParentClosePolicy::Abandon => enums::ParentClosePolicy::Abandon,
        ParentClosePolicy::RequestCancel => enums::ParentClosePolicy::RequestCancel,
    };
    PendingChildExecutionInfo {
        workflow_id: child.target.workflow.to_string(),
        run_id,
        workflow_type_name: child.workflow_type.to_string(),
        initiated_id: initiated.0,
        parent_close_policy: policy.into(),
    }
}

fn pending_activity(activity: &Activity) -> PendingActivityInfo {
    let (state, scheduled, started, next, worker) = match &activity.stage {
        ActivityStage::Scheduled { at } => (PendingActivityState::Scheduled, Some(*at), None, None, None),
        ActivityStage::Backoff { until } => (PendingActivityState::Scheduled, Some(*until), None, Some(*until), None),
        ActivityStage::Started { at, offered_at, identity, .. } => {
            (PendingActivityState::Started, Some(*offered_at), Some(*at), None, Some(identity))
        }
    };
    let state = match (activity.paused(), state) {
        (Some(_), PendingActivityState::Started) => PendingActivityState::PauseRequested,
        (Some(_), _) => PendingActivityState::Paused,
        (None, state) => state,
    };
    let next = next.filter(|_| activity.paused().is_none());
    let state = if activity.cancel_requested.is_some() { PendingActivityState::CancelRequested } else { state };
    let heartbeat = activity.heartbeat.as_ref();
    let interval = next.zip(activity.last_attempt_ended_at).map(|(next, ended)| next.since(ended));
    PendingActivityInfo {
        activity_id: activity.id.to_string(),
        activity_type: Some(ActivityType { name: activity.activity_type.to_string() }),
        state: state.into(),
        heartbeat_details: heartbeat.and_then(|beat| beat.details.as_deref().cloned()),
        last_heartbeat_time: heartbeat.map(|beat| beat.at.wire()),
        last_started_time: started.map(Timestamp::wire),
        attempt: i32::try_from(activity.attempt).unwrap_or(i32::MAX),
        maximum_attempts: i32::try_from(activity.retry.max_attempts).unwrap_or(i32::MAX),
        scheduled_time: scheduled.map(Timestamp::wire),
        expiration_time: activity.expires_at().map(Timestamp::wire),
        last_failure: activity.last_failure.as_deref().cloned(),
        last_worker_identity: worker.unwrap_or(&activity.last_identity).to_string(),
        current_retry_interval: interval.map(wire_span),
        last_attempt_complete_time: activity.last_attempt_ended_at.map(Timestamp::wire),
        next_attempt_schedule_time: next.map(Timestamp::wire),
        priority: activity.priority.clone(),
        activity_options: Some(options(activity)),
        paused: activity.paused().is_some(),
        pause_info: activity.paused().map(pause_info),
        ..PendingActivityInfo::default()
    }
}

fn pause_info(pause: &ActivityPause) -> PauseInfo {
    let manual = Manual { identity: pause.identity.to_string(), reason: pause.reason.clone() };
    PauseInfo { pause_time: Some(pause.at.wire()), paused_by: Some(PausedBy::Manual(manual)) }
}

/// As Temporal shows them: the queue's name twice, and no types of failures that are not retried.
fn options(activity: &Activity) -> ActivityOptions {
    let name = activity.queue.to_string();
    let mut options = activity.options().wire();
    options.task_queue = Some(TaskQueue { normal_name: name.clone(), name, ..TaskQueue::default() });
    if let Some(policy) = &mut options.retry_policy {
        policy.non_retryable_error_types.clear();
    }
    options
}
