//! How much a worker does at once, and what it says of itself.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use parking_lot::Mutex;
use weft::{
    Ctx, Result, SlotsByLoad, Worker, activities,
    client::api::{enums::WorkerStatus, worker::WorkerHeartbeat, workflowservice::ListWorkersRequest},
    workflow,
};
use weft_env::{Clock, RealClock};

use crate::world::{QUEUE, World};

/// Knows how many of its activities run at once, and when each began.
#[derive(Clone, Default)]
struct Watched(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    now: usize,
    most: usize,
    begun: usize,
}

#[activities]
impl Watched {
    #[activity]
    async fn briefly(&self, millis: u64) {
        {
            let mut seen = self.0.lock();
            seen.now += 1;
            seen.begun += 1;
            seen.most = seen.most.max(seen.now);
        }
        let clock = RealClock::new();
        clock.sleep_until(clock.monotonic() + Duration::from_millis(millis)).await;
        self.0.lock().now -= 1;
    }
}

#[workflow]
async fn fan(ctx: Ctx, count: u64, local: bool) -> Result<u64> {
    let one = async |_| {
        if local { ctx.local_activity(Watched::briefly, 5).await } else { ctx.activity(Watched::briefly, 5).await }
    };
    for done in join_all((0..count).map(one)).await {
        done?;
    }
    Ok(count)
}

async fn fan_out(count: u64, local: bool, configure: impl FnOnce(Worker) -> Worker) -> (World, Watched) {
    let watched = Watched::default();
    let fill = |worker: Worker| configure(worker.workflow(fan).activities(watched.clone()));
    let world = World::with(fill).await;
    let start = world.client.start_workflow(fan, (count, local)).id("fan").task_queue(QUEUE);
    assert_eq!(start.await.expect("it starts").result().await.expect("it completes"), count);
    (world, watched)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_activities_run_at_once_than_there_are_slots() {
    let (world, watched) = fan_out(40, false, |worker| worker.activities_max(3)).await;
    let seen = watched.0.lock().most;
    assert!((1..=3).contains(&seen), "{seen}");
    let metrics = world.counted(|it| it.activities.done >= 40 && it.workflow_tasks.done >= 2).await;
    assert_eq!((metrics.activities.done, metrics.activities.failed, metrics.activities.slots_max), (40, 0, 3));
    assert!(metrics.sticky_hits >= 1, "{metrics:?}");
    world.end().await;
}

/// Three come with the answer to the workflow task, and the rest goes through the queue; nothing does where a rate is set.
#[tokio::test(flavor = "multi_thread")]
async fn activities_begin_without_a_poll_where_there_is_room() {
    let (world, _) = fan_out(5, false, |worker| worker).await;
    let metrics = world.counted(|it| it.activities.done >= 5).await;
    assert_eq!((metrics.activities.done, metrics.eager_activities), (5, 3));
    world.end().await;
    let (world, _) = fan_out(5, false, |worker| worker.activities_per_second(1000.0)).await;
    let metrics = world.counted(|it| it.activities.done >= 5).await;
    assert_eq!((metrics.activities.done, metrics.eager_activities), (5, 0));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_local_activities_run_at_once_than_there_are_slots() {
    let (world, watched) = fan_out(20, true, |worker| worker.local_activities_max(2)).await;
    assert_eq!(watched.0.lock().most, 2);
    assert_eq!(world.worker.metrics().local_activities.done, 20);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_what_the_machine_carries() {
    let by_load = SlotsByLoad { min: 2, max: 20, pace: Duration::from_millis(1), ..SlotsByLoad::default() };
    let slots = by_load.clone();
    let (world, watched) = fan_out(40, false, |worker| worker.activities_max(slots).workflow_tasks_max(by_load)).await;
    let most = watched.0.lock().most;
    assert!((1..=20).contains(&most), "{most}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn activities_begin_no_faster_than_they_may() {
    let clock = RealClock::new();
    let began = clock.monotonic();
    let (world, watched) = fan_out(20, false, |worker| worker.activities_per_second(50.0)).await;
    assert_eq!(watched.0.lock().begun, 20);
    let took = clock.monotonic() - began;
    assert!(took >= Duration::from_millis(19 * 20), "{took:?}");
    world.end().await;
}

/// The server holds them back, whichever of the workers asks; it lets one second's worth go at once.
#[tokio::test(flavor = "multi_thread")]
async fn all_workers_of_a_queue_together_begin_no_faster_than_they_may() {
    let watched = Watched::default();
    let fill = |worker: Worker| worker.workflow(fan).activities(watched.clone()).queue_activities_per_second(20.0);
    let world = World::with(fill).await;
    let other = fill(Worker::new(&world.client, QUEUE)).start().expect("it starts");
    let clock = RealClock::new();
    let began = clock.monotonic();
    let start = world.client.start_workflow(fan, (40, false)).id("fan").task_queue(QUEUE);
    start.await.expect("it starts").result().await.expect("it completes");
    let took = clock.monotonic() - began;
    assert_eq!(watched.0.lock().begun, 40);
    assert!(took >= Duration::from_millis(19 * 50), "{took:?}");
    other.shutdown().await.expect("no poll was refused");
    world.end().await;
}

#[expect(deprecated, reason = "only here a list has the whole of each worker")]
async fn listed(world: &World) -> Vec<WorkerHeartbeat> {
    let request = ListWorkersRequest { namespace: world.client.namespace().to_owned(), ..Default::default() };
    let answer = world.client.workflow_service().list_workers(request).await.expect("it answers").into_inner();
    answer.workers_info.into_iter().filter_map(|info| info.worker_heartbeat).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_listed_with_what_it_does() {
    let every = Some(Duration::from_millis(10));
    let (mut world, _) = fan_out(5, false, |worker| worker.heartbeats(every).build("shop", "build-7")).await;
    let clock = RealClock::new();
    let worker = loop {
        match listed(&world).await.pop() {
            Some(worker)
                if worker.activity_task_slots_info.as_ref().is_some_and(|it| it.total_processed_tasks == 5) =>
            {
                break listed(&world).await.pop().expect("it was there");
            }
            Some(_) | None => clock.sleep_until(clock.monotonic() + Duration::from_millis(5)).await,
        }
    };
    assert_eq!((worker.task_queue.as_str(), worker.sdk_name.as_str()), (QUEUE, "weft-rust"));
    assert_eq!(worker.worker_identity, world.client.identity());
    assert_eq!(worker.status(), WorkerStatus::Running);
    let version = worker.deployment_version.expect("it has one");
    assert_eq!((version.deployment_name.as_str(), version.build_id.as_str()), ("shop", "build-7"));
    assert!(worker.activity_poller_info.expect("it polls").is_autoscaling);
    world.worker.shutdown().await.expect("no poll was refused");
    let statuses = |workers: Vec<WorkerHeartbeat>| workers.iter().map(WorkerHeartbeat::status).collect::<Vec<_>>();
    let fill = Worker::new(&world.client, QUEUE).workflow(fan).heartbeats(None);
    world.worker = fill.start().expect("it starts");
    let left = statuses(listed(&world).await);
    assert!(!left.contains(&WorkerStatus::Running), "{left:?}");
    world.end().await;
}
