//! Workflow workers, and how any worker takes a task: through matching, as the frontend does it.

use std::{sync::Arc, time::Duration};

use weft_engine::{
    Answer, CompleteWorkflowTask, CompletionCapabilities, EventId, FailWorkflowTask, Poller, Request, RequestId,
    StartedWorkflowTask, TaskQueueName, WorkflowKey,
};
use weft_env::Ids;
use weft_matching::{Offer, Polled, PollerInfo, QueueKey, QueueKind, WorkerVersion};
use weft_protocol::api::enums::WorkflowTaskFailedCause;
use weft_server::node::tasks::{HeldTask, StartedTask};
use weft_shard::Delivered;

use crate::{
    activity,
    decide::{QUEUE, decide},
    ledger::About,
    scene::{Scene, Tried},
    update,
};

const STICKY_TIMEOUT: Duration = Duration::from_millis(200);

/// Takes workflow tasks for ever: every other one from its sticky queue, if it has one.
pub(crate) async fn run(scene: Scene, number: u64) {
    let sticky = format!("sticky-{number}");
    let namespace = scene.namespace.id.clone();
    let normal = QueueKey::normal(namespace.as_str(), QUEUE, QueueKind::Workflow);
    // The first worker has no cache.
    let queues =
        if number == 0 { vec![normal] } else { vec![QueueKey::sticky(namespace.as_str(), sticky.as_str()), normal] };
    for queue in queues.iter().cycle() {
        if *scene.node.stopping().borrow() {
            return;
        }
        let Some(started) = take(&scene, queue, &sticky).await else { continue };
        let Delivered::Workflow(task) = &started.delivered else {
            return scene.ledger.violate("a workflow queue gave an activity task".to_owned());
        };
        scene.ledger.cover(|counts| counts.retries += u64::from(task.token.attempt > 1));
        if scene.one_in(12) {
            give_back(&scene, &started);
            continue;
        }
        // A worker that dies with its task.
        if !scene.calm && scene.one_in(15) {
            continue;
        }
        work(&scene, &started.key, task, (number > 0).then_some(&*sticky)).await;
    }
}

pub(crate) fn give_back(scene: &Scene, task: &StartedTask) {
    scene.note(&format!("{} gives a task back", task.key.workflow));
    scene.ledger.cover(|counts| counts.give_backs += 1);
    scene.node.give_back(task);
}

/// Polls once; a task that was offered is started as the frontend starts it.
pub(crate) async fn take(scene: &Scene, queue: &QueueKey, identity: &str) -> Option<StartedTask> {
    let patience = Duration::from_millis(20 + scene.dice.below(60));
    let info = PollerInfo {
        identity: identity.into(),
        request_id: scene.dice.uuid(),
        version: WorkerVersion::default(),
        worker: None,
        max_tasks_per_second: None,
    };
    let clock = Arc::clone(scene.node.clock());
    let deadline = clock.monotonic() + patience;
    let poll = scene.node.matching().poll(queue, info.clone(), deadline);
    let polled = if scene.one_in(8) {
        // A caller that hangs up before the server ends the poll.
        tokio::time::timeout(patience / 2, poll).await.ok()?
    } else {
        poll.await
    };
    match polled {
        Ok(Polled::Started(task)) => Some(task),
        Ok(Polled::Task(offer)) => start(scene, &info, offer).await,
        Ok(Polled::Empty | Polled::Query(_)) => None,
        Err(overloaded) => {
            scene.ledger.violate(format!("a poll was refused: {overloaded}"));
            None
        }
    }
}

async fn start(scene: &Scene, info: &PollerInfo, offer: Offer<HeldTask>) -> Option<StartedTask> {
    let HeldTask { key, task, .. } = offer.task;
    let request = RequestId::from(info.request_id.hyphenated().to_string());
    let poller =
        Poller { identity: (&*info.identity).into(), request: request.clone(), version: None, deployment: None };
    let start = task.start_request(poller);
    loop {
        let delivered = match scene.ask(&key, start.clone()).await {
            Tried::Answered(Answer::WorkflowTask(task)) => Delivered::Workflow(task),
            Tried::Answered(Answer::ActivityTask(task)) => Delivered::Activity(task),
            Tried::Answered(_) | Tried::Refused(_) => return None,
            Tried::Unheard => {
                scene.ledger.cover(|counts| counts.repeats += 1);
                scene.sleep_ms(1 + scene.dice.below(5)).await;
                continue;
            }
        };
        return Some(StartedTask { shard: scene.node.shard(&key).id(), key, delivered, request });
    }
}

async fn work(scene: &Scene, key: &WorkflowKey, task: &StartedWorkflowTask, sticky: Option<&str>) {
    let token = &task.token;
    // A cache that is always right: what a sticky task leaves out is read again, and held against what was shown.
    let Some(history) = scene.events(key, &token.run, &task.branch, task.next_event).await else { return };
    if history.len() as i64 + 1 != task.next_event.0 || task.first_event < EventId::FIRST {
        let shown = history.len();
        return scene
            .ledger
            .violate(format!("{}: a task up to {} shows {shown} events", key.workflow, task.next_event));
    }
    scene.sleep_ms(scene.dice.below(8)).await;
    // A task that leaves nothing and the next one may be of the same numbers, at another time.
    let (scheduled, attempt, at) = (token.scheduled_event_id, token.attempt, token.started_at.0);
    let name = format!("{} task {} {scheduled} attempt {attempt} at {at}", key.workflow, token.run);
    if !scene.calm && scene.one_in(25) {
        return fail(scene, key, task).await;
    }
    let Some(plan) = scene.plan.of(key.workflow.as_str()) else {
        return scene.ledger.violate(format!("{}: nobody started it", key.workflow));
    };
    let eager = scene.one_in(4);
    let said = update::answers(plan, &history, &task.messages, &scene.dice);
    let mut commands = said.commands;
    commands.extend(decide(plan, &history, said.is_done, eager));
    let complete = Request::CompleteWorkflowTask(Box::new(CompleteWorkflowTask {
        token: token.clone(),
        commands,
        namespaces: Default::default(),
        identity: "worker".into(),
        sticky: sticky.map(|queue| (TaskQueueName::from(queue), STICKY_TIMEOUT)),
        return_new: None,
        force_new: false,
        query_results: Vec::new(),
        sdk_metadata: None,
        metering: None,
        messages: said.messages,
        binary_checksum: String::new(),
        version: None,
        deployment: None,
        versioning_behavior: 0,
        eager_request: RequestId::from(scene.dice.uuid().hyphenated().to_string()),
        capabilities: CompletionCapabilities::default(),
    }));
    let about = About::Task { run: token.run.clone(), scheduled: token.scheduled_event_id.0, attempt: token.attempt };
    if let Some(Answer::TaskCompleted(done)) = answer(scene, &name, about, key, complete).await {
        for task in done.eager_activities {
            let (scene, key) = (scene.clone(), key.clone());
            tokio::spawn(async move { activity::work(&scene, &key, &task).await });
        }
    }
}

/// Gives an answer until it is settled, in this life of the node or a later one; returns what was said if it was taken.
pub(crate) async fn answer(
    scene: &Scene,
    name: &str,
    about: About,
    key: &WorkflowKey,
    request: Request,
) -> Option<Answer> {
    scene.ledger.asking(name, &about);
    scene.ledger.owe(name, key, &request);
    match scene.ask(key, request.clone()).await {
        // A task for updates that were all rejected has never been.
        Tried::Answered(Answer::TaskCompleted(done)) if done.reset_to.is_some() => {
            scene.note(&format!("{name}: left nothing"));
            scene.ledger.refused(name);
            None
        }
        Tried::Answered(answer @ (Answer::TaskCompleted(_) | Answer::Done)) => {
            scene.note(&format!("{name}: acknowledged"));
            scene.ledger.acknowledged(name, None);
            Some(answer)
        }
        Tried::Answered(other) => {
            scene.note(&format!("{name}: {other:?}"));
            scene.ledger.refused(name);
            None
        }
        Tried::Refused(refusal) => {
            scene.note(&format!("{name}: refused {refusal:?}"));
            scene.ledger.refused(name);
            None
        }
        Tried::Unheard => {
            scene.sleep_ms(scene.dice.below(4)).await;
            scene.settle(name, &about, key, &request).await
        }
    }
}

async fn fail(scene: &Scene, key: &WorkflowKey, task: &StartedWorkflowTask) {
    let fail = FailWorkflowTask {
        token: task.token.clone(),
        cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
        failure: None,
        identity: "worker".into(),
        binary_checksum: String::new(),
        version: None,
    };
    // Whatever comes of it: an answer that is lost becomes a timeout.
    let _ = scene.ask(key, Request::FailWorkflowTask(Box::new(fail))).await;
}

/// What workers owe from an earlier life of the node.
pub(crate) async fn pay_debts(scene: Scene) {
    for (name, key, request, about) in scene.ledger.owed() {
        scene.settle(&name, &about, &key, &request).await;
    }
}
