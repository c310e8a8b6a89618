//! The example `approval`.

use std::time::Duration;

use super::Stage;
use example::{Approval, Outcome, QUEUE, Request};
use weft::client::WorkflowHandle;

#[path = "../../../examples/approval/approval.rs"]
mod example;

async fn ask(stage: &Stage, id: &str, remind_after: Duration, give_up_after: Duration) -> WorkflowHandle<Approval> {
    let request = Request { what: id.to_owned(), approver: "Ada".to_owned(), remind_after, give_up_after };
    stage.client().start_workflow(Approval::run, request).id(id).task_queue(QUEUE).await.expect("it starts")
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_approved_reminds_nobody() {
    let stage = Stage::with(example::worker).await;
    let chair = ask(&stage, "chair", DAY, 3 * DAY).await;
    assert_eq!(chair.query(Approval::reminders, ()).await.expect("it waits and answers"), 0);
    chair.signal(Approval::approve, ()).await.expect("it is taken");
    assert_eq!(chair.result().await.expect("it ends"), Outcome::Approved);
    assert_eq!(
        stage.events("chair").await,
        [
            "WORKFLOW_EXECUTION_STARTED",
            "TIMER_STARTED",
            "WORKFLOW_EXECUTION_SIGNALED",
            "TIMER_CANCELED",
            "WORKFLOW_EXECUTION_COMPLETED"
        ]
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_reminds_and_waits_on_and_is_given_up_when_nobody_answers() {
    let stage = Stage::with(example::worker).await;
    let door = ask(&stage, "door", DAY, 3 * DAY).await;
    assert_eq!(stage.env.skip(door.result()).await.expect("it ends"), Outcome::NobodyAnswered);
    assert_eq!(door.query(Approval::reminders, ()).await.expect("it answers"), 1);
    assert_eq!(
        stage.events("door").await,
        [
            "WORKFLOW_EXECUTION_STARTED",
            "TIMER_STARTED",
            "TIMER_FIRED",
            "ACTIVITY_TASK_SCHEDULED",
            "ACTIVITY_TASK_STARTED",
            "ACTIVITY_TASK_COMPLETED",
            "TIMER_STARTED",
            "TIMER_FIRED",
            "WORKFLOW_EXECUTION_COMPLETED"
        ]
    );
    stage.end().await;
}
