//! kill -9 of the server: what was acknowledged is still there, once, and the work goes on.

use std::time::Duration;

use super::{
    activities::{one_activity, started},
    messages::signal_once,
    scenarios,
    start::holder,
};
use crate::{
    harness::{
        history::{TASK, assert_sound, count, names},
        pool::Entry,
        scenario::{Scenario, result_of},
    },
    workflows::{Collector, Deed, Errand, Greeter, Runner, Sleeper, Tour},
};
use anyhow::{Context, Result};
use futures::future::{join, try_join_all};

pub(super) fn all() -> Vec<Entry> {
    scenarios![OwnServer:
        a_timer_survives_the_server,
        acknowledged_signals_survive_the_server,
        an_id_stays_taken_when_the_server_dies,
        an_activity_in_backoff_survives_the_server,
        a_running_activity_outlives_the_server,
        a_closed_workflow_is_the_same_after_the_crash,
        many_workflows_survive_a_server_that_dies_again_and_again,
    ]
}

async fn a_timer_survives_the_server(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Sleeper::run, 1_500).await?;
    s.until_event(&s.id(""), "TimerStarted", 1).await?;
    s.restart_server().await?;
    assert_eq!(result_of(&handle).await?, "slept");
    s.assert_history(
        &handle,
        &format!("WorkflowExecutionStarted, {TASK}, TimerStarted, TimerFired, {TASK}, WorkflowExecutionCompleted"),
    )
    .await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn acknowledged_signals_survive_the_server(s: &Scenario<'_>) -> Result<()> {
    let handle = s.start(Collector::run, ()).await?;
    let words: Vec<String> = (0..20).map(|n| format!("word {n}")).chain(["end".to_owned()]).collect();
    let (before, after) = words.split_at(10);
    let give = async |words: &[String]| {
        for word in words {
            handle.signal(Collector::give, word.clone()).await?;
        }
        anyhow::Ok(())
    };
    give(before).await?;
    s.restart_server().await?;
    give(after).await?;
    s.restart_server().await?;
    let worker = s.worker().await?;
    assert_eq!(result_of(&handle).await?, words);
    s.assert_history(
        &handle,
        "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled*21, WorkflowTaskStarted,
         WorkflowTaskCompleted, WorkflowExecutionCompleted",
    )
    .await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn an_id_stays_taken_when_the_server_dies(s: &Scenario<'_>) -> Result<()> {
    let request_id = uuid::Uuid::new_v4().to_string();
    let handle = s.start(Collector::run, ()).await?;
    signal_once(s, &request_id).await?;
    s.restart_server().await?;
    let again = s.start(Collector::run, ()).await;
    assert_eq!(holder(&again), handle.run_id());
    s.refused(again, "AlreadyExists")?;
    signal_once(s, &request_id).await?;
    s.assert_history(&handle, "WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowExecutionSignaled").await?;
    Ok(())
}

async fn an_activity_in_backoff_survives_the_server(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = s.start(Runner::run, Errand { retry_after: 2_000, ..Errand::new(Deed::SucceedsAt, "2") }).await?;
    s.until("the first attempt to fail", async || {
        let described = s.describe(&s.id("")).await.ok()?;
        described.pending_activities.first().filter(|it| it.attempt == 2).map(drop)
    })
    .await?;
    s.restart_server().await?;
    assert_eq!(result_of(&handle).await?, "attempt 2");
    let events = s.assert_history(&handle, &one_activity()).await?;
    let started = started(&events)?;
    let last = started.last_failure.as_ref().context("the last failure")?;
    assert_eq!((started.attempt, last.message.as_str()), (2, "attempt 1 fails"));
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

/// The worker keeps its activity, finds the server again, and reports to it.
async fn a_running_activity_outlives_the_server(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle =
        s.start(Runner::run, Errand { heartbeat: 20_000, ..Errand::new(Deed::Beats, "all in one go") }).await?;
    s.until("the activity to begin", async || (worker.signs().began() == 1).then_some(())).await?;
    let killed_and_released = async {
        s.restart_server().await?;
        worker.signs().release();
        anyhow::Ok(())
    };
    let (result, crashed) = join(result_of(&handle), killed_and_released).await;
    crashed?;
    assert_eq!(result?, "all in one go");
    let events = s.assert_history(&handle, &one_activity()).await?;
    assert_eq!(started(&events)?.attempt, 1);
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn a_closed_workflow_is_the_same_after_the_crash(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let greeted = s.begin(Greeter::run, "once", "greeter").await?;
    let handle = s.start(Collector::run, ()).await?;
    handle.signal(Collector::give, "end".to_owned()).await?;
    result_of(&handle).await?;
    assert_eq!(result_of(&greeted).await?, "Hello, once!");
    let (before, greeting) = (s.events(&s.id(""), "").await?, s.events(&s.id("greeter"), "").await?);
    s.restart_server().await?;
    assert_eq!(s.events(&s.id(""), "").await?, before, "every event as it was");
    assert_eq!(s.events(&s.id("greeter"), "").await?, greeting);
    assert_eq!(result_of(&handle).await?, ["end"]);
    assert_eq!(handle.query(Collector::words, ()).await?, ["end"]);
    s.assert_history(&greeted, &format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionCompleted")).await?;
    s.refuses_late_signal(&s.id("")).await?;
    worker.stop().await
}

async fn many_workflows_survive_a_server_that_dies_again_and_again(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handles = try_join_all((0..20).map(|n| {
        // A task that a crash takes along comes back after this time.
        s.begin(Tour::run, (n, 1_000), &n.to_string()).task_timeout(Duration::from_secs(2)).into_future()
    }))
    .await?;
    let crashes = async {
        for _ in 0..3 {
            // The next crash comes when something has happened since the last, or when all is done.
            let before = lengths(s).await?;
            s.until("any progress", async || {
                let now = lengths(s).await.ok()?;
                (now != before || now.iter().all(|length| *length >= 23)).then_some(())
            })
            .await?;
            s.restart_server().await?;
        }
        anyhow::Ok(())
    };
    let (results, crashed) = join(try_join_all(handles.iter().map(result_of)), crashes).await;
    crashed?;
    for (n, result) in results?.into_iter().enumerate() {
        assert_eq!(result, format!("there {n}, back {n}"));
        let events = s.events(&s.id(&n.to_string()), "").await?;
        assert_sound(&events);
        // A crash may cost a workflow task its time; nothing else may differ from an undisturbed run.
        for (name, times) in [
            ("WorkflowExecutionStarted", 1),
            ("ActivityTaskScheduled", 2),
            ("ActivityTaskCompleted", 2),
            ("TimerStarted", 1),
            ("TimerFired", 1),
            ("WorkflowExecutionCompleted", 1),
        ] {
            assert_eq!(count(&events, name), times, "{name} in {:?}", names(&events));
        }
    }
    let events = names(&s.events(&s.id("0"), "").await?).join(", ");
    s.assert_history(&handles[0], &events).await?;
    s.refuses_late_signal(&s.id("0")).await?;
    worker.stop().await
}

/// The lengths of a few of the histories.
async fn lengths(s: &Scenario<'_>) -> Result<Vec<usize>> {
    let lengths = (0..3).map(|n| async move { anyhow::Ok(s.events(&s.id(&n.to_string()), "").await?.len()) });
    try_join_all(lengths).await
}
