//! The client of one workflow id: starts it, signals it, cancels it, starts it again; each call until it is settled.

use std::{sync::Arc, time::Duration};

use weft_engine::{
    CancelBody, ConflictPolicy, OnConflict, Request, ReusePolicy, RunId, SignalBody, StartWorkflow, Target,
};
use weft_protocol::payload;

use crate::{
    audit,
    decide::{AGAIN, QUEUE, TASK_TIMEOUT},
    fork,
    ledger::{About, State},
    pause,
    plan::WorkflowPlan,
    reset,
    scene::Scene,
    update,
};

/// Goes on where the last life left off.
pub(crate) async fn run(scene: Scene, number: usize) {
    let plan = Arc::clone(&scene.plan);
    let plan = &plan.workflows[number];
    let first = format!("{} start", plan.id);
    if scene.ledger.state(&first).is_none() {
        scene.sleep_ms(plan.begins_ms).await;
    }
    start(&scene, plan, &first, "First").await;
    let Some(State::Acknowledged(Some(run))) = scene.ledger.state(&first) else {
        return scene.ledger.violate(format!("{first} was refused"));
    };
    look_closely(&scene, plan, &run).await;
    if plan.again {
        again(&scene, plan).await;
    }
    // What is reset is paused in between, so that no pause is of a run that has ended.
    let pausing = plan.resets.is_empty().then(|| tokio::spawn(pause::all(scene.clone(), plan.id.clone(), run.clone())));
    let mut run = between(&scene, plan, 0, run).await;
    for (name, number) in plan.signals.iter().zip(1..) {
        if !plan.cancel {
            scene.sleep_ms(scene.dice.below(plan.pause_ms + 1)).await;
        }
        signal(&scene, plan, &run, name).await;
        look_closely(&scene, plan, &run).await;
        run = between(&scene, plan, number, run).await;
    }
    if plan.cancel {
        scene.sleep_ms(scene.dice.below(plan.pause_ms + 1)).await;
        cancel(&scene, plan, &run).await;
        look_closely(&scene, plan, &run).await;
    }
    if let Some(pausing) = pausing {
        // A panic is found by the hook.
        let _ = pausing.await;
    }
}

/// What comes after so many signals; gives the run that is the current one then.
async fn between(scene: &Scene, plan: &WorkflowPlan, signals: usize, run: RunId) -> RunId {
    if !plan.resets.is_empty() {
        pause::after(scene, plan, signals, &run).await;
    }
    update::after(scene, plan, signals, &run).await;
    fork::after(scene, plan, signals, &run).await;
    reset::after(scene, plan, signals, run).await
}

/// A client that trusts nobody.
async fn look_closely(scene: &Scene, plan: &WorkflowPlan, run: &RunId) {
    // An earlier life may have deleted it.
    if scene.one_in(5) && !scene.ledger.is_deleted(run) {
        audit::run(scene, &plan.id, run).await;
    }
}

async fn start(scene: &Scene, plan: &WorkflowPlan, name: &str, kind: &str) {
    let about = About::Start { workflow: plan.id.clone() };
    let ballast = payload::json_string(&"x".repeat(plan.ballast));
    let start = StartWorkflow {
        request: name.into(),
        workflow_type: kind.into(),
        queue: QUEUE.into(),
        input: Some(payload::list(ballast)),
        header: None,
        memo: None,
        search_attributes: None,
        execution_timeout: None,
        run_timeout: None,
        task_timeout: TASK_TIMEOUT,
        start_delay: Duration::ZERO,
        retry: None,
        cron: "".into(),
        identity: "client".into(),
        reuse: ReusePolicy::AllowDuplicate,
        conflict: ConflictPolicy::Fail,
        eager: None,
        user_metadata: None,
        links: Vec::new(),
        priority: None,
        continued_failure: None,
        last_completion_result: None,
        on_conflict: OnConflict::default(),
        versioning_override: None,
    };
    scene.settle(name, &about, &scene.key(&plan.id), &Request::Start(Box::new(start))).await;
}

async fn again(scene: &Scene, plan: &WorkflowPlan) {
    let name = format!("{} start again", plan.id);
    if scene.ledger.state(&name).is_none() {
        scene.sleep_ms(scene.dice.below(400)).await;
    }
    start(scene, plan, &name, AGAIN).await;
}

async fn signal(scene: &Scene, plan: &WorkflowPlan, run: &RunId, signal: &str) {
    let name = format!("{} signal {signal}", plan.id);
    let body = SignalBody {
        name: signal.into(),
        input: Some(payload::list(payload::json_string(&name))),
        header: None,
        identity: "client".into(),
        request: Some(name.as_str().into()),
        links: Vec::new(),
    };
    let about = About::Signal { run: run.clone(), name: signal.to_owned() };
    scene.settle(&name, &about, &scene.key(&plan.id), &Request::Signal(target(run), body)).await;
}

async fn cancel(scene: &Scene, plan: &WorkflowPlan, run: &RunId) {
    let name = format!("{} cancel", plan.id);
    let body = CancelBody {
        identity: "client".into(),
        request: name.as_str().into(),
        reason: "enough".to_owned(),
        links: Vec::new(),
    };
    let about = About::Cancel { run: run.clone() };
    scene.settle(&name, &about, &scene.key(&plan.id), &Request::Cancel(target(run), body)).await;
}

fn target(run: &RunId) -> Target {
    Target { run: Some(run.clone()), first_run: None }
}
