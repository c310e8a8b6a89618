//! kill -9 of a worker process, and of worker and server together: another worker goes on.

use std::time::Duration;

use anyhow::Result;
use weft::client::{
    PollersOf,
    api::{
        enums::TimeoutType,
        failure::failure::FailureInfo,
        history::{HistoryEvent, history_event::Attributes},
    },
};

use super::{
    activities::{one_activity, started},
    scenarios,
};
use crate::{
    harness::{
        history::{ACTIVITY, TASK, names},
        pool::{Entry, Needs},
        scenario::{Scenario, result_of},
    },
    workflows::{Collector, Deed, Errand, LocalDeed, LocalPlan, LocalRunner, Runner, Thinker, Tour},
};

pub(super) fn all() -> Vec<Entry> {
    let mut all = scenarios![SharedServer:
        another_worker_goes_on_with_the_activity_of_a_dead_one,
        another_worker_takes_the_workflow_task_of_a_dead_one,
        another_worker_repeats_the_local_activity_of_a_dead_one,
        another_worker_replays_what_a_dead_one_had_in_its_cache,
        a_worker_that_dies_while_it_waits_takes_no_task_with_it,
    ];
    all.push(Entry {
        name: "server_and_worker_die_together",
        needs: Needs::OwnServer,
        body: |scenario| Box::pin(server_and_worker_die_together(scenario)),
    });
    all
}

async fn another_worker_goes_on_with_the_activity_of_a_dead_one(s: &Scenario<'_>) -> Result<()> {
    let handle = s.start(Runner::run, Errand { heartbeat: 4_000, ..Errand::new(Deed::Hangs, "page 1") }).await?;
    let mut doomed = s.doomed_worker("activity")?;
    s.until("the activity's heartbeat", async || {
        let described = s.describe(&s.id("")).await.ok()?;
        described.pending_activities.first()?.heartbeat_details.as_ref().map(drop)
    })
    .await?;
    doomed.kill()?;
    let worker = s.worker().await?;
    assert_eq!(result_of(&handle).await?, "page 7", "the next attempt knows what the one before said");
    let events = s.events(&s.id(""), "").await?;
    let attempt = started(&events)?;
    let last = attempt.last_failure.as_ref().and_then(|it| it.failure_info.as_ref());
    assert!(attempt.attempt >= 2, "attempt {}", attempt.attempt);
    assert!(matches!(last, Some(FailureInfo::TimeoutFailureInfo(it)) if it.timeout_type() == TimeoutType::Heartbeat));
    // The dead worker was sticky; where its sticky queue still counted as polled, that task timed out first.
    let found = names(&events).join(", ");
    let expected = one_activity();
    let sticky = expected.replacen(
        &format!("{ACTIVITY}, "),
        &format!("{ACTIVITY}, WorkflowTaskScheduled, WorkflowTaskTimedOut, "),
        1,
    );
    assert!(found == expected || found == sticky, "{found}");
    s.assert_history(&handle, &found).await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

const UNANSWERED: &str = "WorkflowTaskScheduled, WorkflowTaskStarted, WorkflowTaskTimedOut";

/// The timeout of the first workflow task that timed out.
fn task_timeout(events: &[HistoryEvent]) -> Option<TimeoutType> {
    events.iter().find_map(|event| match &event.attributes {
        Some(Attributes::WorkflowTaskTimedOutEventAttributes(it)) => Some(it.timeout_type()),
        _ => None,
    })
}

async fn another_worker_takes_the_workflow_task_of_a_dead_one(s: &Scenario<'_>) -> Result<()> {
    let handle = s.start(Thinker::run, ()).task_timeout(Duration::from_secs(4)).await?;
    let mut doomed = s.doomed_worker("workflow")?;
    s.until_event(&s.id(""), "WorkflowTaskStarted", 1).await?;
    doomed.kill()?;
    let worker = s.worker().await?;
    assert_eq!(result_of(&handle).await?, "thought");
    let expected = format!("WorkflowExecutionStarted, {UNANSWERED}, {TASK}, WorkflowExecutionCompleted");
    let events = s.assert_history(&handle, &expected).await?;
    assert_eq!(task_timeout(&events), Some(TimeoutType::StartToClose));
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn another_worker_repeats_the_local_activity_of_a_dead_one(s: &Scenario<'_>) -> Result<()> {
    let plan = LocalPlan { deed: LocalDeed::Hangs, word: "again".to_owned(), retry_after: 50 };
    let handle = s.start(LocalRunner::run, plan).task_timeout(Duration::from_secs(4)).await?;
    let mut doomed = s.doomed_worker("local activity")?;
    s.until_event(&s.id(""), "WorkflowTaskStarted", 1).await?;
    doomed.kill()?;
    let worker = s.worker().await?;
    assert_eq!(result_of(&handle).await?, "again");
    let expected =
        format!("WorkflowExecutionStarted, {UNANSWERED}, {TASK}, MarkerRecorded, WorkflowExecutionCompleted");
    let events = s.assert_history(&handle, &expected).await?;
    assert_eq!(task_timeout(&events), Some(TimeoutType::StartToClose));
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn give(s: &Scenario<'_>, word: &str) -> Result<()> {
    let handle = s.client.handle::<Collector>(s.id(""));
    Ok(handle.signal(Collector::give, word).await?)
}

async fn another_worker_replays_what_a_dead_one_had_in_its_cache(s: &Scenario<'_>) -> Result<()> {
    let handle = s.start(Collector::run, ()).await?;
    let mut doomed = s.doomed_worker("nothing")?;
    for (done, word) in ["one", "two"].into_iter().enumerate() {
        s.until_event(&s.id(""), "WorkflowTaskCompleted", done + 1).await?;
        give(s, word).await?;
    }
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 3).await?;
    doomed.kill()?;
    give(s, "end").await?;
    let worker = s.worker().await?;
    assert_eq!(result_of(&handle).await?, ["one", "two", "end"]);
    // The last task was meant for the dead worker's sticky queue, and came to the living one when its time was up. Where
    // the server had not noticed yet that the worker is dead, it was handed to it, and the time that ran was the task's.
    let history = |lost: &str| {
        format!(
            "WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionSignaled, {TASK}, \
             WorkflowExecutionSignaled, {lost}, {TASK}, WorkflowExecutionCompleted"
        )
    };
    let events = s.events(&s.id(""), "").await?;
    let expected = match task_timeout(&events) {
        Some(TimeoutType::StartToClose) => history(UNANSWERED),
        _ => history("WorkflowTaskScheduled, WorkflowTaskTimedOut"),
    };
    s.assert_history(&handle, &expected).await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn a_worker_that_dies_while_it_waits_takes_no_task_with_it(s: &Scenario<'_>) -> Result<()> {
    let mut doomed = s.doomed_worker("nothing")?;
    s.until("the worker to poll", async || {
        let described = s.client.task_queue(&s.queue(), PollersOf::Workflows).await.ok()?;
        (!described.pollers.is_empty()).then_some(())
    })
    .await?;
    doomed.kill()?;
    let worker = s.worker().await?;
    let history = |first: &str| {
        format!(
            "WorkflowExecutionStarted, {first}, {ACTIVITY}, {TASK}, TimerStarted, TimerFired, {TASK}, {ACTIVITY}, {TASK}, \
             WorkflowExecutionCompleted"
        )
    };
    let mut undisturbed = false;
    for n in 0..POLLS_MAX {
        let suffix = n.to_string();
        let start = s.begin(Tour::run, (n, 100), &suffix);
        let handle = start.task_timeout(Duration::from_secs(4)).await?;
        assert_eq!(result_of(&handle).await?, format!("there {n}, back {n}"));
        // A poll of the dead worker may take one task, while the server has not noticed yet; then it is gone.
        undisturbed = task_timeout(&s.events(&s.id(&suffix), "").await?).is_none();
        let first = if undisturbed { TASK.to_owned() } else { format!("{UNANSWERED}, {TASK}") };
        s.assert_history(&handle, &history(&first)).await?;
        if undisturbed {
            break;
        }
    }
    assert!(undisturbed, "a dead worker takes task after task");
    s.refuses_late_signal(&s.id("0")).await?;
    worker.stop().await
}

/// More than a worker has polls of its queue at once.
const POLLS_MAX: u32 = 5;

async fn server_and_worker_die_together(s: &Scenario<'_>) -> Result<()> {
    let handle = s.start(Collector::run, ()).await?;
    give(s, "one").await?;
    let mut doomed = s.doomed_worker("nothing")?;
    s.until_event(&s.id(""), "WorkflowTaskCompleted", 1).await?;
    doomed.kill()?;
    s.kill_server().await?;
    s.revive_server().await?;
    give(s, "end").await?;
    let worker = s.worker().await?;
    assert_eq!(result_of(&handle).await?, ["one", "end"]);
    // The new server knows of no poller of the dead worker's sticky queue, so nothing has to time out.
    let expected = format!(
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled, WorkflowTaskStarted,
         WorkflowTaskCompleted, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted"
    );
    s.assert_history(&handle, &expected).await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}
