//! Pauses: a client pauses a workflow, or one of its activities, and lets it go on later.
//!
//! Invariant: what is paused is let go on by the same client, in this life of the node or a later one, before it pauses
//! anything else of that workflow.

use std::{collections::BTreeSet, sync::Arc};

use weft_engine::{
    Operation, PauseActivities, PauseWorkflow, Request, RunId, Target, UnpauseActivities, WhichActivities,
    state::Activity,
};
use weft_env::SeededIds;
use weft_shard::View;

use crate::{
    ledger::{About, Call, State},
    plan::WorkflowPlan,
    scene::Scene,
};

/// How often a client looks for an activity to pause.
const LOOKS: u64 = 8;

/// One pause of a workflow.
pub(crate) struct PausePlan {
    /// How many of the client's signals come before it.
    after: usize,
    pause_ms: u64,
    lasts_ms: u64,
    /// Of one activity, not of the run.
    is_of_activity: bool,
}

impl PausePlan {
    /// Most of the workflows are not paused.
    pub(crate) fn draw_some(dice: &SeededIds, signals: usize) -> Vec<Self> {
        let count = dice.below(5).saturating_sub(2);
        (0..count).map(|_| Self::draw(dice, signals)).collect()
    }

    fn draw(dice: &SeededIds, signals: usize) -> Self {
        let after = usize::try_from(dice.below(signals as u64 + 1)).expect("small");
        let (pause_ms, lasts_ms) = (dice.below(120), dice.below(250));
        Self { after, pause_ms, lasts_ms, is_of_activity: dice.below(2) == 0 }
    }
}

/// The pauses that come after so many signals, one after the other. They go on beside what the client does next, unless
/// it resets the workflow.
pub(crate) async fn after(scene: &Scene, plan: &WorkflowPlan, signals: usize, run: &RunId) {
    for (number, pause) in plan.pauses.iter().enumerate().filter(|(_, pause)| pause.after == signals) {
        one(scene, plan, pause, number, run).await;
    }
}

/// All pauses of a workflow that is not reset, in a task of their own.
pub(crate) async fn all(scene: Scene, workflow: String, run: RunId) {
    let plans = Arc::clone(&scene.plan);
    let Some(plan) = plans.of(&workflow) else { return };
    for (number, pause) in plan.pauses.iter().enumerate() {
        one(&scene, plan, pause, number, &run).await;
    }
}

/// A run that goes on from a place where another one was paused is paused too.
pub(crate) async fn ends(scene: &Scene, workflow: &str, run: &RunId) {
    let name = format!("{workflow} unpause {run}");
    let request = operate(run, Operation::Unpause(wish(&name)));
    let about = About::Unpause { run: run.clone(), request: name.clone(), ends: String::new() };
    scene.settle(&name, &about, &scene.key(workflow), &request).await;
}

async fn one(scene: &Scene, plan: &WorkflowPlan, pause: &PausePlan, number: usize, run: &RunId) {
    let (name, end) = (format!("{} pause {number}", plan.id), format!("{} unpause {number}", plan.id));
    if scene.ledger.state(&name).is_none() {
        scene.sleep_ms(scene.dice.below(pause.pause_ms + 1)).await;
    }
    let about = match scene.ledger.about(&name) {
        Some(about) => about,
        None if pause.is_of_activity => choose(scene, plan, run, &name).await,
        None => About::Pause { run: run.clone(), request: name.clone() },
    };
    let (begins, ends) = match &about {
        About::PauseActivity { run, id: Some(id), request } => {
            let which = WhichActivities::Id(id.as_str().into());
            let pause = PauseActivities { identity: "client".into(), reason: String::new(), request: request.clone() };
            let unpause = UnpauseActivities::default();
            let begins = Operation::PauseActivities(which.clone(), pause);
            (operate(run, begins), operate(run, Operation::UnpauseActivities(which, unpause)))
        }
        About::Pause { run, .. } => {
            (operate(run, Operation::Pause(wish(&name))), operate(run, Operation::Unpause(wish(&end))))
        }
        _ => {
            // There was no such activity: nothing was asked, and nothing will be.
            scene.ledger.asking(&name, &about);
            return scene.ledger.refused(&name);
        }
    };
    let key = scene.key(&plan.id);
    let is_new = scene.settle(&name, &about, &key, &begins).await.is_some();
    scene.ledger.cover(|counts| counts.paused_activities += u64::from(is_new && pause.is_of_activity));
    if scene.ledger.state(&name) == Some(State::Refused) {
        return;
    }
    if scene.ledger.state(&end).is_none() {
        scene.sleep_ms(scene.dice.below(pause.lasts_ms + 1)).await;
    }
    // What is done to an activity shows in no event.
    let request = if pause.is_of_activity { String::new() } else { end.clone() };
    let over = About::Unpause { run: run.clone(), request, ends: name };
    scene.settle(&end, &over, &key, &ends).await;
}

fn wish(name: &str) -> PauseWorkflow {
    PauseWorkflow { identity: "client".into(), reason: "wait".to_owned(), request: name.to_owned() }
}

fn operate(run: &RunId, operation: Operation) -> Request {
    Request::Operate(Target { run: Some(run.clone()), first_run: None }, Box::new(operation))
}

/// Some activity that is pending.
async fn choose(scene: &Scene, plan: &WorkflowPlan, run: &RunId, name: &str) -> About {
    let mut id = None;
    for _ in 0..LOOKS {
        if let Some(Ok(view)) = scene.look(&scene.key(&plan.id), run).await {
            id = view.execution.activities.values().next().map(|activity| activity.id.to_string());
        }
        if id.is_some() {
            break;
        }
        scene.sleep_ms(20).await;
    }
    About::PauseActivity { run: run.clone(), id, request: name.to_owned() }
}

/// What is paused, by what was acknowledged before a look and is not asked to end after it, shows as paused.
pub(crate) fn holds(view: &View, run: &RunId, before: &[Call], after: &[Call]) -> Result<(), String> {
    if view.execution.core.closed.is_some() {
        return Ok(());
    }
    for call in before.iter().filter(|call| call.state.is_acknowledged()) {
        let (request, is_paused) = match &call.about {
            About::Pause { run: paused, request } if paused == run => {
                (request, view.execution.core.pause.as_ref().is_some_and(|pause| pause.request == *request))
            }
            About::PauseActivity { run: paused, id: Some(id), request } if paused == run => {
                let activity = view.execution.activities.values().find(|activity| activity.id.as_str() == id);
                // It has ended, or nobody has let it go on.
                let is_paused = |activity: &Activity| activity.paused().is_some_and(|pause| pause.request == *request);
                (request, activity.is_none_or(is_paused))
            }
            _ => continue,
        };
        if !is_paused && !is_over(after, request) {
            return Err(format!("{request} was acknowledged, and it is not paused"));
        }
    }
    Ok(())
}

/// Somebody asked to let it go on.
fn is_over(calls: &[Call], pause: &str) -> bool {
    calls.iter().any(|call| matches!(&call.about, About::Unpause { ends, .. } if ends == pause))
}

/// Pauses of activities that were acknowledged and that nobody has asked to end: the run, and the activity's id.
pub(crate) fn held(scene: &Scene) -> BTreeSet<(RunId, String)> {
    let calls = scene.ledger.calls();
    let held = calls.iter().filter(|call| call.state.is_acknowledged()).filter_map(|call| match &call.about {
        About::PauseActivity { run, id: Some(id), request } if !is_over(&calls, request) => {
            Some((run.clone(), id.clone()))
        }
        _ => None,
    });
    held.collect()
}
