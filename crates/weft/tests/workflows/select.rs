//! `select!`: of what is ready the first that is written, each time, and also at a replay.

use std::{pin::pin, time::Duration};

use weft::{Ctx, Error, Result, activity, workflow};

use crate::world::{QUEUE, World};

const HOUR: Duration = Duration::from_secs(3600);

#[workflow]
async fn races(ctx: Ctx) -> Result<String> {
    let mut won = String::new();
    for _ in 0..20 {
        weft::select! {
            () = std::future::ready(()) => won.push('a'),
            () = std::future::ready(()) => won.push('b'),
            () = std::future::ready(()) => won.push('c'),
        }
    }
    weft::select! {
        rung = ctx.sleep(HOUR) => { rung?; won.push_str(" late") }
        said = ctx.activity(quick, ()) => won.push_str(&said?),
    }
    let mut over = pin!(ctx.sleep(HOUR).start());
    for _ in 0..2 {
        weft::select! {
            rung = &mut over => { rung?; return Err(Error::new("too late")) }
            said = ctx.activity(quick, ()) => won.push_str(&said?),
        }
    }
    Ok(won)
}

#[activity]
async fn quick() -> String {
    " quick".to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_ready_the_first_goes_on() {
    // All is replayed at each task.
    let world = World::with(|worker| worker.workflow(races).activity(quick).cached_workflows_max(0)).await;
    let start = world.client.start_workflow(races, ()).id("races").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(start.result().await.expect("it completes"), "a".repeat(20) + " quick quick quick");
    world.end().await;
}
