//! The example `fan_out`.

use super::Stage;
use totals::{QUEUE, total};

#[path = "../../../examples/fan_out/totals.rs"]
mod totals;

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_activities_run_side_by_side_and_their_results_come_together() {
    let stage = Stage::with(totals::worker).await;
    let today = stage.client().start_workflow(total, 500_u32).id("today").task_queue(QUEUE).await.expect("it starts");
    assert_eq!(today.result().await.expect("it completes"), (0..500).map(|shop| shop * 100).sum::<u64>());
    let events = stage.events("today").await;
    for kind in ["ACTIVITY_TASK_SCHEDULED", "ACTIVITY_TASK_STARTED", "ACTIVITY_TASK_COMPLETED"] {
        assert_eq!(events.iter().filter(|event| *event == kind).count(), 500, "{kind}");
    }
    // All were asked before anybody answered.
    let scheduled = events.iter().skip(1).take_while(|event| *event == "ACTIVITY_TASK_SCHEDULED").count();
    assert_eq!(scheduled, 500);
    stage.end().await;
}
