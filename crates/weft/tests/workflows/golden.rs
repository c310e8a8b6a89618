//! Pinned histories: what workflows of this version have done, later versions must do again, each history for ever.
//!
//! `tests/golden` has one history for each feature. `WEFT_GOLDEN=record` writes those that are missing there from the
//! workflows below; one that is there is never written again, and a workflow whose history is pinned is never changed.

use std::{env, fs, path::PathBuf, time::Duration};

use weft::{Ctx, Error, Failure, Replayer, Result, Saga, activity, client::WorkflowHandle, workflow};
use weft_protocol::{api::history::History, json};

use crate::world::{QUEUE, World};

const SOON: Duration = Duration::from_millis(5);

#[activity]
async fn double(number: u32) -> u32 {
    number * 2
}

#[activity]
async fn refuse(number: u32) -> Result<u32> {
    Err(Failure::application(format!("{number} is refused")).kind("Refused").non_retryable().into())
}

#[workflow]
async fn golden_activity(ctx: Ctx, number: u32) -> Result<u32> {
    let (first, second) = (ctx.activity(double, number).start(), ctx.activity(double, number + 1).start());
    let refused = ctx.activity(refuse, number).await.is_err();
    Ok(first.await? + second.await? + u32::from(refused))
}

#[workflow]
async fn golden_timer(ctx: Ctx) -> Result<u64> {
    let given_up = ctx.sleep(Duration::from_secs(3600)).summary("too long").start();
    ctx.sleep(SOON).await?;
    drop(given_up);
    ctx.sleep(SOON).await?;
    Ok(ctx.random())
}

#[workflow]
async fn golden_saga(ctx: Ctx, number: u32) -> Result<u32> {
    Saga::new(&ctx)
        .run(async |saga| {
            saga.step("first", ctx.activity(double, number), |ctx, done| ctx.activity(double, done)).await?;
            saga.step("second", ctx.activity(double, number), |ctx, done| ctx.activity(double, done)).await?;
            ctx.activity(refuse, number).await
        })
        .await
}

#[workflow]
async fn golden_child(ctx: Ctx, number: u32) -> Result<u32> {
    let started = ctx.child(golden_leaf, number).start().await?;
    let awaited = ctx.child(golden_leaf, number + 1).id("golden-leaf").await?;
    Ok(started.result().await? + awaited)
}

#[workflow]
async fn golden_leaf(ctx: Ctx, number: u32) -> Result<u32> {
    ctx.sleep(SOON).await?;
    Ok(number * 10)
}

#[derive(Default)]
struct GoldenUpdate {
    notes: Vec<String>,
}

#[workflow]
impl GoldenUpdate {
    #[run]
    async fn run(ctx: Ctx<Self>) -> Result<Vec<String>> {
        ctx.wait_until(|it: &Self| it.notes.len() == 3).await?;
        Ok(ctx.with(|it| it.notes.clone()))
    }

    #[update(check = may_note)]
    fn note(&mut self, text: String) -> usize {
        self.notes.push(text);
        self.notes.len()
    }

    fn may_note(&self, text: &str) -> Result<()> {
        if text.is_empty() { Err(Error::new("a note says something")) } else { Ok(()) }
    }

    #[update]
    async fn note_later(ctx: Ctx<Self>, text: String) -> Result<usize> {
        ctx.sleep(SOON).await?;
        Ok(ctx.with_mut(|it| {
            it.notes.push(text);
            it.notes.len()
        }))
    }

    #[signal]
    fn tell(&mut self, text: String) {
        self.notes.push(text);
    }
}

#[workflow]
async fn golden_version(ctx: Ctx) -> Result<bool> {
    let new = ctx.patched("new-way");
    ctx.sleep(SOON).await?;
    ctx.deprecate_patch("old-way");
    Ok(new && ctx.patched("new-way"))
}

#[workflow]
async fn golden_side_effect(ctx: Ctx) -> Result<u32> {
    // Another value at each call: only the recorded one gives the same length of the timer again.
    let now = std::process::id();
    let first = ctx.side_effect(|| now)?;
    ctx.sleep(SOON).await?;
    let second = ctx.side_effect(|| now + 1)?;
    Ok(first.wrapping_add(second))
}

#[workflow]
async fn golden_local_activity(ctx: Ctx, number: u32) -> Result<u32> {
    let (first, second) = (ctx.local_activity(double, number).start(), ctx.local_activity(double, number + 1).start());
    let refused = ctx.local_activity(refuse, number).await.is_err();
    Ok(first.await? + second.await? + u32::from(refused))
}

#[workflow]
async fn golden_continue_as_new(ctx: Ctx, left: u32) -> Result<u32> {
    ctx.sleep(SOON).await?;
    if left > 0 {
        return Err(ctx.continue_as_new(golden_continue_as_new, left - 1));
    }
    Ok(left)
}

#[workflow]
async fn golden_cancellation(ctx: Ctx, number: u32) -> Result<u32> {
    match ctx.sleep(Duration::from_secs(3600)).await {
        Ok(()) => Ok(0),
        Err(error) => {
            ctx.shielded().activity(double, number).await?;
            Err(error)
        }
    }
}

fn replayer() -> Replayer {
    Replayer::new()
        .workflow(golden_activity)
        .workflow(golden_timer)
        .workflow(golden_saga)
        .workflow(golden_child)
        .workflow(golden_leaf)
        .workflow(GoldenUpdate::run)
        .workflow(golden_version)
        .workflow(golden_side_effect)
        .workflow(golden_local_activity)
        .workflow(golden_continue_as_new)
        .workflow(golden_cancellation)
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The history of a run that has ended: replayed as it is, and pinned where that is asked for.
async fn pin<W: weft::Workflow>(name: &str, handle: &WorkflowHandle<W>) {
    let (mut pages, mut events) = (handle.history(), Vec::new());
    while let Some(page) = pages.next().await.expect("the server gives the history") {
        events.extend(page);
    }
    let text = json::to_json(&History { events }).expect("a history is written as JSON");
    let text = format!("{text:#}\n");
    let replayed = replayer().replay_json(&text).unwrap_or_else(|error| panic!("{name}, fresh: {error}"));
    assert!(replayed.outcome.is_some(), "{name} ended");
    let file = directory().join(format!("{name}.json"));
    if env::var_os("WEFT_GOLDEN").is_some_and(|wish| wish == "record") && !file.exists() {
        fs::write(file, text).expect("the history is written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_each_feature_writes_is_replayed() {
    let world = World::with(|worker| {
        worker
            .workflow(golden_activity)
            .workflow(golden_timer)
            .workflow(golden_saga)
            .workflow(golden_child)
            .workflow(golden_leaf)
            .workflow(GoldenUpdate::run)
            .workflow(golden_version)
            .workflow(golden_side_effect)
            .workflow(golden_local_activity)
            .workflow(golden_continue_as_new)
            .workflow(golden_cancellation)
            .activity(double)
            .activity(refuse)
    })
    .await;
    let client = &world.client;
    macro_rules! ended {
        ($name:literal, $workflow:expr, $args:expr) => {{
            let handle = client.start_workflow($workflow, $args).id($name).task_queue(QUEUE).await.expect("it starts");
            let result = handle.result_of_run().await;
            pin($name, &handle).await;
            result
        }};
    }
    assert_eq!(ended!("activity", golden_activity, 3).expect("it completes"), 15);
    ended!("timer", golden_timer, ()).expect("it completes");
    ended!("saga", golden_saga, 3).expect_err("it is undone");
    assert_eq!(ended!("child", golden_child, 3).expect("it completes"), 70);
    assert!(ended!("version", golden_version, ()).expect("it completes"));
    ended!("side-effect", golden_side_effect, ()).expect("it completes");
    assert_eq!(ended!("local-activity", golden_local_activity, 3).expect("it completes"), 15);
    ended!("continue-as-new", golden_continue_as_new, 1).expect_err("another run follows");

    let told = client.start_workflow(GoldenUpdate::run, ()).id("update").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(told.update(GoldenUpdate::note, "first").await.expect("it is taken"), 1);
    told.update(GoldenUpdate::note, "").await.expect_err("it is refused");
    assert_eq!(told.update(GoldenUpdate::note_later, "second").await.expect("it is taken"), 2);
    told.signal(GoldenUpdate::tell, "third").await.expect("it is taken");
    assert_eq!(told.result().await.expect("it completes"), ["first", "second", "third"]);
    pin("update", &told).await;

    let stopped = client.start_workflow(golden_cancellation, 3).id("cancellation").task_queue(QUEUE).await;
    let stopped = stopped.expect("it starts");
    stopped.cancel().await.expect("it is asked to");
    stopped.result().await.expect_err("it is canceled");
    pin("cancellation", &stopped).await;
    world.end().await;
}

#[test]
fn every_pinned_history_is_done_again() {
    let mut names = Vec::new();
    for file in fs::read_dir(directory()).expect("the directory is read").flatten() {
        let text = fs::read_to_string(file.path()).expect("the history is read");
        let name = file.file_name().to_string_lossy().into_owned();
        let replayed = replayer().replay_json(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(replayed.outcome.is_some(), "{name} is replayed to its end");
        names.push(name);
    }
    assert!(names.len() >= 10, "one for each feature is there: {names:?}");
}
