//! What a worker does about races, questions and panics.

use std::{collections::HashMap, time::Duration};

use weft::{
    Ctx, Inbound, InboundKind, Interceptor, Options, Result, RetryPolicy, Saga, Worker, activity,
    client::api::history::{HistoryEvent, history_event::Attributes},
    workflow,
};

use crate::world::{QUEUE, World};

#[activity]
async fn at_once() -> String {
    "first".to_owned()
}

#[activity]
async fn never() -> String {
    std::future::pending().await
}

#[workflow]
async fn race(ctx: Ctx) -> Result<String> {
    let (fast, slow) = (ctx.local_activity(at_once, ()).start(), ctx.local_activity(never, ()).start());
    let (fast, slow) = (Box::pin(fast), Box::pin(slow));
    let first = futures_util::future::select(fast, slow).await.factor_first().0?;
    ctx.sleep(Duration::from_millis(1)).await?;
    Ok(first)
}

async fn history(world: &World, id: &str) -> Vec<HistoryEvent> {
    let run = weft::client::Run::latest(id);
    world.client.history(&run, false).all().await.expect("the server has it")
}

fn names(events: &[HistoryEvent]) -> Vec<String> {
    let name = |event: &HistoryEvent| format!("{:?}", event.event_type());
    events.iter().map(name).filter(|name| !name.starts_with("WorkflowTask") || name.ends_with("Completed")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_activity_that_lost_a_race_holds_no_task_up() {
    let world = World::with(|worker| worker.workflow(race).activity(at_once).activity(never)).await;
    let handle = world.client.start_workflow(race, ()).id("race").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(handle.result().await.expect("it completes"), "first");
    let expected = [
        "WorkflowExecutionStarted",
        "WorkflowTaskCompleted",
        "MarkerRecorded",
        "TimerStarted",
        "TimerFired",
        "WorkflowTaskCompleted",
        "WorkflowExecutionCompleted",
    ];
    assert_eq!(names(&history(&world, "race").await), expected, "one task does it all, without another for the loser");
    world.end().await;
}

#[derive(Default)]
struct Parcel {
    open: bool,
}

#[workflow]
impl Parcel {
    #[run]
    async fn run(ctx: Ctx<Self>) -> Result<()> {
        ctx.wait_until(|it: &Self| it.open).await
    }

    #[signal]
    fn open(&mut self) {
        self.open = true;
    }

    #[query]
    fn is_open(&self) -> bool {
        self.open
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_by_the_workflow_that_is_kept() {
    let world = World::with(|worker| worker.workflow(Parcel::run)).await;
    let it = world.client.start_workflow(Parcel::run, ()).id("parcel").task_queue(QUEUE).await.expect("it starts");
    for _ in 0..3 {
        assert!(!it.query(Parcel::is_open, ()).await.expect("it answers"));
    }
    let metrics = world.worker.metrics();
    assert_eq!((metrics.replays, metrics.sticky_misses), (0, 0), "{metrics:?}");
    it.signal(Parcel::open, ()).await.expect("it is taken");
    it.result().await.expect("it completes");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_is_told_why_there_is_no_answer() {
    let world = World::with(|worker| worker.workflow(Parcel::run)).await;
    let it = world.client.start_workflow(Parcel::run, ()).id("parcel").task_queue(QUEUE).await.expect("it starts");
    it.signal(Parcel::open, ()).await.expect("it is taken");
    it.result().await.expect("it completes");
    let World { server, client, worker } = world;
    worker.shutdown().await.expect("no poll was refused");
    let stranger = Worker::new(&client, QUEUE).workflow(race).start().expect("the worker starts");
    let refused = it.query(Parcel::is_open, ()).await.expect_err("nobody knows it");
    assert!(refused.to_string().contains("this worker has no workflow \"Parcel\""), "{refused}");
    stranger.shutdown().await.expect("no poll was refused");
    server.shutdown().await;
}

struct Clumsy;

impl Interceptor for Clumsy {
    fn workflow_inbound(&self, call: &Inbound<'_>) -> Result<()> {
        assert!(call.kind != InboundKind::Query, "dropped it");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_an_interceptor_refuses_and_the_worker_goes_on() {
    let world = World::with(|worker| worker.workflow(Parcel::run).interceptor(Clumsy)).await;
    let it = world.client.start_workflow(Parcel::run, ()).id("parcel").task_queue(QUEUE).await.expect("it starts");
    let refused = it.query(Parcel::is_open, ()).await.expect_err("it panics");
    assert!(refused.to_string().contains("dropped it"), "{refused}");
    it.signal(Parcel::open, ()).await.expect("it is taken");
    it.result().await.expect("it completes");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_panics_at_once_fails_its_activity() {
    let fill = |worker: Worker| {
        worker.workflow(once).replace(at_once, |()| -> std::future::Ready<Result<String>> { panic!("not today") })
    };
    let world = World::with(fill).await;
    let handle = world.client.start_workflow(once, ()).id("once").task_queue(QUEUE).await.expect("it starts");
    let failed = handle.result().await.expect_err("the activity panics");
    let root = failed.failure().expect("it failed").root();
    assert_eq!((root.application_kind(), root.message.as_str()), (Some("Panic"), "the activity panicked: not today"));
    world.end().await;
}

#[workflow]
async fn once(ctx: Ctx) -> Result<String> {
    ctx.activity(at_once, ()).retry(RetryPolicy::once()).await
}

/// Counts its runs in its memo.
#[workflow]
async fn generations(ctx: Ctx, left: u32) -> Result<HashMap<String, String>> {
    ctx.set_memo("left", Some(format!("{left} left")))?;
    ctx.set_memo::<String>("mother", None)?;
    if left > 0 {
        return Err(ctx.continue_as_new(generations, left - 1));
    }
    let texts =
        ctx.info().memo.into_iter().map(|(key, value)| (key, String::from_utf8_lossy(&value.data).into_owned()));
    Ok(texts.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_continues_as_new_hands_on_what_it_has_set() {
    let world = World::with(|worker| worker.workflow(generations)).await;
    let start = world.client.start_workflow(generations, 1).id("family").task_queue(QUEUE);
    let family = start.memo("mother", &"Eve".to_owned()).memo("name", &"Abel".to_owned()).await.expect("it starts");
    let memo = family.result().await.expect("it completes");
    assert_eq!(memo, HashMap::from([("left".into(), "\"0 left\"".into()), ("name".into(), "\"Abel\"".into())]));
    let first = history(&world, "family").await.swap_remove(0);
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) = first.attributes else {
        panic!("{first:?}")
    };
    let mut handed_on: Vec<String> = started.memo.expect("it has one").fields.into_keys().collect();
    handed_on.sort();
    assert_eq!(handed_on, ["left", "name"]);
    world.end().await;
}

/// Compensations go where the context's own calls go.
#[workflow]
async fn elsewhere(ctx: Ctx) -> Result<()> {
    let ctx = ctx.with_options(Options { task_queue: Some("elsewhere".to_owned()), ..Options::default() });
    Saga::new(&ctx)
        .run(async |saga| {
            saga.undo("nothing", |ctx| async move { ctx.activity(at_once, ()).await.map(drop) });
            Err(weft::Error::new("it cannot be done"))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn compensations_keep_the_options_of_their_context() {
    let world = World::with(|worker| worker.workflow(elsewhere)).await;
    let other = Worker::new(&world.client, "elsewhere").activity(at_once).start().expect("the worker starts");
    let handle = world.client.start_workflow(elsewhere, ()).id("saga").task_queue(QUEUE).await.expect("it starts");
    handle.result().await.expect_err("it cannot be done");
    assert!(names(&history(&world, "saga").await).contains(&"ActivityTaskCompleted".to_owned()));
    other.shutdown().await.expect("no poll was refused");
    world.end().await;
}
