//! Histories of the server, done again by the same code, and not by another.

use std::time::Duration;

use weft::{CommandError, Ctx, ReplayError, Replayer, Result, Worker, activity, workflow};

use crate::world::{QUEUE, World};

#[activity]
async fn first(number: u32) -> u32 {
    number + 1
}

#[activity]
async fn second(number: u32) -> u32 {
    number * 2
}

#[workflow]
async fn steps(ctx: Ctx, number: u32) -> Result<u32> {
    let number = ctx.activity(first, number).await?;
    ctx.sleep(Duration::from_millis(1)).await?;
    ctx.activity(second, number).await
}

/// The same workflow as somebody broke it: the steps have changed places.
mod broken {
    use super::{Ctx, Duration, Result, first, second, workflow};

    #[workflow]
    pub(super) async fn steps(ctx: Ctx, number: u32) -> Result<u32> {
        let number = ctx.activity(first, number).await?;
        let number = ctx.activity(second, number).await?;
        ctx.sleep(Duration::from_millis(1)).await?;
        Ok(number)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_code_does_a_history_again_and_other_code_is_told_where_it_left_it() {
    let world = World::with(|worker| worker.workflow(steps).activity(first).activity(second)).await;
    let handle = world.client.start_workflow(steps, 1).id("steps").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(handle.result().await.expect("it completes"), 4);

    let same = Replayer::new().workflow(steps).replay_from(&world.client, "steps").await.expect("the same code");
    assert!(same.outcome.is_some(), "{same:?}");

    let other = Replayer::new().workflow(broken::steps).replay_from(&world.client, "steps").await;
    let Err(ReplayError::Diverged(divergence)) = other else { panic!("other code: {other:?}") };
    let source = divergence.source().expect("a line issued it");
    assert!(source.file.ends_with("tests/workflows/replays.rs"), "{source}");
    let text = divergence.to_string();
    for part in
        ["is TimerStarted (timer 1)", "the code issued ScheduleActivityTask (activity 2, type `second`)", "patched"]
    {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_of_a_worker_replays_what_it_is_told() {
    let fill = |worker: Worker| worker.workflow(steps).activity(first).activity(second);
    let world = World::with(fill).await;
    let handle = world.client.start_workflow(steps, 1).id("steps").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(handle.result().await.expect("it completes"), 4);
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/timer.json");
    let told = |words: &[&str]| ["worker"].iter().chain(words).map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let worker = || Worker::new(&world.client, "none");

    fill(worker()).run_or_replay(told(&["replay", "id:steps"])).await.expect("it is the same code");
    let broken = worker().workflow(broken::steps);
    let error = broken.run_or_replay(told(&["replay", "id:steps", golden, "nowhere.json"])).await;
    let error = error.expect_err("it is other code");
    let CommandError::Broken { count: 3, broken } = &error else { panic!("{error}") };
    for (said, part) in
        broken.iter().zip(["is TimerStarted (timer 1)", "this worker has no workflow", "cannot read it"])
    {
        assert!(said.contains(part), "{part:?} is missing in {said:?}");
    }
    for words in [&["replay"][..], &["help"]] {
        let error = fill(worker()).run_or_replay(told(words)).await.expect_err("it is nothing that a worker does");
        assert!(error.to_string().ends_with("say nothing to run the worker, or: replay FILE.json|id:WORKFLOW_ID …"));
    }
    world.end().await;
}
