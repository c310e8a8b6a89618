//! What people who look at a workflow see: how it stands, what it takes, what it waits for and where, and the lines beside
//! its steps. And the attributes that a run which continues another begins with.

use std::time::Duration;

use weft::{
    Ctx, Result,
    client::{
        Query, Run,
        api::{common::Payload, history::history_event::Attributes},
    },
    workflow,
};

use crate::world::{QUEUE, World};

#[derive(Default)]
struct Parcel {
    is_sent: bool,
}

#[workflow]
impl Parcel {
    #[run]
    async fn run(ctx: Ctx<Self>) -> Result<()> {
        ctx.set_details("packing");
        let _rest = ctx.sleep(Duration::from_secs(3600)).summary("the shop is closed").start();
        ctx.wait_until(|parcel: &Self| parcel.is_sent).await
    }

    #[signal]
    fn send(&mut self) {
        self.is_sent = true;
    }
}

fn text(payloads: &[Payload]) -> String {
    payloads.iter().map(|payload| String::from_utf8_lossy(&payload.data)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_at_a_workflow_sees_how_it_stands_and_where_it_waits() {
    let world = World::with(|worker| worker.workflow(Parcel::run)).await;
    let start = world.client.start_workflow(Parcel::run, ()).id("parcel").task_queue(QUEUE);
    let parcel = start.await.expect("it starts");
    let ask = async |kind: &str| {
        let query = Query { kind: kind.to_owned(), ..Query::default() };
        let answer = world.client.query(&Run::latest("parcel"), query).await.expect("a worker answers");
        text(&answer.expect("it is asked"))
    };
    let metadata = ask("__temporal_workflow_metadata").await;
    for part in ["\"currentDetails\":\"packing\"", "\"type\":\"Parcel\"", "\"name\":\"send\""] {
        assert!(metadata.contains(part), "{part} is missing in {metadata}");
    }
    let stack = ask("__stack_trace").await;
    assert!(stack.contains("timer 1") && stack.contains("tests/workflows/shown.rs:"), "{stack}");
    parcel.signal(Parcel::send, ()).await.expect("it is taken");
    parcel.result().await.expect("it completes");
    let events = parcel.history().all().await.expect("it is read");
    let timer = events
        .into_iter()
        .find(|event| matches!(event.attributes, Some(Attributes::TimerStartedEventAttributes(_))))
        .expect("it was started");
    let summary = timer.user_metadata.and_then(|it| it.summary).expect("it has one");
    assert_eq!(text(&[summary]), "\"the shop is closed\"");
    world.end().await;
}

/// Enters a change in its first run only.
#[workflow]
async fn changed_once(ctx: Ctx, is_first: bool) -> Result<usize> {
    if is_first {
        assert!(ctx.patched("a-change"), "the run is new");
        return Err(ctx.continue_as_new(changed_once, false));
    }
    Ok(ctx.search_attributes().names().count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_continues_another_has_not_entered_its_changes() {
    let world = World::with(|worker| worker.workflow(changed_once)).await;
    let start = world.client.start_workflow(changed_once, true).id("changed").task_queue(QUEUE);
    assert_eq!(start.await.expect("it starts").result().await.expect("it completes"), 0);
    world.end().await;
}
