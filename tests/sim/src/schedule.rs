//! A schedule beside the workflows: its client, and the oracle of what it does.
//!
//! Invariants it checks: no time has two runs, at any time; once nothing is under way, the schedule has begun as many
//! actions as it was allowed, each of them is a run that is stored, and it has heard of the end of all of them.

use std::{collections::BTreeMap, sync::Arc};

use weft_engine::{
    Answer, Request,
    schedule::{CreateSchedule, ScheduleBody, ScheduleRequest, canonical},
    state::schedule::{Overlap, Policies, Schedule},
    wire_span,
};
use weft_env::SeededIds;
use weft_protocol::api::{
    common::WorkflowType, schedule::ScheduleSpec, taskqueue::TaskQueue, workflow::NewWorkflowExecutionInfo,
};

use crate::{
    decide::{QUEUE, TASK_TIMEOUT},
    family,
    ledger::About,
    plan::WorkflowPlan,
    scene::Scene,
};

/// A schedule that acts every second until its actions are used up.
pub(crate) struct SchedulePlan {
    pub(crate) id: String,
    pub(crate) begins_ms: u64,
    pub(crate) actions: i64,
    pub(crate) overlap: Overlap,
    /// What each of its workflows does; the ids of all of them begin with its id.
    pub(crate) workflow: WorkflowPlan,
}

impl SchedulePlan {
    /// One seed in three has one.
    pub(crate) fn draw(dice: &SeededIds) -> Option<Self> {
        if dice.below(3) != 0 {
            return None;
        }
        let id = format!("schedule-{}", dice.below(1_000_000));
        let overlap = match dice.below(3) {
            0 => Overlap::AllowAll,
            1 => Overlap::BufferAll,
            _ => Overlap::Skip,
        };
        let workflow = WorkflowPlan::child(dice, &format!("{id}-w"));
        let actions = i64::try_from(2 + dice.below(3)).expect("small");
        Some(Self { id, begins_ms: dice.below(60), actions, overlap, workflow })
    }
}

/// Creates it, again and again until that is acknowledged.
pub(crate) async fn client(scene: Scene) {
    let plan = Arc::clone(&scene.plan);
    let Some(plan) = &plan.schedule else { return };
    let name = format!("{} create", plan.id);
    if scene.ledger.state(&name).is_none() {
        scene.sleep_ms(plan.begins_ms).await;
    }
    let create = ScheduleRequest::Create(Box::new(CreateSchedule {
        request: name.as_str().into(),
        body: body(plan),
        patch: None,
        memo: None,
        search_attributes: None,
    }));
    let request = Request::Schedule(Box::new(create));
    scene.settle(&name, &About::Schedule, &scene.key(&plan.id), &request).await;
}

fn body(plan: &SchedulePlan) -> ScheduleBody {
    let spec = ScheduleSpec { cron_string: vec!["@every 1s".to_owned()], ..ScheduleSpec::default() };
    ScheduleBody {
        spec: canonical(spec).expect("a spec"),
        action: Some(NewWorkflowExecutionInfo {
            workflow_id: plan.workflow.id.clone(),
            workflow_type: Some(WorkflowType { name: "Scheduled".to_owned() }),
            task_queue: Some(TaskQueue { name: QUEUE.to_owned(), ..TaskQueue::default() }),
            workflow_task_timeout: Some(wire_span(TASK_TIMEOUT)),
            ..NewWorkflowExecutionInfo::default()
        }),
        policies: Policies {
            overlap: plan.overlap,
            catchup_window: std::time::Duration::from_secs(3600),
            pause_on_failure: false,
            keep_workflow_id: false,
        },
        paused: false,
        notes: String::new(),
        limited: true,
        remaining: plan.actions,
    }
}

/// As it is, if it can be seen.
async fn look(scene: &Scene) -> Option<Schedule> {
    let key = scene.key(&scene.plan.schedule.as_ref()?.id);
    let request = Request::Schedule(Box::new(ScheduleRequest::Describe));
    match scene.node.shard(&key).ask(key.clone(), Arc::clone(&scene.namespace), request).await {
        Ok(Answer::Schedule(schedule)) => Some(schedule.0),
        _ => None,
    }
}

fn is_done(schedule: &Schedule) -> bool {
    let progress = &schedule.progress;
    progress.remaining == 0 && progress.actions.is_empty() && progress.buffer.is_empty()
}

/// Until its actions are used up and all of them have ended.
pub(crate) async fn finished(scene: &Scene) {
    if scene.plan.schedule.is_none() {
        return;
    }
    while !look(scene).await.is_some_and(|schedule| is_done(&schedule)) {
        scene.sleep_ms(150).await;
    }
}

/// Holds the runs against the schedule.
pub(crate) async fn everything(scene: &Scene, is_over: bool) {
    let Some(plan) = &scene.plan.schedule else { return };
    let mut runs: BTreeMap<String, u64> = BTreeMap::new();
    for (key, _) in family::runs(scene) {
        if key.workflow.as_str().starts_with(&plan.workflow.id) {
            *runs.entry(key.workflow.to_string()).or_default() += 1;
        }
    }
    for (id, count) in &runs {
        if *count > 1 {
            scene.ledger.violate(format!("{id} was started {count} times"));
        }
    }
    let began = runs.len() as i64;
    if began > plan.actions {
        scene.ledger.violate(format!("{began} actions began, {} were allowed", plan.actions));
    }
    if is_over {
        over(scene, plan, began).await;
    }
}

async fn over(scene: &Scene, plan: &SchedulePlan, began: i64) {
    let Some(schedule) = look(scene).await else {
        return scene.ledger.violate(format!("{} was created and is not there", plan.id));
    };
    let counted = schedule.progress.counts.actions;
    if !is_done(&schedule) || began != plan.actions || counted != plan.actions {
        let allowed = plan.actions;
        scene.ledger.violate(format!("{}: {began} began, {counted} are counted, {allowed} were allowed", plan.id));
    }
    scene.ledger.cover(|counts| counts.scheduled += began.unsigned_abs());
}
