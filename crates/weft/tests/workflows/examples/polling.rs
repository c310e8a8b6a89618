//! The example `polling`.

use super::Stage;
use export::{QUEUE, export_table};
use weft::client::api::history::history_event::Attributes;

#[path = "../../../examples/polling/export.rs"]
mod export;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_elsewhere_is_watched_and_the_second_attempt_knows_how_far_the_first_came() {
    let stage = Stage::with(export::worker).await;
    let job = stage
        .client()
        .start_workflow(export_table, "customers")
        .id("export")
        .task_queue(QUEUE)
        .await
        .expect("it starts");
    let told = job.result().await.expect("it completes");
    assert_eq!(told, "export of customers: done, resumed at Some(50)");
    let history = stage.client().history(&weft::client::Run::latest("export"), false).all().await.expect("it is known");
    let attempts = history.into_iter().filter_map(|event| match event.attributes {
        Some(Attributes::ActivityTaskStartedEventAttributes(started)) => Some(started.attempt),
        _ => None,
    });
    // Of the activity that began the job, and of the one that watched it.
    assert_eq!(attempts.collect::<Vec<_>>(), [1, 2]);
    stage.end().await;
}
