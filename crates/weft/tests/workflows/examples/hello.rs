//! The example `hello`.

use super::Stage;
use greeting::{QUEUE, hello};

#[path = "../../../examples/hello/greeting.rs"]
mod greeting;

#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_takes_one_activity() {
    let stage = Stage::with(greeting::worker).await;
    let greeting = stage.client().start_workflow(hello, "Weft").id("hello").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(greeting.result().await.expect("it completes"), "Hello, Weft!");
    assert_eq!(
        stage.events("hello").await,
        [
            "WORKFLOW_EXECUTION_STARTED",
            "ACTIVITY_TASK_SCHEDULED",
            "ACTIVITY_TASK_STARTED",
            "ACTIVITY_TASK_COMPLETED",
            "WORKFLOW_EXECUTION_COMPLETED"
        ]
    );
    stage.end().await;
}
