//! The example `order`.

use super::Stage;
use example::{QUEUE, lamp_for, place_order};
use weft::client::{WorkflowError, api::history::history_event::Attributes};

#[path = "../../../examples/order/order.rs"]
mod example;

async fn place(stage: &Stage, country: &str) -> Result<String, WorkflowError> {
    let start = stage.client().start_workflow(place_order, lamp_for(country)).id(country).task_queue(QUEUE);
    start.await.expect("it starts").result().await
}

/// The activities that a workflow scheduled, with what people read beside them.
async fn steps(stage: &Stage, workflow_id: &str) -> Vec<(String, Option<String>)> {
    let history = stage.client().history(&weft::client::Run::latest(workflow_id), false);
    let events = history.all().await.expect("it is known").into_iter();
    let step = events.filter_map(|event| {
        let Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) = event.attributes else { return None };
        let kind = scheduled.activity_type?.name;
        let summary = event.user_metadata.and_then(|metadata| metadata.summary);
        Some((kind, summary.map(|summary| String::from_utf8_lossy(&summary.data).into_owned())))
    });
    step.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_shipped_or_leaves_nothing_behind() {
    let stage = Stage::with(|client| example::worker(client, 1)).await;

    let failed = place(&stage, "Atlantis").await.expect_err("no carrier goes there");
    assert_eq!(failed.failure().and_then(|failure| failure.root().application_kind()), Some("NoCarrier"));
    let undo = |what: &str| Some(format!("\"undo: {what}\""));
    assert_eq!(
        steps(&stage, "Atlantis").await,
        [
            ("charge".to_owned(), None),
            ("reserve".to_owned(), None),
            ("ship".to_owned(), None),
            ("release".to_owned(), undo("stock")),
            ("refund".to_owned(), undo("payment")),
        ]
    );
    let events = stage.events("Atlantis").await;
    assert_eq!(events.last().map(String::as_str), Some("WORKFLOW_EXECUTION_FAILED"));

    // The one lamp is on the shelf again, and goes to Norway; there is none for Chile.
    assert_eq!(place(&stage, "Norway").await.expect("it is shipped"), "a lamp is on its way to Norway");
    let failed = place(&stage, "Chile").await.expect_err("there is no other lamp");
    assert_eq!(failed.failure().and_then(|failure| failure.root().application_kind()), Some("OutOfStock"));
    let told: Vec<String> = steps(&stage, "Chile").await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(told, ["charge", "reserve", "refund"]);
    stage.end().await;
}
