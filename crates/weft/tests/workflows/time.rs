//! Time that skips.

use std::time::Duration;

use weft::{Ctx, Result, testing::TestEnv, workflow};

use crate::world::QUEUE;

const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[derive(Default)]
struct Patient {
    woken: bool,
}

#[workflow]
impl Patient {
    #[run]
    async fn run(ctx: Ctx<Self>) -> Result<Duration> {
        let began = ctx.now();
        ctx.wait_until_for(MONTH, |patient: &Self| patient.woken).await?;
        Ok(ctx.now().duration_since(began)?)
    }

    #[signal]
    fn wake(&mut self) {
        self.woken = true;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_waits_for_a_month_ends_at_once() {
    let env = TestEnv::start().await.expect("a server starts in memory");
    let worker = env.worker(QUEUE).workflow(Patient::run).start().expect("the worker starts");
    let patient = env.client().start_workflow(Patient::run, ()).id("patient").task_queue(QUEUE).await;
    let patient = patient.expect("it starts");
    let took = env.skip(patient.result()).await.expect("it completes");
    assert!(took >= MONTH, "{took:?}");
    worker.shutdown().await.expect("no poll was refused");
    env.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_passes_as_the_test_says() {
    let env = TestEnv::start().await.expect("a server starts in memory");
    let worker = env.worker(QUEUE).workflow(Patient::run).start().expect("the worker starts");
    let patient = env.client().start_workflow(Patient::run, ()).id("patient").task_queue(QUEUE).await;
    let patient = patient.expect("it starts");
    env.sleep(MONTH / 2).await;
    patient.signal(Patient::wake, ()).await.expect("it is taken");
    let took = patient.result().await.expect("it completes");
    assert!((MONTH / 3..MONTH).contains(&took), "{took:?}");
    worker.shutdown().await.expect("no poll was refused");
    env.shutdown().await;
}

/// The context that can be cancelled is gone before its timer begins; the timer is cancelled with the workflow.
#[workflow]
async fn sleeper_in_a_passing_context(ctx: Ctx) -> Result<()> {
    let nap = ctx.cancellable().sleep(MONTH);
    nap.await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_a_context_that_is_gone_is_cancelled_with_the_workflow() {
    let env = TestEnv::start().await.expect("a server starts in memory");
    let worker = env.worker(QUEUE).workflow(sleeper_in_a_passing_context).start().expect("the worker starts");
    let start = env.client().start_workflow(sleeper_in_a_passing_context, ()).id("sleeper").task_queue(QUEUE);
    let sleeper = start.await.expect("it starts");
    sleeper.cancel().await.expect("it is taken");
    let ended = sleeper.result().await.expect_err("it was cancelled");
    assert!(ended.to_string().contains("cancel"), "{ended}");
    worker.shutdown().await.expect("no poll was refused");
    env.shutdown().await;
}
