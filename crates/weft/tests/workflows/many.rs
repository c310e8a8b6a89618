//! More workflows than a worker keeps, and tasks of which nothing is lost.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::sync::{Notify, watch};
use weft::{ActivityCtx, Ctx, Error, Result, RetryPolicy, Worker, activities, activity, workflow};
use weft_env::{Clock, RealClock};

use crate::world::{QUEUE, World};

#[workflow]
async fn double_twice(ctx: Ctx, number: u64) -> Result<u64> {
    let once = ctx.activity(double, number).await?;
    ctx.sleep(Duration::from_millis(100)).await?;
    ctx.activity(double, once).await
}

#[activity]
async fn double(number: u64) -> u64 {
    number * 2
}

async fn run_many(count: u64, configure: impl FnOnce(Worker) -> Worker) {
    let world = World::with(|worker| configure(worker.workflow(double_twice).activity(double))).await;
    let one = async |number: u64| {
        let start = world.client.start_workflow(double_twice, number).id(number.to_string()).task_queue(QUEUE);
        start.await.expect("it starts").result().await.expect("it completes")
    };
    let results = join_all((0..count).map(one)).await;
    assert_eq!(results, (0..count).map(|number| number * 4).collect::<Vec<_>>());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_workflows_run_at_once_on_one_worker_that_keeps_a_hundred() {
    run_many(1_000, |worker| worker.cached_workflows_max(100).workflow_threads(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_keeps_nothing_replays_everything() {
    run_many(20, |worker| worker.cached_workflows_max(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_slot_and_one_poll_are_enough() {
    run_many(20, |worker| worker.polls(1, 1).workflow_tasks_max(1).activities_max(1)).await;
}

/// Lets tests see how activities end.
#[derive(Clone, Default)]
struct Work {
    begun: Arc<Notify>,
    ended: Arc<Mutex<Vec<&'static str>>>,
    may_end: Arc<Notify>,
}

impl Work {
    fn ended(&self) -> Vec<&'static str> {
        self.ended.lock().expect("no test panicked").clone()
    }

    fn end(&self, how: &'static str) {
        self.ended.lock().expect("no test panicked").push(how);
    }
}

#[activities]
impl Work {
    /// Says that it lives until nobody wants it any more.
    #[activity]
    async fn until_cancelled(&self, ctx: ActivityCtx) -> Result<()> {
        let clock = RealClock::new();
        self.begun.notify_one();
        let mut beats = 0_u32;
        while !ctx.is_cancelled() {
            beats += 1;
            ctx.heartbeat(&beats)?;
            tokio::select! {
                () = ctx.cancelled() => {}
                () = clock.sleep_until(clock.monotonic() + Duration::from_millis(20)) => {}
            }
        }
        self.end("cancelled");
        Err(ctx.cancellation())
    }

    #[activity]
    async fn until_allowed(&self) -> String {
        self.begun.notify_one();
        self.may_end.notified().await;
        self.end("done");
        "done".to_owned()
    }

    #[activity]
    async fn panics(&self, ctx: ActivityCtx) -> u32 {
        assert!(ctx.info().attempt > 1, "the first attempt panics");
        ctx.info().attempt
    }
}

#[workflow]
async fn cancels(ctx: Ctx) -> Result<String> {
    let inner = ctx.cancellable();
    // Most of this passes between two heartbeats, and the rest is for those that come late.
    let running = inner.activity(Work::until_cancelled, ()).heartbeat(Duration::from_secs(5));
    let running = running.cancellation(weft::Cancellation::Wait).start();
    ctx.sleep(Duration::from_millis(300)).await?;
    inner.cancel("no longer wanted");
    match running.await {
        Err(error) if error.is_canceled() => Ok("canceled".to_owned()),
        Err(error) => Err(error),
        Ok(()) => Err(Error::new("it ended by itself")),
    }
}

#[workflow]
async fn waits(ctx: Ctx) -> Result<String> {
    let retry = RetryPolicy { maximum_attempts: 1, ..RetryPolicy::default() };
    ctx.activity(Work::until_allowed, ()).retry(retry).await
}

#[workflow]
async fn survives(ctx: Ctx) -> Result<u32> {
    let retry = RetryPolicy { initial_interval: Duration::from_millis(1), ..RetryPolicy::default() };
    ctx.activity(Work::panics, ()).retry(retry).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_learns_of_its_cancellation_by_its_heartbeats() {
    let work = Work::default();
    let world = World::with(|worker| worker.workflow(cancels).activities(work.clone())).await;
    let start = world.client.start_workflow(cancels, ()).id("cancels").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(start.result().await.expect("it completes"), "canceled");
    assert_eq!(work.ended(), ["cancelled"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_that_panics_is_tried_again() {
    let world = World::with(|worker| worker.workflow(survives).activities(Work::default())).await;
    let start = world.client.start_workflow(survives, ()).id("survives").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(start.result().await.expect("it completes"), 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_lets_its_activities_end() {
    let work = Work::default();
    let world = World::with(|worker| worker.workflow(waits).activities(work.clone())).await;
    let start = world.client.start_workflow(waits, ()).id("waits").task_queue(QUEUE).await.expect("it starts");
    work.begun.notified().await;
    let (stopped, mut stops) = watch::channel(false);
    let stop = async {
        world.worker.shutdown().await.expect("no poll was refused");
        stopped.send_replace(true);
    };
    let allow = async {
        assert!(!*stops.borrow_and_update(), "the activity still runs");
        work.may_end.notify_one();
    };
    tokio::join!(stop, allow);
    assert_eq!(work.ended(), ["done"]);
    // Its answer has come; only the workflow needs another worker.
    let worker = Worker::new(&world.client, QUEUE).workflow(waits).start().expect("it starts");
    assert_eq!(start.result().await.expect("it completes"), "done");
    worker.shutdown().await.expect("no poll was refused");
    world.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn activities_that_do_not_end_in_time_are_cancelled_and_done_elsewhere() {
    let work = Work::default();
    let fill = |worker: Worker| worker.workflow(cancels).activities(work.clone()).drain(Duration::from_millis(50));
    let world = World::with(fill).await;
    let start = world.client.start_workflow(cancels, ()).id("moves").task_queue(QUEUE).await.expect("it starts");
    work.begun.notified().await;
    world.worker.shutdown().await.expect("no poll was refused");
    assert_eq!(work.ended(), ["cancelled"]);
    let other = Work::default();
    let worker = Worker::new(&world.client, QUEUE).workflow(cancels).activities(other.clone()).start();
    let worker = worker.expect("it starts");
    assert_eq!(start.result().await.expect("it completes"), "canceled");
    worker.shutdown().await.expect("no poll was refused");
    world.server.shutdown().await;
}
