//! Workers: they poll any node, do what the plan of a workflow says, die with their tasks and hang up.
//!
//! Invariant: what a worker does follows from the history that it is shown, and from its dice.

use std::{sync::Arc, time::Duration};

use tonic::{Code, Response, Status};
use weft_env::Ids;
use weft_protocol::{
    api::{
        command::Command,
        common::WorkflowExecution,
        enums::TaskQueueKind,
        history::HistoryEvent,
        protocol::Message,
        taskqueue::{StickyExecutionAttributes, TaskQueue},
        workflowservice::*,
    },
    payload,
};

use super::{
    accounts,
    client::{Api, NAMESPACE, Scene, is_final, within},
    history::{Shown, hash},
    laws::Attempt,
    updates,
};
use crate::{
    decide::{QUEUE, decide},
    plan::Deed,
    update::{self, Said},
};

/// So long a worker waits for a task, if the server has none.
const POLL: Duration = Duration::from_secs(5);
/// How often an answer is given before its outcome stays unknown.
const ANSWERS_MAX: u64 = 6;
const STICKY_MS: i32 = 400;

/// What became of an answer to a task.
enum Told {
    Acknowledged,
    /// The task is not the worker's any more.
    Gone,
    Unknown,
}

/// Takes workflow tasks for ever; every worker but the first has a sticky queue too.
pub(crate) async fn workflows(scene: Scene, number: u64) {
    let sticky = (number > 0).then(|| format!("sticky-{number}"));
    let queues: Vec<_> = sticky.iter().map(|name| queue(name, true)).chain([queue(QUEUE, false)]).collect();
    for (round, queue) in queues.iter().cycle().enumerate() {
        let identity = format!("worker-{number}-{round}");
        let request = PollWorkflowTaskQueueRequest {
            namespace: NAMESPACE.to_owned(),
            task_queue: Some(queue.clone()),
            identity: identity.clone(),
            ..Default::default()
        };
        let polled = poll(&scene, |mut api: Api| {
            let request = within(request.clone(), POLL);
            async move { api.poll_workflow_task_queue(request).await }
        });
        let Some(task) = polled.await.filter(|task| !task.task_token.is_empty()) else { continue };
        // One that carries updates may have been another before, which came to nothing.
        let of_updates = if task.messages.is_empty() { String::new() } else { format!(" of {identity}") };
        let what = format!("task {}{of_updates}", task.started_event_id);
        if take(&scene, task.workflow_execution.as_ref(), what, task.attempt, &identity).is_none() {
            return;
        }
        // A worker that dies with its task.
        if scene.is_calm() || scene.dice.below(15) > 0 {
            work(&scene, task, sticky.as_deref()).await;
        }
    }
}

fn queue(name: &str, is_sticky: bool) -> TaskQueue {
    let kind = if is_sticky { TaskQueueKind::Sticky } else { TaskQueueKind::Normal };
    let normal_name = if is_sticky { QUEUE.to_owned() } else { String::new() };
    TaskQueue { name: name.to_owned(), kind: kind.into(), normal_name }
}

/// Notes that a worker has an attempt, and gives it if nobody had it before.
fn take(
    scene: &Scene,
    execution: Option<&WorkflowExecution>,
    what: String,
    number: i32,
    identity: &str,
) -> Option<Attempt> {
    let attempt = Attempt { run: execution.map(|it| it.run_id.clone()).unwrap_or_default(), what, number };
    scene.record.note(&format!("{identity} has {attempt:?}"));
    scene.record.cover(|counts| {
        counts.tasks += 1;
        counts.retries += u64::from(attempt.number > 1);
    });
    let handed = scene.book.handed(&attempt, identity);
    handed.map_err(|twice| scene.record.violate(twice)).ok().map(|()| attempt)
}

/// Asks one node for a task, once; a caller may hang up.
async fn poll<T, F>(scene: &Scene, ask: impl Fn(Api) -> F) -> Option<T>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let (_, Some(api)) = scene.door() else {
        scene.sleep_ms(50).await;
        return None;
    };
    let patience = if scene.dice.below(10) == 0 { POLL / 40 } else { POLL * 2 };
    match scene.wait_for(patience, ask(api)).await {
        Some(Ok(polled)) => Some(polled.into_inner()),
        Some(Err(status)) => {
            if is_final(&status) {
                scene.record.violate(format!("a poll was refused: {:?}: {}", status.code(), status.message()));
            }
            scene.sleep_ms(20 + scene.dice.below(100)).await;
            None
        }
        None => {
            scene.record.cover(|counts| counts.hang_ups += 1);
            None
        }
    }
}

async fn work(scene: &Scene, task: PollWorkflowTaskQueueResponse, sticky: Option<&str>) {
    let Some(execution) = task.workflow_execution.clone() else {
        return scene.record.violate("a workflow task is of no workflow".to_owned());
    };
    let (workflow, run) = (execution.workflow_id, execution.run_id);
    let Some(history) = history_of(scene, &task, &workflow, &run).await else { return };
    // The last two are of the task itself, which may yet come to nothing.
    let known: Vec<u64> = history.iter().take(history.len().saturating_sub(2)).map(|event| hash(event)).collect();
    if let Err(place) = scene.book.shown(&run, &known) {
        return scene.record.violate(format!("{workflow} {run}: event {place} was shown to a worker as another one"));
    }
    let Some((commands, messages)) = decided(scene, &workflow, &history, &task.messages) else {
        return scene.record.violate(format!("{workflow}: nobody has started it"));
    };
    // Nothing is stored of a task that only carried what was rejected.
    let may_be_nothing = commands.is_empty() && !task.messages.is_empty();
    scene.sleep_ms(scene.dice.below(20)).await;
    let request = RespondWorkflowTaskCompletedRequest {
        namespace: NAMESPACE.to_owned(),
        task_token: task.task_token,
        commands,
        messages,
        identity: "worker".to_owned(),
        sticky_attributes: sticky.map(|name| StickyExecutionAttributes {
            worker_task_queue: Some(queue(name, true)),
            schedule_to_start_timeout: Some(weft_protocol::Duration { seconds: 0, nanos: STICKY_MS * 1_000_000 }),
        }),
        ..Default::default()
    };
    let what = format!("{workflow} {run} task {} attempt {}", task.started_event_id, task.attempt);
    let told = answer(scene, &what, |mut api: Api| {
        let request = within(request.clone(), POLL);
        async move { api.respond_workflow_task_completed(request).await }
    });
    match told.await {
        Told::Acknowledged if may_be_nothing => {}
        Told::Acknowledged => scene.book.completed(&run, task.started_event_id),
        Told::Gone | Told::Unknown => {}
    }
}

/// What a worker says to a task; none if nobody knows the workflow.
fn decided(
    scene: &Scene,
    workflow: &str,
    history: &[Arc<HistoryEvent>],
    asked: &[Message],
) -> Option<(Vec<Command>, Vec<Message>)> {
    if let Some(commands) = accounts::decide(scene, workflow, history) {
        return Some((commands, Vec::new()));
    }
    let plan = scene.plan.of(workflow)?;
    let Said { mut commands, messages, is_done } = update::answers(plan, history, asked, &scene.dice);
    commands.extend(decide(plan, history, is_done, false));
    Some((commands, messages))
}

/// The whole history of a task, up to its start.
async fn history_of(
    scene: &Scene,
    task: &PollWorkflowTaskQueueResponse,
    workflow: &str,
    run: &str,
) -> Option<Vec<Arc<HistoryEvent>>> {
    let given = task.history.as_ref().map(|history| history.events.as_slice()).unwrap_or_default();
    let is_whole = given.first().is_some_and(|event| event.event_id == 1) && task.next_page_token.is_empty();
    let events = if is_whole {
        given.to_vec()
    } else {
        scene.record.cover(|counts| counts.sticky += 1);
        let mut events = scene.history(workflow, run).await?;
        // Of an attempt after the first one the last two events are not stored yet.
        events.retain(|event| event.event_id <= task.started_event_id);
        events
    };
    Some(events.into_iter().map(Arc::new).collect())
}

/// Gives an answer to any node until it is known what came of it, but not for ever.
async fn answer<T, F>(scene: &Scene, what: &str, give: impl Fn(Api) -> F) -> Told
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    for _ in 0..ANSWERS_MAX {
        let (_, Some(api)) = scene.door() else {
            scene.sleep_ms(50).await;
            continue;
        };
        match scene.wait_for(POLL * 2, give(api)).await {
            Some(Ok(_)) => {
                scene.record.note(&format!("{what}: acknowledged"));
                return Told::Acknowledged;
            }
            Some(Err(status)) if is_final(&status) => {
                scene.record.note(&format!("{what}: refused: {:?}", status.code()));
                // What came meanwhile has to be seen before a workflow ends; who asks again hears the same.
                let is_late = status.message().contains("UnhandledCommand");
                let is_fair = status.code() == Code::InvalidArgument && is_late;
                if status.code() != Code::NotFound && !is_fair {
                    scene.record.violate(format!("{what}: {:?}: {}", status.code(), status.message()));
                }
                return Told::Gone;
            }
            Some(Err(_)) | None => {
                scene.sleep_ms(10 + scene.dice.below(80)).await;
            }
        }
    }
    Told::Unknown
}

/// Takes activity tasks for ever.
pub(crate) async fn activities(scene: Scene, number: u64) {
    for round in 0_u64.. {
        let identity = format!("activities-{number}-{round}");
        let request = PollActivityTaskQueueRequest {
            namespace: NAMESPACE.to_owned(),
            task_queue: Some(queue(QUEUE, false)),
            identity: identity.clone(),
            ..Default::default()
        };
        let polled = poll(&scene, |mut api: Api| {
            let request = within(request.clone(), POLL);
            async move { api.poll_activity_task_queue(request).await }
        });
        let Some(task) = polled.await.filter(|task| !task.task_token.is_empty()) else { continue };
        let what = format!("activity {}", task.activity_id);
        let taken = take(&scene, task.workflow_execution.as_ref(), what, task.attempt, &identity);
        let Some(attempt) = taken else { return };
        act(&scene, &attempt.run, task).await;
    }
}

async fn act(scene: &Scene, run: &str, task: PollActivityTaskQueueResponse) {
    scene.sleep_ms(scene.dice.below(30)).await;
    let token = task.task_token;
    let name = format!("{run} activity {} attempt {}", task.activity_id, task.attempt);
    match Deed::draw(&scene.dice, scene.is_calm()) {
        Deed::Vanish => return,
        Deed::Fail => {
            let request = RespondActivityTaskFailedRequest {
                namespace: NAMESPACE.to_owned(),
                task_token: token,
                ..Default::default()
            };
            let told = answer(scene, &name, |mut api: Api| {
                let request = within(request.clone(), POLL);
                async move { api.respond_activity_task_failed(request).await }
            });
            // Whatever came of it: an answer that is lost becomes a timeout.
            let _ = told.await;
            return;
        }
        Deed::HeartbeatAndComplete => {
            let request = RecordActivityTaskHeartbeatRequest {
                namespace: NAMESPACE.to_owned(),
                task_token: token.clone(),
                ..Default::default()
            };
            let told = answer(scene, &name, |mut api: Api| {
                let request = within(request.clone(), POLL);
                async move { api.record_activity_task_heartbeat(request).await }
            });
            if matches!(told.await, Told::Gone) {
                return;
            }
        }
        Deed::Complete | Deed::GiveBack => {}
    }
    let result = payload::json_string(&format!("{name} {:x}", scene.dice.next_u64()));
    let data = result.data.clone();
    let request = RespondActivityTaskCompletedRequest {
        namespace: NAMESPACE.to_owned(),
        task_token: token,
        result: Some(payload::list(result)),
        ..Default::default()
    };
    let told = answer(scene, &name, |mut api: Api| {
        let request = within(request.clone(), POLL);
        async move { api.respond_activity_task_completed(request).await }
    });
    match told.await {
        Told::Acknowledged => {
            if let Err(twice) = scene.book.resulted(run, &task.activity_id, &data) {
                scene.record.violate(twice);
            }
        }
        Told::Gone | Told::Unknown => {}
    }
}

/// Starts a workflow that workers do, and looks on until it has come to its end.
pub(crate) async fn errand(scene: Scene, workflow: String, begins_ms: u64) {
    scene.sleep_ms(begins_ms).await;
    let Some(run) = scene.begin(&workflow).await else { return };
    let looking = look_on(&scene, &run);
    futures::future::join(updates::ask_all(&scene, &workflow, &run), looking).await;
}

async fn look_on(scene: &Scene, run: &str) {
    loop {
        match scene.read(run).await {
            Some(shown) if !is_over(&shown) => scene.sleep_ms(300 + scene.dice.below(700)).await,
            Some(_) => return scene.record.cover(|counts| counts.errands += 1),
            None => return,
        }
    }
}

fn is_over(shown: &Shown) -> bool {
    shown.end().is_some()
}
