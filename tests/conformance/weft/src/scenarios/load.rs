//! Many workflows at once.

use std::{future::IntoFuture, time::Duration};

use anyhow::Result;
use futures::future::try_join_all;

use super::scenarios;
use crate::{
    harness::{
        history::{ACTIVITY, TASK, assert_sound, assert_types},
        pool::Entry,
        scenario::{Scenario, result_of},
    },
    workflows::Tour,
};

pub(super) fn all() -> Vec<Entry> {
    scenarios![Quiet: two_hundred_workflows_run_at_once]
}

async fn two_hundred_workflows_run_at_once(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let numbers: Vec<u32> = (0..200).collect();
    let handles = try_join_all(numbers.iter().map(|n| {
        // A slow machine may take its time; what is asserted is that nothing is lost, done twice or out of order.
        s.begin(Tour::run, (*n, 200), &n.to_string()).task_timeout(Duration::from_secs(60)).into_future()
    }))
    .await?;
    let results = try_join_all(handles.iter().map(result_of)).await?;
    for (n, result) in numbers.iter().zip(results) {
        assert_eq!(result, format!("there {n}, back {n}"));
    }
    let expected = format!(
        "WorkflowExecutionStarted, {TASK}, {ACTIVITY}, {TASK}, TimerStarted, TimerFired, {TASK}, {ACTIVITY}, {TASK},
         WorkflowExecutionCompleted"
    );
    for n in &numbers {
        let events = s.events(&s.id(&n.to_string()), "").await?;
        assert_types(&events, &expected);
        assert_sound(&events);
    }
    s.assert_history(&handles[0], &expected).await?;
    s.refuses_late_signal(&s.id("7")).await?;
    worker.stop().await
}
