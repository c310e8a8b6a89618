//! A schedule: it acts while anything may go wrong, until its actions are used up.
//!
//! Invariants: no time acts twice, whoever leads meanwhile; it acts as often as it was allowed to, each time starts a run
//! that is there and comes to its end, and the schedule hears of all of them; and nothing happens before its time.

use weft_engine::{state::schedule::Overlap, wire_span};
use weft_protocol::api::{
    common::WorkflowType,
    enums::{ScheduleOverlapPolicy, WorkflowExecutionStatus},
    schedule::{
        IntervalSpec, Schedule, ScheduleAction, SchedulePolicies, ScheduleSpec, ScheduleState, schedule_action::Action,
    },
    taskqueue::TaskQueue,
    workflow::NewWorkflowExecutionInfo,
    workflowservice::{CreateScheduleRequest, DescribeScheduleRequest, DescribeScheduleResponse},
};

use super::{
    client::{Api, NAMESPACE, PATIENCE, Scene, Settled, seconds, within},
    history::nanos,
};
use crate::{decide::QUEUE, schedule::SchedulePlan};

/// Creates it, and waits until it has nothing more to do.
pub(crate) async fn keep(scene: Scene) {
    let Some(plan) = &scene.plan.schedule else { return };
    scene.sleep_ms(plan.begins_ms * 20).await;
    let what = format!("create {}", plan.id);
    let request = CreateScheduleRequest {
        namespace: NAMESPACE.to_owned(),
        schedule_id: plan.id.clone(),
        schedule: Some(schedule(plan)),
        request_id: plan.id.clone(),
        ..CreateScheduleRequest::default()
    };
    let created = scene.settle(&what, |mut api: Api| {
        let request = within(request.clone(), PATIENCE);
        async move { api.create_schedule(request).await }
    });
    match created.await {
        Settled::Answered(_) => {}
        Settled::Refused { status, .. } => return scene.record.violate(format!("{what}: {status}")),
    }
    loop {
        match look(&scene, plan).await {
            Some(shown) if !is_done(plan, &shown) => scene.sleep_ms(700).await,
            Some(_) => break,
            None => return,
        }
    }
    // It does not wait for those that may run beside each other.
    while is_running(&scene, plan).await {
        scene.sleep_ms(500).await;
    }
}

async fn is_running(scene: &Scene, plan: &SchedulePlan) -> bool {
    let is_its = |workflow: &str| workflow.starts_with(&plan.workflow.id);
    let listed = scene.list().await;
    listed.iter().any(|(workflow, _, status)| is_its(workflow) && *status == WorkflowExecutionStatus::Running)
}

fn schedule(plan: &SchedulePlan) -> Schedule {
    let interval = IntervalSpec { interval: Some(seconds(1000)), phase: None };
    let overlap = match plan.overlap {
        Overlap::AllowAll => ScheduleOverlapPolicy::AllowAll,
        Overlap::BufferAll => ScheduleOverlapPolicy::BufferAll,
        Overlap::BufferOne => ScheduleOverlapPolicy::BufferOne,
        Overlap::CancelOther => ScheduleOverlapPolicy::CancelOther,
        Overlap::TerminateOther => ScheduleOverlapPolicy::TerminateOther,
        Overlap::Skip => ScheduleOverlapPolicy::Skip,
    };
    let start = NewWorkflowExecutionInfo {
        workflow_id: plan.workflow.id.clone(),
        workflow_type: Some(WorkflowType { name: "Scheduled".to_owned() }),
        task_queue: Some(TaskQueue { name: QUEUE.to_owned(), ..TaskQueue::default() }),
        workflow_task_timeout: Some(seconds(2000)),
        ..NewWorkflowExecutionInfo::default()
    };
    Schedule {
        spec: Some(ScheduleSpec { interval: vec![interval], ..ScheduleSpec::default() }),
        action: Some(ScheduleAction { action: Some(Action::StartWorkflow(start)) }),
        policies: Some(SchedulePolicies {
            overlap_policy: overlap.into(),
            catchup_window: Some(wire_span(std::time::Duration::from_secs(3600))),
            ..SchedulePolicies::default()
        }),
        state: Some(ScheduleState {
            limited_actions: true,
            remaining_actions: plan.actions,
            ..ScheduleState::default()
        }),
    }
}

async fn look(scene: &Scene, plan: &SchedulePlan) -> Option<DescribeScheduleResponse> {
    let what = format!("describe {}", plan.id);
    let request = DescribeScheduleRequest { namespace: NAMESPACE.to_owned(), schedule_id: plan.id.clone() };
    let shown = scene.settle(&what, |mut api: Api| {
        let request = within(request.clone(), PATIENCE);
        async move { api.describe_schedule(request).await }
    });
    match shown.await {
        Settled::Answered(shown) => Some(shown),
        Settled::Refused { status, .. } => {
            scene.record.violate(format!("{what}: {status}"));
            None
        }
    }
}

/// An action that was asked for is among those that remain no more, and is counted only when it is known to have begun.
fn is_done(plan: &SchedulePlan, shown: &DescribeScheduleResponse) -> bool {
    let remaining = shown.schedule.as_ref().and_then(|it| it.state.as_ref()).map(|state| state.remaining_actions);
    let Some(info) = &shown.info else { return false };
    let waits = info.buffer_size > 0 || !info.running_workflows.is_empty() || info.action_count < plan.actions;
    remaining == Some(0) && !waits
}

/// Holds its runs against it, when it has nothing more to do; that each of them is there once and has ended is looked at
/// with those of all other workflows.
pub(crate) async fn check(scene: &Scene, listed: &[(String, String)]) {
    let Some(plan) = &scene.plan.schedule else { return };
    let Some(shown) = look(scene, plan).await else { return };
    let began = listed.iter().filter(|(workflow, _)| workflow.starts_with(&plan.workflow.id)).count();
    let info = shown.info.clone().unwrap_or_default();
    if !is_done(plan, &shown) || began as i64 != plan.actions || info.action_count != plan.actions {
        let (counted, allowed) = (info.action_count, plan.actions);
        scene.record.violate(format!("{}: {began} began, {counted} are counted, {allowed} were allowed", plan.id));
    }
    let at = |time: &Option<_>| time.as_ref().map_or(0, nanos);
    if let Some(early) = info.recent_actions.iter().find(|it| at(&it.actual_time) < at(&it.schedule_time)) {
        scene.record.violate(format!("{} acted before its time: {early:?}", plan.id));
    }
    scene.record.cover(|counts| counts.scheduled += began as u64);
}
