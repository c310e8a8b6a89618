//! Resets in the lives of workflows: what a client wants of them, and how it asks.
//!
//! Invariant: a place is chosen once, from a history that was shown, and is in the ledger before the node hears of it;
//! so a repetition asks for the same, under the same request id, and nothing that was chosen may be refused.

use std::{future::Future, sync::Arc};

use weft_engine::{EventId, Excluded, Past, Request, ResetChildren, ResetWorkflow, RunId, Target, WorkflowKey};
use weft_env::SeededIds;
use weft_protocol::api::history::{HistoryEvent, history_event::Attributes as Event};
use weft_shard::ResetPlace;

use crate::{
    ledger::{About, State},
    pause,
    plan::WorkflowPlan,
    scene::{Scene, Tried},
};

/// How often a client looks for a workflow task that has ended.
const LOOKS: u64 = 12;

/// One reset of a workflow.
pub(crate) struct ResetPlan {
    /// How many of the client's signals come before it.
    pub(crate) after: usize,
    pub(crate) pause_ms: u64,
    /// The run that it goes on from is deleted afterwards.
    pub(crate) deletes: bool,
}

impl ResetPlan {
    /// Half of the workflows are not reset.
    pub(crate) fn draw_some(dice: &SeededIds, signals: usize) -> Vec<Self> {
        let count = dice.below(4).saturating_sub(1);
        (0..count).map(|_| Self::draw(dice, signals)).collect()
    }

    pub(crate) fn draw(dice: &SeededIds, signals: usize) -> Self {
        let after = usize::try_from(dice.below(signals as u64 + 1)).expect("small");
        Self { after, pause_ms: dice.below(200), deletes: dice.below(2) == 0 }
    }
}

/// The resets that come after so many signals; gives the run that is the current one then.
pub(crate) async fn after(scene: &Scene, plan: &WorkflowPlan, signals: usize, mut run: RunId) -> RunId {
    for (number, reset) in plan.resets.iter().enumerate().filter(|(_, reset)| reset.after == signals) {
        let name = format!("{} reset {number}", plan.id);
        if scene.ledger.state(&name).is_none() {
            scene.sleep_ms(scene.dice.below(reset.pause_ms + 1)).await;
        }
        run = one(scene, plan, &name, run, reset.deletes).await;
        if !plan.pauses.is_empty() {
            pause::ends(scene, &plan.id, &run).await;
        }
    }
    run
}

async fn one(scene: &Scene, plan: &WorkflowPlan, name: &str, run: RunId, deletes: bool) -> RunId {
    let about = match scene.ledger.about(name) {
        Some(about) => about,
        None => choose(scene, plan, &run).await,
    };
    let About::Reset { base, place: Some(place), .. } = &about else {
        // There is no such place: nothing was asked, and nothing will be.
        scene.ledger.asking(name, &about);
        scene.ledger.refused(name);
        return run;
    };
    let key = scene.key(&plan.id);
    scene.settle_by(name, &about, || ask(scene, &key, name, base, *place)).await;
    let Some(State::Acknowledged(Some(new_run))) = scene.ledger.state(name) else {
        scene.ledger.violate(format!("{name} of {base} to {place:?} was refused"));
        return run;
    };
    // What a run that is not the current one has is not taken along.
    if deletes && *base == run {
        delete(scene, plan, &key, base).await;
    }
    new_run
}

fn ask<'s>(
    scene: &'s Scene,
    key: &'s WorkflowKey,
    name: &'s str,
    base: &RunId,
    place: ResetPlace,
) -> impl Future<Output = Tried> + use<'s> {
    let target = Target { run: Some(base.clone()), first_run: None };
    let wish = ResetWorkflow {
        request: name.into(),
        reason: "another way".to_owned(),
        finish: EventId::NONE,
        excluded: Excluded::default(),
        children: ResetChildren::Reconnect,
        keep_until: None,
        operations: Vec::new(),
        dry_run: false,
        past: Past::default(),
    };
    async move {
        let shard = scene.node.shard(key);
        scene.tried(key, shard.reset(key.clone(), Arc::clone(&scene.namespace), target, place, wish)).await
    }
}

async fn delete(scene: &Scene, plan: &WorkflowPlan, key: &WorkflowKey, run: &RunId) {
    let name = format!("{} delete {run}", plan.id);
    let request = Request::Delete(Target { run: Some(run.clone()), first_run: None }, "client".into());
    scene.settle(&name, &About::Delete { run: run.clone() }, key, &request).await;
}

/// A place in the history of the current run, or of an earlier one if nothing is lost by that.
async fn choose(scene: &Scene, plan: &WorkflowPlan, run: &RunId) -> About {
    let hears = !plan.signals.is_empty() || !plan.tells.is_empty() || !plan.updates.is_empty();
    let runs = if hears || !scene.one_in(3) { Vec::new() } else { scene.ledger.runs_of(&plan.id) };
    let base = if runs.is_empty() { run } else { &runs[scene.dice.below(runs.len() as u64) as usize] };
    let mut place = None;
    let key = scene.key(&plan.id);
    for _ in 0..LOOKS {
        place = look_for_place(scene, &key, base).await;
        if place.is_some() {
            break;
        }
        scene.sleep_ms(20).await;
    }
    About::Reset { workflow: plan.id.clone(), base: base.clone(), place }
}

async fn look_for_place(scene: &Scene, key: &WorkflowKey, run: &RunId) -> Option<ResetPlace> {
    let core = &scene.look(key, run).await?.ok()?.execution.core;
    let events = scene.events(key, run, &core.branch, core.next_event_id).await?;
    let ends: Vec<i64> = events.iter().filter(|event| ends_task(event)).map(|event| event.event_id).collect();
    let first = *ends.first()?;
    if scene.one_in(3) {
        let beyond = scene.dice.below(events.len() as u64 + 1 - first.unsigned_abs());
        return Some(ResetPlace::Before(EventId(first + i64::try_from(beyond).ok()?)));
    }
    let place = ends[usize::try_from(scene.dice.below(ends.len() as u64)).ok()?];
    Some(ResetPlace::TaskEnd(EventId(place)))
}

/// A workflow task that was begun, and ends here.
fn ends_task(event: &HistoryEvent) -> bool {
    match &event.attributes {
        Some(Event::WorkflowTaskCompletedEventAttributes(it)) => it.started_event_id > 0,
        Some(Event::WorkflowTaskFailedEventAttributes(it)) => it.started_event_id > 0,
        Some(Event::WorkflowTaskTimedOutEventAttributes(it)) => it.started_event_id > 0,
        _ => false,
    }
}
