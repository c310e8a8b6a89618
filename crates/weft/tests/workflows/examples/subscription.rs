//! The example `subscription`.

use std::time::Duration;

use super::Stage;
use example::{QUEUE, Subscription};
use weft::client::WorkflowError;

#[path = "../../../examples/subscription/subscription.rs"]
mod example;

const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_goes_on_as_a_new_run_after_a_year_and_keeps_what_it_was_told() {
    let stage = Stage::with(example::worker).await;
    let ada = example::of("Ada", MONTH);
    let ada =
        stage.client().start_workflow(Subscription::run, ada).id("ada").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(ada.update(Subscription::change_price, 1_000_u64).await.expect("it is taken"), 900);
    let refused = ada.update(Subscription::change_price, 9_000_u64).await.expect_err("that is too much");
    assert!(refused.to_string().contains("twice as much"), "{refused}");

    let ended = stage.env.skip(ada.result_of_run()).await.expect_err("the year is over");
    assert!(matches!(ended, WorkflowError::GoesOn { .. }), "{ended}");
    let ada = stage.client().handle::<Subscription>("ada");
    ada.signal(Subscription::cancel, ()).await.expect("it is taken");
    let paid = ada.result().await.expect("it ends");
    assert!(paid >= 12, "{paid} periods");
    assert_eq!(ada.query(Subscription::paid_periods, ()).await.expect("it answers"), paid);
    let events = stage.events("ada").await;
    assert_eq!(events.first().map(String::as_str), Some("WORKFLOW_EXECUTION_STARTED"));
    assert_eq!(events.last().map(String::as_str), Some("WORKFLOW_EXECUTION_COMPLETED"));
    stage.end().await;
}
