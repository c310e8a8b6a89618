//! Sagas in all their forms: in parallel, nested, cancelled, with compensations that fail.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Barrier;
use weft::{
    Ctx, Error, Failure, Result, RetryPolicy, Saga, Worker, activities,
    client::{WorkflowError, api::enums::EventType},
    workflow,
};

use crate::world::{QUEUE, World};

/// What was done and undone, in order.
#[derive(Clone)]
struct Deeds {
    log: Arc<Mutex<Vec<String>>>,
    /// Compensations of parallel sagas meet here: one alone would wait for ever.
    meeting: Arc<Barrier>,
}

impl Default for Deeds {
    fn default() -> Self {
        Self { log: Arc::default(), meeting: Arc::new(Barrier::new(3)) }
    }
}

#[activities]
impl Deeds {
    #[activity]
    async fn does(&self, name: String) -> String {
        self.log.lock().push(name.clone());
        name
    }

    #[activity]
    async fn undoes(&self, name: String) {
        self.log.lock().push(format!("not {name}"));
    }

    #[activity]
    async fn undoes_together(&self, name: String) {
        self.meeting.wait().await;
        self.log.lock().push(format!("not {name}"));
    }

    #[activity]
    async fn cannot_undo(&self, name: String) -> Result<()> {
        Err(Failure::application(format!("{name} is stuck")).non_retryable().into())
    }
}

async fn does<S: 'static>(saga: &Saga<S>, ctx: &Ctx<S>, name: &str) -> Result<String> {
    saga.step(name, ctx.activity(Deeds::does, name), |ctx, name| ctx.activity(Deeds::undoes, name)).await
}

/// A saga that stops in the way that is asked for.
#[workflow]
async fn stops(ctx: Ctx, how: String) -> Result<()> {
    let saga = Saga::new(&ctx).retry(RetryPolicy::once());
    let stopped = || Error::from(Failure::application("stopped").kind("Stopped"));
    match how.as_str() {
        "in parallel" => {
            let saga = saga.in_parallel();
            let body = async |saga: &Saga| {
                for name in ["a", "b", "c"] {
                    let does = ctx.activity(Deeds::does, name);
                    saga.step(name, does, |ctx, name| ctx.activity(Deeds::undoes_together, name)).await?;
                }
                Err(stopped())
            };
            saga.run(body).await
        }
        "after the nested" => {
            let body = async |saga: &Saga| {
                does(saga, &ctx, "a").await?;
                let inner = async |inner: &Saga| {
                    does(inner, &ctx, "b").await?;
                    does(inner, &ctx, "c").await
                };
                saga.nest("inner", inner).await?;
                does(saga, &ctx, "d").await?;
                Err(stopped())
            };
            saga.run(body).await
        }
        "within the nested" => {
            let body = async |saga: &Saga| {
                does(saga, &ctx, "a").await?;
                let inner = async |inner: &Saga| {
                    does(inner, &ctx, "b").await?;
                    Err::<(), _>(stopped())
                };
                saga.nest("inner", inner).await
            };
            saga.run(body).await
        }
        "cancelled" => {
            let body = async |saga: &Saga| {
                does(saga, &ctx, "a").await?;
                does(saga, &ctx, "b").await?;
                ctx.wait_until(|()| false).await
            };
            saga.run(body).await
        }
        _ => {
            let body = async |saga: &Saga| {
                does(saga, &ctx, "a").await?;
                let stuck = ctx.activity(Deeds::does, "b");
                saga.step("b", stuck, |ctx, name| ctx.activity(Deeds::cannot_undo, name)).await?;
                does(saga, &ctx, "c").await?;
                Err(stopped())
            };
            saga.run(body).await
        }
    }
}

/// How it ended, and what was done.
async fn ended(how: &str) -> (WorkflowError, Vec<String>) {
    let deeds = Deeds::default();
    let fill = |worker: Worker| worker.workflow(stops).activities(deeds.clone());
    let world = World::with(fill).await;
    let saga = world.client.start_workflow(stops, how).id("saga").task_queue(QUEUE).await.expect("it starts");
    if how == "cancelled" {
        let mut history = saga.follow_history();
        let mut done = 0;
        while done < 2 {
            let events = history.next().await.expect("it is known").expect("it goes on");
            done += events.iter().filter(|event| event.event_type() == EventType::ActivityTaskCompleted).count();
        }
        saga.cancel().await.expect("it runs");
    }
    let error = saga.result().await.expect_err("it stops");
    world.end().await;
    let log = deeds.log.lock().clone();
    (error, log)
}

fn kind(error: &WorkflowError) -> Option<&str> {
    error.failure().and_then(Failure::application_kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_compensations_run_at_the_same_time() {
    let (error, log) = ended("in parallel").await;
    assert_eq!(kind(&error), Some("Stopped"));
    let mut undone = log[3..].to_vec();
    undone.sort();
    assert_eq!(undone, ["not a", "not b", "not c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_saga_is_undone_as_one_step() {
    let (error, log) = ended("after the nested").await;
    assert_eq!(kind(&error), Some("Stopped"));
    assert_eq!(log, ["a", "b", "c", "d", "not d", "not c", "not b", "not a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_saga_that_fails_undoes_its_own_steps_first() {
    let (error, log) = ended("within the nested").await;
    assert_eq!(kind(&error), Some("Stopped"));
    assert_eq!(log, ["a", "b", "not b", "not a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_saga_is_undone_although_its_context_is_cancelled() {
    let (error, log) = ended("cancelled").await;
    assert!(matches!(error, WorkflowError::Canceled { .. }), "{error:?}");
    assert_eq!(log, ["a", "b", "not b", "not a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compensation_that_fails_is_reported_and_stops_no_other() {
    let (error, log) = ended("with a compensation that fails").await;
    assert_eq!(kind(&error), Some("CompensationFailed"));
    assert_eq!(log, ["a", "b", "c", "not c", "not a"]);
    let failure = error.failure().expect("it failed");
    assert_eq!(failure.root().application_kind(), Some("Stopped"), "what stopped it is its cause");
    assert!(error.to_string().starts_with("the workflow failed: 1 of 3 compensations failed: b ("), "{error}");
    let told: Vec<(String, String)> = failure.details().expect("it says which");
    assert_eq!(told[0].0, "b");
}
