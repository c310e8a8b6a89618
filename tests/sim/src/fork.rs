//! Forks in the lives of workflows: what a client wants of them, and how it asks.
//!
//! Invariants: an event is chosen once and is in the ledger before the node hears of it, so a repetition asks for the same
//! fork; what was copied is what the origin has there, and the origin shows nothing of it (the ledger knows its events).

use std::{sync::Arc, time::Duration};

use tonic::{Code, Request};
use weft_engine::RunId;
use weft_env::SeededIds;
use weft_protocol::{
    api::common::WorkflowExecution,
    weft::{ForkWorkflowRequest, history_service_server::HistoryService},
};

use crate::{
    audit,
    ledger::{About, State},
    pause,
    plan::WorkflowPlan,
    scene::{NAMESPACE, Scene},
};

/// One fork of a workflow.
pub(crate) struct ForkPlan {
    pub(crate) id: String,
    /// How many of the client's signals come before it.
    after: usize,
    pause_ms: u64,
}

impl ForkPlan {
    /// One workflow in four is forked.
    pub(crate) fn draw_some(dice: &SeededIds, workflow: &str, signals: usize) -> Vec<Self> {
        let count = dice.below(8).saturating_sub(5);
        (0..count).map(|number| Self::draw(dice, format!("{workflow}-fork{number}"), signals)).collect()
    }

    fn draw(dice: &SeededIds, id: String, signals: usize) -> Self {
        let after = usize::try_from(dice.below(signals as u64 + 1)).expect("small");
        Self { id, after, pause_ms: dice.below(200) }
    }
}

/// The forks that come after so many signals.
pub(crate) async fn after(scene: &Scene, plan: &WorkflowPlan, signals: usize, run: &RunId) {
    for fork in plan.forks.iter().filter(|fork| fork.after == signals) {
        let name = format!("{} fork", fork.id);
        if scene.ledger.state(&name).is_none() {
            scene.sleep_ms(scene.dice.below(fork.pause_ms + 1)).await;
        }
        one(scene, plan, fork, &name, run).await;
    }
}

async fn one(scene: &Scene, plan: &WorkflowPlan, fork: &ForkPlan, name: &str, run: &RunId) {
    let about = match scene.ledger.about(name) {
        Some(about) => about,
        None => choose(scene, plan, fork, run).await,
    };
    let About::Fork { base, event, .. } = &about else { return };
    let request = ForkWorkflowRequest {
        namespace: NAMESPACE.to_owned(),
        execution: Some(WorkflowExecution { workflow_id: plan.id.clone(), run_id: base.to_string() }),
        event_id: *event,
        new_workflow_id: fork.id.clone(),
        request_id: name.to_owned(),
    };
    let services = weft_server::services(scene.node.clone());
    while !scene.ledger.state(name).is_some_and(|state| state.is_settled()) {
        scene.ledger.asking(name, &about);
        let asked = services.fork_workflow(Request::new(request.clone()));
        // A caller that goes away in the middle of it.
        let patience = if !scene.calm && scene.one_in(6) { scene.dice.below(8) } else { 60_000 };
        match tokio::time::timeout(Duration::from_millis(patience), asked).await {
            Ok(Ok(answer)) => {
                let run = answer.into_inner().execution.map(|it| RunId::new(it.run_id));
                scene.note(&format!("{name}: acknowledged {run:?}"));
                scene.ledger.acknowledged(name, run);
                scene.ledger.cover(|counts| counts.forks += 1);
            }
            Ok(Err(status)) if matches!(status.code(), Code::Unavailable | Code::ResourceExhausted) => {
                scene.sleep_ms(2 + scene.dice.below(20)).await;
            }
            Ok(Err(status)) => {
                scene.ledger.violate(format!("{name} at event {event} of {base}: {status}"));
                scene.ledger.refused(name);
            }
            Err(_) => scene.sleep_ms(scene.dice.below(10)).await,
        }
    }
    let Some(State::Acknowledged(Some(run))) = scene.ledger.state(name) else { return };
    // Whoever asked for it does not want it to stand still because the origin did.
    pause::ends(scene, &fork.id, &run).await;
    audit::run(scene, &fork.id, &run).await;
}

/// Some event of the run that the client knows.
async fn choose(scene: &Scene, plan: &WorkflowPlan, fork: &ForkPlan, run: &RunId) -> About {
    loop {
        let Some(Ok(view)) = scene.look(&scene.key(&plan.id), run).await else {
            scene.sleep_ms(5).await;
            continue;
        };
        let last = view.execution.core.next_event_id.0 - 1;
        let event = 1 + i64::try_from(scene.dice.below(last.unsigned_abs())).unwrap_or(0);
        return About::Fork { workflow: fork.id.clone(), base: run.clone(), event };
    }
}

/// What is copied is what the origin has; the first event alone is the fork's own.
pub(crate) async fn everything(scene: &Scene) {
    for call in scene.ledger.calls() {
        let (About::Fork { workflow, base, event }, State::Acknowledged(Some(run))) = (&call.about, &call.state) else {
            continue;
        };
        let key = scene.key(workflow);
        let view = match scene.look(&key, run).await {
            Some(Ok(view)) => view,
            Some(Err(refusal)) => {
                scene.ledger.violate(format!("{workflow}: fork {run} was acknowledged: {refusal:?}"));
                continue;
            }
            None => continue,
        };
        let origin = view.execution.core.forked_from.as_deref();
        let Some(origin) = origin.filter(|it| it.run == *base && it.event_id.0 <= *event) else {
            scene.ledger.violate(format!("{workflow}: fork {run} comes from {origin:?}"));
            continue;
        };
        audit::chained(scene, &key, &view).await;
        if !scene.ledger.shows_same(base, run, 1..usize::try_from(origin.event_id.0).unwrap_or(0)) {
            scene.ledger.violate(format!("{workflow}: what was copied is not what run {base} has"));
        }
    }
}

/// The plan of what was forked: it goes on by itself, and nobody speaks with it.
pub(crate) fn plan_of(origin: &WorkflowPlan, fork: &ForkPlan) -> WorkflowPlan {
    WorkflowPlan { id: fork.id.clone(), is_fork: true, steps: Arc::clone(&origin.steps), ..WorkflowPlan::default() }
}
