//! A schedule as descriptions and lists show it.

use alloc::{string::ToString, vec::Vec};

use weft_protocol::{
    Timestamp as WireTimestamp,
    api::{
        common::{WorkflowExecution, WorkflowType},
        enums::WorkflowExecutionStatus,
        schedule::{
            Schedule as WireSchedule, ScheduleAction, ScheduleActionResult, ScheduleInfo, ScheduleListInfo,
            SchedulePolicies, ScheduleState, schedule_action::Action as WireAction,
        },
        workflow::WorkflowExecutionInfo,
    },
    payload,
};

use super::{act, clean};
use crate::{
    ids::WorkflowKey,
    state::schedule::{Action, ActionStage, Progress, Recent, Schedule},
    time::{Timestamp, wire_span},
};

/// Times to come that a description shows, and that a list does.
const FUTURE_TIMES: usize = 10;
const FUTURE_TIMES_LISTED: usize = 5;
const RECENT_LISTED: usize = 5;
/// Parts of a spec, of each kind, that a list shows.
const SPECS_LISTED: usize = 10;

/// Under which a list keeps what it shows of a schedule, in the memo of its entry.
pub const LIST_INFO: &str = "ScheduleInfo";
/// The namespace division of schedules, which hides them from lists of workflows.
pub const DIVISION: &str = "TemporalScheduler";
/// The type that such an entry has.
pub const WORKFLOW_TYPE: &str = "temporal-sys-scheduler-workflow";

/// What a client said of it, as it is now.
#[must_use]
pub fn described(schedule: &Schedule) -> WireSchedule {
    let Schedule { plan, progress } = schedule;
    let mut spec = plan.spec.clone();
    clean(&mut spec);
    WireSchedule {
        spec: Some(spec),
        action: Some(ScheduleAction { action: plan.action.clone().map(WireAction::StartWorkflow) }),
        policies: Some(SchedulePolicies {
            overlap_policy: plan.policies.overlap.wire() as i32,
            catchup_window: Some(wire_span(plan.policies.catchup_window)),
            pause_on_failure: plan.policies.pause_on_failure,
            keep_original_workflow_id: plan.policies.keep_workflow_id,
        }),
        state: Some(ScheduleState {
            notes: progress.notes.clone(),
            paused: progress.paused,
            limited_actions: progress.limited,
            remaining_actions: progress.remaining,
        }),
    }
}

/// How far it has come.
#[must_use]
#[expect(deprecated, reason = "a field that nothing is said in any more has to be named")]
pub fn info(key: &WorkflowKey, schedule: &Schedule, now: Timestamp) -> ScheduleInfo {
    let Schedule { plan, progress } = schedule;
    ScheduleInfo {
        action_count: progress.counts.actions,
        missed_catchup_window: progress.counts.missed_catchup_window,
        overlap_skipped: progress.counts.overlap_skipped,
        buffer_dropped: progress.counts.buffer_dropped,
        buffer_size: i64::try_from(progress.buffer.len()).unwrap_or(i64::MAX),
        running_workflows: progress.actions.iter().filter_map(running).collect(),
        recent_actions: progress.recent.iter().map(result).collect(),
        future_action_times: future(key, schedule, now, FUTURE_TIMES),
        create_time: Some(plan.created_at.wire()),
        update_time: progress.updated_at.map(Timestamp::wire),
        invalid_schedule_error: "".into(),
        state_size_bytes: 0,
    }
}

fn running(action: &Action) -> Option<WorkflowExecution> {
    match &action.stage {
        ActionStage::Asked { .. } => None,
        ActionStage::Running { run, .. } => {
            Some(WorkflowExecution { workflow_id: action.workflow.to_string(), run_id: run.to_string() })
        }
    }
}

fn result(recent: &Recent) -> ScheduleActionResult {
    let Recent { number: _, scheduled_at, began_at, workflow, run, status } = recent;
    ScheduleActionResult {
        schedule_time: Some(scheduled_at.wire()),
        actual_time: Some(began_at.wire()),
        start_workflow_result: Some(WorkflowExecution { workflow_id: workflow.to_string(), run_id: run.to_string() }),
        start_workflow_status: status.wire() as i32,
    }
}

/// The next times, not more than actions are left.
fn future(key: &WorkflowKey, schedule: &Schedule, now: Timestamp, most: usize) -> Vec<WireTimestamp> {
    let Schedule { plan, progress } = schedule;
    let Progress { limited, remaining, done_until, updated_at, .. } = progress.as_ref();
    let most = if *limited { most.min(usize::try_from(*remaining).unwrap_or(0)) } else { most };
    let Some(times) = act::times(plan, key) else { return Vec::new() };
    let first = if progress.paused || (*limited && *remaining <= 0) { now.max(*done_until) } else { *done_until };
    let next = |after: Timestamp| times.next(after).map(|time| time.actual);
    let times = core::iter::successors(next(first), |time| next(*time));
    let times = times.skip_while(|time| updated_at.is_some_and(|updated| updated > *time));
    times.take(most).map(Timestamp::wire).collect()
}

/// What a list shows of it.
#[must_use]
pub fn list_info(key: &WorkflowKey, schedule: &Schedule, now: Timestamp) -> ScheduleListInfo {
    let Schedule { plan, progress } = schedule;
    let mut spec = plan.spec.clone();
    spec.timezone_data.clear();
    spec.structured_calendar.truncate(SPECS_LISTED);
    spec.exclude_structured_calendar.truncate(SPECS_LISTED);
    spec.interval.truncate(SPECS_LISTED);
    clean(&mut spec);
    let recent = &progress.recent[progress.recent.len().saturating_sub(RECENT_LISTED)..];
    ScheduleListInfo {
        spec: Some(spec),
        workflow_type: plan.action.as_ref().and_then(|action| action.workflow_type.clone()),
        notes: progress.notes.clone(),
        paused: progress.paused,
        recent_actions: recent.iter().map(result).collect(),
        future_action_times: future(key, schedule, now, FUTURE_TIMES_LISTED),
        state_size_bytes: 0,
    }
}

/// Its entry in the index, among executions: under its own id, in a division of its own.
#[must_use]
pub fn entry(key: &WorkflowKey, schedule: &Schedule, now: Timestamp) -> WorkflowExecutionInfo {
    let Schedule { plan, progress } = schedule;
    let mut memo = plan.memo.clone().unwrap_or_default();
    let bytes = weft_protocol::encode_canonical(&list_info(key, schedule, now));
    memo.fields.insert(LIST_INFO.to_string(), payload::binary_plain(bytes));
    let mut attributes = plan.search_attributes.clone().unwrap_or_default();
    let paused = if progress.paused { "true" } else { "false" };
    let mut set = |name: &str, kind: &str, mut value: weft_protocol::api::common::Payload| {
        value.metadata.insert(payload::TYPE.to_string(), kind.as_bytes().to_vec());
        attributes.indexed_fields.insert(name.to_string(), value);
    };
    set("TemporalSchedulePaused", "Bool", payload::json_plain(paused));
    set("TemporalNamespaceDivision", "Keyword", payload::json_string(DIVISION));
    let own = WorkflowExecution { workflow_id: key.workflow.to_string(), run_id: plan.incarnation.to_string() };
    WorkflowExecutionInfo {
        root_execution: Some(own.clone()),
        execution: Some(own),
        r#type: Some(WorkflowType { name: WORKFLOW_TYPE.to_string() }),
        start_time: Some(plan.created_at.wire()),
        execution_time: Some(plan.created_at.wire()),
        status: WorkflowExecutionStatus::Running as i32,
        memo: Some(memo),
        search_attributes: Some(attributes),
        first_run_id: plan.incarnation.to_string(),
        ..WorkflowExecutionInfo::default()
    }
}
