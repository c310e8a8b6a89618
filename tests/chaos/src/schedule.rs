//! A schedule that acts once a second while anything may go wrong, until its actions are used up.
//!
//! Invariant: no time acts twice or too early, it acts as often as it was allowed to, and each time starts a run that comes to
//! its end. That none of these runs is there twice is for `laws` to see: the time is in the workflow id.

use std::collections::BTreeMap;

use weft_protocol::{
    Duration,
    api::{
        enums::{ScheduleOverlapPolicy, WorkflowExecutionStatus},
        schedule::{
            IntervalSpec, Schedule, ScheduleAction, SchedulePolicies, ScheduleSpec, ScheduleState,
            schedule_action::Action,
        },
        workflow::NewWorkflowExecutionInfo,
        workflowservice::{CreateScheduleRequest, DescribeScheduleRequest, DescribeScheduleResponse},
    },
    time::unix_nanos,
};

use crate::{calls::NAMESPACE, commands, laws::Listed};

const ID: &str = "every-second";
/// What ids of workflows begin with that it starts.
pub(crate) const STARTS: &str = "scheduled";
const ACTIONS: usize = 30;
/// Everything that was missed is made up for.
const CATCH_UP_SECONDS: i64 = 3_600;

pub(crate) fn create_request() -> CreateScheduleRequest {
    let interval = IntervalSpec { interval: Some(Duration { seconds: 1, nanos: 0 }), phase: None };
    let start = NewWorkflowExecutionInfo {
        workflow_id: STARTS.to_owned(),
        workflow_type: commands::kind("scheduled"),
        task_queue: commands::queue(commands::QUEUE),
        ..NewWorkflowExecutionInfo::default()
    };
    let schedule = Schedule {
        spec: Some(ScheduleSpec { interval: vec![interval], ..ScheduleSpec::default() }),
        action: Some(ScheduleAction { action: Some(Action::StartWorkflow(start)) }),
        policies: Some(SchedulePolicies {
            overlap_policy: ScheduleOverlapPolicy::AllowAll.into(),
            catchup_window: Some(Duration { seconds: CATCH_UP_SECONDS, nanos: 0 }),
            ..SchedulePolicies::default()
        }),
        state: Some(ScheduleState {
            limited_actions: true,
            remaining_actions: ACTIONS as i64,
            ..ScheduleState::default()
        }),
    };
    CreateScheduleRequest {
        namespace: NAMESPACE.to_owned(),
        schedule_id: ID.to_owned(),
        schedule: Some(schedule),
        request_id: ID.to_owned(),
        ..CreateScheduleRequest::default()
    }
}

pub(crate) fn describe_request() -> DescribeScheduleRequest {
    DescribeScheduleRequest { namespace: NAMESPACE.to_owned(), schedule_id: ID.to_owned() }
}

/// It has nothing more to do.
pub(crate) fn is_done(shown: &DescribeScheduleResponse) -> bool {
    let remaining = shown.schedule.as_ref().and_then(|it| it.state.as_ref()).map(|state| state.remaining_actions);
    let waits = shown.info.as_ref().is_none_or(|info| info.buffer_size > 0 || !info.running_workflows.is_empty());
    remaining == Some(0) && !waits
}

/// Whether it started a workflow.
pub(crate) fn is_its(workflow: &str) -> bool {
    workflow.starts_with(STARTS)
}

/// It does not wait for the end of what may run beside the next one.
pub(crate) fn has_running(listed: &BTreeMap<String, Listed>) -> bool {
    let started = listed.iter().filter(|(workflow, _)| is_its(workflow));
    started.flat_map(|(_, runs)| runs.values()).any(|status| *status == WorkflowExecutionStatus::Running)
}

/// Holds what it started against what it says.
///
/// # Errors
/// What is not as it should be.
pub(crate) fn judge<'l>(
    shown: &DescribeScheduleResponse,
    started: impl Iterator<Item = &'l Listed>,
) -> Result<(), String> {
    let statuses: Vec<_> = started.flat_map(|runs| runs.values()).collect();
    let info = shown.info.clone().unwrap_or_default();
    if !is_done(shown) || statuses.len() != ACTIONS || info.action_count != ACTIONS as i64 {
        let (began, counted) = (statuses.len(), info.action_count);
        return Err(format!("the schedule began {began} runs and counts {counted}, of {ACTIONS} that it was allowed"));
    }
    if let Some(status) = statuses.iter().find(|status| ***status != WorkflowExecutionStatus::Completed) {
        return Err(format!("a run of the schedule is {status:?}"));
    }
    let at = |time: &Option<weft_protocol::Timestamp>| time.as_ref().and_then(|time| unix_nanos(time).ok());
    match info.recent_actions.iter().find(|action| at(&action.actual_time) < at(&action.schedule_time)) {
        Some(early) => Err(format!("the schedule acted before its time: {early:?}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::{
        Timestamp,
        api::schedule::{ScheduleActionResult, ScheduleInfo},
    };

    use super::*;

    /// It acted so often, the last time for the second 5 at that second.
    fn shown(count: usize, at: i64) -> DescribeScheduleResponse {
        let time = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let action =
            ScheduleActionResult { schedule_time: time(5), actual_time: time(at), ..ScheduleActionResult::default() };
        let schedule = Schedule { state: Some(ScheduleState::default()), ..Schedule::default() };
        let info = ScheduleInfo { action_count: count as i64, recent_actions: vec![action], ..ScheduleInfo::default() };
        DescribeScheduleResponse { schedule: Some(schedule), info: Some(info), ..DescribeScheduleResponse::default() }
    }

    fn judged(shown: &DescribeScheduleResponse, runs: usize, status: WorkflowExecutionStatus) -> Result<(), String> {
        let listed: Listed = (0..runs).map(|run| (run.to_string(), status)).collect();
        judge(shown, [&listed].into_iter())
    }

    #[test]
    fn what_it_began_is_waited_for() {
        let listed = |workflow: &str, status| {
            BTreeMap::from([(workflow.to_owned(), Listed::from([("run".to_owned(), status)]))])
        };
        assert!(has_running(&listed("scheduled-1", WorkflowExecutionStatus::Running)));
        assert!(!has_running(&listed("scheduled-1", WorkflowExecutionStatus::Completed)));
        assert!(!has_running(&listed("w0-1", WorkflowExecutionStatus::Running)));
    }

    #[test]
    fn a_schedule_acts_as_often_as_it_may_and_not_too_early() {
        use WorkflowExecutionStatus::{Completed, Running};
        assert_eq!(judged(&shown(ACTIONS, 5), ACTIONS, Completed), Ok(()));
        assert!(judged(&shown(ACTIONS, 4), ACTIONS, Completed).is_err());
        assert!(judged(&shown(ACTIONS, 5), ACTIONS, Running).is_err());
        assert!(judged(&shown(ACTIONS, 5), ACTIONS + 1, Completed).is_err());
        assert!(judged(&shown(ACTIONS - 1, 5), ACTIONS, Completed).is_err());
    }
}
