//! Activity workers: they complete, fail, heartbeat, give tasks back and die.

use weft_engine::{ActivityRef, FailActivity, Request, StartedActivityTask, WorkflowKey};
use weft_matching::{QueueKey, QueueKind};
use weft_protocol::{
    api::failure::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    payload,
};
use weft_shard::Delivered;

use crate::{
    decide::QUEUE,
    ledger::About,
    pause,
    plan::Deed,
    scene::Scene,
    worker::{answer, give_back, take},
};

/// Takes activity tasks for ever.
pub(crate) async fn run(scene: Scene, number: u64) {
    let queue = QueueKey::normal(scene.namespace.id.as_str(), QUEUE, QueueKind::Activity);
    let identity = format!("activities-{number}");
    while !*scene.node.stopping().borrow() {
        let held = pause::held(&scene);
        let Some(started) = take(&scene, &queue, &identity).await else { continue };
        let Delivered::Activity(task) = &started.delivered else {
            return scene.ledger.violate("an activity queue gave a workflow task".to_owned());
        };
        let (key, task) = (started.key.clone(), task.clone());
        let which = (task.token.run.clone(), task.activity.id.to_string());
        if held.contains(&which) && pause::held(&scene).contains(&which) {
            scene.ledger.violate(format!("{}: {which:?} is paused, and a worker got it", key.workflow));
        }
        match Deed::draw(&scene.dice, scene.calm) {
            Deed::GiveBack => give_back(&scene, &started),
            deed => act(&scene, &key, &task, deed).await,
        }
    }
}

/// An activity that was handed over with the answer to a workflow task.
pub(crate) async fn work(scene: &Scene, key: &WorkflowKey, task: &StartedActivityTask) {
    act(scene, key, task, Deed::draw(&scene.dice, scene.calm)).await;
}

async fn act(scene: &Scene, key: &WorkflowKey, task: &StartedActivityTask, deed: Deed) {
    let token = &task.token;
    let by_token = ActivityRef::Token(token.clone());
    scene.ledger.cover(|counts| counts.retries += u64::from(token.attempt > 1));
    scene.sleep_ms(scene.dice.below(30)).await;
    match deed {
        Deed::Vanish | Deed::GiveBack => return,
        Deed::HeartbeatAndComplete => {
            let details = Some(payload::list(payload::json_string("alive")));
            let _ = scene.ask(key, Request::Heartbeat(by_token.clone(), "activities".into(), details)).await;
            scene.sleep_ms(scene.dice.below(60)).await;
        }
        Deed::Fail => {
            let _ = scene.ask(key, Request::FailActivity(by_token, Box::new(failure()))).await;
            return;
        }
        Deed::Complete => {}
    }
    let name = format!("{} activity {} {} attempt {}", key.workflow, token.run, task.activity.id, token.attempt);
    let result = payload::json_string(&format!("{name} {:x}", scene.dice.below(u64::MAX)));
    let about =
        About::Activity { run: token.run.clone(), scheduled: token.scheduled_event_id.0, result: result.data.clone() };
    let complete = Request::CompleteActivity(by_token, "activities".into(), Some(payload::list(result)));
    // Refused or taken: the ledger knows.
    let _ = answer(scene, &name, about, key, complete).await;
}

fn failure() -> FailActivity {
    let info = ApplicationFailureInfo { r#type: "Planned".to_owned(), ..ApplicationFailureInfo::default() };
    let failure = Failure {
        message: "as planned".to_owned(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
        ..Failure::default()
    };
    FailActivity { identity: "activities".into(), failure: Some(failure), last_heartbeat: None }
}
