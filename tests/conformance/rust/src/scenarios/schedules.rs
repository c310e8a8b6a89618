//! Schedules: what they start and when, what they leave out, and that they outlive the server.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use temporalio_client::{
    Client, WorkflowSignalOptions,
    schedules::{
        CreateScheduleOptions, ScheduleAction, ScheduleBackfill, ScheduleDescription, ScheduleError, ScheduleHandle,
        ScheduleOverlapPolicy, ScheduleSpec,
    },
};

use super::{scenarios, start::GREETED};
use crate::{
    harness::{
        history::TASK,
        pool::Entry,
        scenario::{Scenario, result_of},
    },
    workflows::{Collector, Greeter},
};

pub(super) fn all() -> Vec<Entry> {
    let mut entries = scenarios![SharedServer:
        a_schedule_acts_until_its_actions_are_used_up,
        a_schedule_skips_what_overlaps,
        a_backfill_acts_for_every_time_of_its_range,
    ];
    entries.extend(scenarios![OwnServer: a_schedule_outlives_the_server]);
    entries
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// A workflow that one signal ends.
pub(super) fn two_tasks() -> String {
    format!("WorkflowExecutionStarted, {TASK}, WorkflowExecutionSignaled, {TASK}, WorkflowExecutionCompleted")
}

/// A schedule of the scenario's, which acts every so often once it goes on.
async fn paused(
    s: &Scenario<'_>,
    every: Duration,
    action: ScheduleAction,
    overlap: ScheduleOverlapPolicy,
) -> Result<ScheduleHandle<Client>, ScheduleError> {
    let options = CreateScheduleOptions::builder()
        .action(action)
        .spec(ScheduleSpec::from_interval(every))
        .overlap_policy(overlap)
        .paused(true)
        .build();
    s.client.create_schedule(s.id("schedule"), options).await
}

fn greets(s: &Scenario<'_>) -> ScheduleAction {
    ScheduleAction::start_workflow(Greeter::run, "you".to_owned(), s.queue(), s.id(""))
}

/// Lets a schedule go on for so many actions.
async fn let_act(handle: &ScheduleHandle<Client>, actions: i64) -> Result<()> {
    let update = move |schedule: &mut temporalio_client::schedules::ScheduleUpdate| {
        schedule.set_remaining_actions(Some(actions)).set_paused(false);
    };
    Ok(handle.update(update, Default::default()).await?)
}

async fn until(
    s: &Scenario<'_>,
    handle: &ScheduleHandle<Client>,
    what: &str,
    holds: impl Fn(&ScheduleDescription) -> bool,
) -> Result<ScheduleDescription> {
    s.until(what, async || handle.describe(Default::default()).await.ok().filter(&holds)).await
}

fn remaining(found: &ScheduleDescription) -> Option<i64> {
    Some(found.raw().schedule.as_ref()?.state.as_ref()?.remaining_actions)
}

async fn greets_once(s: &Scenario<'_>, id: &str, run_id: &str) -> Result<()> {
    assert_eq!(result_of(&s.client.get_workflow_handle::<Greeter>(id)).await?, "Hello, you!");
    s.assert_run(id, run_id, GREETED).await.map(drop)
}

/// All that a schedule has started greets once; gives the workflow ids, the oldest first.
async fn all_greet_once(s: &Scenario<'_>, found: &ScheduleDescription) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for action in found.recent_actions() {
        greets_once(s, &action.workflow_id, &action.run_id).await?;
        ids.push(action.workflow_id);
    }
    Ok(ids)
}

async fn goes(s: &Scenario<'_>, handle: &ScheduleHandle<Client>) -> Result<()> {
    handle.delete(Default::default()).await?;
    s.refused(handle.describe(Default::default()).await, "NotFound")
}

async fn a_schedule_acts_until_its_actions_are_used_up(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = paused(s, SECOND, greets(s), ScheduleOverlapPolicy::Unspecified).await?;
    let_act(&handle, 2).await?;
    let found = until(s, &handle, "two actions", |it| it.action_count() == 2).await?;
    assert_eq!(remaining(&found), Some(0));
    assert_eq!(found.future_action_times(), []);
    all_greet_once(s, &found).await?;
    handle.pause(Some("enough"), Default::default()).await?;
    let found = until(s, &handle, "the pause", ScheduleDescription::paused).await?;
    assert_eq!(found.note(), Some("enough"));
    s.refused(paused(s, SECOND, greets(s), ScheduleOverlapPolicy::Unspecified).await, "AlreadyExists")?;
    goes(s, &handle).await?;
    worker.stop().await
}

async fn a_schedule_skips_what_overlaps(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let collects = ScheduleAction::start_workflow(Collector::run, (), s.queue(), s.id(""));
    let handle = paused(s, HOUR, collects, ScheduleOverlapPolicy::Skip).await?;
    handle.trigger(ScheduleOverlapPolicy::Unspecified, Default::default()).await?;
    let found = until(s, &handle, "the first one to run", |it| it.running_actions().len() == 1).await?;
    let running = found.running_actions();
    let first = &running[0];
    s.until_event(&first.workflow_id, "WorkflowTaskCompleted", 1).await?;
    handle.trigger(ScheduleOverlapPolicy::Unspecified, Default::default()).await?;
    let found = until(s, &handle, "the second one to be skipped", |it| it.overlap_skipped() == 1).await?;
    assert_eq!((found.action_count(), &found.running_actions()), (1, &running));
    let workflow = s.client.get_workflow_handle::<Collector>(&first.workflow_id);
    workflow.signal(Collector::give, "end".to_owned(), WorkflowSignalOptions::default()).await?;
    assert_eq!(result_of(&workflow).await?, ["end"]);
    s.assert_run(&first.workflow_id, &first.run_id, &two_tasks()).await?;
    s.refuses_late_signal(&first.workflow_id).await?;
    worker.stop().await
}

async fn a_backfill_acts_for_every_time_of_its_range(s: &Scenario<'_>) -> Result<()> {
    let worker = s.worker().await?;
    let handle = paused(s, HOUR, greets(s), ScheduleOverlapPolicy::Unspecified).await?;
    // The new year of 2024.
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200);
    let backfill = ScheduleBackfill::new(begin, begin + 2 * HOUR).overlap_policy(ScheduleOverlapPolicy::AllowAll);
    handle.backfill([backfill.build()], Default::default()).await?;
    let found = until(s, &handle, "all of them", |it| it.action_count() == 3).await?;
    let expected: Vec<String> = (0..3).map(|hour| format!("{}-2024-01-01T0{hour}:00:00Z", s.id(""))).collect();
    assert_eq!(all_greet_once(s, &found).await?, expected);
    goes(s, &handle).await?;
    worker.stop().await
}

/// Its workflows wait for a worker until the server is back: so none of their tasks is lost with it.
async fn a_schedule_outlives_the_server(s: &Scenario<'_>) -> Result<()> {
    let handle = paused(s, SECOND, greets(s), ScheduleOverlapPolicy::AllowAll).await?;
    let_act(&handle, 3).await?;
    until(s, &handle, "the first action", |it| it.action_count() >= 1).await?;
    s.restart_server().await?;
    let found = until(s, &handle, "the last action", |it| it.action_count() == 3).await?;
    assert_eq!(remaining(&found), Some(0));
    let worker = s.worker().await?;
    let ids: BTreeSet<String> = all_greet_once(s, &found).await?.into_iter().collect();
    assert_eq!(ids.len(), 3);
    goes(s, &handle).await?;
    worker.stop().await
}
