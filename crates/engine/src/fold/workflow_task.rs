//! How events of workflow tasks change the state.

use alloc::sync::Arc;

use weft_protocol::api::enums::SuggestContinueAsNewReason;
use weft_protocol::api::history::{
    HistoryEvent, WorkflowTaskCompletedEventAttributes, WorkflowTaskScheduledEventAttributes,
    WorkflowTaskStartedEventAttributes,
};

use crate::{
    ids::EventId,
    state::{
        Execution, ScheduledOn, StartedStage, TaskKind, TaskProblem, WorkerFacts, WorkerVersion, WorkflowTask,
        WorkflowTaskStage,
    },
    time::{Timestamp, span_from_wire},
};

pub(super) fn scheduled(execution: &mut Execution, event: &HistoryEvent, it: &WorkflowTaskScheduledEventAttributes) {
    let at = event.event_time.as_ref().map(Timestamp::from_wire).unwrap_or_default();
    execution.core.first_task_at = None;
    execution.core.task = Some(WorkflowTask {
        scheduled_event_id: EventId(event.event_id),
        scheduled_at: at,
        original_scheduled_at: at,
        attempt: u32::try_from(it.attempt).unwrap_or(1).max(1),
        kind: TaskKind::Normal,
        timeout: it.start_to_close_timeout.as_ref().map(span_from_wire).unwrap_or_default(),
        stage: WorkflowTaskStage::Scheduled(ScheduledOn::Normal),
    });
}

pub(super) fn started(execution: &mut Execution, event: &HistoryEvent, it: &WorkflowTaskStartedEventAttributes) {
    let Some(task) = &mut execution.core.task else { return };
    task.stage = WorkflowTaskStage::Started(StartedStage {
        event_id: EventId(event.event_id),
        at: event.event_time.as_ref().map(Timestamp::from_wire).unwrap_or_default(),
        identity: it.identity.as_str().into(),
        request: it.request_id.as_str().into(),
        from_sticky: false,
        suggest_continue_as_new: it.suggest_continue_as_new,
        too_many_updates: it
            .suggest_continue_as_new_reasons()
            .any(|it| it == SuggestContinueAsNewReason::TooManyUpdates),
        history_bytes: u64::try_from(it.history_size_bytes).unwrap_or(0),
    });
}

#[expect(deprecated, reason = "workers without deployments name their build in these fields")]
pub(super) fn completed(execution: &mut Execution, it: &WorkflowTaskCompletedEventAttributes) {
    let core = &mut execution.core;
    core.last_completed_task = EventId(it.started_event_id);
    core.task = None;
    core.task_problems = 0;
    core.last_problem = None;
    let (sdk_name, sdk_version) =
        it.sdk_metadata.as_ref().map_or(("", ""), |sdk| (sdk.sdk_name.as_str(), sdk.sdk_version.as_str()));
    let last = &*core.last_worker;
    let kept = |new: &str, old: &str| if new.is_empty() { old.into() } else { new.into() };
    let facts = WorkerFacts {
        identity: Some(it.identity.as_str().into()),
        version: it
            .worker_version
            .as_ref()
            .map(|stamp| WorkerVersion { build_id: stamp.build_id.clone(), use_versioning: stamp.use_versioning }),
        deployment: it.worker_deployment_name.clone(),
        sdk_name: kept(sdk_name, &last.sdk_name),
        sdk_version: kept(sdk_version, &last.sdk_version),
    };
    if facts != *last {
        core.last_worker = Arc::new(facts);
    }
}

/// It failed or timed out. While the run is sticky that says nothing of the workflow: the worker may have lost its cache.
pub(super) fn ended(execution: &mut Execution, problem: TaskProblem) {
    let core = &mut execution.core;
    core.task = None;
    core.last_problem = Some(problem);
    if core.sticky.is_none() {
        core.task_problems += 1;
    }
}

/// The task failed because the run begins here: nothing is wrong with it.
pub(super) fn reset(execution: &mut Execution) {
    let core = &mut execution.core;
    core.task_problems = 0;
    core.last_problem = None;
}
